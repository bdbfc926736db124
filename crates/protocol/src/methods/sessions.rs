//! Methods about sessions.

use super::{MethodSpec, admin, read};
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about sessions.
pub(super) const METHODS: &[MethodSpec] = &[
    read("sessions.list", &SESSIONS_LIST),
    read("sessions.describe", &SESSIONS_DESCRIBE),
    admin("sessions.reset", &SESSIONS_RESET),
    read("sessions.subscribe", &EMPTY),
    read("sessions.unsubscribe", &EMPTY),
    read("sessions.messages.subscribe", &MESSAGES_SUBSCRIBE),
    read("sessions.messages.unsubscribe", &MESSAGES_SUBSCRIBE),
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
