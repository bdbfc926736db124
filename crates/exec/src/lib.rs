//! Running commands with bounded time, output and environment, and the policy that says which of them may run. The host's
//! tools and the node both use it; who is asked about a command, and how, is decided elsewhere. Also what the host itself is.

mod argv;
mod browse;
mod env;
mod error;
mod group;
mod guarded;
pub mod host;
mod output;
pub mod policy;
mod processes;
mod ring;
mod run;
mod spawn;
mod supervise;
mod terminal;
mod uploads;

pub use argv::{command_text, display_argv, is_text_of, shell_argv, which};
pub use browse::{Listing, home_directory, list_directories};
pub use env::{check_env_overrides, display_env, scrub_env};
pub use error::ExecError;
pub use guarded::{Guarded, Pipes, start_guarded};
pub use processes::{ProcessInfo, ProcessOutput, ProcessState, Processes};
pub use run::{CommandOutput, CommandSpec, DEFAULT_MAX_OUTPUT, run, run_watched};
pub use terminal::{
    Terminal, TerminalEnd, TerminalInput, TerminalOutput, TerminalShell, TerminalSpec, open_terminal,
};
pub use uploads::{UploadError, Uploads, keep_upload, tidy_uploads};
