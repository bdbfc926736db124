//! What the fake platform knows: queued updates, accepted messages, planned failures, counters.

use crate::fake_telegram::{BOT_ID, BOT_USERNAME};
use model::Clock;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// More requests than this are counted and not kept.
const KEPT_REQUESTS: usize = 10_000;

/// A message that the platform accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Where it went.
    pub chat_id: i64,
    /// The forum topic, where one was named.
    pub thread_id: Option<i64>,
    /// The message that it answers, where one was named.
    pub reply_to: Option<i64>,
    /// The text as it was sent, markup and all.
    pub text: String,
    /// What a reader sees.
    pub plain: String,
    /// `HTML`, or nothing for plain text.
    pub parse_mode: Option<String>,
    /// The platform's id for it.
    pub message_id: i64,
    /// The segment before the bot in the request's path; empty where there was none.
    pub via: String,
    /// When the request came in.
    pub at: Instant,
    /// When it was accepted: before any byte of the answer was written.
    pub accepted_at: Instant,
    /// 0 for the first accepted message, then counting up.
    pub seq: u64,
}

/// A message as people see it now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its text; of a poll, the question.
    pub text: String,
    /// The bot's reaction on it.
    pub reaction: Option<String>,
    /// Whether it stands at the head of its chat.
    pub pinned: bool,
    /// What its buttons give to the bot, row by row.
    pub buttons: Vec<Vec<String>>,
}

/// An answer that was planned by a test.
#[derive(Debug, Clone)]
pub(super) enum Planned {
    /// Instead of doing anything.
    Instead { status: u16, body: Value },
    /// After the call took effect.
    After { status: u16, body: Value },
    /// After the call took effect; the answer breaks off in its middle.
    Cut,
    /// No effect, and no answer.
    Silence,
    /// As without it, once it is let go.
    Held(Arc<Notify>),
}

/// What `getWebhookInfo` says of deliveries that failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Undelivered {
    pub(super) waiting: u64,
    pub(super) date: i64,
    pub(super) why: Option<String>,
}

/// Clocks that count in milliseconds may be early by so much.
const TOLERANCE: Duration = Duration::from_millis(20);

/// The chat that a call is about; empty where it is about none.
fn chat_of(params: &Value) -> String {
    params.get("chat_id").map(|chat| chat.to_string().replace('"', "")).unwrap_or_default()
}

/// The answer to too many calls.
pub(super) fn too_many(retry_after: u64) -> Value {
    json!({ "ok": false, "error_code": 429, "description": format!("Too Many Requests: retry after {retry_after}"),
        "parameters": { "retry_after": retry_after } })
}

#[derive(Default)]
struct State {
    updates: VecDeque<(i64, Value)>,
    next_update: i64,
    next_message: HashMap<i64, i64>,
    chats: HashSet<i64>,
    moved: HashMap<i64, i64>,
    webhook: String,
    undelivered: Undelivered,
    files: HashMap<String, Vec<u8>>,
    announced: HashMap<String, u64>,
    on_disk: HashMap<String, String>,
    reactions: HashMap<i64, Value>,
    sent: Vec<Sent>,
    shown: HashMap<(i64, i64), Shown>,
    confirmed: i64,
    planned: HashMap<String, VecDeque<Planned>>,
    calls: BTreeMap<String, u64>,
    requests: Vec<(String, Value)>,
    poller: u64,
    /// Until when a method is not to be called again (for a chat, where it is about one), as was asked for.
    not_before: HashMap<(String, String), Instant>,
    /// Calls that came all the same.
    early: Vec<String>,
    /// Whether files may be larger than the original takes and gives.
    is_local: bool,
}

impl State {
    /// A call that comes before it may is noted, and refused as the first was.
    fn too_early(&mut self, method: &str, params: &Value) -> Option<Planned> {
        let at = self.not_before.get(&(method.to_owned(), chat_of(params)))?;
        let left = at.saturating_duration_since(Instant::now());
        if left <= TOLERANCE {
            return None;
        }
        self.early.push(format!("{method} came {left:?} before it was asked to: {params}"));
        Some(Planned::Instead { status: 429, body: too_many(left.as_secs() + 1) })
    }

    /// Notes until when nothing is to come, where an answer asks for that.
    fn note_pause(&mut self, method: &str, params: &Value, planned: Option<&Planned>) {
        let Some(Planned::Instead { status: 429, body } | Planned::After { status: 429, body }) = planned
        else {
            return;
        };
        if let Some(seconds) = body.pointer("/parameters/retry_after").and_then(Value::as_u64) {
            let until = Instant::now() + Duration::from_secs(seconds);
            self.not_before.insert((method.to_owned(), chat_of(params)), until);
        }
    }

    fn message_id(&mut self, chat_id: i64) -> i64 {
        let next = self.next_message.entry(chat_id).or_insert(1);
        let id = *next;
        *next += 1;
        self.shown.insert((chat_id, id), Shown::default());
        id
    }
}

/// What one look for updates gave.
pub(super) enum Look {
    /// There are some.
    Updates(Vec<Value>),
    /// Nothing yet.
    Nothing,
    /// A newer poll has taken over.
    Superseded,
}

/// What a sendMessage says, once validated.
pub(super) struct Draft {
    pub(super) chat_id: i64,
    pub(super) thread_id: Option<i64>,
    pub(super) reply_to: Option<i64>,
    pub(super) text: String,
    pub(super) plain: String,
    pub(super) parse_mode: Option<String>,
    pub(super) buttons: Vec<Vec<String>>,
    pub(super) via: String,
    pub(super) at: Instant,
}

pub(super) struct Inner {
    pub(super) token: String,
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

impl Inner {
    pub(super) fn new(token: &str) -> Self {
        let state = State { next_update: 1000, ..State::default() };
        Self { token: token.to_owned(), state: Mutex::new(state), version: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can be left half done, so a panicking test elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.version.send_modify(|v| *v += 1);
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(super) fn push_message(&self, chat_id: i64, from_id: i64, content: Value) -> i64 {
        let message_id = self.lock().message_id(chat_id);
        let chat = if chat_id > 0 {
            json!({ "id": chat_id, "type": "private", "first_name": format!("User {chat_id}") })
        } else {
            json!({ "id": chat_id, "type": "supergroup", "title": format!("Group {chat_id}") })
        };
        let mut message = json!({
            "message_id": message_id,
            "date": model::SystemClock.now_ms() / 1000,
            "chat": chat,
            "from": { "id": from_id, "is_bot": false, "first_name": format!("User {from_id}"),
                      "username": format!("user{from_id}") },
        });
        if let (Some(message), Value::Object(content)) = (message.as_object_mut(), content) {
            message.extend(content);
        }
        self.push_update(json!({ "message": message }))
    }

    pub(super) fn push_update(&self, mut update: Value) -> i64 {
        let id = {
            let mut state = self.lock();
            let id = update.get("update_id").and_then(Value::as_i64).unwrap_or(state.next_update);
            state.next_update = state.next_update.max(id + 1);
            if let Some(fields) = update.as_object_mut() {
                fields.insert("update_id".to_owned(), json!(id));
            }
            if let Some(chat) = update.pointer("/message/chat/id").and_then(Value::as_i64) {
                state.chats.insert(chat);
            }
            state.updates.push_back((id, update));
            id
        };
        self.changed();
        id
    }

    /// A group becomes a supergroup: it is told in the old one, and nothing can be sent there any more.
    pub(super) fn move_group(&self, from: i64, to: i64) {
        {
            let mut state = self.lock();
            state.moved.insert(from, to);
            state.chats.insert(to);
        }
        let chat = json!({ "id": from, "type": "group", "title": format!("Group {from}") });
        let sender = json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group" });
        self.push_update(json!({ "message": { "message_id": 9_000, "date": 1, "chat": chat, "from": sender,
            "migrate_to_chat_id": to } }));
    }

    pub(super) fn set_webhook(&self, url: &str) {
        self.lock().webhook = url.to_owned();
    }

    pub(super) fn webhook(&self) -> String {
        self.lock().webhook.clone()
    }

    /// A delivery fails for this reason, and so many updates wait; the reason stays, as it does at the original.
    pub(super) fn fail_delivery(&self, why: Option<&str>, waiting: u64) {
        let mut state = self.lock();
        state.undelivered.waiting = waiting;
        if let Some(why) = why {
            state.undelivered.date += 1;
            state.undelivered.why = Some(why.to_owned());
        }
    }

    pub(super) fn undelivered(&self) -> Undelivered {
        self.lock().undelivered.clone()
    }

    /// Where a group has gone.
    pub(super) fn moved_to(&self, chat_id: i64) -> Option<i64> {
        self.lock().moved.get(&chat_id).copied()
    }

    /// A press of a button that is there; gives the press's id.
    pub(super) fn press(&self, chat_id: i64, from_id: i64, message_id: i64, data: &str) -> String {
        let id = format!("press-{chat_id}-{message_id}-{}", self.lock().next_update);
        let kind = if chat_id > 0 { "private" } else { "supergroup" };
        self.push_update(json!({ "callback_query": {
            "id": id, "chat_instance": "1", "data": data,
            "from": { "id": from_id, "is_bot": false, "first_name": format!("User {from_id}") },
            "message": { "message_id": message_id, "date": 1, "chat": { "id": chat_id, "type": kind } },
        } }));
        id
    }

    pub(super) fn know_chat(&self, chat_id: i64) {
        self.lock().chats.insert(chat_id);
    }

    /// A message as people see it now; `None` where it is not there, or not any more.
    pub(super) fn shown(&self, chat_id: i64, message_id: i64) -> Option<Shown> {
        self.lock().shown.get(&(chat_id, message_id)).cloned()
    }

    /// The texts of the bot's messages in a chat; those of people are not kept.
    pub(super) fn chat(&self, chat_id: i64) -> Vec<String> {
        let state = self.lock();
        let of_chat =
            state.shown.iter().filter(|((chat, _), shown)| *chat == chat_id && !shown.text.is_empty());
        let by_id: BTreeMap<i64, &String> = of_chat.map(|((_, id), shown)| (*id, &shown.text)).collect();
        by_id.into_values().cloned().collect()
    }

    /// Shows a message that is no text; gives its id.
    pub(super) fn show(&self, chat_id: i64, text: &str) -> i64 {
        let id = {
            let mut state = self.lock();
            let id = state.message_id(chat_id);
            state.shown.insert((chat_id, id), Shown { text: text.to_owned(), ..Shown::default() });
            id
        };
        self.changed();
        id
    }

    /// Changes what is shown; it goes where `with` gives false. False where there is no such message.
    pub(super) fn change(
        &self,
        chat_id: i64,
        message_id: i64,
        with: impl FnOnce(&mut Shown) -> bool,
    ) -> bool {
        let is_there = {
            let mut state = self.lock();
            let at = (chat_id, message_id);
            let stays = state.shown.get_mut(&at).map(with);
            if stays == Some(false) {
                state.shown.remove(&at);
            }
            stays.is_some()
        };
        self.changed();
        is_there
    }

    pub(super) fn put_file(&self, file_id: &str, bytes: Vec<u8>) {
        self.lock().files.insert(file_id.to_owned(), bytes);
    }

    pub(super) fn have_on_disk(&self, file_id: &str, path: &str) {
        self.lock().on_disk.insert(file_id.to_owned(), path.to_owned());
    }

    /// Where the server has a file on its own disk, and gives it nowhere else.
    pub(super) fn local_path(&self, file_id: &str) -> Option<String> {
        self.lock().on_disk.get(file_id).cloned()
    }

    pub(super) fn be_local(&self) {
        self.lock().is_local = true;
    }

    pub(super) fn is_local(&self) -> bool {
        self.lock().is_local
    }

    pub(super) fn allow(&self, chat_id: i64, reactions: Value) {
        self.lock().reactions.insert(chat_id, reactions);
    }

    /// The reactions that a chat allows, where it does not allow all.
    pub(super) fn allowed(&self, chat_id: i64) -> Option<Value> {
        self.lock().reactions.get(&chat_id).cloned()
    }

    pub(super) fn early(&self) -> Vec<String> {
        self.lock().early.clone()
    }

    pub(super) fn announce_size(&self, file_id: &str, bytes: u64) {
        self.lock().announced.insert(file_id.to_owned(), bytes);
    }

    /// What a file says that it has.
    pub(super) fn announced(&self, file_id: &str) -> Option<u64> {
        let state = self.lock();
        let real = || state.files.get(file_id).map(|bytes| bytes.len() as u64);
        state.announced.get(file_id).copied().or_else(real)
    }

    pub(super) fn file(&self, file_id: &str) -> Option<Vec<u8>> {
        self.lock().files.get(file_id).cloned()
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.lock().sent.clone()
    }

    pub(super) fn confirmed_offset(&self) -> i64 {
        self.lock().confirmed
    }

    pub(super) fn pending_updates(&self) -> usize {
        self.lock().updates.len()
    }

    pub(super) fn plan(&self, method: &str, planned: Planned) {
        self.lock().planned.entry(method.to_lowercase()).or_default().push_back(planned);
    }

    pub(super) fn calls(&self, method: &str) -> u64 {
        self.lock().calls.get(&method.to_lowercase()).copied().unwrap_or(0)
    }

    pub(super) fn requests(&self) -> Vec<(String, Value)> {
        self.lock().requests.clone()
    }

    /// Counts a call and takes what is planned for it. `method` is in lower case.
    pub(super) fn enter(&self, method: &str, params: &Value) -> Option<Planned> {
        let planned = {
            let mut state = self.lock();
            *state.calls.entry(method.to_owned()).or_insert(0) += 1;
            if method != "getupdates" && state.requests.len() < KEPT_REQUESTS {
                state.requests.push((method.to_owned(), params.clone()));
            }
            let early = state.too_early(method, params);
            let planned = early.or_else(|| state.planned.get_mut(method).and_then(VecDeque::pop_front));
            state.note_pause(method, params, planned.as_ref());
            planned
        };
        self.changed();
        planned
    }

    /// A poll begins: what is below `offset` is forgotten, and an older poll that still waits is to end.
    pub(super) fn begin_poll(&self, offset: i64) -> u64 {
        let poller = {
            let mut state = self.lock();
            if offset > 0 {
                state.updates.retain(|(id, _)| *id >= offset);
                state.confirmed = state.confirmed.max(offset);
            }
            state.poller += 1;
            state.poller
        };
        self.changed();
        poller
    }

    pub(super) fn look(&self, poller: u64, limit: usize) -> Look {
        let state = self.lock();
        if state.poller != poller {
            return Look::Superseded;
        }
        if state.updates.is_empty() {
            return Look::Nothing;
        }
        Look::Updates(state.updates.iter().take(limit).map(|(_, update)| update.clone()).collect())
    }

    pub(super) fn knows_chat(&self, chat_id: i64) -> bool {
        self.lock().chats.contains(&chat_id)
    }

    /// Accepts a message: from here on it is out, whatever happens to the answer. Gives the Bot API's `Message`.
    pub(super) fn accept(&self, draft: Draft) -> Value {
        let message = {
            let mut state = self.lock();
            let message_id = state.message_id(draft.chat_id);
            let message = json!({
                "message_id": message_id,
                "date": model::SystemClock.now_ms() / 1000,
                "chat": { "id": draft.chat_id, "type": if draft.chat_id > 0 { "private" } else { "supergroup" } },
                "from": { "id": BOT_ID, "is_bot": true, "first_name": "Fake", "username": BOT_USERNAME },
                "text": draft.plain,
            });
            if let Some(shown) = state.shown.get_mut(&(draft.chat_id, message_id)) {
                shown.text.clone_from(&draft.plain);
                shown.buttons = draft.buttons;
            }
            let seq = state.sent.len() as u64;
            state.sent.push(Sent {
                chat_id: draft.chat_id,
                thread_id: draft.thread_id,
                reply_to: draft.reply_to,
                text: draft.text,
                plain: draft.plain,
                parse_mode: draft.parse_mode,
                message_id,
                via: draft.via,
                at: draft.at,
                accepted_at: Instant::now(),
                seq,
            });
            message
        };
        self.changed();
        message
    }
}
