//! The models of one turn, one after the other, and what is remembered of keys that failed: for how long they rest is on disk
//! before the next one is asked.

use super::plan::{Attempt, Candidate, Plan};
use super::{Models, Wanted};
use agent::turn::{Failover, FailoverFuture};
use llm::{ErrorKind, Model, ModelError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{KeyFailure, KeyHealth, Store};

/// A key rests so long after its first failure, its second, and each further one, in ms.
const RESTS_MS: &[i64] = &[30_000, 60_000, 300_000];
/// A key without credit rests so long.
const NO_CREDIT_RESTS_MS: &[i64] = &[600_000];
/// A provider that wants a key to rest for longer than this may be wrong about it, in ms.
const LONGEST_REST_MS: i64 = 24 * 60 * 60 * 1000;
/// Keys of one provider that are asked for one model where it says that it is asked too often: with a second one it says whether
/// that was about the key.
const KEYS_PER_LIMIT: usize = 2;
/// A store that takes longer is not waited for: what it would remember is no reason to let somebody wait.
const STORE_WITHIN: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Chain {
    store: Store,
    /// The one that is meant, `provider/model`.
    selected: String,
    line: Mutex<Line>,
}

struct Line {
    asked: Candidate,
    next: VecDeque<Candidate>,
    /// Models that failed or were passed over, in the order in which that was.
    attempts: Vec<Attempt>,
    /// Keys that were asked in vain for the model that is asked now.
    in_vain: usize,
    /// Keys of which there is something on disk.
    noted: Vec<String>,
}

/// What came of the models of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// The one that was meant, `provider/model`.
    pub(crate) selected: String,
    /// The one that was asked last.
    pub(crate) active: String,
    /// Those that failed or were passed over.
    pub(crate) attempts: Vec<Attempt>,
}

impl Chain {
    /// The models for a turn of an agent.
    ///
    /// # Errors
    /// None can be asked: why not.
    pub(crate) async fn new(
        models: &Models,
        store: &Store,
        agent_id: &str,
        wanted: Wanted<'_>,
        session_id: &str,
    ) -> Result<Arc<Self>, String> {
        let health = known(store).await;
        let get = || models.plan(agent_id, &wanted, session_id, &health);
        let mut plan = get();
        if plan.as_ref().map_or(true, |plan| plan.is_short) {
            // What could not be had may be there by now.
            models.secrets.again().await;
            plan = get();
        }
        let Plan { mut candidates, passed, .. } = plan?;
        let selected = models.names_for_run(agent_id, &wanted)?.into_iter().next();
        let (Some(asked), Some(selected)) = (candidates.pop_front(), selected) else {
            return Err("no model can be asked".to_owned());
        };
        let noted = health.into_iter().map(|health| health.key).collect();
        let line = Line { asked, next: candidates, attempts: passed, in_vain: 0, noted };
        Ok(Arc::new(Self { store: store.clone(), selected, line: Mutex::new(line) }))
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that is asked now.
    pub(crate) fn model(&self) -> Arc<dyn Model> {
        self.line().asked.model.clone()
    }

    /// What has come of them so far.
    pub(crate) fn report(&self) -> Report {
        let line = self.line();
        Report {
            selected: self.selected.clone(),
            active: line.asked.name.clone(),
            attempts: line.attempts.clone(),
        }
    }

    /// Remembers that the key of the one that was asked failed so; the next turn begins elsewhere for a while.
    async fn note(&self, error: &ModelError) {
        let asked = self.line().asked.clone();
        let Some(key) = asked.key else { return };
        // A key without credit, or that is refused, is so for every model.
        let (model, rests_ms) = match error.kind {
            ErrorKind::RateLimited | ErrorKind::Transient => (Some(asked.model.info().id.clone()), RESTS_MS),
            ErrorKind::Auth => (None, RESTS_MS),
            ErrorKind::NoCredit => (None, NO_CREDIT_RESTS_MS),
            _ => return,
        };
        let asked_ms = error.retry_after.map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let failure = KeyFailure {
            key: key.clone(),
            model,
            reason: error.kind.as_str().to_owned(),
            rests_ms,
            asked_ms: asked_ms.map(|ms| ms.min(LONGEST_REST_MS)),
        };
        match tokio::time::timeout(STORE_WITHIN, self.store.key_failed(failure)).await {
            Ok(Ok(health)) => {
                tracing::warn!(key = %health.key, reason = %health.reason, until_ms = health.until_ms,
                    failures = health.failures, "a key of a model provider rests");
                self.line().noted.push(key);
            }
            Ok(Err(problem)) => tracing::warn!(%key, %problem, "it is not remembered that a key failed"),
            Err(_) => tracing::warn!(%key, "it is not remembered that a key failed: the store is slow"),
        }
    }
}

impl Failover for Chain {
    fn has_next(&self) -> bool {
        !self.line().next.is_empty()
    }

    fn next<'a>(&'a self, error: &'a ModelError) -> FailoverFuture<'a, Option<Arc<dyn Model>>> {
        Box::pin(async move {
            self.note(error).await;
            let mut line = self.line();
            line.advance(error).then(|| line.asked.model.clone())
        })
    }

    fn answered(&self) -> FailoverFuture<'_, ()> {
        Box::pin(async move {
            let (key, model) = {
                let mut line = self.line();
                let key = line.asked.key.clone().filter(|key| line.noted.contains(key));
                let Some(key) = key else { return };
                line.noted.retain(|noted| *noted != key);
                (key, line.asked.model.info().id.clone())
            };
            match tokio::time::timeout(STORE_WITHIN, self.store.key_worked(&key, &model)).await {
                Ok(Ok(())) => tracing::info!(%key, "a key of a model provider works"),
                Ok(Err(problem)) => tracing::warn!(%key, %problem, "it is not remembered that a key works"),
                Err(_) => tracing::warn!(%key, "it is not remembered that a key works: the store is slow"),
            }
        })
    }
}

impl Line {
    /// Goes on to the next one that may answer what the last one did not. False: there is none.
    fn advance(&mut self, error: &ModelError) -> bool {
        let failed = self.asked.clone();
        self.attempts.push(Attempt {
            name: failed.name.clone(),
            reason: error.kind.as_str().to_owned(),
            detail: error.message.clone(),
        });
        self.in_vain += 1;
        let tried_enough = self.in_vain >= KEYS_PER_LIMIT;
        self.next.retain(|next| match error.kind {
            // The key is at fault, whatever it is used for.
            ErrorKind::Auth | ErrorKind::NoCredit => next.key.is_none() || next.key != failed.key,
            ErrorKind::RateLimited => next.name != failed.name || !tried_enough,
            // Whoever is behind that model is, whatever the key.
            _ => next.name != failed.name,
        });
        let Some(next) = self.next.pop_front() else { return false };
        if next.name != failed.name {
            self.in_vain = 0;
        }
        self.asked = next;
        true
    }
}

/// What is known of keys. A store that does not say costs a try of a key that fails again.
async fn known(store: &Store) -> Vec<KeyHealth> {
    match tokio::time::timeout(STORE_WITHIN, store.key_health()).await {
        Ok(Ok(health)) => health,
        Ok(Err(problem)) => {
            tracing::warn!(%problem, "it is not known which keys of model providers rest");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!("it is not known which keys of model providers rest: the store is slow");
            Vec::new()
        }
    }
}
