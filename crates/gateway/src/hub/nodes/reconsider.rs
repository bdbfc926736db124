//! What nodes may be asked for (`gateway.nodes.commands`) has changed: that counts for those that are connected, too, as if they
//! had just come. What is allowed by now and was offered is asked about; calls of what is not allowed any more end.

use super::{Nodes, announce};
use crate::shared::Shared;
use std::sync::Arc;
use store::{Declared, NodeDeclaration};

/// Holds every connected node against the policy as it is now. One at a time, so that the last one goes by the last policy.
pub(crate) async fn reconsider(shared: &Arc<Shared>) {
    let nodes = &shared.hub.nodes;
    let _one_at_a_time = nodes.reconsidering.lock().await;
    let policy = shared.settings().node_commands.clone();
    nodes.end_calls(
        |call| !policy.allows(&call.command),
        ("POLICY_CHANGED", "node command is no longer allowed"),
    );
    for node in nodes.all() {
        let commands = policy.filter(node.platform, &node.offered);
        if commands == node.declared.commands {
            continue;
        }
        let declaration = NodeDeclaration { commands, ..node.declared.clone() };
        match shared.store.declare_node(declaration.clone()).await {
            Ok(declared) => {
                nodes.redeclared(node.handle.id(), declaration, &declared);
                announce(shared, &declared);
            }
            Err(error) => {
                let id = &declaration.node_id;
                tracing::error!(%error, node = %id, "the commands of a node wait for its next connection");
            }
        }
    }
}

impl Nodes {
    /// Notes what a node's declaration is by now, if it is still the same connection.
    fn redeclared(&self, conn_id: &str, declaration: NodeDeclaration, declared: &Declared) {
        let mut connected = self.connected();
        let Some(node) = connected.get_mut(&declaration.node_id).filter(|n| n.handle.id() == conn_id) else {
            return;
        };
        node.declared = declaration;
        node.approved = declared.approved.as_ref().map(|s| s.declaration.commands.clone());
        node.pending_request = declared.pending.as_ref().map(|p| p.request_id.clone());
    }
}
