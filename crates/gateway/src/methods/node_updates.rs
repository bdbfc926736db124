//! `node.skills.update` and `node.pluginTools.update`: OpenClaw's nodes announce these at each connect. Nothing here
//! uses them yet, so none is taken over, and the answer says so.

use super::{Answer, Call};
use serde_json::json;

pub(super) async fn skills(call: Call) -> Answer {
    Ok(json!({"nodeId": call.conn.principal().device_id, "skills": []}).into())
}

pub(super) async fn plugin_tools(call: Call) -> Answer {
    Ok(json!({"nodeId": call.conn.principal().device_id, "tools": []}).into())
}
