//! Methods about agents and their turns.

use super::{MethodSpec, act, admin, read, write};
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about agents and their turns.
pub(super) const METHODS: &[MethodSpec] = &[
    read("agents.list", &EMPTY).gives(&[
        "defaultId",
        "ownership?",
        "selectionRequired",
        "mainKey",
        "scope",
        "agents",
    ]),
    admin("agents.create", &CREATE)
        .gives(&["ok", "agentId", "name", "workspace", "model?"])
        .fails(CONFIG_REFUSED),
    admin("agents.update", &UPDATE).gives(&["ok", "agentId"]).fails(CONFIG_REFUSED),
    admin("agents.delete", &DELETE)
        .gives(&["ok", "agentId", "removedBindings", "removed?", "failed?", "purgeFailed?"])
        .fails(CONFIG_REFUSED),
    read("agents.files.list", &FILES_LIST).gives(&["agentId", "workspace", "files"]),
    read("agents.files.get", &FILES_GET).gives(&["agentId", "workspace", "file"]),
    admin("agents.files.set", &FILES_SET).gives(&["ok", "agentId", "workspace", "file"]),
    read("agent.identity.get", &AGENT_IDENTITY).gives(&["agentId", "name", "nameSource", "avatar"]),
    // Accepted, and then the end.
    write("agent", &AGENT)
        .gives(&["runId", "sessionKey?", "agentId?", "status", "acceptedAt?", "summary?", "result?"])
        .fails(&["session-changed"]),
    act("agent.wait", &AGENT_WAIT).gives(&["runId", "status", "startedAt?", "endedAt?", "error?"]),
];

/// Why a change of the configuration is refused.
const CONFIG_REFUSED: &[&str] = &["CONFIG_CONFLICT", "CONFIG_INCLUDED", "CONFIG_SECRETS"];

const CREATE: Shape = Shape {
    fields: &[
        req("name", Kind::Label),
        opt("workspace", Kind::Name),
        opt("model", Kind::Name),
        opt("emoji", Kind::Text),
        opt("avatar", Kind::Text),
    ],
    ignored: &[],
};

const UPDATE: Shape = Shape {
    fields: &[
        req("agentId", Kind::Name),
        opt("name", Kind::Label),
        opt("workspace", Kind::Name),
        opt("model", Kind::OrNull(&Kind::Name)),
        opt("emoji", Kind::Text),
        opt("avatar", Kind::Text),
    ],
    ignored: &[],
};

const DELETE: Shape =
    Shape { fields: &[req("agentId", Kind::Name), opt("deleteFiles", Kind::Bool)], ignored: &[] };

const AGENT_IDENTITY: Shape =
    Shape { fields: &[opt("agentId", Kind::Name), opt("sessionKey", Kind::Text)], ignored: &[] };

const AGENT: Shape = Shape {
    fields: &[
        req("message", Kind::Filled),
        opt("agentId", Kind::Name),
        opt("sessionKey", Kind::Text),
        opt("deliver", Kind::Bool),
        opt("channel", Kind::Text),
        opt("to", Kind::Text),
        opt("accountId", Kind::Text),
        opt("replyChannel", Kind::Text),
        opt("replyTo", Kind::Text),
        opt("replyAccountId", Kind::Text),
        opt("timeout", Kind::Int(0)),
        opt("attachments", Kind::List),
        opt("extraSystemPrompt", Kind::Text),
        opt("threadId", Kind::Text),
        opt("bestEffortDeliver", Kind::Bool),
        opt("provider", Kind::Text),
        opt("model", Kind::Text),
        opt("sessionId", Kind::Text),
        opt("expectedExistingSessionId", Kind::Name),
        opt("bootstrapContextMode", Kind::OneOf(&["full", "lightweight"])),
        opt("disableMessageTool", Kind::Bool),
        req("idempotencyKey", Kind::Label),
        // What they are here without being asked for.
        opt("promptMode", Kind::OneOf(&["full"])),
        opt("sessionEffects", Kind::OneOf(&["visible"])),
        opt("sourceReplyDeliveryMode", Kind::OneOf(&["automatic"])),
        opt("modelRun", Kind::Unset),
        opt("cwd", Kind::Unset),
        opt("internalEvents", Kind::Unset),
        opt("suppressPromptPersistence", Kind::Unset),
        opt("swarmCollector", Kind::Unset),
        opt("swarmOutputSchema", Kind::Unset),
        opt("forceRestartSafeTools", Kind::Unset),
        opt("forceCodeModeTools", Kind::Unset),
    ],
    ignored: &[
        "thinking",
        "groupId",
        "groupChannel",
        "groupSpace",
        "lane",
        "cleanupBundleMcpOnRunEnd",
        "bootstrapContextRunKind",
        "acpTurnSource",
        "internalRuntimeHandoffId",
        "internalExecutionIdentityRetry",
        "internalExecutionIdentityRecoveryAttempt",
        "execApprovalFollowupExpectedSessionId",
        "inputProvenance",
        "voiceWakeTrigger",
        "label",
    ],
};

const AGENT_WAIT: Shape =
    Shape { fields: &[req("runId", Kind::Name), opt("timeoutMs", Kind::Int(0))], ignored: &[] };

const FILES_LIST: Shape = Shape { fields: &[req("agentId", Kind::Name)], ignored: &[] };

const FILES_GET: Shape =
    Shape { fields: &[req("agentId", Kind::Name), req("name", Kind::Name)], ignored: &[] };

const FILES_SET: Shape = Shape {
    fields: &[req("agentId", Kind::Name), req("name", Kind::Name), req("content", Kind::Text)],
    ignored: &[],
};
