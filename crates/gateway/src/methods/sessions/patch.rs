//! `sessions.patch`: what people choose for a session: its label, its model, whether it is pinned, read or put away.

use super::entry;
use super::list::store_path;
use crate::methods::{Answer, Call, given, store_error, submit};
use crate::runs::hold;
use model::SessionKey;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use store::{ChosenPatch, Patched, SessionGuard, SessionPatch, UsageLine};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: String,
    agent_id: Option<String>,
    expected_session_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    expected_marked_unread_at: Option<Option<i64>>,
    #[serde(default, deserialize_with = "given")]
    label: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    model: Option<Option<String>>,
    thinking_level: Option<String>,
    archived: Option<bool>,
    pinned: Option<bool>,
    unread: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    send_policy: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    group_activation: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    response_usage: Option<Option<String>>,
}

impl Params {
    fn chosen(&self) -> ChosenPatch {
        ChosenPatch {
            sends: self.send_policy.as_ref().map(|policy| policy.as_deref().map(|policy| policy == "allow")),
            hears_all: self
                .group_activation
                .as_ref()
                .map(|mode| mode.as_deref().map(|mode| mode == "always")),
            usage: self.response_usage.as_ref().map(|line| line.as_deref().and_then(UsageLine::named)),
        }
    }
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = call.shared.clone();
    let key = submit::kept_session_key(&call, Some(&p.key), p.agent_id.as_deref())?;
    let model = match &p.model {
        Some(Some(name)) => Some(Some(shared.models().choose(name).map_err(ErrorShape::invalid)?)),
        Some(None) => Some(None),
        None => None,
    };
    if let Some(level) = &p.thinking_level {
        check_thinking(&call, &key, model.as_ref(), level).await?;
    }
    let chosen = p.chosen();
    let label = match &p.label {
        Some(Some(text)) => Some(Some(entry::label(text)?)),
        Some(None) => Some(None),
        None => None,
    };
    // What is put away is at rest: what it was at is stopped first.
    let _hold = match p.archived {
        Some(true) => Some(rest(&call, &key, p.expected_session_id.as_deref()).await?),
        _ => None,
    };
    let guard = SessionGuard {
        session_id: p.expected_session_id,
        marked_unread_at_ms: p.expected_marked_unread_at,
        ..SessionGuard::default()
    };
    let patch =
        SessionPatch { label, model, archived: p.archived, pinned: p.pinned, unread: p.unread, chosen };
    let session = match shared.store.patch_session(&key, guard, patch).await.map_err(store_error)? {
        Patched::Done(session) => session,
        Patched::Missing => return Err(entry::not_found(&key)),
        Patched::Changed => return Err(entry::changed(&key, "the change")),
        Patched::LabelTaken(label) => return Err(entry::label_taken(&label)),
    };
    crate::runs::events::session_changed(&shared, &key, "patch").await;
    Ok(json!({
        "ok": true, "path": store_path(&shared), "key": key, "entry": entry::entry(&session),
        "resolved": entry::resolved(&shared, &session),
    })
    .into())
}

async fn check_thinking(
    call: &Call,
    key: &SessionKey,
    model: Option<&Option<String>>,
    level: &str,
) -> Result<(), ErrorShape> {
    let own = || call.shared.models().name_for(key.agent_id());
    let name = match model {
        Some(Some(name)) => Some(name.clone()),
        Some(None) => own(),
        None => {
            let session = call.shared.store.session(key).await.map_err(store_error)?;
            session.and_then(|s| s.model_choice).or_else(own)
        }
    };
    entry::check_thinking(&call.shared, &name.unwrap_or_default(), level)
}

async fn rest(call: &Call, key: &SessionKey, expected: Option<&str>) -> Result<hold::Hold, ErrorShape> {
    if key.is_main() {
        return Err(ErrorShape::invalid(format!("Cannot archive the main session ({key}).")));
    }
    // Nothing is stopped for a change that will not be made.
    match call.shared.store.session(key).await.map_err(store_error)? {
        None => return Err(entry::not_found(key)),
        Some(session) if expected.is_some_and(|id| id != session.session_id) => {
            return Err(entry::changed(key, "it was archived"));
        }
        Some(_) => {}
    }
    let held = hold::seize(&call.shared, key).await.map_err(store_error)?;
    held.ok_or_else(|| entry::still_active(key))
}
