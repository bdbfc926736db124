//! What is on the wire between gateway, operators and nodes: frames, methods, events, errors, versions and the text
//! that devices sign. Serde and nothing else: no I/O, no clock, no crypto.
//!
//! The source of every fact here is OpenClaw 2026.9.6 as recorded; the goldens in `tests/` are those recordings.

pub mod connect;
pub mod discovery;
pub mod error;
pub mod events;
pub mod frame;
pub mod limits;
pub mod methods;
pub mod scope;
pub mod shape;
pub mod signature;

pub use connect::{Auth, ClientInfo, ConnectParams, DeviceProof};
pub use error::{ErrorCode, ErrorShape};
pub use frame::{ClientFrame, EventFrame, Request, Response, ServerFrame};
pub use methods::{Access, MethodSpec};
pub use scope::Scope;
