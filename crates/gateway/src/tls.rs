//! TLS on the gateway's port (S10): certificates out of files or made at the first start, renewed while it runs, and the
//! pins of the next one, signed with the gateway's identity, for clients that pinned this one (B3). docs/tls.md is the
//! story for people.

mod announced;
mod error;
mod files;
mod generate;
mod inspect;
mod material;
mod offer;
mod plain;
mod rotate;
mod serving;
mod validity;
mod watch;

pub use error::TlsError;
pub use files::TlsFiles;
pub use inspect::inspect;
pub use material::Certificate;
pub use rotate::{Rotation, is_half_done, prepare, switch};

pub(crate) use serving::{Refused, Tls};
pub(crate) use watch::run;
