//! `agent`: runs the agent on a message. Answered twice: accepted, then final (`samples/flow-agent-turn.jsonl`).

use crate::connection::hello::to_raw;
use crate::methods::submit::{self, Submit};
use crate::methods::turn::{self, Delivery, Target};
use crate::methods::{Answer, Call, Reply, store_error};
use model::{Directives, SessionKey};
use protocol::{ErrorCode, ErrorShape};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use store::Expected;

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
    thread_id: Option<String>,
    /// Whether the turn runs also where nothing can be delivered.
    #[serde(default)]
    best_effort_deliver: bool,
    provider: Option<String>,
    model: Option<String>,
    session_id: Option<String>,
    expected_existing_session_id: Option<String>,
    bootstrap_context_mode: Option<String>,
    #[serde(default)]
    disable_message_tool: bool,
    /// In seconds.
    timeout: Option<u64>,
    #[serde(default)]
    attachments: Vec<Value>,
    extra_system_prompt: Option<String>,
    idempotency_key: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let (key, expected) = session(&call, &p).await?;
    let model = turn::model(&call, p.provider.as_deref(), p.model.as_deref())?;
    let timeout = Duration::from_secs(p.timeout.filter(|t| *t > 0).unwrap_or(DEFAULT_TIMEOUT_S));
    let deliver_to = if p.deliver { deliver_to(&call, &p, &key).await? } else { None };
    let directives = Directives {
        timeout_ms: u64::try_from(timeout.as_millis()).ok(),
        deliver_to,
        extra_system: p.extra_system_prompt.filter(|s| !s.is_empty()),
        model,
        light_context: p.bootstrap_context_mode.as_deref() == Some("lightweight"),
        no_message_tool: p.disable_message_tool,
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
            expected,
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

/// The session that is meant, and what is expected of it.
async fn session(call: &Call, p: &Params) -> Result<(SessionKey, Expected), ErrorShape> {
    let (key, agent) = (p.session_key.as_deref(), p.agent_id.as_deref());
    let id = p.session_id.as_deref();
    // The same message again is meant for the session that it came to first, whatever became of that since.
    if id.is_some() && key.is_none() {
        let run = call.shared.store.run(&p.idempotency_key).await.map_err(store_error)?;
        if let Some(run) = run {
            return Ok((run.session_key, Expected::default()));
        }
    }
    let expected = Expected {
        session_id: p.expected_existing_session_id.clone(),
        made_as: turn::new_id(id)?,
        leaf: None,
    };
    Ok((turn::session(call, key, agent, id).await?, expected))
}

/// Where the answer goes beside the caller.
async fn deliver_to(call: &Call, p: &Params, key: &SessionKey) -> Result<Option<Target>, ErrorShape> {
    let either = |first: &Option<String>, second: &Option<String>| first.clone().or_else(|| second.clone());
    let channel = either(&p.reply_channel, &p.channel);
    let to = either(&p.reply_to, &p.to);
    let account = either(&p.reply_account_id, &p.account_id);
    let wanted = Delivery {
        channel: channel.as_deref(),
        to: to.as_deref(),
        account: account.as_deref(),
        thread: p.thread_id.as_deref(),
    };
    let target = turn::target(call, wanted, key).await.and_then(|target| {
        target.ok_or_else(|| {
            ErrorShape::invalid(
                "deliver needs a channel and to: nobody has written in this session from a channel yet",
            )
        })
    });
    match target {
        Err(error) if p.best_effort_deliver => {
            tracing::info!(error = error.message, session = %key, "the answer goes to the caller alone");
            Ok(None)
        }
        target => target.map(Some),
    }
}
