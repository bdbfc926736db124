//! `sessions.create`: a session with a key, a label and a model of its own, and its first message where one is given.

use super::entry;
use crate::methods::submit::{self, Submit};
use crate::methods::{Answer, Call, store_error};
use model::{Directives, SessionKey};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{Created, Expected, NewSession, SessionPatch};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: Option<String>,
    idempotency_key: Option<String>,
    agent_id: Option<String>,
    label: Option<String>,
    display_name: Option<String>,
    model: Option<String>,
    thinking_level: Option<String>,
    parent_session_key: Option<String>,
    task: Option<String>,
    message: Option<String>,
    #[serde(default)]
    attachments: Vec<Value>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = call.shared.clone();
    let key = key(&call, &p)?;
    let model = p.model.as_deref().map(|m| shared.models().choose(m)).transpose();
    let model = model.map_err(ErrorShape::invalid)?;
    if let Some(level) = &p.thinking_level {
        entry::check_thinking(&shared, model.as_deref().unwrap_or_default(), level)?;
    }
    let parent = p.parent_session_key.as_deref().map(|k| parent(&call, k));
    let parent = match parent {
        Some(parent) => Some(parent.await?),
        None => None,
    };
    let patch = SessionPatch {
        label: p.label.as_deref().map(entry::label).transpose()?.map(Some),
        model: model.map(Some),
        ..SessionPatch::default()
    };
    let new = NewSession {
        key: key.clone(),
        created_via: "operator".into(),
        title: p.display_name.as_deref().map(entry::label).transpose()?,
        parent_key: parent,
        patch,
    };
    let session = match shared.store.create_session(new).await.map_err(store_error)? {
        Created::Done(session, _) => session,
        Created::LabelTaken(label) => return Err(entry::label_taken(&label)),
    };
    crate::runs::events::session_changed(&shared, &key, "create").await;
    let mut out = json!({
        "ok": true, "key": key, "sessionId": session.session_id, "entry": entry::entry(&session),
        "runStarted": false, "resolved": entry::resolved(&shared, &session),
    });
    if let Some(message) = p.message.or(p.task).filter(|text| !text.trim().is_empty()) {
        let run_id = p.idempotency_key.unwrap_or_else(model::new_id);
        let first = Submit {
            key,
            run_id: run_id.clone(),
            message,
            attachments: p.attachments,
            directives: Directives::default(),
            expected: Expected::default(),
        };
        // The session is there whatever becomes of its message: the caller may send it again.
        match submit::submit(&call, first).await {
            Ok(_) => (out["runStarted"], out["runId"]) = (json!(true), json!(run_id)),
            Err(error) => out["runError"] = json!(error),
        }
    }
    Ok(out.into())
}

/// The key that is asked for, else one that nobody has; the same idempotency key of the same caller gives the same one.
fn key(call: &Call, p: &Params) -> Result<SessionKey, ErrorShape> {
    if let Some(key) = p.key.as_deref().filter(|k| !k.trim().is_empty()) {
        let key = submit::session_key(call, Some(key), p.agent_id.as_deref())?;
        return match &p.agent_id {
            Some(agent) if agent != key.agent_id() => {
                Err(ErrorShape::invalid("session key agent does not match agentId"))
            }
            _ => Ok(key),
        };
    }
    let name = match &p.idempotency_key {
        Some(idempotency) => derived(call.conn.principal().key_owner(), idempotency),
        None => model::new_id(),
    };
    submit::session_key(call, Some(&format!("dashboard:{name}")), p.agent_id.as_deref())
}

fn derived(owner: &str, idempotency_key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(owner.as_bytes());
    hash.update([0]);
    hash.update(idempotency_key.as_bytes());
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

async fn parent(call: &Call, key: &str) -> Result<String, ErrorShape> {
    let key = submit::session_key(call, Some(key), None)?;
    match call.shared.store.session(&key).await.map_err(store_error)? {
        Some(_) => Ok(key.to_string()),
        // The main session is there from the beginning, spoken in or not.
        None if key.is_main() => Ok(key.to_string()),
        None => Err(ErrorShape::invalid(format!("unknown parent session: {key}"))),
    }
}
