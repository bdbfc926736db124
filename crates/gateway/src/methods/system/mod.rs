//! Methods about the gateway itself.

mod health;
mod heartbeats;
mod identity_get;
mod logs_tail;
mod presence;
mod status;
mod wake;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "health" => health::handle,
    "status" => status::handle,
    "system-presence" => presence::handle,
    "gateway.identity.get" => identity_get::handle,
    "wake" => wake::wake,
    "system-event" => wake::event,
    "last-heartbeat" => heartbeats::last,
    "set-heartbeats" => heartbeats::set,
    "logs.tail" => logs_tail::handle,
};
