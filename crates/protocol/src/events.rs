//! The events that this gateway sends, as `hello-ok.features.events` lists them.

/// Every event there is.
pub const EVENTS: &[&str] = &[
    "connect.challenge",
    "agent",
    "chat",
    "session.message",
    "sessions.changed",
    "session.operation",
    "presence",
    "tick",
    "shutdown",
    "health",
    "node.pair.requested",
    "node.pair.resolved",
    "node.hostStats",
    "node.invoke.request",
    "node.invoke.cancel",
    "device.pair.requested",
    "device.pair.resolved",
    "device.pair.setup.completed",
    "device.pair.setup.deliveryUncertain",
    "cron",
    "heartbeat",
];
