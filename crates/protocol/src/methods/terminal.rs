//! Methods about shells on the gateway's host.

use super::{MethodSpec, admin};
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about shells on the gateway's host.
pub(super) const METHODS: &[MethodSpec] = &[
    admin("terminal.open", &OPEN).gives(&["sessionId", "agentId", "shell", "cwd", "confined"]),
    admin("terminal.input", &INPUT).gives(&["ok"]),
    admin("terminal.resize", &RESIZE).gives(&["ok"]),
    admin("terminal.close", &SESSION).gives(&["ok"]),
    admin("terminal.attach", &SESSION).gives(&[
        "sessionId",
        "agentId",
        "shell",
        "cwd",
        "confined",
        "owner",
        "buffer",
        "seq?",
    ]),
    admin("terminal.upload", &UPLOAD).gives(&["path", "size"]),
    admin("terminal.list", &EMPTY).gives(&["sessions"]),
];

const OPEN: Shape = Shape {
    fields: &[
        opt("agentId", Kind::Name),
        opt("sessionKey", Kind::Name),
        opt("catalog", Kind::Map),
        req("cols", Kind::Int(1)),
        req("rows", Kind::Int(1)),
    ],
    ignored: &[],
};

const INPUT: Shape = Shape { fields: &[req("sessionId", Kind::Name), req("data", Kind::Text)], ignored: &[] };

/// The content is at most 16 MiB, which the method holds it to.
const UPLOAD: Shape = Shape {
    fields: &[req("sessionId", Kind::Name), req("name", Kind::Label), req("contentBase64", Kind::Text)],
    ignored: &[],
};

const RESIZE: Shape = Shape {
    fields: &[req("sessionId", Kind::Name), req("cols", Kind::Int(1)), req("rows", Kind::Int(1))],
    ignored: &[],
};

const SESSION: Shape = Shape { fields: &[req("sessionId", Kind::Name)], ignored: &[] };
