//! Methods about `openclaw.json`.

use super::{MethodSpec, admin, read};
use crate::shape::{EMPTY, Field, Kind, Shape, opt, req};

/// Methods about `openclaw.json`.
pub(super) const METHODS: &[MethodSpec] = &[
    read("config.get", &EMPTY).gives(&[
        "path",
        "includedPaths?",
        "exists",
        "raw",
        "parsed",
        "sourceConfig",
        "resolved",
        "config",
        "valid",
        "hash",
        "configRevisionHash?",
        "appliedConfigHash",
        "issues",
        "warnings",
        "legacyIssues",
        "reload",
    ]),
    admin("config.set", &SET).gives(CHANGED).fails(REFUSED),
    admin("config.patch", &PATCH).gives(CHANGED).fails(REFUSED),
    admin("config.apply", &APPLY).gives(CHANGED).fails(REFUSED),
    read("config.schema", &EMPTY).gives(&["schema", "uiHints", "version", "generatedAt"]),
    read("config.schema.lookup", &LOOKUP)
        .gives(&["path", "schema", "reloadKind", "hint?", "hintPath?", "children"])
        .fails(&["CONFIG_PATH_UNKNOWN"]),
];

/// What every change answers.
const CHANGED: &[&str] = &[
    "ok",
    "noop?",
    "path",
    "hash",
    "config",
    "changedPaths",
    "warnings",
    "applied?",
    "restart?",
    "sentinel?",
];

/// Why a change is refused.
const REFUSED: &[&str] = &["CONFIG_CONFLICT", "CONFIG_INCLUDED", "CONFIG_SECRETS"];

const SET: Shape = Shape { fields: &[req("raw", Kind::Filled), opt("baseHash", Kind::Name)], ignored: &[] };

/// Nothing is restarted here, so nobody has to be told afterwards.
const AFTERWARDS: &[&str] = &["sessionKey", "deliveryContext"];

/// … and whoever says when to restart hears that it will not happen: what needs a restart is in the answer.
const RESTART: Field = opt("restartDelayMs", Kind::Unset);

const APPLY: Shape = Shape {
    fields: &[req("raw", Kind::Filled), opt("baseHash", Kind::Name), opt("note", Kind::Text), RESTART],
    ignored: AFTERWARDS,
};

const PATCH: Shape = Shape {
    fields: &[
        req("raw", Kind::Filled),
        opt("baseHash", Kind::Name),
        opt("note", Kind::Text),
        opt("replacePaths", Kind::Names),
        RESTART,
    ],
    ignored: AFTERWARDS,
};

const LOOKUP: Shape = Shape { fields: &[req("path", Kind::Name)], ignored: &[] };
