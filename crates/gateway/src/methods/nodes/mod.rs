//! Methods about nodes: their approval, calls to them, and what they report.

mod event;
mod invoke;
mod invoke_progress;
mod invoke_result;
mod list;
mod pair;
mod pending;
mod plugin_tools;
mod rename;
mod skills;
mod waiting_calls;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "node.list" => list::list,
    "node.describe" => list::describe,
    "node.invoke" => invoke::handle,
    "node.invoke.progress" => invoke_progress::handle,
    "node.invoke.result" => invoke_result::handle,
    "node.event" => event::handle,
    "node.pending.enqueue" => pending::enqueue,
    "node.pending.drain" => pending::drain,
    "node.pending.pull" => waiting_calls::pull,
    "node.pending.ack" => waiting_calls::ack,
    "node.pluginTools.update" => plugin_tools::handle,
    "node.skills.update" => skills::handle,
    "node.rename" => rename::handle,
    "node.pair.list" => pair::list,
    "node.pair.approve" => pair::approve,
    "node.pair.reject" => pair::reject,
    "node.pair.remove" => pair::remove,
};
