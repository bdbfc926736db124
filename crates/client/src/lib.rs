//! The WebSocket client of the gateway: for the command line, the terminal interface, the node and tests.
//!
//! [`Connection`] is one open socket; [`Supervisor`] keeps one open over restarts and outages. What is on the wire is
//! `protocol`'s business; where to connect and with which secret is decided by whoever calls.

mod challenge;
mod close;
mod connection;
pub mod duplex;
mod error;
pub mod files;
mod handshake;
mod identity;
mod loopback;
mod options;
mod pins;
mod pump;
mod reconnect;
mod shared;
mod tokens;
mod transport;

pub use challenge::{Unanswered, challenge};
pub use close::CloseInfo;
pub use connection::{Caller, Connection, EVENT_QUEUE, MAX_IN_FLIGHT};
pub use error::{CallError, ConnectError};
pub use identity::{Identity, IdentityError};
pub use options::{ClientDescription, ConnectOptions};
pub use pins::{PinStore, PinStoreError, Pinned, Seen, certificate_of_file, look, pinned_tls, seen_instead};
pub use reconnect::{BoxFuture, Hooks, Step, Supervisor, Waiting, Way, keep_connected, next_step};
pub use tokens::{TokenStore, TokenStoreError};
pub use transport::install_crypto;

pub use protocol::EventFrame;
