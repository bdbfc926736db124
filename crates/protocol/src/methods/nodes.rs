//! Methods about nodes.

use super::{MethodSpec, REQUEST_ID, act, node, pairing, read, write};
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
        .fails(NODE_INVOKE_FAILS),
    node("node.invoke.progress", &NODE_INVOKE_PROGRESS).gives(&["ok", "ignored"]),
    node("node.invoke.result", &NODE_INVOKE_RESULT).gives(&["ok", "ignored?"]),
    node("node.event", &NODE_EVENT).gives(&["ok", "event", "handled", "reason?"]),
    act("node.pending.enqueue", &ENQUEUE).gives(&["nodeId", "revision", "queued", "wakeTriggered"]),
    node("node.pending.drain", &DRAIN).gives(&["nodeId", "revision", "items", "hasMore"]),
    node("node.pending.pull", &EMPTY).gives(&["nodeId", "actions"]),
    node("node.pending.ack", &ACK).gives(&["nodeId", "ackedIds", "remainingCount"]),
    node("node.pluginTools.update", &PLUGIN_TOOLS).gives(&["nodeId", "tools"]),
    node("node.skills.update", &SKILLS).gives(&["nodeId", "skills"]),
    pairing("node.rename", &NODE_RENAME).gives(&["nodeId", "displayName"]),
    pairing("node.pair.list", &EMPTY).gives(&["pending", "paired"]),
    pairing("node.pair.approve", &REQUEST_ID).gives(&["requestId", "node"]),
    pairing("node.pair.reject", &REQUEST_ID).gives(&["requestId", "nodeId"]),
    pairing("node.pair.remove", &NODE_ID).gives(&["nodeId"]),
];

/// What a call may be refused with: as every call to a node, and one of its files by the policy on them.
const NODE_INVOKE_FAILS: &[&str] = &[
    "NOT_CONNECTED",
    "DISCONNECTED",
    "TIMEOUT",
    "NODE_ERROR",
    "PAIRING_CHANGED",
    "POLICY_CHANGED",
    "QUEUED_UNTIL_FOREGROUND",
    "APPROVAL_MISMATCH",
    "command not allowlisted",
    "command not declared by node",
    "command not approved",
    "INVALID_PARAMS",
    "NO_POLICY",
    "POLICY_DENIED",
    "POLICY_MIGRATION_REQUIRED",
    "APPROVAL_DENIED",
    "APPROVAL_UNAVAILABLE",
    "SYMLINK_TARGET_DENIED",
    "CANONICAL_PATH_CHANGED",
    "FILESYSTEM_IDENTITY_MISSING",
    "UNREADABLE",
    "PATH_POLICY_DENIED",
    "ARCHIVE_ENTRIES_MISSING",
    "ARCHIVE_ENTRY_INVALID",
    "ARCHIVE_ENTRIES_TOO_MANY",
    "ARCHIVE_ENTRIES_UNREADABLE",
    "ARCHIVE_INTEGRITY_FAILURE",
    // Codes of the node's own.
    "*",
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

const SKILLS: Shape = Shape { fields: &[req("skills", Kind::List)], ignored: &[] };

const PLUGIN_TOOLS: Shape = Shape { fields: &[req("tools", Kind::List)], ignored: &[] };

const NODE_EVENT: Shape = Shape {
    fields: &[req("event", Kind::Name), opt("payload", Kind::Any), opt("payloadJSON", Kind::Any)],
    ignored: &[],
};
