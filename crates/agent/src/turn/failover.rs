//! Another model, or another key of the same one, where the one that was asked has failed for good. Which, whoever gave the
//! turn its model decides.
//!
//! Nothing is done twice by it: the transcript has what was answered before and what tools gave, the next model reads that and
//! goes on, and the text of the answer that failed is void.

use super::events::TurnEvent;
use super::run::{Run, State, Stop};
use llm::{Model, ModelError};
use std::pin::Pin;
use std::sync::Arc;

/// What [`Failover`]'s methods give.
pub type FailoverFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a turn may fall back on, one after the other. Both methods are waited for, and are to have a deadline of their own.
pub trait Failover: Send + Sync + 'static {
    /// Whether there may be another one.
    fn has_next(&self) -> bool;

    /// The one to ask now that the one that was asked last has failed so; `None`: there is none. Called only where
    /// [`llm::ErrorKind::fails_over`] says so.
    fn next<'a>(&'a self, error: &'a ModelError) -> FailoverFuture<'a, Option<Arc<dyn Model>>>;

    /// The one that was asked last has answered.
    fn answered(&self) -> FailoverFuture<'_, ()>;
}

/// A model that was asked and failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    name: String,
    reason: &'static str,
}

/// Goes on with the next one. False: there is none, or the failure is of a kind that another one would not mend.
pub(super) async fn advance(run: &Run<'_>, state: &mut State, error: &ModelError) -> Result<bool, Stop> {
    let Some(failover) = run.setup.failover.as_ref().filter(|_| error.kind.fails_over()) else {
        return Ok(false);
    };
    let Some(next) = run.guard(failover.next(error)).await? else { return Ok(false) };
    let (from, to) = (name(&*state.model), name(&*next));
    run.events.emit(TurnEvent::Failover {
        from: from.clone(),
        to,
        reason: error.kind.as_str(),
        detail: error.message.clone(),
    });
    state.failed.push(Failed { name: from, reason: error.kind.as_str() });
    state.model = next;
    Ok(true)
}

/// The model that was asked has answered.
pub(super) async fn answered(run: &Run<'_>) -> Result<(), Stop> {
    match &run.setup.failover {
        Some(failover) => run.guard(failover.answered()).await,
        None => Ok(()),
    }
}

/// What failed before, for the message about what failed last; empty where nothing did.
pub(super) fn before(failed: &[Failed]) -> String {
    let mut said: Vec<String> = Vec::new();
    for Failed { name, reason } in failed {
        let text = format!("{name} ({})", reason.replace('_', " "));
        if !said.contains(&text) {
            said.push(text);
        }
    }
    if said.is_empty() { String::new() } else { format!("; before it failed: {}", said.join(", ")) }
}

fn name(model: &dyn Model) -> String {
    let info = model.info();
    format!("{}/{}", info.provider, info.id)
}
