//! What an agent says and does in chats by its tool, beside its answer.

use super::host::{host_error, store_error};
use crate::delivery::channels::TELEGRAM;
use crate::delivery::{emoji, files, gates, outbox, prefix, reading};
use crate::settings::Settings;
use crate::shared::Shared;
use channels::{Reactions as Allowed, Telegram};
use model::{Act, Outbound, SessionKey, Sticker};
use serde_json::Value;
use store::Route;
use tools::{HostError, OutgoingMessage, Reactions, ReadMessages};

fn refused(message: impl Into<String>) -> HostError {
    HostError { code: "INVALID_REQUEST".into(), message: message.into() }
}

/// The chat that a session answers.
async fn route_of(shared: &Shared, session: &SessionKey) -> Result<Option<Route>, HostError> {
    Ok(shared.store.session(session).await.map_err(store_error)?.and_then(|session| session.route))
}

/// Puts an agent's message into the outbox; without a chat, it goes to the one that its session answers.
pub(super) async fn send(shared: &Shared, message: OutgoingMessage) -> Result<String, HostError> {
    let here = route_of(shared, &message.session).await?;
    let (channel, account, to) = match (message.channel, message.to) {
        (Some(channel), Some(to)) => {
            let account = message.account.unwrap_or_else(|| shared.channels.default_account());
            let to = outbox::chat_id(&channel, &to);
            (channel, account, to)
        }
        (Some(channel), None) => {
            let account = message.account.unwrap_or_else(|| shared.channels.default_account());
            let to = shared.settings().default_to(&channel, &account).map_err(refused)?;
            let to = outbox::chat_id(&channel, &to);
            (channel, account, to)
        }
        (None, _) => {
            let here = here.as_ref();
            let here = here.ok_or_else(|| refused("this session answers no chat; say channel and to"))?;
            (here.channel.clone(), here.account.clone(), here.to.clone())
        }
    };
    let settings = shared.settings();
    let is_here =
        here.as_ref().is_some_and(|r| r.channel == channel && r.account == account && same_chat(&r.to, &to));
    let mut act = message.act;
    if let Some(act) = &mut act {
        judge(&settings, (&channel, &account), act, is_here, here.and_then(|route| route.reply_to))?;
    }
    if let Some(refusal) = gates::refusal(&settings, &channel, &account, act.as_ref()) {
        return Err(refused(refusal));
    }
    let (text, rows) = match &message.presentation {
        Some(presentation) => {
            let chat = gates::presented_in(&settings, &channel, &account, &to);
            let presented = tools::present(presentation, &message.text, chat).map_err(refused)?;
            (presented.text, Some(presented.rows))
        }
        None => (message.text, None),
    };
    let acts = match act {
        Some(Act::Edit { message_id, .. }) => vec![Act::Edit { message_id, rows }],
        Some(act) => vec![act],
        None => {
            let sources = message.media.into_iter().map(files::Source::Media).collect();
            let kept = files::keep(shared, sources, &message.idempotency_key).await.map_err(refused)?;
            let mut acts = files::acts(kept, message.seen_as).await;
            acts.extend(rows.filter(|rows| !rows.is_empty()).map(|rows| Act::Ask { rows }));
            acts
        }
    };
    let text = prefix::sent(&settings, (&channel, &account), message.session.agent_id(), &acts, text);
    let (reply_to, quote, silent) = (message.reply_to, message.quote, message.silent);
    let outbound =
        Outbound { channel, account, to, text, is_html: false, reply_to, quote, silent, act: None };
    if let Some(problem) = acts.iter().find_map(|act| Telegram::problem(&outbound, act)) {
        return Err(refused(problem));
    }
    outbox::send_all(shared, outbound, acts, &message.idempotency_key, None).await.map_err(host_error)
}

/// Whether two ids are of one chat, whatever its topics.
fn same_chat(a: &str, b: &str) -> bool {
    let chat = |id: &str| id.split_once(":topic:").map_or(id, |(chat, _)| chat).to_owned();
    chat(a) == chat(b)
}

/// Whether an agent may do it there: reactions as the account lets it, and changes of what was said in its own chat alone. `answers` is
/// the message that it answers.
fn judge(
    settings: &Settings,
    (channel, account): (&str, &str),
    act: &mut Act,
    is_here: bool,
    answers: Option<String>,
) -> Result<(), HostError> {
    match act {
        Act::React { message_id, .. } => {
            let level = settings.account(channel, account).map(|account| account.reaction_level);
            if let Some(level) = level.filter(|level| !level.lets_agents_react()) {
                return Err(refused(format!(
                    "agents put no reactions on messages of {channel} (reactionLevel {level}); do not try again"
                )));
            }
            if message_id.is_empty() {
                *message_id =
                    answers.ok_or_else(|| refused("say messageId: this turn answers no message"))?;
            }
            Ok(())
        }
        Act::Edit { .. } | Act::Delete { .. } if !is_here => {
            Err(refused("agents change and delete messages of the chat that they answer, and of no other"))
        }
        _ => Ok(()),
    }
}

/// The reactions that the chat allows that a session answers.
pub(super) async fn reactions(shared: &Shared, session: &SessionKey) -> Result<Reactions, HostError> {
    let here = route_of(shared, session).await?.ok_or_else(|| refused("this session answers no chat"))?;
    let found = emoji::of(shared, (&here.channel, &here.account), &here.to).await.map_err(refused)?;
    let Allowed { emoji, custom, .. } = found;
    Ok(Reactions { emoji, custom })
}

/// What was said in the chat that a run answers, before what it answers where nothing else is said.
pub(super) async fn read(shared: &Shared, run_id: &str, mut asked: ReadMessages) -> Result<Value, HostError> {
    let run = shared.store.run(run_id).await.map_err(store_error)?;
    let run = run.ok_or_else(|| refused("nobody knows this run"))?;
    // Where those go is said by whoever set them: whoever may set a job could read any chat with it.
    if run.directives.is_some() {
        return Err(refused(
            "a chat is read where its own message is answered; this turn was begun by a job, a heartbeat or a program; do not try again",
        ));
    }
    let here = run.route.ok_or_else(|| refused("this turn answers no chat"))?;
    if asked == (ReadMessages { limit: asked.limit, ..ReadMessages::default() }) {
        asked.before = here.reply_to.as_ref().and_then(|id| id.parse().ok());
    }
    reading::read(shared, (&here.channel, &here.account, &here.to), asked).await.map_err(host_error)
}

/// The stickers that have to do with a query.
pub(super) async fn stickers(
    shared: &Shared,
    session: &SessionKey,
    account: Option<String>,
    query: &str,
    limit: u64,
) -> Result<Vec<Sticker>, HostError> {
    let here = route_of(shared, session).await?.map(|route| route.account);
    let account = account.or(here).unwrap_or_else(|| shared.channels.default_account());
    let sticker = Act::Sticker { file_id: String::new() };
    if let Some(refusal) = gates::refusal(&shared.settings(), TELEGRAM, &account, Some(&sticker)) {
        return Err(refused(refusal));
    }
    shared.store.stickers(&account, query, limit).await.map_err(store_error)
}
