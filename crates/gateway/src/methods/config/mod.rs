//! Methods about `openclaw.json`.

pub(crate) mod change;
mod get;
mod schema;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "config.get" => get::handle,
    "config.set" => change::set,
    "config.patch" => change::patch,
    "config.apply" => change::apply,
    "config.schema" => schema::whole,
    "config.schema.lookup" => schema::lookup,
};
