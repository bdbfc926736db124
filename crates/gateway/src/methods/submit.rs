//! A message that came by RPC, on its way to a session: stored first, so that what was accepted is answered even after
//! a crash, then queued. Used by `agent` and `chat.send`.

use super::{Call, store_error, turn};
use crate::runs::dispatch::{self, Dispatched, RPC};
use crate::runs::{RunResult, finish};
use crate::shared::Shared;
use model::{Chat, ChatKind, Directives, Inbound, Part, Sender, SessionKey};
use protocol::limits::{MAX_ATTACHMENT_BYTES, MAX_IMAGE_BYTES};
use protocol::{ErrorCode, ErrorShape};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use store::{Accepted, Expected, InboundRow};
use tokio::sync::watch;

/// A message to submit.
pub(super) struct Submit {
    pub(super) key: SessionKey,
    pub(super) run_id: String,
    pub(super) message: String,
    pub(super) attachments: Vec<Value>,
    pub(super) directives: Directives,
    /// Looked at when the message comes first: the same one again is answered, whatever became of its session since.
    pub(super) expected: Expected,
}

/// A submitted message.
pub(super) struct Submitted {
    /// Hears of the run's end.
    pub(super) result: watch::Receiver<Option<Arc<RunResult>>>,
}

/// Stores and queues the message. The same run id again gives the first run.
pub(super) async fn submit(call: &Call, submit: Submit) -> Result<Submitted, ErrorShape> {
    let shared = &call.shared;
    known_agent(shared, submit.key.agent_id())?;
    let images = images(&submit.attachments)?;
    let run_id = submit.run_id.clone();
    // Listening begins before anything runs: the end cannot be missed.
    let result = shared.runs.watch(&submit.run_id);
    if let Some(run) = shared.store.run(&submit.run_id).await.map_err(store_error)? {
        if run.session_key != submit.key {
            return Err(ErrorShape::invalid(format!(
                "idempotencyKey {} was used for another session ({}); use a new one",
                submit.run_id, run.session_key
            )));
        }
        finish::resolve_stored(shared, &run);
        return Ok(Submitted { result });
    }
    let mut directives = submit.directives;
    if call.conn.principal().over_funnel {
        directives.over_funnel = true;
        // A turn of its own: one that runs has tools that this message may not use.
        directives.queue_mode = Some("followup".into());
    }
    let inbound = Inbound {
        channel: RPC.into(),
        account: String::new(),
        message_id: submit.run_id,
        chat: Chat { id: submit.key.to_string(), kind: ChatKind::Direct, title: None },
        sender: Sender {
            id: call.conn.principal().key_owner().to_owned(),
            name: Some(call.conn.principal().client_id.clone()),
            username: None,
        },
        context: None,
        event: None,
        album: None,
        said: None,
        sticker: None,
        coming: vec![],
        text: submit.message,
        images,
        forwarded: false,
        addressed: true,
        sent_at_ms: shared.clock.now_ms(),
        directives: Some(directives),
    };
    // Guards against a crash after "accepted": from here on the message is on disk and will be answered.
    let key = submit.key;
    let is_for = dispatch::is_for(shared, &key);
    match shared.store.accept_for(&key, inbound, submit.expected, is_for).await.map_err(store_error)? {
        Accepted::New(row) => begin(shared, *row).await?,
        Accepted::Known if is_known(shared, &run_id).await? => {}
        Accepted::Known => {
            // Aborted before it began: it will never run, and waiting for it would be in vain.
            return Err(ErrorShape::invalid(format!(
                "idempotencyKey {run_id} was used for a message that never ran (it was aborted); use a new one"
            )));
        }
        Accepted::Unmet(unmet) => return Err(turn::unmet(&key, &unmet)),
    }
    Ok(Submitted { result })
}

/// Queues what was taken in, or gives it back.
async fn begin(shared: &Arc<Shared>, row: InboundRow) -> Result<(), ErrorShape> {
    let id = row.id;
    // The claim is held until the row is closed: nobody else can begin what is refused here.
    if let Dispatched::Full(_claim) = dispatch::one(shared, row).await.map_err(store_error)? {
        // Forgotten, not closed: the same key may be tried again.
        shared.store.forget_inbound(id).await.map_err(store_error)?;
        return Err(ErrorShape::unavailable(
            "the session has too many messages waiting (messages.queue.cap); try again when some are answered",
        )
        .retryable());
    }
    Ok(())
}

/// Whether a run of this id waits, runs or ran.
pub(super) async fn is_known(shared: &Shared, run_id: &str) -> Result<bool, ErrorShape> {
    if shared.store.is_waiting(RPC, run_id).await.map_err(store_error)? {
        return Ok(true);
    }
    Ok(shared.store.run(run_id).await.map_err(store_error)?.is_some())
}

impl Submitted {
    /// Waits for the run's end; `None` when the time is over first.
    pub(super) async fn wait(mut self, at_most: Duration) -> Option<Arc<RunResult>> {
        let ended = self.result.wait_for(Option::is_some);
        match tokio::time::timeout(at_most, ended).await {
            Ok(Ok(result)) => result.clone(),
            _ => None,
        }
    }
}

/// Images among the attachments (`{mimeType, content: base64}`). Others are refused, so that nothing is lost silently.
fn images(attachments: &[Value]) -> Result<Vec<Part>, ErrorShape> {
    let mut parts = Vec::new();
    let mut total = 0usize;
    for (i, attachment) in attachments.iter().enumerate() {
        let mime = attachment["mimeType"].as_str().unwrap_or_default();
        let Some(content) = attachment["content"].as_str().filter(|_| mime.starts_with("image/")) else {
            return Err(ErrorShape::invalid(format!(
                "at /attachments/{i}: only images with a base64 content are taken for now (mimeType image/…)"
            )));
        };
        // A data URL is taken too; what counts is behind the comma.
        let data = content.rsplit_once("base64,").map_or(content, |(_, data)| data);
        let bytes = data.len() / 4 * 3;
        total += bytes;
        if bytes > MAX_IMAGE_BYTES || total > MAX_ATTACHMENT_BYTES {
            return Err(ErrorShape::invalid(format!(
                "at /attachments/{i}: too large; an image may have {MAX_IMAGE_BYTES} bytes, all together {MAX_ATTACHMENT_BYTES}"
            )));
        }
        parts.push(Part::Image { data: data.to_owned(), mime_type: mime.to_owned() });
    }
    Ok(parts)
}

/// The session that a call means, for something to be done in it: a full key, a bare name within the agent, or the agent's
/// main session. Its agent must be there: rules are kept by agent.
pub(super) fn session_key(
    call: &Call,
    key: Option<&str>,
    agent_id: Option<&str>,
) -> Result<SessionKey, ErrorShape> {
    let key = kept_session_key(call, key, agent_id)?;
    known_agent(&call.shared, key.agent_id())?;
    Ok(key)
}

/// As [`session_key`], for looking at what is kept and putting it away: the agent of a full key may be gone.
pub(super) fn kept_session_key(
    call: &Call,
    key: Option<&str>,
    agent_id: Option<&str>,
) -> Result<SessionKey, ErrorShape> {
    let settings = call.shared.settings();
    let agent = agent_id.unwrap_or(&settings.default_agent);
    known_agent(&call.shared, agent)?;
    match key.filter(|k| !k.trim().is_empty()) {
        None => Ok(SessionKey::main(agent)),
        Some(text) => SessionKey::resolve(text.trim(), agent).map_err(|e| ErrorShape::invalid(e.to_string())),
    }
}

/// Refuses an agent that is not there, or not any more: its sessions may be read, and nobody answers in them.
fn known_agent(shared: &Shared, agent: &str) -> Result<(), ErrorShape> {
    let settings = shared.settings();
    if settings.has_agent(agent) {
        return Ok(());
    }
    let known: Vec<&str> = settings.agents.iter().map(|a| a.id.as_str()).collect();
    Err(ErrorShape::invalid(format!("unknown agent {agent:?}; there are: {}", known.join(", "))))
}

/// The error response of a run that did not end well.
pub(super) fn failure(run_id: &str, result: &RunResult) -> Option<ErrorShape> {
    let error = result.error.clone()?;
    let code = if result.timed_out { ErrorCode::AgentTimeout } else { ErrorCode::Unavailable };
    Some(ErrorShape::new(code, error).with_details(serde_json::json!({"runId": run_id})))
}
