//! How a question begins, and whose it is: the gateway's. Whoever asks holds an [`Asker`] for as long as they want the answer,
//! and when that goes, whichever way, the question is ended by the task that ends questions ([`super::ending`]).

use super::question::{Body, Question};
use super::{MAX_OF_CLIENTS, MAX_TIMEOUT, MAX_WAITING, Waiting, wire};
use crate::hub::Audience;
use crate::methods::store_error;
use crate::shared::Shared;
use protocol::ErrorShape;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use store::{Approval, NewApproval};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// A question that was asked.
pub(crate) struct Asked {
    pub(crate) approval: Approval,
    /// Hears of its end.
    pub(crate) ended: watch::Receiver<Option<Arc<Approval>>>,
    /// Ends it when it is dropped.
    pub(crate) asker: Asker,
}

/// Whoever asked, for as long as they want the answer. Dropping it takes the question back, unless it has ended.
pub(crate) struct Asker {
    shared: Arc<Shared>,
    id: Option<String>,
}

impl Asker {
    /// Goes, and leaves the question to wait: somebody will come back for the decision.
    pub(crate) fn leave_it(mut self) {
        self.id = None;
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        // What waits when the gateway stops is ended by its next start, which says so to people.
        if !self.shared.lifecycle.soft().is_cancelled() {
            self.shared.approvals.abandon(&id);
        }
    }
}

/// Asks: notes the question, then tells those who may decide. Dropping this takes the question back.
pub(crate) async fn ask(shared: &Arc<Shared>, question: Question) -> Result<Asked, ErrorShape> {
    let timeout = question.timeout.min(MAX_TIMEOUT);
    let now = shared.clock.now_ms();
    let expires_at_ms = now.saturating_add(i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX));
    let ended = take_place(shared, &question, timeout, expires_at_ms)?;
    let (told, asked) = oneshot::channel();
    let owner = shared.clone();
    shared.lifecycle.spawn(async move {
        let asked = note(&owner, question, (now, expires_at_ms), ended).await;
        // Where nobody waits for it any more, it is dropped here, and the question is taken back.
        let _ = told.send(asked);
    });
    asked.await.unwrap_or_else(|_| Err(store_error(shared.store.closed())))
}

/// Takes a place among those that wait; it counts from the moment on that the question is noted.
fn take_place(
    shared: &Shared,
    question: &Question,
    timeout: Duration,
    expires_at_ms: i64,
) -> Result<watch::Receiver<Option<Arc<Approval>>>, ErrorShape> {
    let of_client = !question.body.requester.is_agent();
    let mut waiting = shared.approvals.waiting();
    let of_clients = waiting.values().filter(|w| w.of_client).count();
    if waiting.len() >= MAX_WAITING || (of_client && of_clients >= MAX_OF_CLIENTS) {
        let pending = if of_client { of_clients } else { waiting.len() };
        return Err(ErrorShape::unavailable(format!(
            "{pending} approvals are pending already; decide about some first"
        ))
        .retryable());
    }
    if waiting.contains_key(&question.id) {
        return Err(ErrorShape::invalid("approval id already pending"));
    }
    let (sender, ended) = watch::channel(None);
    let place = Waiting {
        ended: sender,
        until: Instant::now() + timeout,
        expires_at_ms,
        grants: question.grants.clone(),
        of_client,
        is_noted: false,
        is_abandoned: false,
    };
    waiting.insert(question.id.clone(), place);
    Ok(ended)
}

async fn note(
    shared: &Arc<Shared>,
    question: Question,
    (created_at_ms, expires_at_ms): (i64, i64),
    ended: watch::Receiver<Option<Arc<Approval>>>,
) -> Result<Asked, ErrorShape> {
    let Question { id, body, run_id, tool_call_id, tell, .. } = question;
    let new = NewApproval {
        id: id.clone(),
        body: body.to_value(),
        run_id,
        tool_call_id,
        created_at_ms,
        expires_at_ms,
    };
    let added = match shared.store.add_approval(new, tell).await {
        Ok(Some(approval)) => Ok(approval),
        Ok(None) => Err(ErrorShape::invalid("approval id was used before; use a new one")),
        Err(error) => Err(store_error(error)),
    };
    let approval = added.inspect_err(|_| drop(shared.approvals.waiting().remove(&id)))?;
    if let Some(waiting) = shared.approvals.waiting().get_mut(&id) {
        waiting.is_noted = true;
    }
    shared.approvals.changed.notify_one();
    shared.outbox.wake();
    announce(shared, &approval, &body);
    Ok(Asked { approval, ended, asker: Asker { shared: shared.clone(), id: Some(id) } })
}

fn announce(shared: &Shared, approval: &Approval, body: &Body) {
    let event = json!({
        "approvalKind": body.kind.as_str(), "id": approval.id, "request": body.request, "createdAtMs": approval.created_at_ms,
        "expiresAtMs": approval.expires_at_ms,
    });
    if !body.quiet {
        shared.hub.broadcast(Audience::Approvers(&body.requester), body.kind.requested(), &event, true);
    }
    wire::session_event(shared, approval, body, "pending");
}
