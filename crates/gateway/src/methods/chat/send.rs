//! `chat.send`: as `agent`, answered at once; the answer comes in `chat` events. So does that of a command (`/status`), which
//! begins no run.

use crate::chat_commands::{self, Decider, Speaker};
use crate::hub::Audience;
use crate::methods::submit::{self, Submit};
use crate::methods::{Answer, Call};
use crate::runs::events::assistant_text;
use model::{Directives, SessionKey};
use protocol::Scope;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    session_key: String,
    agent_id: Option<String>,
    message: String,
    queue_mode: Option<String>,
    #[serde(default)]
    attachments: Vec<Value>,
    timeout_ms: Option<u64>,
    /// What looks like a command is a message all the same.
    #[serde(default)]
    suppress_command_interpretation: bool,
    idempotency_key: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::session_key(&call, Some(&p.session_key), p.agent_id.as_deref())?;
    let may_command = !p.suppress_command_interpretation && p.attachments.is_empty();
    if may_command && chat_commands::parse(&p.message).is_some() {
        return command(&call, key, p.message, p.idempotency_key).await;
    }
    let directives =
        Directives { queue_mode: p.queue_mode, timeout_ms: p.timeout_ms, ..Directives::default() };
    let run_id = p.idempotency_key;
    let submit =
        Submit { key, run_id: run_id.clone(), message: p.message, attachments: p.attachments, directives };
    submit::submit(&call, submit).await?;
    Ok(json!({"runId": run_id, "status": "started"}).into())
}

/// Answers a command; under the same key it is done once.
async fn command(call: &Call, key: SessionKey, message: String, run_id: String) -> Answer {
    let principal = call.conn.principal();
    let resolver = match &principal.device_id {
        Some(device) => ("device".to_owned(), device.clone()),
        None => ("runtime".to_owned(), principal.client_id.clone()),
    };
    let speaker = Speaker {
        decides: principal.may(Scope::Approvals).then_some(Decider { resolver, client: Some(&call.conn) }),
        may_reset: principal.may(Scope::Admin),
        key: key.clone(),
    };
    let shared = &call.shared;
    let work = async {
        let Some(parsed) = chat_commands::parse(&message) else {
            return Ok(json!({"runId": run_id, "status": "started"}).into());
        };
        let text = chat_commands::run(shared, &speaker, &parsed).await?;
        let payload = json!({
            "runId": run_id, "sessionKey": key, "agentId": key.agent_id(), "seq": 1, "state": "final",
            "message": assistant_text(&text, shared.clock.now_ms()),
        });
        shared.hub.broadcast(Audience::Operators(Scope::Read), "chat", &payload, true);
        Ok(json!({"runId": run_id, "status": "started"}).into())
    };
    let once = format!("chat.send\0{}\0{key}\0{run_id}", principal.key_owner());
    shared.idempotency.once(once, Answer::is_ok, work).await
}
