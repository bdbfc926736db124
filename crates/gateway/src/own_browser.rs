//! The browser beside the gateway, where its configuration asks for one (`browser.enabled: true`). The gateway starts no browser
//! by itself: whoever makes the gateway brings the piece that does, the same that nodes have.

use serde_json::Value;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tools::BoxFuture;

/// A browser of this process's own.
pub trait OwnBrowser: Send + Sync + 'static {
    /// Owns the browser's process until `end`.
    fn run<'a>(&'a self, end: &'a CancellationToken) -> BoxFuture<'a, ()>;

    /// Answers the parameters of `browser.proxy` or `browser.proxy.upload.v1`, as a node does; an error says what is wrong with
    /// them.
    fn request<'a>(
        &'a self,
        command: &'a str,
        params: Value,
        waits: Duration,
    ) -> BoxFuture<'a, Result<Value, String>>;
}
