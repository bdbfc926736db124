//! Methods about chat platforms.

use super::{MethodSpec, admin, pairing, read, write};
use crate::shape::{Kind, Shape, opt, req};

/// Methods about chat platforms.
pub(super) const METHODS: &[MethodSpec] = &[
    read("channels.status", &CHANNELS_STATUS).gives(&[
        "ts",
        "channelOrder",
        "channelLabels",
        "channelDetailLabels",
        "channelMeta",
        "channels",
        "channelAccounts",
        "channelDefaultAccountId",
        "statusIssues",
    ]),
    write("message.action", &MESSAGE_ACTION).gives(&[
        "ok",
        "messageId?",
        "topicId?",
        "count?",
        "stickers?",
        "emojis?",
        "note?",
        "messages?",
        "hasMore?",
        "oldestMessageId?",
        "newestMessageId?",
        "threadId?",
        "chatId?",
        "channel",
        "added?",
        "removed?",
        "deleted?",
        "pinned?",
        "unpinned?",
        "queued?",
    ]),
    write("poll", &POLL).gives(&["runId", "messageId", "channel"]),
    admin("channels.start", &ONE_ACCOUNT).gives(&["channel", "accountId", "started"]),
    admin("channels.stop", &ONE_ACCOUNT).gives(&["channel", "accountId", "stopped"]),
    // What was to be said, and why it could not be.
    read("channels.deadLetters.list", &DEAD_LETTERS).gives(&["entries", "total"]),
    write("channels.deadLetters.resubmit", &ONE_DEAD_LETTER).unkeyed().gives(&["id", "resubmitted"]),
    write("channels.deadLetters.drop", &ONE_DEAD_LETTER).unkeyed().gives(&["id", "dropped"]),
    write("send", &SEND).gives(&["runId", "messageId", "channel"]),
    pairing("channels.pairing.list", &CHANNEL_PAIRING_LIST).gives(&[
        "accounts",
        "requests",
        "commandOwnerConfigured",
        "limits",
    ]),
    pairing("channels.pairing.approve", &CHANNEL_PAIRING_APPROVE).gives(&[
        "requestId",
        "senderId",
        "notification",
        "commandOwnerBootstrap",
    ]),
];

const CHANNELS_STATUS: Shape = Shape {
    fields: &[opt("channel", Kind::Name), opt("probe", Kind::Bool), opt("timeoutMs", Kind::Int(0))],
    ignored: &[],
};

const ONE_ACCOUNT: Shape =
    Shape { fields: &[req("channel", Kind::Name), opt("accountId", Kind::Text)], ignored: &[] };

const DEAD_LETTERS: Shape = Shape {
    fields: &[opt("channel", Kind::Name), opt("accountId", Kind::Name), opt("limit", Kind::Int(1))],
    ignored: &[],
};

const ONE_DEAD_LETTER: Shape = Shape { fields: &[req("id", Kind::Int(1))], ignored: &[] };

const SEND: Shape = Shape {
    fields: &[
        req("to", Kind::Name),
        opt("message", Kind::Text),
        opt("channel", Kind::Text),
        opt("accountId", Kind::Text),
        opt("replyToId", Kind::Text),
        opt("threadId", Kind::Text),
        req("idempotencyKey", Kind::Label),
        opt("agentId", Kind::Text),
        opt("sessionKey", Kind::Text),
        opt("mediaUrl", Kind::Text),
        opt("mediaUrls", Kind::Names),
        opt("buffer", Kind::Text),
        opt("filename", Kind::Text),
        opt("asVoice", Kind::Bool),
        opt("forceDocument", Kind::Bool),
        opt("silent", Kind::Bool),
        opt("parseMode", Kind::OneOf(&["HTML"])),
    ],
    ignored: &["gifPlayback", "contentType"],
};

const POLL: Shape = Shape {
    fields: &[
        req("to", Kind::Name),
        req("question", Kind::Name),
        req("options", Kind::Names),
        opt("maxSelections", Kind::Int(1)),
        opt("durationSeconds", Kind::Int(1)),
        opt("durationHours", Kind::Int(1)),
        opt("silent", Kind::Bool),
        opt("isAnonymous", Kind::Bool),
        opt("threadId", Kind::Text),
        opt("channel", Kind::Text),
        opt("accountId", Kind::Text),
        req("idempotencyKey", Kind::Label),
    ],
    ignored: &[],
};

/// What an action needs is in `params`, and differs from one to the next.
const MESSAGE_ACTION: Shape = Shape {
    fields: &[
        req("channel", Kind::Name),
        req("action", Kind::Name),
        req("params", Kind::Map),
        opt("accountId", Kind::Text),
        opt("reply", Kind::Object(&REPLY)),
        req("idempotencyKey", Kind::Label),
    ],
    // Who is behind it and in which session: the caller's own authority is what counts.
    ignored: &[
        "requesterAccountId",
        "requesterSenderId",
        "senderIsOwner",
        "sessionKey",
        "sessionId",
        "inboundTurnKind",
        "agentId",
        "toolContext",
        "conversationReadOrigin",
    ],
};

const REPLY: Shape = Shape { fields: &[req("replyToId", Kind::Name)], ignored: &["source", "mode"] };

const CHANNEL_PAIRING_LIST: Shape =
    Shape { fields: &[opt("channel", Kind::Name), opt("accountId", Kind::Name)], ignored: &[] };

const CHANNEL_PAIRING_APPROVE: Shape = Shape {
    fields: &[
        req("channel", Kind::Name),
        req("accountId", Kind::Name),
        req("requestId", Kind::Name),
        opt("notify", Kind::Bool),
        opt("bootstrapCommandOwner", Kind::Bool),
    ],
    ignored: &[],
};
