//! Calls of a node's files. The policy is asked about the path, and people where it says so; the node looks and says where the path
//! really leads and which file that is; the policy is asked about that place, and people again if it is another one; then the call
//! is made for exactly that file, and what comes is held against the policy once more ([`gate`]). Every call to a node goes through
//! here, whoever makes it.

mod archive;
mod gate;
pub(crate) mod policy;
mod remember;

use super::{Invoke, Nodes};
use crate::shared::Shared;
use config::FileCommand;
use gate::Gate;
use policy::{Allowed, Refused, Wish};
use protocol::ErrorShape;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Bytes of a file or an archive where nobody says how many, and at most: more does not fit into a frame.
const DEFAULT_BYTES: u64 = 8 * 1024 * 1024;
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// What the gateway itself says to the node, and nobody else.
const OURS: [&str; 3] = ["preflightOnly", "expectedCanonicalPath", "expectedBinding"];

/// The command, if it is one about files.
fn file_command(command: &str) -> Option<FileCommand> {
    use FileCommand::{Create, Fetch, FetchDir, List, Stat, Write};
    [Fetch, Stat, List, FetchDir, Write, Create].into_iter().find(|known| known.as_str() == command)
}

impl Nodes {
    /// Calls a command; the answer is its payload as JSON text.
    pub(crate) async fn invoke(
        &self,
        shared: &Arc<Shared>,
        call: Invoke,
    ) -> Result<Option<String>, ErrorShape> {
        let Some(command) = file_command(&call.command) else { return self.send(shared, call).await };
        let node = self.admit(shared, &call)?;
        let name = node.declared.display_name.as_deref();
        let params = match call.params {
            Some(Value::Object(params)) => params,
            None => Map::new(),
            Some(_) => return Err(invalid(command, "INVALID_PARAMS", "params must be an object")),
        };
        if command == FileCommand::Create || params.contains_key("transport") {
            let why = "it takes a stream, which this gateway does not send; file.write and file.fetch go in one piece";
            return Err(invalid(command, "INVALID_PARAMS", why));
        }
        let path = params.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        if path.is_empty() {
            return Err(invalid(command, "INVALID_PARAMS", "path required"));
        }
        let policy = shared.settings().node_files.clone();
        let wish = Wish { node_id: &call.node_id, name, command, path: &path };
        let allowed = policy::evaluate(&policy, wish).map_err(|r| refusal(wish, &r, false))?;
        let params = prepared(params, command, &allowed)?;
        let gate = Gate { nodes: self, shared, policy, wish, by: &call.by, key: &call.idempotency_key };
        gate.call(allowed, params, call.timeout).await
    }
}

/// The parameters as the node gets them: without what only the gateway says, links followed only where the policy follows them, and
/// no more bytes than it allows.
fn prepared(
    mut params: Map<String, Value>,
    command: FileCommand,
    allowed: &Allowed,
) -> Result<Map<String, Value>, ErrorShape> {
    OURS.iter().for_each(|name| drop(params.remove(*name)));
    let follow = allowed.follow_symlinks && params.get("followSymlinks") != Some(&json!(false));
    params.insert("followSymlinks".into(), json!(follow));
    if matches!(command, FileCommand::Fetch | FileCommand::FetchDir) {
        let asked = match params.get("maxBytes") {
            None | Some(Value::Null) => DEFAULT_BYTES,
            Some(value) => value
                .as_u64()
                .filter(|n| *n > 0)
                .ok_or_else(|| invalid(command, "INVALID_PARAMS", "maxBytes must be a positive integer"))?,
        };
        let most = asked.min(MAX_BYTES).min(allowed.max_bytes.unwrap_or(u64::MAX));
        params.insert("maxBytes".into(), json!(most));
    }
    Ok(params)
}

fn invalid(command: FileCommand, code: &'static str, why: &str) -> ErrorShape {
    ErrorShape::invalid(format!("{} {code}: {why}", command.as_str()))
        .with_details(json!({"code": code, "command": command.as_str(), "nodeCommandDispatched": false}))
}

/// `dispatched`: the node has done it; nothing of what it gave goes on.
fn refusal(wish: Wish<'_>, refused: &Refused, dispatched: bool) -> ErrorShape {
    let Refused { code, reason } = refused;
    let (command, node) = (wish.command.as_str(), wish.name.unwrap_or(wish.node_id));
    tracing::warn!(command, node, path = wish.path, code, reason, "a file of a node was refused");
    ErrorShape::invalid(format!("{command} {code}: {} on {node}: {reason}", wish.path)).with_details(json!({
        "code": code, "command": command, "path": wish.path, "rule": reason, "nodeCommandDispatched": dispatched,
    }))
}
