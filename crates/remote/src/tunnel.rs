//! A tunnel that looks after itself (S4): the system's `ssh`, supervised.
//!
//! For each destination there is at most one *supervisor* per state directory, a process of its own. It keeps one ssh
//! whose forward listens on a local port that stays the same, asks the far gateway through it whether it is there, and
//! starts ssh again when that is needed. Programs find it by a socket, hold it by an open connection, and go their way.
//!
//! - `machine`: what happens next, as a pure function; `driver` does it.
//! - `argv`: the command line of ssh; `leash`: why no ssh outlives its supervisor.
//! - `program`: the processes that this takes, and which file they run.
//! - `keeping`: a supervisor in the foreground, beside others.
//! - `refusal`, `verdict`: what an end of ssh means.
//! - `control`, `finding`: the two sides of the socket.

mod argv;
mod control;
mod driver;
mod finding;
mod holders;
mod keeping;
mod leash;
mod machine;
mod path_watch;
mod place;
mod ports;
mod process;
mod program;
mod refusal;
mod spec;
mod stderr;
mod supervisor;
mod verdict;
mod wire;

pub use finding::{Hold, Starter, TunnelError, down, ended, hold, status, supervisor, try_now, up};
pub use keeping::{Keep, KeepError, keep};
pub use machine::Phase;
pub use place::{Mark, Place};
pub use program::run;
pub use refusal::{Asked, IdentityProblem, Refusal};
pub use spec::{TunnelSpec, WireSpec};
pub use supervisor::SuperviseError;
pub use wire::{Holder, Parting, Status};
