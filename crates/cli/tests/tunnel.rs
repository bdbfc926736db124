//! Tunnels to gateways elsewhere, over a real sshd: commands go through them, and they come back whatever is done to them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "tunnel/far.rs"]
mod far;
#[path = "tunnel/faults.rs"]
mod faults;
#[path = "tunnel/left.rs"]
mod left;
#[path = "support/live.rs"]
mod live;
#[path = "tunnel/ports.rs"]
mod ports;
#[path = "tunnel/refused.rs"]
mod refused;
#[path = "onboard/seat.rs"]
mod seat;
#[path = "tunnel/sharing.rs"]
mod sharing;
#[path = "tunnel/strangers.rs"]
mod strangers;
mod support;
#[path = "tunnel/ways.rs"]
mod ways;
