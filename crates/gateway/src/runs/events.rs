//! From what happens in a turn to what clients see: `agent` and `chat` events, in the recorded order
//! (`samples/flow-agent-turn.jsonl`), with text deltas coalesced to about one per 70 ms.

use super::reply;
use crate::hub::Audience;
use crate::shared::Shared;
use agent::tool::ToolOutput;
use agent::turn::{CompactionPhase, Events, TurnEvent};
use model::SessionKey;
use protocol::Scope;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use store::Entry;
use tokio::time::Instant;

/// Text that arrives within this time goes out together.
pub(crate) const COALESCE: Duration = Duration::from_millis(70);
/// Characters of a command's output that the `command_output` event shows.
const MAX_SHOWN_OUTPUT: usize = 20_000;

struct State {
    seq: u64,
    /// All text of the current answer.
    text: String,
    /// What of it was sent: it is without the answer's tags.
    sent: String,
    item: u32,
    last_flush: Option<Instant>,
    /// Tools that run: their first `item` event, which the last one repeats.
    tools: HashMap<String, Value>,
}

/// The events of one run.
pub(crate) struct RunEvents {
    shared: Arc<Shared>,
    key: SessionKey,
    session_id: String,
    run_id: String,
    item_prefix: String,
    state: Mutex<State>,
}

impl RunEvents {
    pub(crate) fn new(shared: Arc<Shared>, key: SessionKey, session_id: String, run_id: String) -> Self {
        let state = State {
            seq: 0,
            text: String::new(),
            sent: String::new(),
            item: 0,
            last_flush: None,
            tools: HashMap::new(),
        };
        let item_prefix = model::new_id();
        Self { shared, key, session_id, run_id, item_prefix, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn audience() -> Audience<'static> {
        Audience::Operators(Scope::Read)
    }

    /// An `agent` event.
    fn agent(&self, state: &mut State, stream: &str, data: Value) {
        state.seq += 1;
        let payload = json!({
            "runId": self.run_id, "sessionKey": self.key, "sessionId": self.session_id, "agentId": self.key.agent_id(),
            "stream": stream, "data": data, "seq": state.seq, "ts": self.shared.clock.now_ms(),
        });
        self.shared.hub.broadcast(Self::audience(), "agent", &payload, true);
    }

    /// A `chat` event.
    fn chat(&self, state: &State, chat_state: &str, more: Value) {
        let mut payload = json!({
            "runId": self.run_id, "sessionKey": self.key, "agentId": self.key.agent_id(), "seq": state.seq,
            "state": chat_state,
        });
        if let (Value::Object(payload), Value::Object(more)) = (&mut payload, more) {
            payload.extend(more);
        }
        self.shared.hub.broadcast(Self::audience(), "chat", &payload, true);
    }

    /// A `lifecycle` event.
    pub(crate) fn lifecycle(&self, data: Value) {
        let mut state = self.state();
        self.flush_locked(&mut state, true);
        self.agent(&mut state, "lifecycle", data);
    }

    /// The end of the chat: `final`, `aborted` or `error`.
    pub(crate) fn chat_end(&self, chat_state: &str, more: Value) {
        let state = self.state();
        self.chat(&state, chat_state, more);
    }

    /// Sends text that was held back; called by the clock too, so that a stream that pauses is seen in full.
    pub(crate) fn flush(&self) {
        self.flush_locked(&mut self.state(), false);
    }

    /// `is_over`: nothing comes any more that could make a tag of its end.
    fn flush_locked(&self, state: &mut State, is_over: bool) {
        let text = if is_over { reply::visible(&state.text) } else { reply::visible_so_far(&state.text) };
        if text == state.sent {
            return;
        }
        // A tag in the middle takes blanks away that were sent.
        let is_more = text.starts_with(&state.sent);
        let delta = text.get(if is_more { state.sent.len() } else { 0 }..).unwrap_or_default().to_owned();
        state.sent.clone_from(&text);
        state.last_flush = Some(Instant::now());
        if !self.shared.hub.has_audience(Self::audience()) {
            state.seq += 1;
            return;
        }
        let item = format!("{}:{}", self.item_prefix, state.item);
        let message = assistant_text(&text, self.shared.clock.now_ms());
        let mut of_agent = json!({"text": text, "delta": delta, "itemId": item});
        let mut of_chat = json!({"deltaText": delta, "message": message});
        if !is_more {
            (of_agent["replace"], of_chat["replace"]) = (json!(true), json!(true));
        }
        self.agent(state, "assistant", of_agent);
        self.chat(state, "delta", of_chat);
    }

    fn text(&self, item: u32, delta: &str) {
        let mut state = self.state();
        if state.item != item {
            self.flush_locked(&mut state, true);
            state.item = item;
            state.sent.clear();
            state.text.clear();
        }
        state.text.push_str(delta);
        if state.last_flush.is_none_or(|at| at.elapsed() >= COALESCE) {
            self.flush_locked(&mut state, false);
        }
    }

    fn text_reset(&self, item: u32) {
        let mut state = self.state();
        if state.item == item && !state.text.is_empty() {
            state.text.clear();
            state.sent.clear();
            let id = format!("{}:{item}", self.item_prefix);
            self.agent(
                &mut state,
                "assistant",
                json!({"text": "", "delta": "", "replace": true, "itemId": id}),
            );
            let message = assistant_text("", self.shared.clock.now_ms());
            self.chat(&state, "delta", json!({"deltaText": "", "replace": true, "message": message}));
        }
    }

    fn tool_start(&self, id: &str, name: &str, arguments: &Value) {
        let mut item = tool_item(id, name, arguments);
        item["startedAt"] = json!(self.shared.clock.now_ms());
        self.state().tools.insert(id.to_owned(), item.clone());
        self.stream("item", item);
    }

    fn tool_end(&self, id: &str, name: &str, output: &ToolOutput, duration_ms: u64) {
        let status = if output.is_error { "failed" } else { "completed" };
        let begun = self.state().tools.remove(id);
        let mut item = begun.unwrap_or_else(|| tool_item(id, name, &Value::Null));
        (item["phase"], item["status"]) = (json!("end"), json!(status));
        (item["endedAt"], item["durationMs"]) = (json!(self.shared.clock.now_ms()), json!(duration_ms));
        self.stream("item", item);
        if let Some(command) = &output.command {
            let shown: String = command.output.chars().take(MAX_SHOWN_OUTPUT).collect();
            self.stream("command_output", json!({
                "itemId": format!("command:{id}"), "phase": "end", "toolCallId": id, "name": name, "output": shown,
                "status": status, "exitCode": command.exit_code, "durationMs": command.duration_ms,
            }));
        }
    }

    /// An event that ends the text before it.
    fn stream(&self, stream: &str, data: Value) {
        let mut state = self.state();
        self.flush_locked(&mut state, true);
        self.agent(&mut state, stream, data);
    }
}

impl Events for RunEvents {
    fn emit(&self, event: TurnEvent) {
        match event {
            TurnEvent::ModelCall { provider, model } => {
                self.lifecycle(json!({"phase": "model", "provider": provider, "model": model}));
            }
            TurnEvent::TextDelta { item, delta } => self.text(item, &delta),
            TurnEvent::TextReset { item } => self.text_reset(item),
            // Reasoning is kept for the provider and not shown.
            TurnEvent::Thinking { .. } => {}
            TurnEvent::Usage { usage } => self.stream("usage", json!({"outputTokens": usage.output})),
            TurnEvent::ToolStart { tool_call_id, name, arguments } => {
                self.tool_start(&tool_call_id, &name, &arguments);
            }
            TurnEvent::ToolEnd { tool_call_id, name, output, duration_ms } => {
                self.tool_end(&tool_call_id, &name, &output, duration_ms);
            }
            TurnEvent::Retry { attempt, wait_ms, reason } => {
                self.lifecycle(
                    json!({"phase": "retry", "attempt": attempt, "waitMs": wait_ms, "reason": reason}),
                );
            }
            // Another key is another try of the same.
            TurnEvent::Failover { from, to, reason, .. } if from == to => {
                let reason = format!("{} with this key; another one is tried", reason.replace('_', " "));
                self.lifecycle(json!({"phase": "retry", "attempt": 1, "waitMs": 0, "reason": reason}));
            }
            TurnEvent::Failover { from, to, reason, detail } => {
                self.lifecycle(super::fallback::step(&from, &to, (reason, &detail)));
            }
            TurnEvent::Compaction { phase } => {
                let phase = if phase == CompactionPhase::Start { "start" } else { "end" };
                self.stream("compaction", json!({"phase": phase}));
            }
        }
    }
}

/// A tool that begins.
fn tool_item(id: &str, name: &str, arguments: &Value) -> Value {
    let mut item = json!({
        "itemId": format!("tool:{id}"), "toolCallId": id, "name": name, "kind": "tool", "phase": "start",
        "title": title(name, arguments), "status": "running",
    });
    if name == "exec" {
        item["commandBearing"] = json!(true);
    }
    item
}

/// `Exec uname -a`: the tool and the argument that says most.
fn title(name: &str, arguments: &Value) -> String {
    let mut letters = name.chars();
    let capital: String =
        letters.next().map(|c| c.to_uppercase().chain(letters).collect()).unwrap_or_default();
    let telling = ["command", "path", "url", "action"].iter().find_map(|key| arguments[*key].as_str());
    match telling {
        Some(text) => format!("{capital} {}", text.chars().take(120).collect::<String>()),
        None => capital,
    }
}

/// A message of the assistant as `chat` events carry it.
pub(crate) fn assistant_text(text: &str, now_ms: i64) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": text}], "timestamp": now_ms})
}

/// A transcript entry as `chat.history` and `session.message` show it: the message, and what the store knows of it.
pub(crate) fn entry_json(entry: &Entry) -> Value {
    let mut value = serde_json::to_value(&entry.message).unwrap_or_default();
    if let Value::Object(message) = &mut value {
        shape_usage(message);
        without_tags(message);
        let mut meta = Map::new();
        if let Some(run) = &entry.run_id {
            meta.insert("runId".into(), json!(run));
        }
        meta.insert("id".into(), json!(entry.id));
        meta.insert("recordTimestampMs".into(), json!(entry.recorded_at_ms));
        meta.insert("seq".into(), json!(entry.seq));
        message.insert("__openclaw".into(), Value::Object(meta));
    }
    value
}

/// What an answer says of its own delivery is for nobody to read.
fn without_tags(message: &mut Map<String, Value>) {
    if message.get("role") != Some(&json!("assistant")) {
        return;
    }
    for part in message.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::String(text)) = part.get_mut("text") {
            *text = reply::visible(text);
        }
    }
}

/// On the wire the cost is an object and the total is there.
fn shape_usage(message: &mut Map<String, Value>) {
    if let Some(Value::Object(usage)) = message.get_mut("usage") {
        let count = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or(0);
        let total = count("input") + count("output") + count("cacheRead") + count("cacheWrite");
        let cost = usage.get("cost").cloned().unwrap_or(json!(0));
        usage.insert("totalTokens".into(), json!(total));
        usage.insert("cost".into(), json!({"total": cost}));
    }
}

/// Tells those who listen to a session of new messages.
pub(crate) fn session_messages(shared: &Shared, key: &SessionKey, entries: &[Entry]) {
    let to = Audience::SessionMessages(key);
    if !shared.hub.has_audience(to) {
        return;
    }
    for entry in entries {
        let payload = json!({
            "sessionKey": key, "agentId": key.agent_id(), "message": entry_json(entry), "messageId": entry.id,
            "messageSeq": entry.seq,
        });
        shared.hub.broadcast(to, "session.message", &payload, true);
    }
}

/// Tells of an entry that no run wrote: as a message of its session, and as the end of a chat that had no beginning.
pub(crate) fn injected(shared: &Shared, key: &SessionKey, entry: &Entry) {
    session_messages(shared, key, std::slice::from_ref(entry));
    let payload = json!({
        "runId": format!("inject-{}", entry.id), "sessionKey": key, "agentId": key.agent_id(), "seq": 0,
        "state": "final", "message": entry_json(entry),
    });
    shared.hub.broadcast(RunEvents::audience(), "chat", &payload, true);
}

/// Tells those who list sessions that one is gone. The id says which one it was: the key may be another's by the time they
/// hear of it.
pub(crate) fn session_deleted(shared: &Shared, key: &SessionKey, session_id: &str) {
    let payload = json!({
        "sessionKey": key, "sessionId": session_id, "agentId": key.agent_id(), "reason": "delete",
        "ts": shared.clock.now_ms(),
    });
    shared.hub.broadcast(Audience::SessionList, "sessions.changed", &payload, true);
}

/// Tells those who list sessions that one changed.
pub(crate) async fn session_changed(shared: &Shared, key: &SessionKey, reason: &str) {
    if !shared.hub.has_audience(Audience::SessionList) {
        return;
    }
    let session = match shared.store.session(key).await {
        Ok(Some(session)) => crate::methods::sessions::list::row(shared, &session),
        Ok(None) => Value::Null,
        Err(error) => return tracing::warn!(%error, session = %key, "no sessions.changed event"),
    };
    let payload = json!({
        "sessionKey": key, "agentId": key.agent_id(), "reason": reason, "ts": shared.clock.now_ms(),
        "session": session,
    });
    shared.hub.broadcast(Audience::SessionList, "sessions.changed", &payload, true);
}
