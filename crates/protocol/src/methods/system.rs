//! Methods about the gateway itself.

use super::{MethodSpec, act, admin, anyone, read};
use crate::connect::CONNECT;
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about the gateway itself.
pub(super) const METHODS: &[MethodSpec] = &[
    anyone("connect", &CONNECT).gives(HELLO).fails(&[
        "AUTH_DEVICE_TOKEN_MISMATCH",
        "AUTH_IDENTITY_HEADER_REQUIRED",
        "AUTH_PASSWORD_MISMATCH",
        "AUTH_PASSWORD_MISSING",
        "AUTH_RATE_LIMITED",
        "AUTH_BOOTSTRAP_TOKEN_INVALID",
        "AUTH_SCOPE_MISMATCH",
        "AUTH_TOKEN_MISMATCH",
        "AUTH_TOKEN_MISSING",
        "AUTH_UNAUTHORIZED",
        "CONTROL_UI_ORIGIN_NOT_ALLOWED",
        "DEVICE_AUTH_DEVICE_ID_MISMATCH",
        "DEVICE_AUTH_NONCE_MISMATCH",
        "DEVICE_AUTH_SIGNATURE_EXPIRED",
        "DEVICE_AUTH_SIGNATURE_INVALID",
        "DEVICE_IDENTITY_REQUIRED",
        "PAIRING_REQUIRED",
        "PROTOCOL_MISMATCH",
        "device-id-mismatch",
        "device-nonce-mismatch",
        "device-signature",
        "device-signature-stale",
        "metadata-upgrade",
        "not-paired",
        "origin not allowed",
        "role-upgrade",
        "scope-upgrade",
    ]),
    anyone("health", &HEALTH).gives(&[
        "ok",
        "ts",
        "durationMs",
        "plugins",
        "configReload",
        "channels",
        "channelOrder",
        "channelLabels",
        "heartbeatSeconds",
        "defaultAgentId",
        "agents",
        "sessions",
        "modelRuntime",
        "store?",
    ]),
    read("status", &STATUS).gives(&[
        "runtimeVersion",
        "pid",
        "uptimeMs",
        "startedAtMs",
        "authMode",
        "stateDir",
        "model",
        "heartbeat",
        "channelSummary",
        "degradedPlugins",
        "cliProjection?",
        "configReload",
        "connections",
        "nodes",
        "outbox",
        "runs",
        "sessions",
        "tailscale",
        "tls?",
    ]),
    read("system-presence", &EMPTY).gives(&["[]"]),
    read("gateway.identity.get", &EMPTY).gives(&["deviceId", "publicKey"]),
    read("logs.tail", &LOGS_TAIL).gives(&["file", "cursor", "size", "lines", "truncated", "reset"]),
    read("system.info", &EMPTY).gives(&[
        "machineName",
        "hostname",
        "platform",
        "release",
        "arch",
        "osLabel",
        "port",
        "nodeVersion",
        "pid",
        "processInstanceId",
        "uptimeMs",
        "cpuCount",
        "cpuModel?",
        "loadAverage?",
        "memoryTotalBytes",
        "memoryFreeBytes",
        "diskTotalBytes?",
        "diskAvailableBytes?",
        "diskPath?",
    ]),
    act("users.self", &EMPTY).gives(&["profile"]),
    read("plugins.list", &EMPTY).gives(&["plugins", "diagnostics", "mutationAllowed"]),
    admin("update.status", &UPDATE_STATUS).gives(&["sentinel", "updateAvailable"]),
    read("voicewake.get", &EMPTY).gives(&["triggers"]),
    act("voicewake.set", &VOICE_WAKE).gives(&["triggers"]),
    act("wake", &WAKE).gives(&["ok"]),
    admin("system-event", &SYSTEM_EVENT).gives(&["ok"]),
    read("last-heartbeat", &EMPTY).gives(&[
        "ts",
        "status",
        "reason?",
        "preview?",
        "message?",
        "channel?",
        "to?",
        "hasMedia",
        "durationMs",
    ]),
    admin("set-heartbeats", &SET_HEARTBEATS).gives(&["ok", "enabled"]),
];

/// `hello-ok`.
const HELLO: &[&str] = &["type", "protocol", "server", "features", "snapshot", "auth", "policy"];

const HEALTH: Shape = Shape { fields: &[opt("probe", Kind::Bool)], ignored: &["includeSensitive"] };

const STATUS: Shape = Shape {
    fields: &[opt("includeChannelSummary", Kind::Bool), opt("includeCliProjection", Kind::Bool)],
    ignored: &["deep"],
};

const LOGS_TAIL: Shape = Shape {
    fields: &[opt("cursor", Kind::Int(0)), opt("limit", Kind::Int(1)), opt("maxBytes", Kind::Int(1))],
    ignored: &[],
};

const VOICE_WAKE: Shape = Shape { fields: &[req("triggers", Kind::List)], ignored: &[] };

const WAKE: Shape = Shape {
    fields: &[
        req("mode", Kind::OneOf(&["now", "next-heartbeat"])),
        req("text", Kind::Filled),
        opt("sessionKey", Kind::Name),
        opt("agentId", Kind::Name),
    ],
    ignored: &[],
};

const SYSTEM_EVENT: Shape = Shape {
    fields: &[req("text", Kind::Filled), opt("sessionKey", Kind::Name), opt("agentId", Kind::Name)],
    ignored: &[
        "deviceId",
        "instanceId",
        "host",
        "ip",
        "version",
        "platform",
        "deviceFamily",
        "modelIdentifier",
        "mode",
        "reason",
        "tags",
        "roles",
        "scopes",
        "lastInputSeconds",
    ],
};

/// There is no checkout that could be refreshed.
const UPDATE_STATUS: Shape = Shape { fields: &[], ignored: &["refreshCheckout"] };

const SET_HEARTBEATS: Shape = Shape { fields: &[req("enabled", Kind::Bool)], ignored: &[] };
