//! `sessions.resolve`: the session that a key, an id or a label means.

use super::entry;
use crate::methods::{Answer, Call, store_error, submit};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use store::{Archived, Session, SessionFilter};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: Option<String>,
    session_id: Option<String>,
    label: Option<String>,
    agent_id: Option<String>,
    #[serde(default)]
    allow_missing: bool,
}

/// Sessions of several agents that have one label; more are not named.
const MAX_CANDIDATES: usize = 10;

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let (found, asked) = match (&p.key, &p.session_id, &p.label) {
        (Some(key), None, None) => {
            let key = submit::kept_session_key(&call, Some(key), p.agent_id.as_deref())?;
            (one(call.shared.store.session(&key).await), key.to_string())
        }
        (None, Some(id), None) => (one(call.shared.store.session_by_id(id).await), id.clone()),
        (None, None, Some(label)) => {
            let filter = SessionFilter {
                agent_id: p.agent_id.clone(),
                limit: MAX_CANDIDATES,
                label: Some(label.trim().to_owned()),
                archived: Archived::All,
                ..SessionFilter::default()
            };
            (call.shared.store.sessions(filter).await, format!("with label {label}"))
        }
        _ => return Err(ErrorShape::invalid("sessions.resolve needs one of key, sessionId and label")),
    };
    let mut found = found.map_err(store_error)?;
    found.retain(|session| p.agent_id.as_ref().is_none_or(|agent| agent == session.key.agent_id()));
    match found.as_slice() {
        [session] => {
            let mut out = json!({"ok": true, "key": session.key, "agentId": session.key.agent_id()});
            if session.label.is_some() || session.title.is_some() {
                out["displayName"] = json!(entry::display_name(session));
            }
            Ok(out.into())
        }
        [] if p.allow_missing => Ok(json!({"ok": false}).into()),
        [] => Err(ErrorShape::invalid(format!("No session found: {asked}"))),
        several => {
            let candidate = |s: &Session| json!({"key": s.key, "agentId": s.key.agent_id(), "displayName": entry::display_name(s)});
            let candidates: Vec<_> = several.iter().map(candidate).collect();
            Ok(json!({"ok": false, "candidates": candidates}).into())
        }
    }
}

fn one(found: Result<Option<Session>, store::StoreError>) -> Result<Vec<Session>, store::StoreError> {
    found.map(|session| session.into_iter().collect())
}
