//! The gateway, the node and the tunnel as services of a user, under a real systemd; and how a gateway ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "services/checked.rs"]
mod checked;
#[path = "services/ending.rs"]
mod ending;
#[path = "support/live.rs"]
mod live;
#[path = "services/managed.rs"]
mod managed;
#[path = "services/onboarded.rs"]
mod onboarded;
mod support;
#[path = "support/systemd.rs"]
mod systemd;
#[path = "services/tunnel.rs"]
mod tunnel;
#[path = "support/world.rs"]
mod world;
