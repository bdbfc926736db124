//! Methods about tools and commands of agents.

pub(crate) mod commands;
mod invoke;
mod list;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "commands.list" => commands::handle,
    "tools.catalog" => list::catalog,
    "tools.effective" => list::effective,
    "tools.invoke" => invoke::handle,
};
