//! How a question ends: once, on disk before anybody acts on it, and told to everybody. Every end goes through [`end`], whose work
//! is the gateway's own and goes on when whoever called it is gone; [`run`] ends what nobody else does.

use super::question::{self, Body};
use super::{ALLOW_ALWAYS, DENY, Waiting, told, wire};
use crate::hub::Audience;
use crate::shared::Shared;
use exec::policy::AllowEntry;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use store::{Approval, ApprovalEnd, ApprovalStatus, StoreError};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What the store could not take is tried again after this time.
const STORE_RETRY: Duration = Duration::from_secs(2);
/// While questions wait, the time of day is looked at this often: a host that sleeps stops every timer, and no question
/// outlives what its clock on the wall says.
const LOOK: Duration = Duration::from_secs(1);

/// Ends a question unless it has ended; says how it stands and whether this ended it. `None`: there is no such question.
pub(crate) async fn end(
    shared: &Arc<Shared>,
    id: &str,
    end: ApprovalEnd,
) -> Result<Option<(Approval, bool)>, StoreError> {
    let (told, ended) = oneshot::channel();
    let (owner, id) = (shared.clone(), id.to_owned());
    shared.lifecycle.spawn(async move {
        let ended = end_here(&owner, &id, end).await;
        // Whoever wanted it may be gone; it has ended all the same.
        let _ = told.send(ended);
    });
    ended.await.unwrap_or_else(|_| Err(shared.store.closed()))
}

async fn end_here(
    shared: &Shared,
    id: &str,
    end: ApprovalEnd,
) -> Result<Option<(Approval, bool)>, StoreError> {
    let always = end.decision.as_deref() == Some(ALLOW_ALWAYS);
    let Some((approval, applied)) = shared.store.end_approval(id, end, told::outcome).await? else {
        return Ok(None);
    };
    let waiting = shared.approvals.waiting().remove(id);
    if applied {
        shared.outbox.wake();
        announce(shared, &approval);
    }
    if let Some(Waiting { ended, grants, .. }) = waiting {
        if let Some((agent, entries)) = grants.filter(|_| applied && always) {
            remember(shared, id, agent, entries).await;
        }
        ended.send_replace(Some(Arc::new(approval.clone())));
    }
    Ok(Some((approval, applied)))
}

/// Adds to the list what was allowed for good. Where the disk says no, the command runs this once, and the next time
/// somebody is asked again.
async fn remember(shared: &Shared, id: &str, agent: String, entries: Vec<AllowEntry>) {
    let file = shared.approvals.file.clone();
    let write = tokio::task::spawn_blocking(move || file.update(|d| d.allow(&agent, entries))).await;
    match write {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(approval = id, %error, "allow-always was not saved; it counts once")
        }
        Err(error) => tracing::error!(approval = id, %error, "allow-always was not saved; it counts once"),
    }
}

fn announce(shared: &Shared, approval: &Approval) {
    let body = Body::of(approval);
    let resolved_by = approval.resolver.as_ref().map(|(_, id)| id);
    let event = json!({
        "id": approval.id, "decision": approval.decision.as_deref().unwrap_or(DENY), "resolvedBy": resolved_by,
        "ts": approval.resolved_at_ms, "request": body.request,
    });
    shared.hub.broadcast(Audience::Approvers(&body.requester), body.kind.resolved(), &event, true);
    wire::session_event(shared, approval, &body, "terminal");
}

/// Nobody decided in time.
pub(crate) fn timeout() -> ApprovalEnd {
    ApprovalEnd { status: ApprovalStatus::Expired, decision: None, reason: "timeout".into(), resolver: None }
}

/// Nobody could be asked.
pub(crate) fn no_route() -> ApprovalEnd {
    ApprovalEnd {
        status: ApprovalStatus::Denied,
        decision: Some(DENY.into()),
        reason: "no-route".into(),
        resolver: None,
    }
}

/// Whoever asked does not want to know any more.
pub(crate) fn run_aborted() -> ApprovalEnd {
    ApprovalEnd {
        status: ApprovalStatus::Cancelled,
        decision: None,
        reason: "run-aborted".into(),
        resolver: None,
    }
}

/// Ends questions that were taken back and those whose time is over, until shutdown.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let Some((id, ending)) = due(&shared) else {
            let waits = !shared.approvals.waiting().is_empty();
            tokio::select! {
                biased;
                () = shared.lifecycle.soft().cancelled() => return,
                () = shared.approvals.changed.notified() => {}
                () = tokio::time::sleep(LOOK), if waits => {}
            }
            continue;
        };
        if shared.lifecycle.soft().is_cancelled() {
            return;
        }
        match end(&shared, &id, ending).await {
            Ok(Some(_)) => {}
            // Not in the store: it is gone. Nobody can answer it.
            Ok(None) => drop(shared.approvals.waiting().remove(&id)),
            Err(error) => {
                tracing::error!(approval = %id, %error, "an approval could not be ended");
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}

/// A question that is to be ended now, and how. One that is not in the store yet has nothing that could be ended.
fn due(shared: &Shared) -> Option<(String, ApprovalEnd)> {
    let (now, now_ms) = (Instant::now(), shared.clock.now_ms());
    let waiting = shared.approvals.waiting();
    waiting.iter().filter(|(_, w)| w.is_noted).find_map(|(id, w)| {
        if w.is_abandoned {
            Some((id.clone(), run_aborted()))
        } else {
            (w.until <= now || w.expires_at_ms <= now_ms).then(|| (id.clone(), timeout()))
        }
    })
}

/// At the start: whoever asked before is gone, and what they asked about did not run.
pub(crate) async fn end_all_of_before(shared: &Shared) -> Result<(), StoreError> {
    let end = ApprovalEnd {
        status: ApprovalStatus::Cancelled,
        decision: None,
        reason: "gateway-restart".into(),
        resolver: None,
    };
    let ended = shared.store.end_open_approvals(end, question::news_of_restart, told::outcome).await?;
    for approval in &ended {
        tracing::info!(approval = %approval.id, "an approval ended with the last gateway; what it was about was not done");
    }
    Ok(())
}
