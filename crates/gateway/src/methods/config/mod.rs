//! Methods about `openclaw.json`.

mod get;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "config.get" => get::handle,
};
