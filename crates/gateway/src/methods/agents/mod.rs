//! Methods about agents: starting a turn, waiting for it, what agents there are, and making, changing and deleting them.

mod delete;
mod edit;
mod files;
mod identity_get;
pub(crate) mod list;
mod run;
pub(crate) mod trash;
mod wait;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "agents.list" => list::handle,
    "agents.create" => edit::create,
    "agents.update" => edit::update,
    "agents.delete" => delete::handle,
    "agents.files.list" => files::list,
    "agents.files.get" => files::get,
    "agents.files.set" => files::set,
    "agent.identity.get" => identity_get::handle,
    "agent" => run::handle,
    "agent.wait" => wait::handle,
};
