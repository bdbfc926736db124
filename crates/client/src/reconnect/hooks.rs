//! What a program learns of its connection, and where it does its work.

use crate::{CloseInfo, ConnectError, Connection};
use std::pin::Pin;
use std::time::Duration;

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why there is no connection at the moment.
#[derive(Debug)]
pub enum Waiting<'a> {
    /// The attempt failed, and another one follows.
    Failed(&'a ConnectError),
    /// The connection that stood ended, and another one follows.
    Ended(&'a CloseInfo),
}

impl std::fmt::Display for Waiting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Waiting::Failed(error) => error.fmt(f),
            Waiting::Ended(close) => close.fmt(f),
        }
    }
}

/// What a supervised program does at each turn. All have a default that does nothing.
pub trait Hooks: Send + Sync {
    /// A connection stands. The future is the program's work on it: it is dropped when the supervisor is cancelled, and
    /// should end when the connection does. If it ends sooner, the connection is kept until it ends itself.
    fn on_connected<'a>(&'a self, connection: &'a mut Connection) -> BoxFuture<'a, ()> {
        let _unused = connection;
        Box::pin(std::future::ready(()))
    }

    /// There is no connection, and the next attempt is after `delay`.
    fn on_waiting(&self, why: &Waiting<'_>, delay: Duration) {
        let _unused = (why, delay);
    }

    /// An operator has to approve this device first. Called once per request id, while the attempts go on.
    fn on_pairing(&self, request_id: &str, error: &ConnectError) {
        let _unused = (request_id, error);
    }
}
