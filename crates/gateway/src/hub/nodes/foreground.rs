//! Calls that wait for an app to be in front. A phone refuses what needs its screen, camera or voice while its app is not; the
//! app asks for such calls when it is again (`node.pending.pull`).

use super::Invoke;
use crate::shared::Shared;
use protocol::ErrorShape;
use serde_json::json;
use std::sync::Arc;

/// What a phone refuses with.
const IN_BACKGROUND: &str = "NODE_BACKGROUND_UNAVAILABLE";
/// The commands that it may refuse so, by how they begin.
const NEEDS_FRONT: [&str; 4] = ["canvas.", "camera.", "screen.", "talk."];
/// The platforms whose apps ask for what waits, by how their names begin.
const ASKS: [&str; 2] = ["ios", "ipados"];
/// Bytes of parameters that wait; with the bound on calls, a few megabytes for a node.
const MAX_PARAMS: usize = 64 * 1024;

/// Calls a command; the answer is its payload as JSON text. Where the app is not in front, the call waits for it, and the error
/// says so.
pub(crate) async fn invoke(shared: &Arc<Shared>, call: Invoke) -> Result<Option<String>, ErrorShape> {
    let kept = Kept::of(shared, &call);
    let refused = match shared.hub.nodes.invoke(shared, call).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    match kept {
        Some(kept) if refused.detail_code() == Some(IN_BACKGROUND) => Err(kept.wait(shared, refused).await),
        _ => Err(refused),
    }
}

/// What is needed of a call for it to be made later.
struct Kept {
    node_id: String,
    command: String,
    params: Option<String>,
}

impl Kept {
    /// `None` where it would not wait, whatever the node says.
    fn of(shared: &Shared, call: &Invoke) -> Option<Self> {
        let begins = |text: &str, with: &[&str]| with.iter().any(|begin| text.starts_with(begin));
        if !begins(&call.command, &NEEDS_FRONT) {
            return None;
        }
        let platform = shared.hub.nodes.get(&call.node_id)?.declared.platform?.to_lowercase();
        let params = call.params.as_ref().map(ToString::to_string);
        let fits = params.as_ref().is_none_or(|text| text.len() <= MAX_PARAMS);
        (begins(&platform, &ASKS) && fits).then(|| Self {
            node_id: call.node_id.clone(),
            command: call.command.clone(),
            params,
        })
    }

    /// The refusal as it was where the call cannot wait: the caller knows that nothing happened.
    async fn wait(self, shared: &Shared, refused: ErrorShape) -> ErrorShape {
        let Self { node_id, command, params } = self;
        let id = match shared.store.add_node_call(&node_id, &command, params).await {
            Ok(Some(id)) => id,
            Ok(None) => return refused,
            Err(error) => {
                tracing::warn!(%error, node = %node_id, "a call cannot wait for its node");
                return refused;
            }
        };
        let node_error = refused.details.as_ref().map(|d| d["nodeError"].clone()).unwrap_or_default();
        ErrorShape::unavailable(format!(
            "{command} waits until the app on the node is in the foreground; open it there within ten minutes"
        ))
        .with_details(json!({
            "code": "QUEUED_UNTIL_FOREGROUND", "queuedActionId": id, "nodeId": node_id, "command": command,
            "nodeError": node_error, "nodeCommandDispatched": true,
        }))
    }
}
