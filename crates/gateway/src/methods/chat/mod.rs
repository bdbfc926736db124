//! Methods that a chat page uses: what was said, saying something, stopping the answer.

mod abort;
mod history;
mod inject;
mod message_get;
mod metadata;
mod send;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "chat.startup" => history::startup,
    "chat.history" => history::handle,
    "chat.send" => send::handle,
    "chat.abort" => abort::handle,
    "chat.metadata" => metadata::handle,
    "chat.message.get" => message_get::handle,
    "chat.inject" => inject::handle,
};
