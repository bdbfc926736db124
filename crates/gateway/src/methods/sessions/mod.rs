//! Methods about sessions.

mod abort;
pub(crate) mod cleanup;
mod compact;
mod create;
pub(in crate::methods) mod delete;
mod describe;
pub(super) mod entry;
pub(crate) mod list;
mod patch;
mod preview;
mod reset;
mod resolve;
mod search;
mod send;
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
    "sessions.preview" => preview::handle,
    "sessions.resolve" => resolve::handle,
    "sessions.create" => create::handle,
    "sessions.send" => send::handle,
    "sessions.abort" => abort::handle,
    "sessions.patch" => patch::handle,
    "sessions.delete" => delete::handle,
    "sessions.cleanup" => cleanup::handle,
    "sessions.compact" => compact::handle,
    "sessions.search" => search::handle,
    "sessions.usage" => crate::methods::usage::sessions::handle,
};
