//! Questions about commands before they run: who is asked, who may answer, and how a question ends.
//!
//! A question is a row in the store before anybody hears of it, and its end is one before anybody acts on it: the first
//! decision counts, and nothing stays open over a restart. In memory is only who waits, and until when.

pub(crate) mod admission;
pub(crate) mod nodes;
pub(crate) mod question;
pub(crate) mod wire;

use crate::hub::Audience;
use crate::methods::store_error;
use crate::shared::Shared;
use exec::policy::{AllowEntry, ApprovalsFile};
use protocol::ErrorShape;
use question::{Body, Question};
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use store::{Approval, ApprovalEnd, ApprovalStatus, NewApproval, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Questions that may wait at the same time: nobody reads more.
const MAX_WAITING: usize = 256;
/// How long a question waits where nobody says.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// No question waits longer.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// What the store could not take is tried again after this time.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// The decisions that there are.
pub(crate) const ALLOW_ONCE: &str = "allow-once";
pub(crate) const ALLOW_ALWAYS: &str = "allow-always";
pub(crate) const DENY: &str = "deny";

struct Waiting {
    ended: watch::Sender<Option<Arc<Approval>>>,
    until: Instant,
    /// What `allow-always` adds to which agent's list.
    grants: Option<(String, Vec<AllowEntry>)>,
}

/// The questions that wait, and the host's document.
pub(crate) struct Approvals {
    waiting: Mutex<HashMap<String, Waiting>>,
    /// The next question to expire may be another one.
    changed: Notify,
    pub(crate) file: ApprovalsFile,
}

/// A question that was asked.
pub(crate) struct Asked {
    pub(crate) approval: Approval,
    /// Hears of its end.
    pub(crate) ended: watch::Receiver<Option<Arc<Approval>>>,
}

impl Approvals {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self { waiting: Mutex::default(), changed: Notify::new(), file: ApprovalsFile::in_dir(state_dir) }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Hears of the end of a question that waits; `None` where it does not.
    pub(crate) fn watch(&self, id: &str) -> Option<watch::Receiver<Option<Arc<Approval>>>> {
        self.waiting().get(id).map(|w| w.ended.subscribe())
    }
}

/// Asks: notes the question, then tells those who may decide.
pub(crate) async fn ask(shared: &Arc<Shared>, question: Question) -> Result<Asked, ErrorShape> {
    let now = shared.clock.now_ms();
    let Question { id, body, timeout, run_id, tool_call_id, grants, tell } = question;
    let timeout = timeout.min(MAX_TIMEOUT);
    let ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
    let (sender, ended) = watch::channel(None);
    {
        let mut waiting = shared.approvals.waiting();
        if waiting.len() >= MAX_WAITING {
            return Err(ErrorShape::unavailable(format!(
                "{MAX_WAITING} approvals are pending already; decide about some first"
            ))
            .retryable());
        }
        if waiting.contains_key(&id) {
            return Err(ErrorShape::invalid("approval id already pending"));
        }
        let until = Instant::now() + timeout;
        waiting.insert(id.clone(), Waiting { ended: sender, until, grants });
    }
    // Where this future is dropped, the entry stays until its time is over, and ends the row that may have been written.
    let new = NewApproval {
        id: id.clone(),
        body: body.to_value(),
        run_id,
        tool_call_id,
        created_at_ms: now,
        expires_at_ms: now.saturating_add(ms),
    };
    let added = match shared.store.add_approval(new, tell).await {
        Ok(Some(approval)) => Ok(approval),
        Ok(None) => Err(ErrorShape::invalid("approval id was used before; use a new one")),
        Err(error) => Err(store_error(error)),
    };
    let approval = added.inspect_err(|_| drop(shared.approvals.waiting().remove(&id)))?;
    shared.approvals.changed.notify_one();
    shared.outbox.wake();
    announce_pending(shared, &approval, &body);
    Ok(Asked { approval, ended })
}

/// Ends a question unless it has ended; says how it stands and whether this ended it. `None`: there is no such question.
pub(crate) async fn end(
    shared: &Shared,
    id: &str,
    end: ApprovalEnd,
) -> Result<Option<(Approval, bool)>, StoreError> {
    let always = end.decision.as_deref() == Some(ALLOW_ALWAYS);
    let Some((approval, applied)) = shared.store.end_approval(id, end, vec![]).await? else {
        return Ok(None);
    };
    let waiting = shared.approvals.waiting().remove(id);
    if applied {
        announce_end(shared, &approval);
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

/// Why a decision was not taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NotDecided {
    /// There is no such question, or not for whoever decides.
    Unknown,
    /// Several questions begin like that.
    Ambiguous,
    /// It ended otherwise.
    AlreadyResolved,
    /// It was not among the decisions that are offered.
    NotOffered(String),
    /// The store said no.
    Store(ErrorShape),
}

/// Decides about the question that `id`, or the beginning of an id, names among those that `sees` lets be seen. The same
/// decision again is no error.
pub(crate) async fn decide(
    shared: &Shared,
    id: &str,
    decision: &'static str,
    resolver: (String, String),
    sees: impl Fn(&Body) -> bool,
) -> Result<Approval, NotDecided> {
    let failed = |e: StoreError| NotDecided::Store(store_error(e));
    let approval = find(shared, id, sees).await?;
    if approval.status != ApprovalStatus::Pending {
        return repeated(approval, decision);
    }
    let body = Body::of(&approval);
    if !body.allowed.iter().any(|d| d == decision) {
        return Err(NotDecided::NotOffered(decision.to_owned()));
    }
    let status = if decision == DENY { ApprovalStatus::Denied } else { ApprovalStatus::Allowed };
    let ending = ApprovalEnd {
        status,
        decision: Some(decision.to_owned()),
        reason: "user".into(),
        resolver: Some(resolver),
    };
    match end(shared, &approval.id, ending).await.map_err(failed)? {
        Some((approval, true)) => Ok(approval),
        Some((approval, false)) => repeated(approval, decision),
        None => Err(NotDecided::Unknown),
    }
}

fn repeated(approval: Approval, decision: &str) -> Result<Approval, NotDecided> {
    if approval.decision.as_deref() == Some(decision) {
        Ok(approval)
    } else {
        Err(NotDecided::AlreadyResolved)
    }
}

/// The question of this id, or the one that waits whose id begins so.
pub(crate) async fn find(
    shared: &Shared,
    id: &str,
    sees: impl Fn(&Body) -> bool,
) -> Result<Approval, NotDecided> {
    const SHORTEST: usize = 6;
    let failed = |e: StoreError| NotDecided::Store(store_error(e));
    if let Some(approval) = shared.store.approval(id).await.map_err(failed)? {
        return if sees(&Body::of(&approval)) { Ok(approval) } else { Err(NotDecided::Unknown) };
    }
    if id.len() < SHORTEST {
        return Err(NotDecided::Unknown);
    }
    let waiting = shared.store.pending_approvals().await.map_err(failed)?;
    let mut fitting = waiting.into_iter().filter(|a| a.id.starts_with(id) && sees(&Body::of(a)));
    match (fitting.next(), fitting.next()) {
        (Some(approval), None) => Ok(approval),
        (Some(_), Some(_)) => Err(NotDecided::Ambiguous),
        (None, _) => Err(NotDecided::Unknown),
    }
}

fn announce_pending(shared: &Shared, approval: &Approval, body: &Body) {
    let event = json!({
        "approvalKind": "exec", "id": approval.id, "request": body.request, "createdAtMs": approval.created_at_ms,
        "expiresAtMs": approval.expires_at_ms,
    });
    if !body.quiet {
        shared.hub.broadcast(Audience::Approvers(&body.requester), "exec.approval.requested", &event, true);
    }
    wire::session_event(shared, approval, body, "pending");
}

fn announce_end(shared: &Shared, approval: &Approval) {
    let body = Body::of(approval);
    let resolved_by = approval.resolver.as_ref().map(|(_, id)| id);
    let event = json!({
        "id": approval.id, "decision": approval.decision.as_deref().unwrap_or(DENY), "resolvedBy": resolved_by,
        "ts": approval.resolved_at_ms, "request": body.request,
    });
    shared.hub.broadcast(Audience::Approvers(&body.requester), "exec.approval.resolved", &event, true);
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

/// Ends questions whose time is over, until shutdown.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let next = shared.approvals.waiting().iter().map(|(id, w)| (w.until, id.clone())).min();
        let due = async {
            match &next {
                Some((until, _)) => tokio::time::sleep_until(*until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            () = shared.approvals.changed.notified() => continue,
            () = due => {}
        }
        let Some((_, id)) = next else { continue };
        match end(&shared, &id, timeout()).await {
            Ok(Some(_)) => {}
            // Not in the store: it was never asked, or is gone. Nobody can answer it.
            Ok(None) => drop(shared.approvals.waiting().remove(&id)),
            Err(error) => {
                tracing::error!(approval = %id, %error, "an approval could not be ended");
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}

/// At the start: whoever asked before is gone, and what they asked about did not run.
pub(crate) async fn end_all_of_before(shared: &Shared) -> Result<(), StoreError> {
    let end = ApprovalEnd {
        status: ApprovalStatus::Cancelled,
        decision: None,
        reason: "gateway-restart".into(),
        resolver: None,
    };
    let ended = shared.store.end_open_approvals(end, question::news_of_restart).await?;
    for approval in &ended {
        tracing::info!(approval = %approval.id, "an approval ended with the last gateway; its command was not run");
    }
    Ok(())
}
