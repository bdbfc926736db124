//! Methods about sessions.

use super::{MethodSpec, act, admin, read};
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
    admin("sessions.reset", &SESSIONS_RESET).gives(&["ok", "key", "entry", "resolved"]),
    read("sessions.subscribe", &EMPTY).gives(&["subscribed"]),
    read("sessions.unsubscribe", &EMPTY).gives(&["subscribed"]),
    read("sessions.messages.subscribe", &MESSAGES_SUBSCRIBE).gives(&["subscribed", "key"]),
    read("sessions.messages.unsubscribe", &MESSAGES_SUBSCRIBE).gives(&["subscribed", "key"]),
    read("sessions.preview", &SESSIONS_PREVIEW).gives(&["ts", "previews"]),
    read("sessions.resolve", &SESSIONS_RESOLVE).gives(&[
        "ok",
        "key?",
        "agentId?",
        "displayName?",
        "candidates?",
    ]),
    act("sessions.create", &SESSIONS_CREATE).gives(&[
        "ok",
        "key",
        "sessionId",
        "entry",
        "resolved",
        "runStarted",
        "runId?",
        "runError?",
    ]),
    act("sessions.send", &SESSIONS_SEND).gives(&["runId", "status"]),
    act("sessions.abort", &SESSIONS_ABORT).gives(&["ok", "abortedRunId", "status"]),
    act("sessions.patch", &SESSIONS_PATCH)
        .gives(&["ok", "path", "key", "entry", "resolved"])
        .fails(&[SESSION_CHANGED]),
    // What was put away on purpose may go; everything else only by an administrator.
    act("sessions.delete", &SESSIONS_DELETE)
        .elevated_by(|params| params["archivedOnly"] != true)
        .gives(&["ok", "key", "deleted", "archived"])
        .fails(&[SESSION_CHANGED]),
    // Of one agent, or of all under `stores`.
    admin("sessions.cleanup", &SESSIONS_CLEANUP).gives(&[
        "allAgents?",
        "stores?",
        "agentId?",
        "storePath?",
        "mode",
        "dryRun",
        "beforeCount?",
        "afterCount?",
        "archived?",
        "capArchived?",
        "pruned?",
        "capped?",
        "missing?",
        "dmScopeRetired?",
        "modelRunPruned?",
        "unreferencedArtifacts?",
        "diskBudget?",
        "wouldMutate?",
        "applied?",
        "appliedCount?",
        "actions?",
    ]),
    admin("sessions.compact", &SESSIONS_COMPACT).gives(&[
        "ok",
        "key",
        "compacted",
        "reason?",
        "result?",
        "kept?",
    ]),
    read("sessions.search", &SESSIONS_SEARCH).gives(&["results", "truncated"]),
    read("sessions.usage", &SESSIONS_USAGE).gives(&[
        "updatedAt",
        "startDate",
        "endDate",
        "sessions",
        "totals",
        "aggregates",
    ]),
];

/// In `error.details.reason`: it is not the session any more that the caller had seen.
const SESSION_CHANGED: &str = "session-changed";

const SESSIONS_PREVIEW: Shape = Shape {
    fields: &[req("keys", Kind::Names), opt("limit", Kind::Int(1)), opt("maxChars", Kind::Int(20))],
    ignored: &[],
};

const SESSIONS_RESOLVE: Shape = Shape {
    fields: &[
        opt("key", Kind::Name),
        opt("sessionId", Kind::Name),
        opt("label", Kind::Name),
        opt("agentId", Kind::Name),
        opt("allowMissing", Kind::Bool),
        opt("shortId", Kind::Unset),
        opt("slugHint", Kind::Unset),
        opt("spawnedBy", Kind::Unset),
    ],
    ignored: &["includeGlobal", "includeUnknown"],
};

const SESSIONS_CREATE: Shape = Shape {
    fields: &[
        opt("key", Kind::Name),
        opt("idempotencyKey", Kind::Label),
        opt("agentId", Kind::Name),
        opt("label", Kind::Text),
        opt("displayName", Kind::Text),
        opt("model", Kind::Name),
        opt("thinkingLevel", Kind::Name),
        opt("parentSessionKey", Kind::Name),
        opt("task", Kind::Text),
        opt("message", Kind::Text),
        opt("attachments", Kind::List),
        opt("visibility", Kind::OneOf(&["shared"])),
        opt("category", Kind::Unset),
        opt("contextWindow", Kind::Unset),
        opt("fastMode", Kind::Unset),
        opt("permissionMode", Kind::Unset),
        opt("toolOverrides", Kind::Unset),
        opt("incognito", Kind::Unset),
        opt("catalogId", Kind::Unset),
        opt("spawnDepth", Kind::Unset),
        opt("fork", Kind::Unset),
        opt("forkFrom", Kind::Unset),
        opt("projectId", Kind::Unset),
        opt("projectGitUrl", Kind::Unset),
        opt("worktree", Kind::Unset),
        opt("worktreeBaseRef", Kind::Unset),
        opt("worktreeName", Kind::Unset),
        opt("execNode", Kind::Unset),
        opt("cwd", Kind::Unset),
    ],
    // Hooks of commands: there are none.
    ignored: &["emitCommandHooks", "succeedsParent"],
};

const SESSIONS_SEND: Shape = Shape {
    fields: &[
        req("key", Kind::Name),
        opt("agentId", Kind::Name),
        req("message", Kind::Text),
        opt("attachments", Kind::List),
        opt("timeoutMs", Kind::Int(0)),
        opt("idempotencyKey", Kind::Label),
    ],
    ignored: &["thinking"],
};

const SESSIONS_ABORT: Shape = Shape {
    fields: &[
        opt("key", Kind::Name),
        opt("runId", Kind::Name),
        opt("agentId", Kind::Name),
        opt("clearQueued", Kind::Bool),
    ],
    ignored: &[],
};

const SESSIONS_CLEANUP: Shape = Shape {
    fields: &[
        opt("agent", Kind::Name),
        opt("allAgents", Kind::Bool),
        opt("enforce", Kind::Bool),
        opt("activeKey", Kind::Name),
        opt("fixMissing", Kind::Bool),
        opt("fixDmScope", Kind::Bool),
        opt("dryRun", Kind::Bool),
    ],
    ignored: &[],
};

const SESSIONS_PATCH: Shape = Shape {
    fields: &[
        req("key", Kind::Name),
        opt("agentId", Kind::Name),
        opt("expectedSessionId", Kind::Name),
        opt("expectedMarkedUnreadAt", Kind::OrNull(&Kind::Int(0))),
        opt("label", Kind::OrNull(&Kind::Text)),
        opt("model", Kind::OrNull(&Kind::Name)),
        opt("thinkingLevel", Kind::OrNull(&Kind::Name)),
        opt("archived", Kind::Bool),
        opt("pinned", Kind::Bool),
        opt("unread", Kind::Bool),
        opt("expectedLifecycleRevision", Kind::Unset),
        opt("expectedPermissionMode", Kind::Unset),
        opt("expectedToolOverrides", Kind::Unset),
        opt("icon", Kind::Unset),
        opt("color", Kind::Unset),
        opt("category", Kind::Unset),
        opt("boardFace", Kind::Unset),
        opt("statusNote", Kind::Unset),
        opt("attention", Kind::Unset),
        opt("ttlMinutes", Kind::Unset),
        opt("contextWindow", Kind::Unset),
        opt("fastMode", Kind::Unset),
        opt("toolOverrides", Kind::Unset),
        opt("verboseLevel", Kind::Unset),
        opt("traceLevel", Kind::Unset),
        opt("reasoningLevel", Kind::Unset),
        opt("responseUsage", Kind::OrNull(&Kind::OneOf(&["off", "tokens", "full", "on"]))),
        opt("elevatedLevel", Kind::Unset),
        opt("execHost", Kind::Unset),
        opt("execSecurity", Kind::Unset),
        opt("execAsk", Kind::Unset),
        opt("execNode", Kind::Unset),
        opt("permissionMode", Kind::Unset),
        opt("completionOwnerSessionKey", Kind::Unset),
        opt("inheritedToolPolicyVersion", Kind::Unset),
        opt("inheritedToolAllow", Kind::Unset),
        opt("inheritedToolDeny", Kind::Unset),
        opt("sendPolicy", Kind::OrNull(&Kind::OneOf(&["allow", "deny"]))),
        opt("groupActivation", Kind::OrNull(&Kind::OneOf(&["mention", "always"]))),
    ],
    ignored: &[],
};

const SESSIONS_DELETE: Shape = Shape {
    fields: &[
        req("key", Kind::Name),
        opt("agentId", Kind::Name),
        opt("deleteTranscript", Kind::Bool),
        opt("expectedSessionId", Kind::Name),
        opt("expectedSessionUpdatedAt", Kind::Int(0)),
        opt("archivedOnly", Kind::Bool),
        opt("expectedLifecycleRevision", Kind::Unset),
    ],
    // Hooks of sessions: there are none.
    ignored: &["emitLifecycleHooks"],
};

const SESSIONS_COMPACT: Shape = Shape {
    fields: &[req("key", Kind::Name), opt("agentId", Kind::Name), opt("maxLines", Kind::Int(1))],
    ignored: &[],
};

const SESSIONS_SEARCH: Shape = Shape {
    fields: &[
        opt("agentId", Kind::Name),
        opt("sessionKeys", Kind::Names),
        req("query", Kind::Name),
        opt("limit", Kind::Int(1)),
    ],
    ignored: &[],
};

const SESSIONS_USAGE: Shape = Shape {
    fields: &[
        opt("key", Kind::Name),
        opt("agentId", Kind::Name),
        opt("agentScope", Kind::OneOf(&["all"])),
        opt("startDate", Kind::Date),
        opt("endDate", Kind::Date),
        opt("range", Kind::OneOf(&["7d", "30d", "90d", "1y", "all"])),
        opt("mode", Kind::OneOf(&["utc", "gateway", "specific"])),
        opt("timeZone", Kind::Label),
        opt("utcOffset", Kind::Label),
        opt("groupBy", Kind::OneOf(&["instance", "family"])),
        opt("includeHistorical", Kind::Bool),
        opt("limit", Kind::Int(1)),
    ],
    ignored: &["includeContextWeight"],
};

const SESSIONS_LIST: Shape = Shape {
    fields: &[
        opt("limit", Kind::Int(1)),
        opt("offset", Kind::Int(0)),
        opt("agentId", Kind::Name),
        opt("search", Kind::Text),
        opt("activeMinutes", Kind::Int(1)),
        opt("label", Kind::Name),
        // true, false or "all".
        opt("archived", Kind::Any),
        // Nobody's, and nobody's children: nothing could be found.
        opt("boardFace", Kind::Unset),
        opt("creatorId", Kind::Unset),
        opt("ownerId", Kind::Unset),
        opt("involvingMe", Kind::Unset),
        opt("involvingProfileId", Kind::Unset),
        opt("spawnedBy", Kind::Unset),
    ],
    ignored: &[
        "requireLastInteraction",
        "sortBy",
        "includeGlobal",
        "includeUnknown",
        "configuredAgentsOnly",
        "includeDerivedTitles",
        "includeLastMessage",
        "ownerFirst",
        "includePeople",
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
