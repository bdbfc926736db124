//! `node.pluginTools.update`: which tools a node lends to agents, all of them at once.

use crate::hub::nodes::published::{MAX_TOOLS, PluginTool};
use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashSet;

#[derive(Deserialize)]
struct Params {
    tools: Vec<Value>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    if p.tools.len() > MAX_TOOLS {
        return Err(invalid(&format!("at /tools: must not have more than {MAX_TOOLS} items")));
    }
    let mut names = HashSet::new();
    let mut tools = Vec::new();
    for (at, tool) in p.tools.into_iter().enumerate() {
        let tool: PluginTool =
            serde_json::from_value(tool).map_err(|e| invalid(&format!("at /tools/{at}: {e}")))?;
        if let Some(problem) = tool.problem() {
            return Err(invalid(&format!("at /tools/{at}/{problem}")));
        }
        if !names.insert(tool.name.to_lowercase()) {
            return Err(invalid(&format!(
                "at /tools/{at}/name: {:?} is the name of another tool",
                tool.name
            )));
        }
        tools.push(tool);
    }
    let mut lent = call.shared.hub.nodes.publish(&call.conn, tools).ok_or_else(|| {
        ErrorShape::invalid("unknown nodeId: another connection of this node has taken this one's place")
    })?;
    // Where the owner wants none of them, none can be called. They are kept for when that changes.
    if !call.shared.settings().node_tools {
        lent.clear();
    }
    let node_id = call.conn.principal().device_id.as_deref();
    tracing::debug!(node = node_id, tools = lent.len(), "a node lends tools");
    Ok(json!({"nodeId": node_id, "tools": lent}).into())
}

fn invalid(problem: &str) -> ErrorShape {
    ErrorShape::invalid(format!("invalid node.pluginTools.update params: {problem}"))
}
