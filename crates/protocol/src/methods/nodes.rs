//! Methods about nodes.

use super::{MethodSpec, REQUEST_ID, node, pairing, read, write};
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about nodes.
pub(super) const METHODS: &[MethodSpec] = &[
    read("node.list", &EMPTY),
    read("node.describe", &NODE_ID),
    write("node.invoke", &NODE_INVOKE).gives(&["ok", "nodeId", "command", "payload", "payloadJSON"]).fails(
        &[
            "NOT_CONNECTED",
            "TIMEOUT",
            "NODE_ERROR",
            "command not allowlisted",
            "command not declared by node",
            "command not approved",
        ],
    ),
    node("node.invoke.result", &NODE_INVOKE_RESULT),
    node("node.event", &NODE_EVENT),
    pairing("node.pair.list", &EMPTY),
    pairing("node.pair.approve", &REQUEST_ID),
    pairing("node.pair.reject", &REQUEST_ID),
    pairing("node.pair.remove", &NODE_ID),
];

const NODE_ID: Shape = Shape { fields: &[req("nodeId", Kind::Name)], ignored: &[] };

const NODE_INVOKE: Shape = Shape {
    fields: &[
        req("nodeId", Kind::Name),
        req("command", Kind::Name),
        opt("params", Kind::Any),
        opt("timeoutMs", Kind::Int(0)),
        req("idempotencyKey", Kind::Label),
    ],
    ignored: &[
        "sessionKey",
        "turnSourceChannel",
        "turnSourceTo",
        "turnSourceAccountId",
        "turnSourceThreadId",
    ],
};

const NODE_INVOKE_RESULT: Shape = Shape {
    fields: &[
        req("id", Kind::Name),
        req("nodeId", Kind::Name),
        req("ok", Kind::Bool),
        opt("payload", Kind::Any),
        opt("payloadJSON", Kind::Any),
        opt("error", Kind::Any),
    ],
    ignored: &[],
};

const NODE_EVENT: Shape = Shape {
    fields: &[req("event", Kind::Name), opt("payload", Kind::Any), opt("payloadJSON", Kind::Any)],
    ignored: &[],
};
