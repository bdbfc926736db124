//! `chat.send`: as `agent`, answered at once; the answer comes in `chat` events. So does that of a command (`/status`), which
//! begins no run.

use crate::chat_commands::{self, Decider, Speaker};
use crate::hub::Audience;
use crate::methods::submit::{self, Submit};
use crate::methods::turn::{self, Delivery};
use crate::methods::{Answer, Call, given, store_error};
use crate::runs::dispatch;
use crate::runs::events::assistant_text;
use model::{Directives, SessionKey};
use protocol::Scope;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Expected, Leaf};

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
    session_id: Option<String>,
    /// The last entry that the caller knows; null: it knows of none.
    #[serde(default, deserialize_with = "given")]
    expected_leaf_entry_id: Option<Option<String>>,
    /// Whether the answer goes to a chat, too: to the one named here, else to where the session was last spoken to.
    #[serde(default)]
    deliver: bool,
    originating_channel: Option<String>,
    originating_to: Option<String>,
    originating_account_id: Option<String>,
    originating_thread_id: Option<String>,
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
        return command(&call, key, p).await;
    }
    let deliver_to = if p.deliver { turn::target(&call, delivery(&p), &key).await? } else { None };
    let expected = expected(&p);
    let directives = Directives {
        queue_mode: p.queue_mode,
        timeout_ms: p.timeout_ms,
        deliver_to,
        ..Directives::default()
    };
    let run_id = p.idempotency_key;
    let (message, attachments) = (p.message, p.attachments);
    let submit = Submit { key, run_id: run_id.clone(), message, attachments, directives, expected };
    submit::submit(&call, submit).await?;
    Ok(json!({"runId": run_id, "status": "started"}).into())
}

/// Where `deliver` means: what an app names of itself, as `webchat`, is nowhere to deliver to.
fn delivery(p: &Params) -> Delivery<'_> {
    let channel = p.originating_channel.as_deref().filter(|channel| *channel != "webchat");
    Delivery {
        channel,
        to: p.originating_to.as_deref().filter(|_| channel.is_some()),
        account: p.originating_account_id.as_deref(),
        thread: p.originating_thread_id.as_deref().filter(|_| channel.is_some()),
    }
}

/// The session as the caller knows it.
fn expected(p: &Params) -> Expected {
    let leaf = match (&p.expected_leaf_entry_id, &p.session_id) {
        // What is said into a turn under way comes behind whatever that says meanwhile.
        _ if p.queue_mode.as_deref() == Some("steer") => None,
        (Some(leaf), None) => Some(Leaf::Last(leaf.clone())),
        // Who names the session's id too knows that others speak in it.
        (Some(Some(leaf)), Some(_)) => Some(Leaf::Part(leaf.clone())),
        (Some(None), Some(_)) | (None, _) => None,
    };
    Expected { session_id: p.session_id.clone(), made_as: None, leaf }
}

/// Answers a command; under the same key it is done once.
async fn command(call: &Call, key: SessionKey, p: Params) -> Answer {
    let run_id = &p.idempotency_key;
    let principal = call.conn.principal();
    let resolver = match &principal.device_id {
        Some(device) => ("device".to_owned(), device.clone()),
        None => ("runtime".to_owned(), principal.client_id.clone()),
    };
    let speaker = Speaker {
        decides: (principal.may(Scope::Approvals) && !principal.over_funnel).then_some(Decider {
            resolver,
            client: Some(&call.conn),
            of_session: true,
            approver_of: None,
        }),
        may_reset: principal.may(Scope::Admin),
        is_owner: principal.may(Scope::Admin) && !principal.over_funnel,
        inbound: None,
        after: None,
        key: key.clone(),
    };
    let shared = &call.shared;
    let work = async {
        let unmet = shared.store.unmet(&key, expected(&p), dispatch::is_for(shared, &key)).await;
        if let Some(unmet) = unmet.map_err(store_error)? {
            return Err(turn::unmet(&key, &unmet));
        }
        let Some(parsed) = chat_commands::parse(&p.message) else {
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
