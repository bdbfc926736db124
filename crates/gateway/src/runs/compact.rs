//! A compaction that somebody asks for: the agent's own way of making a transcript shorter, on a session that is held
//! meanwhile, so that it never runs beside a turn.

use super::hold::Hold;
use super::transcript::{Places, ledger_call};
use crate::hub::Audience;
use crate::models::Wanted;
use crate::models::failover::Chain;
use crate::shared::Shared;
use agent::turn::{
    Compacted, Events, Keep, Limits, ModelCall, Transcript, TranscriptError, TranscriptFuture, TurnEnd,
    TurnEvent, TurnSetup,
};
use model::{Message, NoteMessage, SessionKey};
use serde_json::json;
use std::sync::Arc;
use store::{LedgerCall, Session};
use tokio::sync::oneshot;

/// What came of it.
pub(crate) enum Done {
    /// It is shorter.
    Compacted(Compacted),
    /// There was nothing to take out.
    Nothing,
    /// It is as it was, for this reason.
    Failed(String),
}

/// Starts it as a task of the gateway's own, and waits. `None`: it was dropped, because the gateway stops.
pub(crate) async fn start(shared: &Arc<Shared>, hold: Hold, session: Session, keep: Keep) -> Option<Done> {
    let (done, answer) = oneshot::channel();
    let shared = shared.clone();
    let lifecycle = shared.lifecycle.clone();
    lifecycle.spawn(async move {
        let outcome = run(&shared, &session, keep).await;
        // The session is free before anybody hears that it is done.
        drop(hold);
        // Whoever asked may have gone.
        let _ = done.send(outcome);
    });
    answer.await.ok()
}

async fn run(shared: &Arc<Shared>, session: &Session, keep: Keep) -> Done {
    let key = &session.key;
    let operation = model::new_id();
    announce(shared, key, &operation, None);
    let done = match compact(shared, session, &operation, keep).await {
        Ok(done) => done,
        Err(reason) => Done::Failed(reason),
    };
    let (completed, reason) = match &done {
        Done::Compacted(_) => (true, None),
        Done::Nothing => (false, Some("nothing to compact")),
        Done::Failed(reason) => (false, Some(reason.as_str())),
    };
    announce(shared, key, &operation, Some((completed, reason)));
    if completed {
        super::events::session_changed(shared, key, "compact").await;
    }
    done
}

async fn compact(
    shared: &Arc<Shared>,
    session: &Session,
    operation: &str,
    keep: Keep,
) -> Result<Done, String> {
    let key = &session.key;
    let wanted = session.model_choice.as_deref().map_or(Wanted::Own, Wanted::Chosen);
    let chain =
        Chain::new(&shared.models(), &shared.store, key.agent_id(), wanted, &session.session_id).await?;
    let entries = shared.store.context(key).await.map_err(|e| e.to_string())?;
    let limits = Limits { turn_deadline: shared.settings().turn_deadline, ..Limits::default() };
    let setup = TurnSetup {
        agent_id: key.agent_id().to_owned(),
        session_key: key.clone(),
        run_id: operation.to_owned(),
        system: String::new(),
        model: chain.model(),
        failover: None,
        tools: vec![],
        clock: shared.clock.clone(),
        limits,
    };
    let messages: Vec<Message> = entries.iter().map(|entry| entry.message.clone()).collect();
    let transcript = HeldTranscript {
        shared: shared.clone(),
        key: key.clone(),
        session_id: session.session_id.clone(),
        operation: operation.to_owned(),
        places: Places::of(&entries),
    };
    let cancel = shared.lifecycle.soft();
    let outcome = agent::turn::compact(&setup, messages, &transcript, &Unheard, cancel, keep).await;
    if !outcome.calls.is_empty() {
        let calls: Vec<LedgerCall> = outcome.calls.into_iter().map(ledger_call).collect();
        let booked = shared.store.book_calls(key, &session.session_id, operation, calls).await;
        booked.map_err(|e| e.to_string())?;
    }
    match outcome.result {
        Ok(Some(compacted)) => Ok(Done::Compacted(compacted)),
        Ok(None) => Ok(Done::Nothing),
        Err(TurnEnd::Failed(error)) => Err(error.message),
        Err(TurnEnd::Aborted | TurnEnd::Done) => Err("stopped, because the gateway stops".into()),
    }
}

/// Tells those who look at the session that it is being compacted, or how that ended.
fn announce(shared: &Shared, key: &SessionKey, operation: &str, end: Option<(bool, Option<&str>)>) {
    let mut payload = json!({
        "operationId": operation, "operation": "compact", "phase": if end.is_some() { "end" } else { "start" },
        "sessionKey": key, "agentId": key.agent_id(), "ts": shared.clock.now_ms(),
    });
    if let Some((completed, reason)) = end {
        payload["completed"] = json!(completed);
        if let Some(reason) = reason {
            payload["reason"] = json!(reason);
        }
    }
    shared.hub.broadcast(Audience::SessionList, "session.operation", &payload, true);
}

/// The events of a turn are about a run, and this is none: what is to be heard is told above.
struct Unheard;

impl Events for Unheard {
    fn emit(&self, _: TurnEvent) {}
}

/// The transcript of a session that no run is on.
struct HeldTranscript {
    shared: Arc<Shared>,
    key: SessionKey,
    session_id: String,
    operation: String,
    places: Places,
}

impl Transcript for HeldTranscript {
    fn append<'a>(&'a self, _: Vec<Message>, _: Vec<ModelCall>) -> TranscriptFuture<'a, ()> {
        Box::pin(async { Err(TranscriptError("a compaction says nothing of its own".into())) })
    }

    fn take_steering<'a>(&'a self) -> TranscriptFuture<'a, Vec<Message>> {
        // What arrives waits for its turn.
        Box::pin(async { Ok(Vec::new()) })
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
            let payer = (self.key.clone(), self.session_id.clone());
            let written =
                self.shared.store.compact_session(payer, &self.operation, (note, keep_from), calls).await;
            let Some(entries) = written.map_err(|e| TranscriptError(e.to_string()))? else {
                return Err(TranscriptError("the session was reset meanwhile; nothing was changed".into()));
            };
            self.places.replace(&entries);
            Ok(())
        })
    }
}
