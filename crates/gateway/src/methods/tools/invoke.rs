//! `tools.invoke`: one call of a tool, as the agent would make it: the same tools, the same policy, the same questions.

use crate::methods::{Answer, Call, store_error, submit};
use crate::node_tools::NodeTool;
use crate::shared::Shared;
use agent::tool::{Tool, ToolContext, ToolOutput};
use model::{Part, SessionKey};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use store::ToolCallState;
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    name: String,
    #[serde(default)]
    args: Map<String, Value>,
    session_key: Option<String>,
    agent_id: Option<String>,
    idempotency_key: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::session_key(&call, p.session_key.as_deref(), p.agent_id.as_deref())?;
    let current = call.shared.current();
    let tools = call.shared.tools_for(&current, key.agent_id());
    let lent = call.shared.node_tools(&current, key.agent_id());
    let source = lent.iter().find(|t| t.hosted.spec.name == p.name).map_or("core", NodeTool::source);
    let Some(tool) =
        tools.iter().find(|t| t.spec().name == p.name).cloned().map(|tool| Sourced { tool, source })
    else {
        return Ok(refusal(&p.name, "not_found", &format!("tool not available: {}", p.name)).into());
    };
    let arguments = Value::Object(p.args);
    let changes = tool.tool.has_effects(&arguments);
    let Some(idempotency_key) = p.idempotency_key.filter(|_| changes) else {
        return invoke(tool, arguments, &key, model::new_id()).await.map(Into::into);
    };
    let id = id(call.conn.principal().key_owner(), &p.name, &key, &arguments, &idempotency_key);
    let shared = call.shared.clone();
    let work = once(&shared, tool, arguments, &key, &id);
    // Beside the store: two at the same time are one call, and both get its answer.
    shared.idempotency.once(format!("tools.invoke\0{id}"), |_| false, work).await
}

/// Makes a call that changes something, unless it was made under this id, by this gateway or one before.
async fn once(shared: &Shared, tool: Sourced, arguments: Value, key: &SessionKey, id: &str) -> Answer {
    match shared.store.begin_tool_call(id).await.map_err(store_error)? {
        ToolCallState::Done(answer) => return Ok(answer.into()),
        ToolCallState::Cut => {
            return Err(ErrorShape::unavailable(
                "this call was begun under this idempotencyKey and cut; whether it took effect is not known. Find out, and \
                 use another key to make it again",
            )
            .with_details(json!({"code": "CALL_CUT"})));
        }
        ToolCallState::New => {}
    }
    let answer = invoke(tool, arguments, key, id.to_owned()).await?;
    shared.store.end_tool_call(id, &answer).await.map_err(store_error)?;
    Ok(answer.into())
}

/// What makes two calls the same. Another tool or other arguments under the same key are another call.
fn id(owner: &str, tool: &str, key: &SessionKey, arguments: &Value, idempotency_key: &str) -> String {
    let mut hash = Sha256::new();
    let (key, arguments) = (key.to_string(), arguments.to_string());
    for part in ["tools.invoke", owner, tool, &key, &arguments, idempotency_key] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// A tool, and what it is of: `core`, `plugin`, `mcp`.
struct Sourced {
    tool: Arc<dyn Tool>,
    source: &'static str,
}

async fn invoke(
    Sourced { tool, source }: Sourced,
    arguments: Value,
    key: &SessionKey,
    id: String,
) -> Result<Value, ErrorShape> {
    let cancel = CancellationToken::new();
    // A caller that goes takes its call back.
    let _ends_with_caller = cancel.clone().drop_guard();
    let context = ToolContext {
        agent_id: key.agent_id().to_owned(),
        session_key: key.clone(),
        tool_call_id: format!("rpc-{id}"),
        run_id: format!("rpc-{id}"),
        cancel,
    };
    let name = tool.spec().name.clone();
    let output = tool.call(arguments, context).await;
    if output.is_error {
        return Ok(refusal(&name, "internal_error", &text(&output)));
    }
    let content =
        serde_json::to_value(&output.content).map_err(|e| ErrorShape::unavailable(e.to_string()))?;
    let mut out = json!({"content": content});
    if let Some(command) = &output.command {
        out["details"] = json!({"exitCode": command.exit_code, "durationMs": command.duration_ms});
    }
    Ok(json!({"ok": true, "toolName": name, "output": out, "source": source}))
}

fn refusal(name: &str, code: &str, message: &str) -> Value {
    let message = if message.is_empty() { "the tool failed without a word" } else { message };
    json!({"ok": false, "toolName": name, "error": {"code": code, "message": message}})
}

fn text(output: &ToolOutput) -> String {
    let texts = output.content.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        Part::Image { .. } => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}
