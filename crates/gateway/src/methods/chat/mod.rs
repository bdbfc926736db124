//! Methods that a chat page uses: what was said, saying something, stopping the answer.

mod abort;
mod history;
mod send;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "chat.startup" => history::startup,
    "chat.history" => history::handle,
    "chat.send" => send::handle,
    "chat.abort" => abort::handle,
};
