//! Methods about what was done.

use super::{MethodSpec, read};
use crate::shape::{Kind, Shape, opt};

/// Methods about what was done.
pub(super) const METHODS: &[MethodSpec] =
    &[read("audit.list", &AUDIT_LIST).gives(&["events", "nextCursor?"])];

const AUDIT_LIST: Shape = Shape {
    fields: &[
        opt("agentId", Kind::Name),
        opt("sessionKey", Kind::Name),
        opt("runId", Kind::Name),
        opt("kind", Kind::OneOf(&["agent_run", "tool_action"])),
        opt(
            "status",
            Kind::OneOf(&["started", "succeeded", "failed", "cancelled", "timed_out", "blocked", "unknown"]),
        ),
        opt("after", Kind::Int(0)),
        opt("before", Kind::Int(0)),
        opt("limit", Kind::Int(1)),
        opt("cursor", Kind::Name),
    ],
    ignored: &[],
};
