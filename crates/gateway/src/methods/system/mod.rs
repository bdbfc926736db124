//! Methods about the gateway itself.

mod about;
mod health;
mod heartbeats;
mod identity_get;
mod info;
mod logs_tail;
mod presence;
mod status;
mod voice_wake;
mod wake;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "health" => health::handle,
    "status" => status::handle,
    "system-presence" => presence::handle,
    "gateway.identity.get" => identity_get::handle,
    "system.info" => info::handle,
    "users.self" => about::user,
    "plugins.list" => about::plugins,
    "update.status" => about::update,
    "voicewake.get" => voice_wake::get,
    "voicewake.set" => voice_wake::set,
    "wake" => wake::wake,
    "system-event" => wake::event,
    "last-heartbeat" => heartbeats::last,
    "set-heartbeats" => heartbeats::set,
    "logs.tail" => logs_tail::handle,
};
