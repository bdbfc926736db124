//! Methods about models.

use super::{MethodSpec, read, write};
use crate::shape::{Kind, Shape, opt};

/// Methods about models.
pub(super) const METHODS: &[MethodSpec] = &[
    read("models.list", &MODELS_LIST).gives(&["models"]),
    // It costs money, as a turn does.
    write("models.keys.probe", &PROBE).unkeyed().gives(&[
        "startedAt",
        "finishedAt",
        "durationMs",
        "totalTargets",
        "options",
        "results",
    ]),
    read("models.authStatus", &AUTH_STATUS).gives(&["ts", "providers", "providerCapabilities"]),
];

/// There is nothing to refresh: it is looked up each time.
const AUTH_STATUS: Shape = Shape { fields: &[opt("agentId", Kind::Name)], ignored: &["refresh"] };

const PROBE: Shape = Shape {
    fields: &[
        opt("agentId", Kind::Name),
        opt("provider", Kind::Name),
        opt("profileIds", Kind::Names),
        opt("timeoutMs", Kind::Int(1)),
        opt("concurrency", Kind::Int(1)),
        opt("maxTokens", Kind::Int(1)),
    ],
    ignored: &[],
};

const MODELS_LIST: Shape = Shape {
    fields: &[opt("agentId", Kind::Name)],
    ignored: &["includeProviderCapabilities", "preparedOnly", "refresh", "view"],
};
