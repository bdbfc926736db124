//! Methods about chat platforms: how they are, who may speak, and sending.

mod action;
mod pairing;
mod running;
mod send;
mod status;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "channels.status" => status::handle,
    "channels.pairing.list" => pairing::list,
    "channels.pairing.approve" => pairing::approve,
    "message.action" => action::handle,
    "channels.start" => running::start,
    "channels.stop" => running::stop,
    "send" => send::handle,
};
