//! Methods about models.

pub(crate) mod auth_status;
pub(crate) mod list;
mod probe;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "models.authStatus" => auth_status::handle,
    "models.list" => list::handle,
    "models.keys.probe" => probe::handle,
};
