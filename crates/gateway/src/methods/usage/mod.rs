//! Methods about what was used and what it cost. Everything comes from the ledger, in which every call of a model is.

mod cost;
mod range;
pub(super) mod sessions;
mod status;
mod totals;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "usage.cost" => cost::handle,
    "usage.status" => status::handle,
};
