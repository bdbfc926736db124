//! The skills that a node has. It says so itself, after it has connected, all of them at once; they go with its connection.

use super::{NodeConn, Nodes};
use crate::connection::outbound::ConnHandle;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A skill, as the node tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeSkill {
    pub(crate) name: String,
    /// What it is for.
    pub(crate) description: String,
    /// The text of its `SKILL.md`.
    pub(crate) content: String,
}

impl NodeConn {
    /// Its skills, as long as commands may be run on it: without that, nothing could be done with them.
    pub(crate) fn skills(&self) -> &[NodeSkill] {
        let runs = self.approved.as_deref().unwrap_or_default().iter().any(|command| command == "system.run");
        if runs { &self.skills } else { &[] }
    }
}

impl Nodes {
    /// Takes a node's skills instead of those that it had before. False where this is not the node's connection any more.
    pub(crate) fn has_skills(&self, conn: &ConnHandle, skills: Vec<NodeSkill>) -> bool {
        let mut connected = self.connected();
        let node = conn.principal().device_id.as_deref().and_then(|id| connected.get_mut(id));
        let Some(node) = node.filter(|node| node.handle.id() == conn.id()) else { return false };
        node.skills = Arc::from(skills);
        true
    }
}
