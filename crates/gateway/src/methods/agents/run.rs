//! `agent`: runs the agent on a message. Answered twice: accepted, then final (`samples/flow-agent-turn.jsonl`).

use crate::connection::hello::to_raw;
use crate::methods::submit::{self, Submit};
use crate::methods::{Answer, Call, Reply};
use model::Directives;
use protocol::{ErrorCode, ErrorShape};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Where the call names no deadline, in seconds.
const DEFAULT_TIMEOUT_S: u64 = 600;
/// The final response waits this much longer than the turn may take: the turn's own deadline speaks first.
const GRACE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    message: String,
    agent_id: Option<String>,
    session_key: Option<String>,
    #[serde(default)]
    deliver: bool,
    channel: Option<String>,
    to: Option<String>,
    account_id: Option<String>,
    reply_channel: Option<String>,
    reply_to: Option<String>,
    reply_account_id: Option<String>,
    /// In seconds.
    timeout: Option<u64>,
    #[serde(default)]
    attachments: Vec<Value>,
    extra_system_prompt: Option<String>,
    idempotency_key: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::session_key(&call, p.session_key.as_deref(), p.agent_id.as_deref())?;
    let timeout = Duration::from_secs(p.timeout.filter(|t| *t > 0).unwrap_or(DEFAULT_TIMEOUT_S));
    let deliver_to = if p.deliver { Some(target(&call, &p, &key).await?) } else { None };
    let directives = Directives {
        timeout_ms: u64::try_from(timeout.as_millis()).ok(),
        deliver_to,
        extra_system: p.extra_system_prompt.filter(|s| !s.is_empty()),
        ..Directives::default()
    };
    let run_id = p.idempotency_key;
    let submitted = submit::submit(
        &call,
        Submit {
            key: key.clone(),
            run_id: run_id.clone(),
            message: p.message,
            attachments: p.attachments,
            directives,
        },
    )
    .await?;
    let accepted = json!({
        "runId": run_id, "sessionKey": key, "agentId": key.agent_id(), "status": "accepted",
        "acceptedAt": call.shared.clock.now_ms(),
    });
    call.conn.respond(&call.request_id, Ok(&to_raw(&accepted)));
    let Some(result) = submitted.wait(timeout + GRACE).await else {
        return Err(ErrorShape::new(
            ErrorCode::AgentTimeout,
            format!(
                "the agent did not answer within {} s; the run goes on, ask again with agent.wait",
                timeout.as_secs()
            ),
        )
        .with_details(json!({"runId": run_id})));
    };
    match submit::failure(&run_id, &result) {
        Some(error) => Err(error),
        None => Ok(Reply::from((*result.payload).clone())),
    }
}

/// Where the answer is delivered: what the call says, else where the session was last spoken to.
async fn target(
    call: &Call,
    p: &Params,
    key: &model::SessionKey,
) -> Result<(String, String, String), ErrorShape> {
    let channel = p.reply_channel.as_ref().or(p.channel.as_ref()).filter(|c| !c.is_empty());
    let to = p.reply_to.as_ref().or(p.to.as_ref()).filter(|t| !t.is_empty());
    let account = p.reply_account_id.as_ref().or(p.account_id.as_ref()).filter(|a| !a.is_empty());
    let account = account.cloned().unwrap_or_else(|| crate::delivery::channels::DEFAULT_ACCOUNT.into());
    let target = match (channel, to) {
        (Some(channel), Some(to)) => {
            (channel.clone(), account, crate::delivery::outbox::chat_id(channel, to))
        }
        _ => {
            let session = call.shared.store.session(key).await.map_err(crate::methods::store_error)?;
            let route = session.and_then(|s| s.route).ok_or_else(|| {
                ErrorShape::invalid(
                    "deliver needs a channel and to: nobody has written in this session from a channel yet",
                )
            })?;
            (route.channel, route.account, route.to)
        }
    };
    if !call.shared.channels.has(&target.0) {
        return Err(ErrorShape::invalid(format!("no channel {:?} is configured", target.0)));
    }
    Ok(target)
}
