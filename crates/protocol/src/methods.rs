//! The method table: name, who may call it, whether it changes anything, and the shape of its parameters. The list in
//! `hello-ok`, the permission check and the parameter check all come from here; scopes are those of OpenClaw's
//! published schema.

use crate::connect::CONNECT;
use crate::scope::Scope;
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone who is connected.
    Anyone,
    /// Operators with this scope.
    Operator(Scope),
    /// Nodes.
    Node,
}

/// A method.
#[derive(Debug, Clone, Copy)]
pub struct MethodSpec {
    /// Its name.
    pub name: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether the same `idempotencyKey` again gives the first answer instead of doing it again.
    pub idempotent: bool,
    /// What its parameters must look like.
    pub params: &'static Shape,
}

const fn read(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec { name, access: Access::Operator(Scope::Read), idempotent: false, params }
}

const fn write(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec { name, access: Access::Operator(Scope::Write), idempotent: true, params }
}

const fn pairing(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec { name, access: Access::Operator(Scope::Pairing), idempotent: false, params }
}

const fn node(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec { name, access: Access::Node, idempotent: false, params }
}

/// Looks a method up.
pub fn find(name: &str) -> Option<&'static MethodSpec> {
    METHODS.iter().find(|m| m.name == name)
}

/// Every method there is. `health` asks for no scope: probes, which hold none, may call it.
pub const METHODS: &[MethodSpec] = &[
    MethodSpec { name: "connect", access: Access::Anyone, idempotent: false, params: &CONNECT },
    MethodSpec { name: "health", access: Access::Anyone, idempotent: false, params: &HEALTH },
    read("status", &STATUS),
    read("system-presence", &EMPTY),
    read("gateway.identity.get", &EMPTY),
    read("channels.status", &CHANNELS_STATUS),
    read("models.list", &MODELS_LIST),
    read("agents.list", &EMPTY),
    read("agent.identity.get", &AGENT_IDENTITY),
    read("sessions.list", &SESSIONS_LIST),
    read("sessions.describe", &SESSIONS_DESCRIBE),
    MethodSpec {
        name: "sessions.reset",
        access: Access::Operator(Scope::Admin),
        idempotent: false,
        params: &SESSIONS_RESET,
    },
    read("sessions.subscribe", &EMPTY),
    read("sessions.unsubscribe", &EMPTY),
    read("sessions.messages.subscribe", &MESSAGES_SUBSCRIBE),
    read("sessions.messages.unsubscribe", &MESSAGES_SUBSCRIBE),
    read("chat.startup", &CHAT_HISTORY),
    read("chat.history", &CHAT_HISTORY),
    write("chat.send", &CHAT_SEND),
    MethodSpec {
        name: "chat.abort",
        access: Access::Operator(Scope::Write),
        idempotent: false,
        params: &CHAT_ABORT,
    },
    write("agent", &AGENT),
    MethodSpec {
        name: "agent.wait",
        access: Access::Operator(Scope::Write),
        idempotent: false,
        params: &AGENT_WAIT,
    },
    write("send", &SEND),
    read("node.list", &EMPTY),
    read("node.describe", &NODE_ID),
    write("node.invoke", &NODE_INVOKE),
    node("node.invoke.result", &NODE_INVOKE_RESULT),
    node("node.event", &NODE_EVENT),
    pairing("node.pair.list", &EMPTY),
    pairing("node.pair.approve", &REQUEST_ID),
    pairing("node.pair.reject", &REQUEST_ID),
    pairing("node.pair.remove", &NODE_ID),
    pairing("device.pair.list", &EMPTY),
    pairing("device.pair.approve", &REQUEST_ID),
    pairing("device.pair.reject", &REQUEST_ID),
    pairing("device.pair.remove", &DEVICE_ID),
    pairing("channels.pairing.list", &CHANNEL_PAIRING_LIST),
    pairing("channels.pairing.approve", &CHANNEL_PAIRING_APPROVE),
    read("logs.tail", &LOGS_TAIL),
    read("config.get", &EMPTY),
];

const HEALTH: Shape = Shape { fields: &[opt("probe", Kind::Bool)], ignored: &["includeSensitive"] };
const STATUS: Shape = Shape { fields: &[], ignored: &["includeChannelSummary", "deep"] };
const CHANNELS_STATUS: Shape =
    Shape { fields: &[opt("channel", Kind::Name)], ignored: &["probe", "timeoutMs"] };
const MODELS_LIST: Shape = Shape {
    fields: &[opt("agentId", Kind::Name)],
    ignored: &["includeProviderCapabilities", "preparedOnly", "refresh", "view"],
};
const AGENT_IDENTITY: Shape =
    Shape { fields: &[opt("agentId", Kind::Name), opt("sessionKey", Kind::Text)], ignored: &[] };
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
const CHAT_HISTORY: Shape = Shape {
    fields: &[
        req("sessionKey", Kind::Name),
        opt("agentId", Kind::Name),
        opt("limit", Kind::Int(1)),
        opt("offset", Kind::Int(0)),
        opt("maxBytes", Kind::Int(1)),
        opt("maxChars", Kind::Int(1)),
    ],
    ignored: &["cursor", "pendingBefore", "inputRunIds", "messageId", "sessionId", "includeMetadata"],
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
    ],
    ignored: &[
        "sessionId",
        "intent",
        "thinking",
        "fastMode",
        "fastAutoOnSeconds",
        "deliver",
        "originatingChannel",
        "originatingTo",
        "originatingAccountId",
        "originatingThreadId",
        "replyToId",
        "toolBindings",
        "systemInputProvenance",
        "systemProvenanceReceipt",
        "suppressCommandInterpretation",
        "expectedLeafEntryId",
        "expectedSessionRoutingContract",
        "expectedPermissionMode",
        "expectedToolOverrides",
    ],
};
const CHAT_ABORT: Shape = Shape {
    fields: &[req("sessionKey", Kind::Name), opt("agentId", Kind::Name), opt("runId", Kind::Name)],
    ignored: &["preserveSideRuns"],
};
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
        req("idempotencyKey", Kind::Label),
    ],
    ignored: &[
        "provider",
        "model",
        "sessionId",
        "expectedExistingSessionId",
        "thinking",
        "threadId",
        "groupId",
        "groupChannel",
        "groupSpace",
        "bestEffortDeliver",
        "lane",
        "cwd",
        "cleanupBundleMcpOnRunEnd",
        "modelRun",
        "promptMode",
        "bootstrapContextMode",
        "bootstrapContextRunKind",
        "acpTurnSource",
        "internalRuntimeHandoffId",
        "internalExecutionIdentityRetry",
        "internalExecutionIdentityRecoveryAttempt",
        "execApprovalFollowupExpectedSessionId",
        "internalEvents",
        "inputProvenance",
        "suppressPromptPersistence",
        "sessionEffects",
        "sourceReplyDeliveryMode",
        "disableMessageTool",
        "swarmCollector",
        "swarmOutputSchema",
        "forceRestartSafeTools",
        "forceCodeModeTools",
        "voiceWakeTrigger",
        "label",
    ],
};
const AGENT_WAIT: Shape =
    Shape { fields: &[req("runId", Kind::Name), opt("timeoutMs", Kind::Int(0))], ignored: &[] };
const SEND: Shape = Shape {
    fields: &[
        req("to", Kind::Name),
        opt("message", Kind::Text),
        opt("channel", Kind::Text),
        opt("accountId", Kind::Text),
        opt("replyToId", Kind::Text),
        opt("threadId", Kind::Text),
        req("idempotencyKey", Kind::Label),
    ],
    ignored: &["agentId", "sessionKey", "silent", "gifPlayback", "forceDocument", "asVoice"],
};
const NODE_ID: Shape = Shape { fields: &[req("nodeId", Kind::Name)], ignored: &[] };
const DEVICE_ID: Shape = Shape { fields: &[req("deviceId", Kind::Name)], ignored: &[] };
const REQUEST_ID: Shape = Shape { fields: &[req("requestId", Kind::Name)], ignored: &[] };
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
const CHANNEL_PAIRING_LIST: Shape = Shape { fields: &[opt("channel", Kind::Text)], ignored: &["accountId"] };
const CHANNEL_PAIRING_APPROVE: Shape = Shape {
    fields: &[req("channel", Kind::Name), req("code", Kind::Name)],
    ignored: &["accountId", "notify"],
};
const LOGS_TAIL: Shape = Shape {
    fields: &[opt("cursor", Kind::Int(0)), opt("limit", Kind::Int(1)), opt("maxBytes", Kind::Int(1))],
    ignored: &[],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_idempotent_method_demands_its_key() {
        let mut names: Vec<&str> = METHODS.iter().map(|m| m.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for method in METHODS.iter().filter(|m| m.idempotent) {
            let key = method.params.fields.iter().find(|f| f.name == "idempotencyKey");
            assert!(key.is_some_and(|f| f.required && matches!(f.kind, Kind::Label)), "{}", method.name);
        }
    }
}
