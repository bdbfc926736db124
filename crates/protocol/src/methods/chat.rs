//! Methods that a chat page uses.

use super::{MethodSpec, act, admin, read, write};
use crate::shape::{Kind, Shape, opt, req};

/// Methods that a chat page uses.
pub(super) const METHODS: &[MethodSpec] = &[
    read("chat.startup", &CHAT_HISTORY).gives(&[
        "sessionKey",
        "sessionId",
        "messages",
        "hasMore",
        "nextOffset?",
        "totalMessages",
        "defaults",
        "thinkingLevel",
        "sessionInfo?",
        "metadata",
    ]),
    read("chat.history", &CHAT_HISTORY).gives(&[
        "sessionKey",
        "sessionId",
        "messages",
        "hasMore",
        "nextOffset?",
        "totalMessages",
        "defaults",
        "thinkingLevel",
        "sessionInfo?",
    ]),
    write("chat.send", &CHAT_SEND).gives(&["runId", "status"]).fails(&[
        "SESSION_MUTATION_TARGET_REQUIRED",
        "session-changed",
        "active-leaf-changed",
    ]),
    act("chat.abort", &CHAT_ABORT).gives(&["ok", "aborted", "runIds"]),
    read("chat.metadata", &CHAT_METADATA).gives(&["models", "commands", "runtimeSelectionLocked"]),
    read("chat.message.get", &CHAT_MESSAGE_GET).gives(&["ok", "message?", "unavailableReason?"]),
    admin("chat.inject", &CHAT_INJECT).gives(&["ok", "messageId"]),
];

const CHAT_METADATA: Shape =
    Shape { fields: &[opt("agentId", Kind::Name), opt("sessionKey", Kind::Name)], ignored: &[] };

const CHAT_MESSAGE_GET: Shape = Shape {
    fields: &[
        req("sessionKey", Kind::Name),
        opt("agentId", Kind::Name),
        req("messageId", Kind::Name),
        opt("maxChars", Kind::Int(1)),
    ],
    ignored: &[],
};

const CHAT_INJECT: Shape = Shape {
    fields: &[
        req("sessionKey", Kind::Name),
        opt("agentId", Kind::Name),
        req("message", Kind::Filled),
        opt("label", Kind::Text),
    ],
    ignored: &[],
};

const CHAT_HISTORY: Shape = Shape {
    fields: &[
        req("sessionKey", Kind::Name),
        opt("agentId", Kind::Name),
        opt("limit", Kind::Int(1)),
        opt("offset", Kind::Int(0)),
        opt("maxBytes", Kind::Int(1)),
        opt("maxChars", Kind::Int(1)),
        // The page is the one at `offset`, of the session as it is.
        opt("cursor", Kind::Unset),
        opt("messageId", Kind::Unset),
        opt("sessionId", Kind::Name),
    ],
    ignored: &["pendingBefore", "inputRunIds", "includeMetadata"],
};

const CHAT_SEND: Shape = Shape {
    fields: &[
        opt("sessionKey", Kind::Name),
        opt("agentId", Kind::Name),
        req("message", Kind::Text),
        opt("queueMode", Kind::OneOf(&["steer", "followup", "collect", "interrupt"])),
        opt("attachments", Kind::List),
        opt("timeoutMs", Kind::Int(0)),
        req("idempotencyKey", Kind::Label),
        opt("suppressCommandInterpretation", Kind::Bool),
        opt("intent", Kind::Unset),
        opt("fastMode", Kind::Unset),
        opt("fastAutoOnSeconds", Kind::Unset),
        opt("toolBindings", Kind::Unset),
        opt("replyToId", Kind::Unset),
        opt("sessionId", Kind::Name),
        opt("expectedLeafEntryId", Kind::OrNull(&Kind::Name)),
        opt("deliver", Kind::Bool),
        opt("originatingChannel", Kind::Text),
        opt("originatingTo", Kind::Text),
        opt("originatingAccountId", Kind::Text),
        opt("originatingThreadId", Kind::Text),
        // Nothing is given of these that could be expected to be so still.
        opt("expectedSessionRoutingContract", Kind::Unset),
        opt("expectedPermissionMode", Kind::Unset),
        opt("expectedToolOverrides", Kind::Unset),
    ],
    ignored: &["thinking", "systemInputProvenance", "systemProvenanceReceipt"],
};

const CHAT_ABORT: Shape = Shape {
    fields: &[req("sessionKey", Kind::Name), opt("agentId", Kind::Name), opt("runId", Kind::Name)],
    ignored: &["preserveSideRuns"],
};
