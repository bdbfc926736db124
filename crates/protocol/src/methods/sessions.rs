//! Methods about sessions.

use super::{MethodSpec, admin, read};
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about sessions.
pub(super) const METHODS: &[MethodSpec] = &[
    read("sessions.list", &SESSIONS_LIST).gives(&[
        "ts",
        "path",
        "count",
        "totalCount",
        "limitApplied",
        "nextOffset",
        "hasMore",
        "defaults",
        "sessions",
    ]),
    read("sessions.describe", &SESSIONS_DESCRIBE).gives(&["session"]),
    admin("sessions.reset", &SESSIONS_RESET).gives(&["ok", "key", "entry"]),
    read("sessions.subscribe", &EMPTY).gives(&["subscribed"]),
    read("sessions.unsubscribe", &EMPTY).gives(&["subscribed"]),
    read("sessions.messages.subscribe", &MESSAGES_SUBSCRIBE).gives(&["subscribed", "key"]),
    read("sessions.messages.unsubscribe", &MESSAGES_SUBSCRIBE).gives(&["subscribed", "key"]),
];

const SESSIONS_LIST: Shape = Shape {
    fields: &[
        opt("limit", Kind::Int(1)),
        opt("offset", Kind::Int(0)),
        opt("agentId", Kind::Name),
        opt("search", Kind::Text),
        opt("activeMinutes", Kind::Int(1)),
    ],
    ignored: &[
        "requireLastInteraction",
        "sortBy",
        "includeGlobal",
        "includeUnknown",
        "configuredAgentsOnly",
        "includeDerivedTitles",
        "includeLastMessage",
        "label",
        "boardFace",
        "creatorId",
        "ownerId",
        "ownerFirst",
        "involvingMe",
        "involvingProfileId",
        "includePeople",
        "spawnedBy",
        "archived",
    ],
};

const SESSIONS_DESCRIBE: Shape =
    Shape { fields: &[req("key", Kind::Name)], ignored: &["includeDerivedTitles", "includeLastMessage"] };

const SESSIONS_RESET: Shape = Shape {
    fields: &[
        req("key", Kind::Name),
        opt("agentId", Kind::Name),
        opt("reason", Kind::OneOf(&["new", "reset"])),
    ],
    ignored: &[],
};

const MESSAGES_SUBSCRIBE: Shape =
    Shape { fields: &[req("key", Kind::Name), opt("agentId", Kind::Name)], ignored: &["includeApprovals"] };
