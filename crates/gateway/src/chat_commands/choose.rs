//! `/model NAME`: another model for the conversation, and `/model default`: the agent's own again.

use super::Speaker;
use crate::methods::store_error;
use crate::runs;
use crate::shared::Shared;
use protocol::ErrorShape;
use std::sync::Arc;
use store::{Patched, SessionGuard, SessionPatch};

pub(super) async fn model(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    name: &str,
) -> Result<String, ErrorShape> {
    let key = &speaker.key;
    let wanted = match name {
        name if name.eq_ignore_ascii_case("default") => None,
        name => match shared.models().choose(name) {
            Ok(whole) => Some(whole),
            Err(problem) => return Ok(problem),
        },
    };
    // The first thing that is said in a conversation may be this.
    shared.store.ensure_session(key, "channel").await.map_err(store_error)?;
    let patch = SessionPatch { model: Some(wanted.clone()), ..SessionPatch::default() };
    match shared.store.patch_session(key, SessionGuard::default(), patch).await.map_err(store_error)? {
        Patched::Done(_) => {}
        Patched::Missing | Patched::Changed | Patched::LabelTaken(_) => {
            return Ok("The conversation was deleted meanwhile; say it again.".into());
        }
    }
    runs::events::session_changed(shared, key, "patch").await;
    Ok(match wanted {
        Some(whole) => format!(
            "{whole} answers in this conversation from the next message on, and no other; /model default goes back."
        ),
        None => {
            let own = shared.models().name_for(key.agent_id());
            format!("{} answers in this conversation again.", own.as_deref().unwrap_or("No model"))
        }
    })
}
