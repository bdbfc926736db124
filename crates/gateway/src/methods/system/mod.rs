//! Methods about the gateway itself.

mod health;
mod identity_get;
mod logs_tail;
mod presence;
mod status;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "health" => health::handle,
    "status" => status::handle,
    "system-presence" => presence::handle,
    "gateway.identity.get" => identity_get::handle,
    "logs.tail" => logs_tail::handle,
};
