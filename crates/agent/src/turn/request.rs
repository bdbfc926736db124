//! Requests to the model: one at a time, each written down, with a wait before the next where that may help.

use super::events::TurnEvent;
use super::failover::{self, Failed};
use super::outcome::{TurnError, TurnErrorKind};
use super::run::{Ledger, Run, Stop};
use super::setup::{RetryPolicy, draw};
use super::transcript::{CallKind, ModelCall};
use llm::{ErrorKind, EventSink, Model, ModelError, Request};
use model::AssistantMessage;
use tokio::time::Instant;

/// Why a request gave nothing.
pub(super) enum Failure {
    /// The turn is over.
    Stopped(Stop),
    /// The provider's side.
    Model(ModelError),
}

/// Makes one request of a model, unless the turn is over or has made too many.
pub(super) async fn send(
    run: &Run<'_>,
    (model, ledger): (&dyn Model, &mut Ledger),
    request: Request<'_>,
    kind: CallKind,
    sink: EventSink<'_>,
) -> Result<AssistantMessage, Failure> {
    if run.cancel.is_cancelled() {
        return Err(Failure::Stopped(Stop::Aborted));
    }
    if ledger.requests >= run.setup.limits.max_model_calls {
        return Err(Failure::Stopped(too_many(run)));
    }
    ledger.requests += 1;
    let info = model.info();
    run.events.emit(TurnEvent::ModelCall { provider: info.provider.clone(), model: info.id.clone() });
    let started = Instant::now();
    let result = match run.guard(model.complete(request, sink, run.cancel)).await {
        Ok(Ok(completion)) => Ok(completion.message),
        Ok(Err(e)) if e.kind == ErrorKind::Aborted && run.cancel.is_cancelled() => {
            Err(Failure::Stopped(Stop::Aborted))
        }
        Ok(Err(e)) => Err(Failure::Model(e)),
        Err(stop) => Err(Failure::Stopped(stop)),
    };
    let error = match &result {
        Ok(_) => None,
        Err(Failure::Model(e)) => Some(e.message.clone()),
        Err(Failure::Stopped(Stop::Aborted)) => Some("aborted".to_owned()),
        Err(Failure::Stopped(Stop::Failed(e))) => Some(e.message.clone()),
    };
    let usage = result.as_ref().map(|m| m.usage).unwrap_or_default();
    ledger.usage.add(&usage);
    ledger.pending.push(ModelCall {
        provider: info.provider.clone(),
        model: info.id.clone(),
        usage,
        price: info.price,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        kind,
        error,
    });
    if result.is_ok() {
        run.events.emit(TurnEvent::Usage { usage });
    }
    result
}

/// Waits before the next try of a call that failed `tries` times. [`Failure::Model`]: there is none.
pub(super) async fn back_off(run: &Run<'_>, tries: u32, error: ModelError) -> Result<(), Failure> {
    let policy = run.setup.limits.retry;
    if !error.kind.is_retryable() || tries >= policy.attempts {
        return Err(Failure::Model(error));
    }
    let has_other = run.setup.failover.as_ref().is_some_and(|failover| failover.has_next());
    if has_other && RetryPolicy::is_too_long(error.retry_after) {
        return Err(Failure::Model(error));
    }
    let wait = policy.wait(tries, error.retry_after, draw());
    if Instant::now() + wait >= run.deadline {
        // No use in waiting for a try that will not be made.
        return Err(Failure::Model(error));
    }
    run.events.emit(TurnEvent::Retry {
        attempt: tries.saturating_add(1),
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        reason: error.message,
    });
    run.guard(tokio::time::sleep(wait)).await.map_err(Failure::Stopped)
}

/// The end of a turn whose model failed so, and all before it.
pub(super) fn failed(error: ModelError, tries: u32, before: &[Failed]) -> Stop {
    let mut message = match error.kind {
        ErrorKind::ContextOverflow => format!(
            "{}; the transcript could not be made short enough: reset the session, or choose a model with a larger context window",
            error.message
        ),
        _ if tries > 1 => format!("{} (tried {tries} times)", error.message),
        _ => error.message,
    };
    message.push_str(&failover::before(before));
    Stop::Failed(TurnError { kind: TurnErrorKind::Model(error.kind), message })
}

fn too_many(run: &Run<'_>) -> Stop {
    let max = run.setup.limits.max_model_calls;
    Stop::Failed(TurnError {
        kind: TurnErrorKind::TooManyCalls,
        message: format!(
            "the turn was stopped after {max} model calls, the most that one turn may make; what was done is kept: ask to go on, or for less at once"
        ),
    })
}
