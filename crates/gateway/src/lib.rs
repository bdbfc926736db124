//! The gateway: one process that owns state, sessions and channels, runs the agent, and serves operators and nodes over
//! one WebSocket. This is the one place where all the server's parts meet.

mod approvals;
mod auth;
mod chat_commands;
mod connection;
mod cron;
mod current;
mod delivery;
mod discovery;
mod health;
mod heartbeat;
mod host_state;
mod http;
mod hub;
mod idempotency;
mod identity;
mod join;
mod lifecycle;
mod listener;
mod methods;
mod models;
mod node_skills;
mod node_tools;
mod offline;
mod own_browser;
mod pairing;
mod reload;
mod runs;
mod secrets;
mod settings;
mod setup;
mod shared;
mod start;
mod tailscale;
mod tap;
mod terminals;
pub mod tls;
mod voice_wake;

pub use host_state::{Holder, HostState, HostStateError, Soundness};
pub use offline::{Offline, OfflineError};
pub use own_browser::OwnBrowser;
pub use reload::ConfigHook;
pub use start::bind::tailnet_addresses;
pub use start::{Gateway, GatewayOptions, StartError};
pub use tap::Tap;
