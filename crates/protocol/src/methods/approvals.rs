//! Methods about approving commands before they run.

use super::{MethodSpec, NODE_CALL, admin};
use crate::methods::Access;
use crate::scope::Scope;
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about approving commands before they run.
pub(super) const METHODS: &[MethodSpec] = &[
    admin("exec.approvals.get", &EMPTY).gives(SNAPSHOT),
    admin("exec.approvals.set", &SET).gives(SNAPSHOT),
    admin("exec.approvals.node.get", &NODE_GET).gives(NODE_SNAPSHOT).fails(NODE_CALL),
    admin("exec.approvals.node.set", &NODE_SET).gives(NODE_SNAPSHOT).fails(NODE_CALL),
    approvals("exec.approval.request", &REQUEST)
        .gives(&["status?", "id", "deliveryRoute?", "decision?", "createdAtMs", "expiresAtMs"])
        .fails(&["EXEC_APPROVAL_COMMAND_DISPLAY_LIMIT"]),
    approvals("exec.approval.waitDecision", &WAIT).gives(&[
        "id",
        "decision",
        "createdAtMs",
        "expiresAtMs",
        "terminalReason?",
    ]),
    approvals("exec.approval.resolve", &RESOLVE).gives(&["ok"]).fails(DECIDING),
    approvals("exec.approval.get", &ID)
        .gives(&[
            "id",
            "commandText",
            "commandPreview",
            "warningText",
            "allowedDecisions",
            "host",
            "nodeId",
            "agentId",
            "expiresAtMs",
        ])
        .fails(&["APPROVAL_NOT_FOUND"]),
    approvals("exec.approval.list", &EMPTY).gives(&["[]"]),
    approvals("plugin.approval.list", &EMPTY).gives(&["[]"]),
    approvals("plugin.approval.resolve", &RESOLVE_PLUGIN).gives(&["ok"]).fails(DECIDING),
    approvals("approval.get", &ID).gives(&["approval"]).fails(&["APPROVAL_NOT_FOUND"]),
    approvals("approval.resolve", &RESOLVE_KIND)
        .gives(&["applied", "approval"])
        .fails(&["APPROVAL_NOT_FOUND"]),
    approvals("approval.history", &HISTORY).gives(&["items", "nextCursor?"]),
];

const SNAPSHOT: &[&str] = &["path", "exists", "hash", "file", "resolvedDefaults"];
/// Hosts with a policy of another form say what they have of it.
const NODE_SNAPSHOT: &[&str] = &[
    "path?",
    "exists?",
    "hash?",
    "file?",
    "resolvedDefaults?",
    "enabled?",
    "message?",
    "baseHash?",
    "defaultAction?",
    "rules?",
    "constraints?",
];
const DECIDING: &[&str] =
    &["APPROVAL_NOT_FOUND", "APPROVAL_ALREADY_RESOLVED", "APPROVAL_ALLOW_ALWAYS_UNAVAILABLE"];

const fn approvals(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec::new(name, Access::Operator(Scope::Approvals), params)
}

const ID: Shape = Shape { fields: &[req("id", Kind::Name)], ignored: &[] };

/// `timeoutMs` is what older clients send along.
const WAIT: Shape = Shape { fields: &[req("id", Kind::Name)], ignored: &["timeoutMs"] };

const SET: Shape = Shape { fields: &[req("file", Kind::Map), opt("baseHash", Kind::Name)], ignored: &[] };

const NODE_GET: Shape = Shape { fields: &[req("nodeId", Kind::Name)], ignored: &[] };

const NODE_SET: Shape = Shape {
    fields: &[
        req("nodeId", Kind::Name),
        opt("file", Kind::Map),
        opt("native", Kind::Map),
        opt("baseHash", Kind::Name),
    ],
    ignored: &[],
};

/// Texts that may be `null` are [`Kind::Any`] here and read as texts by the method.
const REQUEST: Shape = Shape {
    fields: &[
        opt("id", Kind::Label),
        opt("command", Kind::Filled),
        opt("commandArgv", Kind::List),
        opt("systemRunPlan", Kind::Map),
        opt("env", Kind::Map),
        opt("cwd", Kind::Any),
        opt("nodeId", Kind::Any),
        opt("host", Kind::Any),
        opt("security", Kind::Any),
        opt("ask", Kind::Any),
        opt("warningText", Kind::Any),
        opt("unavailableDecisions", Kind::List),
        opt("agentId", Kind::Any),
        opt("resolvedPath", Kind::Any),
        opt("sessionKey", Kind::Any),
        opt("runId", Kind::Any),
        opt("toolCallId", Kind::Any),
        opt("approvalReviewerDeviceIds", Kind::Names),
        opt("requireDeliveryRoute", Kind::Bool),
        opt("suppressDelivery", Kind::Bool),
        opt("timeoutMs", Kind::Int(1)),
        opt("twoPhase", Kind::Bool),
    ],
    ignored: &[
        "scope",
        "commandSpans",
        "sessionId",
        "turnSourceChannel",
        "turnSourceTo",
        "turnSourceAccountId",
        "turnSourceThreadId",
        "deliverToApprovalClientsOnly",
    ],
};

/// What is always allowed stays so until it is taken off the list, and whoever decides is the connection that says so:
/// nobody is left to believe that a grant ends by itself, or that another person was asked.
const RESOLVE: Shape = Shape {
    fields: &[
        req("id", Kind::Name),
        req("decision", Kind::Label),
        opt("grantExpiresInDays", Kind::Unset),
        opt("reviewer", Kind::Unset),
    ],
    ignored: &[],
};

const RESOLVE_PLUGIN: Shape = Shape {
    fields: &[req("id", Kind::Name), req("decision", Kind::Label), opt("reviewer", Kind::Unset)],
    ignored: &[],
};

const RESOLVE_KIND: Shape = Shape {
    fields: &[
        req("id", Kind::Name),
        req("kind", Kind::OneOf(&["exec", "plugin", "system-agent"])),
        req("decision", Kind::OneOf(&["allow-once", "allow-always", "deny"])),
        opt("grantExpiresInDays", Kind::Unset),
        opt("reviewer", Kind::Unset),
    ],
    ignored: &[],
};

const HISTORY: Shape = Shape {
    fields: &[
        opt("cursor", Kind::Label),
        opt("limit", Kind::Int(1)),
        opt("kind", Kind::OneOf(&["exec", "plugin", "system-agent"])),
    ],
    ignored: &[],
};
