//! What a caller may say of the turn that its message begins: which session is meant and how it must be found, which model
//! answers, where the answer goes. Used by `agent` and `chat.send`.

use super::sessions::entry;
use super::{Call, store_error, submit};
use crate::delivery::outbox;
use model::SessionKey;
use protocol::ErrorShape;
use store::Unmet;

/// Channel, account and chat.
pub(super) type Target = (String, String, String);

/// The session of a key, of an id, or of both; the agent's main session where nothing is said. An id that no session has is
/// that of a new one, under this key or one that is made of the id: it is made with its first message ([`new_id`]).
pub(super) async fn session(
    call: &Call,
    key: Option<&str>,
    agent_id: Option<&str>,
    session_id: Option<&str>,
) -> Result<SessionKey, ErrorShape> {
    let key = key.filter(|key| !key.trim().is_empty());
    let (None, Some(id)) = (key, filled(session_id)) else { return submit::session_key(call, key, agent_id) };
    match call.shared.store.session_by_id(id).await.map_err(store_error)? {
        Some(found) if agent_id.is_none_or(|agent| agent == found.key.agent_id()) => {
            submit::session_key(call, Some(found.key.as_str()), agent_id)
        }
        Some(found) => Err(ErrorShape::invalid(format!("sessionId {id} is a session of {}", found.key))),
        None => submit::session_key(call, Some(&format!("explicit:{id}")), agent_id),
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The id that the session is to have.
pub(super) fn new_id(session_id: Option<&str>) -> Result<Option<String>, ErrorShape> {
    match filled(session_id) {
        Some(id) if !is_plain(id) => Err(ErrorShape::invalid(
            "at /sessionId: must be 1 to 128 letters, digits, dots, dashes and underscores",
        )),
        id => Ok(id.map(str::to_owned)),
    }
}

/// An id that stands well in a key, in a log and in a path.
fn is_plain(id: &str) -> bool {
    id.len() <= 128 && id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Why a message was not taken in: the session is not as its sender knows it.
pub(super) fn unmet(key: &SessionKey, unmet: &Unmet) -> ErrorShape {
    match unmet {
        Unmet::NoSession => entry::not_found(key),
        Unmet::OtherSession => entry::changed(key, "the message came"),
        Unmet::PastId(id) => ErrorShape::invalid(format!(
            "sessionId {id} was a session's before it began anew; sessions.list has the ids of those that there are"
        )),
        Unmet::Said => ErrorShape::invalid(format!(
            "Something was said in {key} that the message does not know of. Read it again, then retry."
        ))
        .with_details(serde_json::json!({"reason": "active-leaf-changed"})),
    }
}

/// The full name of the model that is asked for.
pub(super) fn model(
    call: &Call,
    provider: Option<&str>,
    model: Option<&str>,
) -> Result<Option<String>, ErrorShape> {
    let name = match (filled(provider), filled(model)) {
        (None, None) => return Ok(None),
        (None, Some(model)) => model.to_owned(),
        (Some(provider), Some(model)) if model.starts_with(&format!("{provider}/")) => model.to_owned(),
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
            let account = filled(wanted.account).unwrap_or_else(|| call.shared.channels.default_account());
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
