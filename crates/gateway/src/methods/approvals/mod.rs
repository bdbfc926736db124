//! Methods about approving commands before they run, and files of nodes: the hosts' documents, and the questions.

mod asked;
mod document;
mod node_document;
mod request;
mod resolve;
mod show;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "exec.approvals.get" => document::get,
    "exec.approvals.set" => document::set,
    "exec.approvals.node.get" => node_document::get,
    "exec.approvals.node.set" => node_document::set,
    "exec.approval.request" => request::request,
    "exec.approval.waitDecision" => request::wait_decision,
    "exec.approval.resolve" => resolve::exec,
    "exec.approval.get" => show::get,
    "exec.approval.list" => show::list,
    "plugin.approval.list" => show::list_plugin,
    "plugin.approval.resolve" => resolve::plugin,
    "approval.get" => show::any,
    "approval.resolve" => resolve::any,
    "approval.history" => show::history,
};
