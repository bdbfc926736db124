//! Methods about files of the host and of sessions.

use super::{MethodSpec, NODE_CALL, act};
use crate::shape::{Kind, Shape, opt};

/// Methods about files of the host and of sessions.
pub(super) const METHODS: &[MethodSpec] = &[
    // With `nodeId` it takes `operator.admin`, and so does what is outside of the workspaces.
    act("fs.listDir", &LIST_DIR).gives(&["path", "parent?", "home", "entries"]).fails(NODE_CALL),
];

const LIST_DIR: Shape = Shape { fields: &[opt("path", Kind::Name), opt("nodeId", Kind::Name)], ignored: &[] };
