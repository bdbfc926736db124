//! Driving browsers.

use super::{MethodSpec, admin};
use crate::shape::{Kind, Shape, opt, req};

/// Methods about browsers.
pub(super) const METHODS: &[MethodSpec] = &[admin("browser.request", &REQUEST).gives(&["*"]).fails(FAILS)];

const REQUEST: Shape = Shape {
    fields: &[
        req("method", Kind::OneOf(&["GET", "POST", "DELETE"])),
        req("path", Kind::Name),
        opt("query", Kind::Map),
        opt("body", Kind::Map),
        opt("timeoutMs", Kind::Int(0)),
        opt("target", Kind::OneOf(&["host", "node"])),
        opt("node", Kind::Name),
        opt("upload", Kind::Map),
    ],
    ignored: &[],
};

/// As calls to nodes, and what a browser itself says of a request.
const FAILS: &[&str] = &[
    "NOT_CONNECTED",
    "DISCONNECTED",
    "TIMEOUT",
    "NODE_ERROR",
    "PAIRING_CHANGED",
    "command not allowlisted",
    "command not declared by node",
    "command not approved",
    "ACT_KIND_REQUIRED",
    "ACT_INVALID_REQUEST",
    "ACT_SELECTOR_UNSUPPORTED",
    "ACT_EVALUATE_DISABLED",
    "ACT_TARGET_ID_MISMATCH",
    "ACT_OPERATION_FAILED",
    "SCREENCAST_UNSUPPORTED",
    "navigation_blocked",
    "no_display_for_headed_profile",
    // Codes of the node's own.
    "*",
];
