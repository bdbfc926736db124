//! The tokio runtime: one thread for a command that asks a gateway and ends, two workers for what serves.

use crate::failure::{Exit, Failure};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What is still running when the command is over gets this long.
pub(crate) const LEAVE_WITHIN: Duration = Duration::from_millis(500);

/// Builds the runtime; `serves` is for commands that stay up.
///
/// # Errors
/// The system gives no threads or file descriptors.
pub(crate) fn build(serves: bool) -> Result<Runtime, Failure> {
    let mut builder = if serves { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    // Two: the gateway waits far more than it computes, and idle threads cost memory.
    builder.worker_threads(2).enable_all().build().map_err(|e| {
        Failure::new(Exit::Failed, "RUNTIME", format!("the system gives no threads to work with: {e}"))
            .hint("look at the limits of this user: ulimit -n -u")
    })
}
