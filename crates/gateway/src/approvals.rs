//! Questions about commands before they run, and about files of nodes: who is asked, who may answer, and how a question ends.
//!
//! A question is a row in the store before anybody hears of it, and its end is one before anybody acts on it: the first
//! decision counts, and nothing stays open over a restart. In memory is only who waits, and until when. [`asking`] begins a
//! question, [`ending`] ends it, here is who may decide.

pub(crate) mod admission;
pub(crate) mod asking;
pub(crate) mod ending;
pub(crate) mod files;
pub(crate) mod nodes;
pub(crate) mod question;
pub(crate) mod shown;
mod told;
pub(crate) mod wire;

use crate::methods::store_error;
use crate::shared::Shared;
use exec::policy::{AllowEntry, ApprovalsFile};
use protocol::ErrorShape;
use question::{Body, PLUGIN, bare};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use store::{Approval, ApprovalEnd, ApprovalStatus, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Questions that may wait at the same time: nobody reads more.
const MAX_WAITING: usize = 256;
/// Of these, so many may be those of clients, so that the agents can always ask.
const MAX_OF_CLIENTS: usize = 128;
/// How long a question waits where nobody says.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// No question waits longer.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// The decisions that there are.
pub(crate) const ALLOW_ONCE: &str = "allow-once";
pub(crate) const ALLOW_ALWAYS: &str = "allow-always";
pub(crate) const DENY: &str = "deny";

struct Waiting {
    ended: watch::Sender<Option<Arc<Approval>>>,
    /// Its end by this program's own timer, and by the clock on the wall: the first counts.
    until: Instant,
    expires_at_ms: i64,
    /// What `allow-always` adds to which agent's list.
    grants: Option<(String, Vec<AllowEntry>)>,
    /// Not an agent's own.
    of_client: bool,
    /// It is in the store.
    is_noted: bool,
    /// Whoever asked is gone.
    is_abandoned: bool,
}

/// The questions that wait, and the host's document.
pub(crate) struct Approvals {
    waiting: Mutex<HashMap<String, Waiting>>,
    /// There may be a question to end, or one more that waits.
    changed: Notify,
    pub(crate) file: ApprovalsFile,
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

    /// Whoever asked is gone: the question is ended where it waits.
    fn abandon(&self, id: &str) {
        if let Some(waiting) = self.waiting().get_mut(id) {
            waiting.is_abandoned = true;
            self.changed.notify_one();
        }
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
/// decision again is no error: whether this one was the first stands beside the question.
pub(crate) async fn decide(
    shared: &Arc<Shared>,
    id: &str,
    decision: &'static str,
    resolver: (String, String),
    sees: impl Fn(&Body) -> bool,
) -> Result<(Approval, bool), NotDecided> {
    let failed = |e: StoreError| NotDecided::Store(store_error(e));
    let approval = find(shared, id, sees).await?;
    if approval.status != ApprovalStatus::Pending {
        return repeated(approval, decision);
    }
    if approval.expires_at_ms <= shared.clock.now_ms() {
        // Too late, even where no timer has noticed yet.
        ending::end(shared, &approval.id, ending::timeout()).await.map_err(failed)?;
        return Err(NotDecided::Unknown);
    }
    let body = Body::of(&approval);
    if !body.allowed.iter().any(|d| d == decision) {
        return Err(NotDecided::NotOffered(decision.to_owned()));
    }
    let status = if decision == DENY { ApprovalStatus::Denied } else { ApprovalStatus::Allowed };
    let decided = ApprovalEnd {
        status,
        decision: Some(decision.to_owned()),
        reason: "user".into(),
        resolver: Some(resolver),
    };
    match ending::end(shared, &approval.id, decided).await.map_err(failed)? {
        Some((approval, true)) => Ok((approval, true)),
        Some((approval, false)) => repeated(approval, decision),
        None => Err(NotDecided::Unknown),
    }
}

fn repeated(approval: Approval, decision: &str) -> Result<(Approval, bool), NotDecided> {
    if approval.decision.as_deref() == Some(decision) {
        Ok((approval, false))
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
    let begin = bare(id);
    for whole in [id, &format!("{PLUGIN}{begin}")] {
        if let Some(approval) = shared.store.approval(whole).await.map_err(failed)? {
            return if sees(&Body::of(&approval)) { Ok(approval) } else { Err(NotDecided::Unknown) };
        }
    }
    if begin.len() < SHORTEST {
        return Err(NotDecided::Unknown);
    }
    let waiting = shared.store.pending_approvals().await.map_err(failed)?;
    let mut fitting = waiting.into_iter().filter(|a| bare(&a.id).starts_with(begin) && sees(&Body::of(a)));
    match (fitting.next(), fitting.next()) {
        (Some(approval), None) => Ok(approval),
        (Some(_), Some(_)) => Err(NotDecided::Ambiguous),
        (None, _) => Err(NotDecided::Unknown),
    }
}
