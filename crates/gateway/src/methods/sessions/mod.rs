//! Methods about sessions.

mod describe;
pub(crate) mod list;
mod reset;
mod subscribe;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "sessions.list" => list::handle,
    "sessions.describe" => describe::handle,
    "sessions.reset" => reset::handle,
    "sessions.subscribe" => subscribe::subscribe,
    "sessions.unsubscribe" => subscribe::unsubscribe,
    "sessions.messages.subscribe" => subscribe::subscribe_messages,
    "sessions.messages.unsubscribe" => subscribe::unsubscribe_messages,
};
