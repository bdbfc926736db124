//! Methods about what runs and ran by itself or on somebody's word.

use super::{MethodSpec, act, read};
use crate::shape::{Kind, Shape, opt, req};

/// Methods about what runs and ran by itself or on somebody's word.
pub(super) const METHODS: &[MethodSpec] = &[
    read("tasks.list", &LIST).gives(&["tasks", "nextCursor?"]),
    read("tasks.get", &ONE).gives(&["task"]),
    act("tasks.cancel", &CANCEL).gives(&["found", "cancelled", "reason?", "task?"]),
];

const LIST: Shape = Shape {
    fields: &[
        // One of the words, or a list of them.
        opt("status", Kind::Any),
        opt("agentId", Kind::Name),
        opt("sessionKey", Kind::Name),
        opt("limit", Kind::Int(1)),
        opt("cursor", Kind::Text),
    ],
    ignored: &[],
};

const ONE: Shape = Shape { fields: &[req("taskId", Kind::Name)], ignored: &[] };

const CANCEL: Shape = Shape { fields: &[req("taskId", Kind::Name), opt("reason", Kind::Text)], ignored: &[] };
