//! What a caller may say of the turn that its message begins: which session is meant and how it must be found, which model
//! answers, where the answer goes. Used by `agent` and `chat.send`.

use super::sessions::entry;
use super::{Call, store_error, submit};
use crate::delivery::channels::DEFAULT_ACCOUNT;
use crate::delivery::outbox;
use model::SessionKey;
use protocol::ErrorShape;

/// Channel, account and chat.
pub(super) type Target = (String, String, String);

/// The session of a key, of an id, or of both where they mean the same; the agent's main session where nothing is said. An
/// id that no session has is that of a new one, under this key or one that is made of the id.
pub(super) async fn session(
    call: &Call,
    key: Option<&str>,
    agent_id: Option<&str>,
    session_id: Option<&str>,
) -> Result<SessionKey, ErrorShape> {
    let Some(id) = session_id.map(str::trim).filter(|id| !id.is_empty()) else {
        return submit::session_key(call, key, agent_id);
    };
    let key = named(call, key, agent_id, Some(id)).await?;
    if !is_plain(id) {
        return Err(ErrorShape::invalid(
            "at /sessionId: must be 1 to 128 letters, digits, dots, dashes and underscores",
        ));
    }
    match call.shared.store.ensure_session_as(&key, id, "run").await.map_err(store_error)? {
        Some(session) if session.session_id == id => Ok(session.key),
        Some(_) => Err(entry::changed(&key, "the message came")),
        None => Err(ErrorShape::invalid(format!(
            "sessionId {id} was a session's before it began anew; sessions.list has the ids of those that there are"
        ))),
    }
}

/// The key alone: nothing is made, and nothing is said of what the session is.
pub(super) async fn named(
    call: &Call,
    key: Option<&str>,
    agent_id: Option<&str>,
    session_id: Option<&str>,
) -> Result<SessionKey, ErrorShape> {
    let key = key.filter(|key| !key.trim().is_empty());
    let id = session_id.map(str::trim).filter(|id| !id.is_empty());
    let (None, Some(id)) = (key, id) else { return submit::session_key(call, key, agent_id) };
    match call.shared.store.session_by_id(id).await.map_err(store_error)? {
        Some(found) if agent_id.is_none_or(|agent| agent == found.key.agent_id()) => {
            submit::session_key(call, Some(found.key.as_str()), agent_id)
        }
        Some(found) => Err(ErrorShape::invalid(format!("sessionId {id} is a session of {}", found.key))),
        None => submit::session_key(call, Some(&format!("explicit:{id}")), agent_id),
    }
}

/// An id that stands well in a key, in a log and in a path.
fn is_plain(id: &str) -> bool {
    id.len() <= 128 && id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The session is there, and has this id still: a reset gives it another.
pub(super) async fn expect_session(call: &Call, key: &SessionKey, id: &str) -> Result<(), ErrorShape> {
    match call.shared.store.session(key).await.map_err(store_error)? {
        None => Err(entry::not_found(key)),
        Some(session) if session.session_id != id => Err(entry::changed(key, "the message came")),
        Some(_) => Ok(()),
    }
}

/// Nothing was said in the session since this entry; `None`: nothing at all. Who names the session's id too asks only that
/// the entry is still part of it.
pub(super) async fn expect_leaf(
    call: &Call,
    key: &SessionKey,
    leaf: Option<&str>,
    names_session: bool,
) -> Result<(), ErrorShape> {
    let store = &call.shared.store;
    let (last, _) = store.history(key, 1, None).await.map_err(store_error)?;
    let is_last = last.last().map(|entry| entry.id.as_str()) == leaf;
    let is_part = match leaf {
        _ if is_last || !names_session => is_last,
        Some(id) => store.entry(key, id).await.map_err(store_error)?.is_some(),
        None => true,
    };
    if is_part {
        return Ok(());
    }
    Err(ErrorShape::invalid(format!(
        "Something was said in {key} that the message does not know of. Read it again, then retry."
    ))
    .with_details(serde_json::json!({"reason": "active-leaf-changed"})))
}

/// The full name of the model that is asked for.
pub(super) fn model(
    call: &Call,
    provider: Option<&str>,
    model: Option<&str>,
) -> Result<Option<String>, ErrorShape> {
    let filled = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let name = match (filled(provider), filled(model)) {
        (None, None) => return Ok(None),
        (None, Some(model)) => model,
        (Some(provider), Some(model)) if model.starts_with(&format!("{provider}/")) => model,
        (Some(provider), Some(model)) => format!("{provider}/{model}"),
        (Some(_), None) => {
            return Err(ErrorShape::invalid("provider needs model: which of its models is meant"));
        }
    };
    call.shared.models().choose(&name).map(Some).map_err(ErrorShape::invalid)
}

/// Where somebody wants an answer delivered.
#[derive(Debug, Default)]
pub(super) struct Delivery<'a> {
    pub(super) channel: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) thread: Option<&'a str>,
}

/// What is said of it, else where the session was last spoken to; `None` where it was not yet.
pub(super) async fn target(
    call: &Call,
    wanted: Delivery<'_>,
    key: &SessionKey,
) -> Result<Option<Target>, ErrorShape> {
    let filled = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let (channel, account, mut to) = match (filled(wanted.channel), filled(wanted.to)) {
        (Some(channel), Some(to)) => {
            let account = filled(wanted.account).unwrap_or_else(|| DEFAULT_ACCOUNT.into());
            let chat = outbox::chat_id(&channel, &to);
            (channel, account, chat)
        }
        _ => {
            let session = call.shared.store.session(key).await.map_err(store_error)?;
            let Some(route) = session.and_then(|session| session.route) else { return Ok(None) };
            (route.channel, route.account, route.to)
        }
    };
    if let Some(thread) = filled(wanted.thread) {
        let chat = to.split_once(":topic:").map_or(to.as_str(), |(chat, _)| chat);
        to = format!("{chat}:topic:{thread}");
    }
    if !call.shared.channels.has(&channel) {
        return Err(ErrorShape::invalid(format!("no channel {channel:?} is configured")));
    }
    Ok(Some((channel, account, to)))
}
