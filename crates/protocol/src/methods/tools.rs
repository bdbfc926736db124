//! Methods about tools and commands of agents.

use super::{MethodSpec, act, read};
use crate::shape::{Kind, Shape, opt, req};

/// Methods about tools and commands of agents.
pub(super) const METHODS: &[MethodSpec] = &[
    read("commands.list", &COMMANDS).gives(&["commands"]),
    read("tools.catalog", &CATALOG).gives(&["agentId", "profiles", "groups"]),
    read("tools.effective", &EFFECTIVE).gives(&["agentId", "profile", "groups"]),
    act("tools.invoke", &INVOKE)
        .gives(&["ok", "toolName", "output?", "source?", "error?"])
        .fails(&["CALL_CUT"]),
];

const COMMANDS: Shape = Shape {
    fields: &[
        opt("agentId", Kind::Name),
        opt("scope", Kind::OneOf(&["text", "native", "both"])),
        opt("includeArgs", Kind::Bool),
    ],
    ignored: &["sessionKey", "provider"],
};

const CATALOG: Shape = Shape { fields: &[opt("agentId", Kind::Name)], ignored: &["includePlugins"] };

const EFFECTIVE: Shape =
    Shape { fields: &[req("sessionKey", Kind::Name), opt("agentId", Kind::Name)], ignored: &[] };

const INVOKE: Shape = Shape {
    fields: &[
        req("name", Kind::Name),
        opt("args", Kind::Map),
        opt("sessionKey", Kind::Name),
        opt("agentId", Kind::Name),
        opt("idempotencyKey", Kind::Label),
    ],
    ignored: &["confirm", "conversationReadOrigin"],
};
