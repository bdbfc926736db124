//! What people choose for the conversation by a command: its name, whether all that is said in a group is for the agent, whether answers
//! go out; and making room in it.

use super::Speaker;
use crate::methods::store_error;
use crate::runs::compact::{self as compaction, Done};
use crate::runs::events;
use crate::shared::Shared;
use agent::turn::Keep;
use model::SessionKey;
use protocol::ErrorShape;
use std::sync::Arc;
use store::{ChosenPatch, Patched, SessionGuard, SessionPatch};

/// Characters of a name.
const MAX_NAME: usize = 512;

pub(super) async fn activation(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    mode: &str,
) -> Result<String, ErrorShape> {
    if !speaker.is_in_group() {
        return Ok("⚙️ Group activation only applies to group chats.".into());
    }
    if !speaker.is_owner {
        return Ok(speaker.not_the_owner());
    }
    // It would be chosen for all groups at once, and for what is said directly.
    if speaker.key.is_main() {
        return Ok("⚙️ This group has no conversation of its own (session.groupScope is main); requireMention in the configuration says what is heard here.".into());
    }
    let hears_all = match mode.to_ascii_lowercase().as_str() {
        "mention" => false,
        "always" => true,
        _ => return Ok("⚙️ Usage: /activation mention|always".into()),
    };
    let patch = ChosenPatch { hears_all: Some(Some(hears_all)), ..ChosenPatch::default() };
    choose(shared, &speaker.key, patch).await?;
    Ok(format!("⚙️ Group activation set to {}.", if hears_all { "always" } else { "mention" }))
}

pub(super) async fn send(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    mode: &str,
) -> Result<String, ErrorShape> {
    if !speaker.is_owner {
        return Ok(speaker.not_the_owner());
    }
    let (sends, label) = match mode.to_ascii_lowercase().as_str() {
        "on" | "allow" => (Some(true), "on"),
        "off" | "deny" => (Some(false), "off"),
        "inherit" | "default" | "reset" => (None, "inherit"),
        _ => return Ok("⚙️ Usage: /send on|off|inherit".into()),
    };
    choose(shared, &speaker.key, ChosenPatch { sends: Some(sends), ..ChosenPatch::default() }).await?;
    Ok(format!("⚙️ Send policy set to {label}."))
}

/// Keeps what was chosen; the first thing that is said in a conversation may be this.
pub(super) async fn choose(
    shared: &Arc<Shared>,
    key: &SessionKey,
    chosen: ChosenPatch,
) -> Result<(), ErrorShape> {
    patched(shared, key, SessionPatch { chosen, ..SessionPatch::default() }).await.map(drop)
}

async fn patched(shared: &Arc<Shared>, key: &SessionKey, patch: SessionPatch) -> Result<Patched, ErrorShape> {
    shared.store.ensure_session(key, "channel").await.map_err(store_error)?;
    let patched =
        shared.store.patch_session(key, SessionGuard::default(), patch).await.map_err(store_error)?;
    events::session_changed(shared, key, "patch").await;
    Ok(patched)
}

pub(super) async fn name(shared: &Arc<Shared>, key: &SessionKey, title: &str) -> Result<String, ErrorShape> {
    if title.is_empty() {
        let session = shared.store.session(key).await.map_err(store_error)?;
        let name = session.and_then(|session| session.label.or(session.title));
        return Ok(match name {
            Some(name) => format!("This conversation is called {name}. /name TITLE changes that."),
            None => "This conversation has no name. /name TITLE gives it one.".into(),
        });
    }
    if title.chars().count() > MAX_NAME || title.chars().any(char::is_control) {
        return Ok(format!("A name is one line of {MAX_NAME} characters at most."));
    }
    let patch = SessionPatch { label: Some(Some(title.to_owned())), ..SessionPatch::default() };
    Ok(match patched(shared, key, patch).await? {
        Patched::LabelTaken(_) => format!("Another conversation is called {title}."),
        Patched::Done(_) => format!("✅ This conversation is called {title} now."),
        Patched::Missing | Patched::Changed => "The conversation was deleted meanwhile; say it again.".into(),
    })
}

/// Has the model sum up what was said. It takes as long as a model does.
pub(super) async fn compact(shared: &Arc<Shared>, key: &SessionKey) -> Result<String, ErrorShape> {
    let session = shared.store.session(key).await.map_err(store_error)?;
    let Some(session) = session.filter(|session| session.message_count > 0) else {
        return Ok("⚙️ Nothing was said yet.".into());
    };
    let Some(hold) = shared.runs.try_hold(shared, key) else {
        return Ok("I am still answering; /stop first.".into());
    };
    Ok(match compaction::start(shared, hold, session, Keep::Recent).await {
        Some(Done::Compacted(done)) => {
            format!("🧹 Compacted: {} tokens before, {} after.", done.tokens_before, done.tokens_after)
        }
        Some(Done::Nothing) => "⚙️ There is nothing to compact.".into(),
        Some(Done::Failed(reason)) => format!("⚠️ It was not compacted: {reason}"),
        None => "⚠️ The gateway stops; try again after its start.".into(),
    })
}
