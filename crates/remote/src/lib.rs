//! Where a client connects and what it proves itself with: one decision for every command (S7, S8, S9).
//!
//! Flags, environment and config are looked at in one fixed order. A credential never goes to a place that it was
//! not meant for: `--url` takes flags only, `OPENCLAW_GATEWAY_URL` takes the environment's only. Nothing connects
//! here but [`tunnel`]; discovery and certificate pins are not here yet.

mod address;
mod credentials;
mod error;
mod route;
mod target;
pub mod tunnel;

pub use address::check_url;
pub use error::{TargetError, UrlError};
pub use route::ssh_route;
pub use target::{Target, TargetFlags, resolve};
