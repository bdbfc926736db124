//! Methods about models.

pub(crate) mod list;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "models.list" => list::handle,
};
