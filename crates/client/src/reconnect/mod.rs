//! Keeping a connection open over restarts, outages and pairings.

mod hooks;
mod step;
mod supervisor;

pub use hooks::{BoxFuture, Hooks, Waiting};
pub use step::{Step, next_step};
pub use supervisor::{Supervisor, Way, keep_connected};
