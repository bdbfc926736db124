//! Fakes of what is not ours, for tests and benchmarks: model APIs and chat platforms, spoken on the wire. A real gateway
//! for tests, held against the published contract; a real sshd and who signs in there.

pub mod contract;
pub mod fake_mcp;
pub mod fake_model;
pub mod fake_tailscale;
pub mod fake_telegram;
pub mod far;
pub mod gateway;
pub mod netns;
pub mod process;
pub mod sshd;
