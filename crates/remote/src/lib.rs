//! Where a client connects and what it proves itself with: one decision for every command (S7, S8, S9).
//!
//! Flags, environment and config are looked at in one fixed order, and a decision says of each what became of it. A
//! credential never goes to a place that it was not meant for: `--url` takes flags only, `OPENCLAW_GATEWAY_URL` takes the
//! environment's only. Nothing connects here but [`tunnel`], [`discovery`] and [`JoinUrl::fetch`], which are told to;
//! which certificate has to be shown is decided here too (`pins.rs`), and enforced by `client`.

mod address;
mod candidate;
mod credentials;
pub mod discovery;
mod error;
mod host;
mod join;
mod pins;
mod place;
mod route;
mod setup_code;
mod ssh_host;
mod target;
pub mod tunnel;

pub use address::{check_url, is_same_gateway};
pub use candidate::{Candidate, Kind, Standing, shown};
pub use error::{TargetError, UrlError};
pub use host::{HostFlags, resolve_host};
pub use join::{JoinError, JoinTarget, JoinUrl};
pub use pins::{pin_store, pinned};
pub use route::ssh_route;
pub use setup_code::SetupCode;
pub use ssh_host::at_ssh_host;
pub use target::{Decision, Meant, Target, TargetFlags, decide, every, resolve};
