//! Methods about nodes.

use super::{MethodSpec, NODE_CALL, REQUEST_ID, act, node, pairing, read, write};
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about nodes.
pub(super) const METHODS: &[MethodSpec] = &[
    read("node.list", &EMPTY).gives(&["ts", "nodes"]),
    read("node.describe", &NODE_ID).gives(&[
        "ts",
        "nodeId",
        "displayName?",
        "platform?",
        "version?",
        "clientId",
        "clientMode",
        "deviceFamily?",
        "sessionHost",
        "caps",
        "commands",
        "hostStats?",
        "nodePluginTools?",
        "pathEnv?",
        "approvalState",
        "pendingRequestId?",
        "pendingDeclaredCaps?",
        "pendingDeclaredCommands?",
        "connectedAtMs?",
        "lastConnectedAtMs?",
        "lastSeenAtMs?",
        "lastSeenReason?",
        "approvedAtMs?",
        "paired",
        "connected",
    ]),
    write("node.invoke", &NODE_INVOKE)
        .gives(&["ok", "nodeId", "command", "payload", "payloadJSON"])
        .fails(NODE_CALL),
    node("node.invoke.progress", &NODE_INVOKE_PROGRESS).gives(&["ok", "ignored"]),
    node("node.invoke.result", &NODE_INVOKE_RESULT).gives(&["ok", "ignored?"]),
    node("node.event", &NODE_EVENT).gives(&["ok", "event", "handled", "reason?"]),
    act("node.pending.enqueue", &ENQUEUE).gives(&["nodeId", "revision", "queued", "wakeTriggered"]),
    node("node.pending.drain", &DRAIN).gives(&["nodeId", "revision", "items", "hasMore"]),
    node("node.pending.pull", &EMPTY).gives(&["nodeId", "actions"]),
    node("node.pending.ack", &ACK).gives(&["nodeId", "ackedIds", "remainingCount"]),
    node("node.pluginTools.update", &PLUGIN_TOOLS).gives(&["nodeId", "tools"]),
    pairing("node.rename", &NODE_RENAME).gives(&["nodeId", "displayName"]),
    pairing("node.pair.list", &EMPTY).gives(&["pending", "paired"]),
    pairing("node.pair.approve", &REQUEST_ID).gives(&["requestId", "node"]),
    pairing("node.pair.reject", &REQUEST_ID).gives(&["requestId", "nodeId"]),
    pairing("node.pair.remove", &NODE_ID).gives(&["nodeId"]),
];

const NODE_ID: Shape = Shape { fields: &[req("nodeId", Kind::Name)], ignored: &[] };

const NODE_RENAME: Shape =
    Shape { fields: &[req("nodeId", Kind::Name), req("displayName", Kind::Label)], ignored: &[] };

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

const NODE_INVOKE_PROGRESS: Shape = Shape {
    fields: &[
        req("invokeId", Kind::Name),
        req("nodeId", Kind::Name),
        req("seq", Kind::Int(0)),
        req("chunk", Kind::Text),
    ],
    ignored: &[],
};

/// A sleeping node is not woken, so that whether it should be changes nothing.
const ENQUEUE: Shape = Shape {
    fields: &[
        req("nodeId", Kind::Name),
        req("type", Kind::OneOf(&["status.request", "location.request"])),
        opt("priority", Kind::OneOf(&["normal", "high"])),
        opt("expiresInMs", Kind::Int(1000)),
    ],
    ignored: &["wake"],
};

const DRAIN: Shape = Shape { fields: &[opt("maxItems", Kind::Int(1))], ignored: &[] };

const ACK: Shape = Shape { fields: &[req("ids", Kind::Names)], ignored: &[] };

const PLUGIN_TOOLS: Shape = Shape { fields: &[req("tools", Kind::List)], ignored: &[] };

const NODE_EVENT: Shape = Shape {
    fields: &[req("event", Kind::Name), opt("payload", Kind::Any), opt("payloadJSON", Kind::Any)],
    ignored: &[],
};
