//! Methods about the gateway itself.

use super::{MethodSpec, anyone, read};
use crate::connect::CONNECT;
use crate::shape::{EMPTY, Kind, Shape, opt};

/// Methods about the gateway itself.
pub(super) const METHODS: &[MethodSpec] = &[
    anyone("connect", &CONNECT),
    anyone("health", &HEALTH),
    read("status", &STATUS),
    read("system-presence", &EMPTY),
    read("gateway.identity.get", &EMPTY),
    read("logs.tail", &LOGS_TAIL),
];

const HEALTH: Shape = Shape { fields: &[opt("probe", Kind::Bool)], ignored: &["includeSensitive"] };

const STATUS: Shape = Shape {
    fields: &[opt("includeChannelSummary", Kind::Bool), opt("includeCliProjection", Kind::Bool)],
    ignored: &["deep"],
};

const LOGS_TAIL: Shape = Shape {
    fields: &[opt("cursor", Kind::Int(0)), opt("limit", Kind::Int(1)), opt("maxBytes", Kind::Int(1))],
    ignored: &[],
};
