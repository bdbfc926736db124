//! `send`: a message to a chat, without the agent. Durable before it is answered; the same key sends once.

use super::media::Attached;
use super::only_channel;
use crate::delivery::{files, gates, outbox, prefix};
use crate::methods::{Answer, Call, submit};
use channels::Telegram;
use model::{Act, FileAs, Outbound, SessionKey};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

/// Characters of a message that the agent reads again: it is to know of it, and not to be filled with it.
const MAX_NOTE: usize = 2000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    to: String,
    #[serde(default)]
    message: String,
    channel: Option<String>,
    account_id: Option<String>,
    reply_to_id: Option<String>,
    thread_id: Option<String>,
    media_url: Option<String>,
    #[serde(default)]
    media_urls: Vec<String>,
    /// A file itself, in base64.
    buffer: Option<String>,
    filename: Option<String>,
    #[serde(default)]
    as_voice: bool,
    #[serde(default)]
    force_document: bool,
    #[serde(default)]
    silent: bool,
    /// `HTML`, the one that there is: the message is not Markdown.
    parse_mode: Option<String>,
    /// For whom it is sent: the session whose agent is to know of it, or the agent, whose main session that is.
    session_key: Option<String>,
    agent_id: Option<String>,
    idempotency_key: String,
}

/// A message to a chat.
pub(super) struct Message {
    pub(super) channel: String,
    pub(super) to: String,
    pub(super) message: String,
    pub(super) account_id: Option<String>,
    pub(super) reply_to_id: Option<String>,
    pub(super) thread_id: Option<String>,
    pub(super) idempotency_key: String,
    /// What is done instead of sending the text.
    pub(super) act: Option<Act>,
    /// Files that go with it.
    pub(super) attached: Attached,
    /// The session that reads of it in its next turn.
    pub(super) told: Option<SessionKey>,
    /// The part of the message that it answers.
    pub(super) quote: Option<String>,
    /// Whether it comes without a sound.
    pub(super) silent: bool,
    /// Whether the text is HTML.
    pub(super) is_html: bool,
    /// What is shown beside the text.
    pub(super) presentation: Option<Value>,
    /// Whether it stands at the head of its chat afterwards.
    pub(super) pinned: Option<Pinned>,
}

/// How a message is put at the head of its chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pinned {
    /// Whether people are told.
    pub(super) notify: bool,
    /// Whether it is an error where that cannot be done.
    pub(super) required: bool,
}

impl Message {
    /// A message with nothing but a place to go to.
    pub(super) fn to(channel: String, to: String, idempotency_key: String) -> Self {
        Self {
            channel,
            to,
            message: String::new(),
            account_id: None,
            reply_to_id: None,
            thread_id: None,
            idempotency_key,
            act: None,
            attached: Attached::default(),
            told: None,
            quote: None,
            silent: false,
            is_html: false,
            presentation: None,
            pinned: None,
        }
    }
}

/// Where it went, and what it is there.
pub(super) struct Sent {
    pub(super) channel: String,
    pub(super) chat: String,
    pub(super) message_id: String,
}

impl Sent {
    /// Whether it is on disk and waits for the platform; what will come of it nobody knows yet, and its id is none of the platform's.
    pub(super) fn is_queued(&self) -> bool {
        self.message_id.starts_with(outbox::QUEUED)
    }

    /// An answer that says so.
    pub(super) fn answer(&self, mut answer: Value) -> Value {
        if self.is_queued() {
            answer["queued"] = json!(true);
        }
        answer
    }
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let channel = only_channel(&call, p.channel, "send")?;
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let (session, agent) = (filled(p.session_key), filled(p.agent_id));
    let told = match (&session, &agent) {
        (None, None) => None,
        _ => Some(submit::session_key(&call, session.as_deref(), agent.as_deref())?),
    };
    let attached = Attached {
        named: filled(p.media_url).into_iter().chain(p.media_urls).collect(),
        bytes: filled(p.buffer).map(|bytes| (bytes, filled(p.filename).unwrap_or_else(|| "file".into()))),
        seen_as: seen_as(p.as_voice, p.force_document)?,
    };
    let run_id = p.idempotency_key.clone();
    let message = Message {
        message: p.message,
        account_id: p.account_id,
        reply_to_id: p.reply_to_id,
        thread_id: p.thread_id,
        attached,
        told,
        silent: p.silent,
        is_html: p.parse_mode.is_some(),
        ..Message::to(channel, p.to, p.idempotency_key)
    };
    let sent = send(&call, message).await?;
    Ok(sent.answer(json!({"runId": run_id, "messageId": sent.message_id, "channel": sent.channel})).into())
}

/// Sends it or does what its act says, once for each key of the same caller.
///
/// # Errors
/// The channel is unknown, the configuration does not let that be done, the platform refused for good, or the store failed.
pub(super) async fn send(call: &Call, m: Message) -> Result<Sent, ErrorShape> {
    let chat = outbox::chat_id(&m.channel, &m.to);
    let to = match m.thread_id.filter(|t| !t.is_empty()) {
        Some(thread) => format!("{chat}:topic:{thread}"),
        None => chat.clone(),
    };
    let account =
        m.account_id.filter(|a| !a.is_empty()).unwrap_or_else(|| call.shared.channels.default_account());
    let settings = call.shared.settings();
    let refused = |problem: String| ErrorShape::invalid(format!("{problem}; nothing was sent"));
    if let Some(refusal) = gates::refusal(&settings, &m.channel, &account, m.act.as_ref()) {
        return Err(ErrorShape::invalid(refusal));
    }
    let what = m.act.as_ref().map_or("send", Act::name);
    let key = format!("{what}:{}:{}", call.conn.principal().key_owner(), m.idempotency_key);
    let reply_to = m.reply_to_id.filter(|id| !id.trim().is_empty());
    if let Some(id) = reply_to.as_ref().filter(|id| id.parse::<i64>().is_err()) {
        let problem =
            format!("{id:?} is no message that can be replied to: Telegram's are numbers; nothing was sent");
        return Err(ErrorShape::invalid(problem));
    }
    let (text, rows) = match &m.presentation {
        Some(presentation) => {
            let chat = gates::presented_in(&settings, &m.channel, &account, &to);
            let presented = tools::present(presentation, &m.message, chat).map_err(refused)?;
            (presented.text, presented.rows)
        }
        None => (m.message, vec![]),
    };
    let agent = m.told.as_ref().map_or(settings.default_agent.as_str(), |session| session.agent_id());
    let text = match m.act.is_none() && !m.is_html {
        true => prefix::sent(&settings, (&m.channel, &account), agent, &[], text),
        false => text,
    };
    let out = Outbound {
        channel: m.channel.clone(),
        account,
        to,
        text,
        is_html: m.is_html,
        reply_to,
        quote: m.quote,
        silent: m.silent,
        act: m.act,
    };
    let note = m.told.map(|session| (session, note(&out)));
    let acts = match out.act.clone() {
        Some(act) => vec![act],
        None => {
            let seen_as = m.attached.seen_as;
            let sources = m.attached.sources(call).await?;
            let kept = files::keep(&call.shared, sources, &key).await.map_err(refused)?;
            let mut acts = files::acts(kept, seen_as).await;
            acts.extend((!rows.is_empty()).then_some(Act::Ask { rows }));
            acts
        }
    };
    let problem = || acts.iter().find_map(|act| Telegram::problem(&out, act));
    if let Some(problem) = Telegram::too_long(&out).or_else(problem) {
        return Err(refused(problem));
    }
    let message_id = outbox::send_all(&call.shared, out.clone(), acts, &key, note).await?;
    if let Some(pinned) = m.pinned {
        pin(call, out, &message_id, pinned, &key).await?;
    }
    Ok(Sent { channel: m.channel, chat, message_id })
}

/// Puts a message that was sent at the head of its chat.
async fn pin(call: &Call, out: Outbound, id: &str, pinned: Pinned, key: &str) -> Result<(), ErrorShape> {
    let done = match id.strip_prefix(outbox::QUEUED) {
        Some(_) => Err("it waits for the platform".to_owned()),
        None => {
            let act = Act::Pin { message_id: id.to_owned(), silent: !pinned.notify };
            let pin = Outbound { text: String::new(), act: Some(act), ..out };
            outbox::send(&call.shared, pin, &format!("pin:{key}"), None)
                .await
                .map(|_| ())
                .map_err(|e| e.message)
        }
    };
    match done {
        Ok(()) => Ok(()),
        Err(why) if pinned.required => {
            Err(ErrorShape::unavailable(format!("message {id} is sent and not pinned: {why}")))
        }
        Err(why) => {
            tracing::warn!(message = id, why, "a message is not pinned");
            Ok(())
        }
    }
}

/// How files are to be seen.
pub(super) fn seen_as(as_voice: bool, as_document: bool) -> Result<FileAs, ErrorShape> {
    match (as_voice, as_document) {
        (true, true) => Err(ErrorShape::invalid("asVoice and forceDocument: give one of them, not both")),
        (true, false) => Ok(FileAs::Voice),
        (false, true) => Ok(FileAs::Document),
        (false, false) => Ok(FileAs::Itself),
    }
}

/// What the agent reads of it.
fn note(out: &Outbound) -> String {
    let text: String = out.text.chars().take(MAX_NOTE).collect();
    let cut = if text.len() < out.text.len() { " …" } else { "" };
    format!("Sent to {} chat {} in your name: {text}{cut}", out.channel, out.to)
}
