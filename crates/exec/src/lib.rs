//! Running commands with bounded time, output and environment. The host's tools and the node both use it; what may be
//! run is decided elsewhere.

mod argv;
mod env;
mod error;
mod group;
mod output;
mod processes;
mod ring;
mod run;
mod spawn;
mod supervise;

pub use argv::{display_argv, shell_argv, which};
pub use env::{check_env_overrides, scrub_env};
pub use error::ExecError;
pub use processes::{ProcessInfo, ProcessOutput, ProcessState, Processes};
pub use run::{CommandOutput, CommandSpec, DEFAULT_MAX_OUTPUT, run, run_watched};
