//! A session's transcript, as the agent sees it, over the store.

use super::{Work, dispatch};
use crate::shared::Shared;
use agent::turn::{ModelCall, Transcript, TranscriptError, TranscriptFuture};
use model::{Content, Inbound, Message, NoteMessage, Part, SessionKey, UserMessage};
use std::sync::{Arc, Mutex};
use store::{CostParts, Entry, InboundRow, LedgerCall, StoreError, SystemEvent};

/// The transcript of one run.
pub(crate) struct RunTranscript {
    shared: Arc<Shared>,
    key: SessionKey,
    run_id: String,
    places: Places,
}

/// The place of each current message in the store, so that a compaction can name the first that stays.
pub(super) struct Places(Mutex<Vec<i64>>);

impl Places {
    pub(super) fn of(entries: &[Entry]) -> Self {
        Self(Mutex::new(seqs(entries)))
    }

    /// These come behind the others.
    fn add(&self, entries: &[Entry]) {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).extend(seqs(entries));
    }

    /// These take the place of all.
    pub(super) fn replace(&self, entries: &[Entry]) {
        *self.0.lock().unwrap_or_else(|e| e.into_inner()) = seqs(entries);
    }

    /// Where the `nth` message stands; behind all of them where there is none, so that nothing so far is kept.
    pub(super) fn from(&self, nth: usize) -> i64 {
        let seqs = self.0.lock().unwrap_or_else(|e| e.into_inner());
        // The note of an earlier compaction stands first, and was written after what it stands before.
        seqs.get(nth).copied().unwrap_or_else(|| seqs.iter().max().map_or(0, |last| last + 1))
    }
}

fn seqs(entries: &[Entry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.seq).collect()
}

impl RunTranscript {
    pub(crate) fn new(shared: Arc<Shared>, key: SessionKey, run_id: String, entries: &[Entry]) -> Self {
        Self { shared, key, run_id, places: Places::of(entries) }
    }

    async fn commit(
        &self,
        messages: Vec<Message>,
        calls: Vec<ModelCall>,
        rows: Vec<i64>,
    ) -> Result<(), TranscriptError> {
        let calls = calls.into_iter().map(ledger_call).collect();
        let entries = self.shared.store.append(&self.run_id, messages, calls, rows).await.map_err(failed)?;
        self.places.add(&entries);
        super::events::session_messages(&self.shared, &self.key, &entries);
        Ok(())
    }
}

impl Transcript for RunTranscript {
    fn append<'a>(&'a self, messages: Vec<Message>, calls: Vec<ModelCall>) -> TranscriptFuture<'a, ()> {
        Box::pin(self.commit(messages, calls, vec![]))
    }

    fn take_steering<'a>(&'a self) -> TranscriptFuture<'a, Vec<Message>> {
        Box::pin(async move {
            let steering = self.shared.runs.take_steering(&self.key);
            let rows: Vec<&InboundRow> = steering
                .iter()
                .filter_map(|s| match &s.payload {
                    Work::Message { row, .. } => Some(&**row),
                    Work::Resume(_) => None,
                })
                .collect();
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let messages: Vec<Message> = rows.iter().map(|row| user_message(row)).collect();
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            match self.commit(messages.clone(), vec![], ids).await {
                Ok(()) => Ok(messages),
                Err(error) => {
                    self.shared.runs.give_back_steering(&self.key, steering);
                    Err(error)
                }
            }
        })
    }

    fn compact<'a>(
        &'a self,
        note: NoteMessage,
        kept_from: usize,
        calls: Vec<ModelCall>,
    ) -> TranscriptFuture<'a, ()> {
        Box::pin(async move {
            let keep_from = self.places.from(kept_from);
            let calls = calls.into_iter().map(ledger_call).collect();
            let entries =
                self.shared.store.compact(&self.run_id, note, keep_from, calls).await.map_err(failed)?;
            self.places.replace(&entries);
            Ok(())
        })
    }
}

fn failed(error: StoreError) -> TranscriptError {
    TranscriptError(error.to_string())
}

/// A call as the ledger keeps it.
pub(crate) fn ledger_call(call: ModelCall) -> LedgerCall {
    LedgerCall {
        provider: call.provider,
        model: call.model,
        kind: call.kind.as_str().to_owned(),
        usage: call.usage,
        cost: cost_parts(&call.price, &call.usage),
        duration_ms: i64::try_from(call.duration_ms).unwrap_or(i64::MAX),
        error: call.error,
    }
}

fn cost_parts(price: &llm::Price, usage: &model::Usage) -> CostParts {
    // Token counts are far below what a double holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let cost = |tokens: u64, per_million: f64| tokens as f64 * per_million / 1e6;
    CostParts {
        input: cost(usage.input, price.input),
        output: cost(usage.output, price.output),
        cache_read: cost(usage.cache_read, price.cache_read),
        cache_write: cost(usage.cache_write, price.cache_write),
    }
}

/// A message as the model reads it. In groups the speaker is named, because many speak.
pub(crate) fn user_message(row: &InboundRow) -> Message {
    let inbound = &row.inbound;
    let text = match inbound.chat.kind {
        model::ChatKind::Group => format!("[{}] {}", speaker(inbound), inbound.text),
        model::ChatKind::Direct => inbound.text.clone(),
    };
    let text = match &inbound.context {
        Some(context) => format!("{context}\n{text}"),
        None => text,
    };
    let content = if inbound.images.is_empty() {
        Content::Text(text)
    } else {
        let mut parts = vec![Part::Text { text }];
        parts.extend(inbound.images.iter().cloned());
        Content::Parts(parts)
    };
    Message::User(UserMessage {
        content,
        timestamp: inbound.sent_at_ms,
        idempotency_key: Some(format!("{}:user", dispatch::run_id(row))),
    })
}

/// The lines that waited for this turn, as one message before what was said.
pub(crate) fn system_message(events: &[SystemEvent]) -> Option<Message> {
    let last = events.last()?;
    let lines: Vec<String> =
        events.iter().map(|event| format!("System: [{}] {}", utc(event.at_ms), event.text)).collect();
    Some(Message::User(UserMessage {
        content: Content::Text(lines.join("\n")),
        timestamp: last.at_ms,
        idempotency_key: Some(format!("system-event-{}", last.id)),
    }))
}

/// `2027-02-01 16:00:00 UTC`.
fn utc(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The name to show for a sender.
pub(crate) fn speaker(inbound: &Inbound) -> String {
    let sender = &inbound.sender;
    match (&sender.name, &sender.username) {
        (Some(name), Some(user)) => format!("{name} (@{user})"),
        (Some(name), None) => name.clone(),
        (None, Some(user)) => format!("@{user}"),
        (None, None) => sender.id.clone(),
    }
}
