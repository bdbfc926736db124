//! `sessions.delete`: a session's key is free again, and no list or search shows it. What was said and what it cost are
//! facts that stay in the state file; what waited for an answer there, and lines for its next turn, go with it.

use super::entry;
use super::list::store_path;
use crate::methods::{Answer, Call, store_error, submit};
use crate::runs::{self, hold};
use crate::shared::Shared;
use model::SessionKey;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use store::{Deleted, SessionGuard};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: String,
    agent_id: Option<String>,
    delete_transcript: Option<bool>,
    expected_session_id: Option<String>,
    expected_session_updated_at: Option<i64>,
    #[serde(default)]
    archived_only: bool,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = call.shared.clone();
    let key = submit::kept_session_key(&call, Some(&p.key), p.agent_id.as_deref())?;
    if key.is_main() {
        return Err(ErrorShape::invalid(format!(
            "Cannot delete the main session ({key}). sessions.reset begins it anew"
        )));
    }
    let forget = p.delete_transcript.unwrap_or(true);
    let guard = SessionGuard {
        session_id: p.expected_session_id,
        updated_at_ms: p.expected_session_updated_at,
        archived: p.archived_only,
        ..SessionGuard::default()
    };
    if !check(&shared, &key, &guard).await? {
        return Ok(json!({"ok": true, "key": key, "deleted": false, "archived": []}).into());
    }
    match remove(&shared, &key, guard, forget).await? {
        Deleted::Done(session_id) => {
            // Where the entries are kept, as `sessions.usage` names a transcript.
            let kept = format!("sqlite:{}:{session_id}:{}", key.agent_id(), store_path(&shared));
            let archived = if forget { vec![kept] } else { vec![] };
            Ok(json!({"ok": true, "key": key, "deleted": true, "archived": archived}).into())
        }
        Deleted::Missing => Ok(json!({"ok": true, "key": key, "deleted": false, "archived": []}).into()),
        Deleted::Changed => Err(entry::changed(&key, "deletion")),
        Deleted::NotArchived => Err(not_archived(&key)),
    }
}

/// Stops what a session is at, deletes it, and tells those who list sessions.
///
/// # Errors
/// What it is at does not end, or the store failed.
pub(in crate::methods) async fn remove(
    shared: &Arc<Shared>,
    key: &SessionKey,
    guard: SessionGuard,
    forget: bool,
) -> Result<Deleted, ErrorShape> {
    // A turn under way would go on in a session that is not there: it is stopped first, and what waits for it.
    let Some(_hold) = hold::seize(shared, key).await.map_err(store_error)? else {
        return Err(entry::still_active(key));
    };
    // Stopping changed the session: from here on it is compared by its transcript alone.
    let guard = SessionGuard { updated_at_ms: None, ..guard };
    let deleted = shared.store.delete_session(key, guard, forget).await.map_err(store_error)?;
    if let Deleted::Done(session_id) = &deleted {
        runs::events::session_deleted(shared, key, session_id);
    }
    Ok(deleted)
}

/// Whether there is something to delete: nothing is stopped for a deletion that will not be.
async fn check(shared: &Shared, key: &SessionKey, guard: &SessionGuard) -> Result<bool, ErrorShape> {
    let Some(session) = shared.store.session(key).await.map_err(store_error)? else { return Ok(false) };
    if guard.archived && session.archived_at_ms.is_none() {
        return Err(not_archived(key));
    }
    let same = guard.session_id.as_ref().is_none_or(|id| *id == session.session_id)
        && guard.updated_at_ms.is_none_or(|at| at == session.updated_at_ms);
    if same { Ok(true) } else { Err(entry::changed(key, "deletion")) }
}

fn not_archived(key: &SessionKey) -> ErrorShape {
    ErrorShape::invalid(format!("Session {key} is not archived. Archive it first, then delete it."))
}
