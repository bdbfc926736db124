//! A look at the frames of all connections, for whoever starts the gateway: tests hold them against the published
//! contract.

/// Sees the text frames of every connection. It is called by the connection's own task, which waits for it: an
/// implementation keeps what it needs and returns.
pub trait Tap: Send + Sync {
    /// A text came in on this connection; it may be anything.
    fn came(&self, connection: &str, text: &str);
    /// A frame is about to be written to this connection.
    fn leaves(&self, connection: &str, frame: &str);
}
