//! Methods about agents: starting a turn, waiting for it, and what agents there are.

mod files;
mod identity_get;
mod list;
mod run;
mod wait;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "agents.list" => list::handle,
    "agents.files.list" => files::list,
    "agents.files.get" => files::get,
    "agents.files.set" => files::set,
    "agent.identity.get" => identity_get::handle,
    "agent" => run::handle,
    "agent.wait" => wait::handle,
};
