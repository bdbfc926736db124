//! Requests to the model: one at a time, each written down; the same again where that may help.

use super::compaction;
use super::drive::{Run, State, Stop};
use super::events::TurnEvent;
use super::outcome::{TurnError, TurnErrorKind};
use super::setup::draw;
use super::stream::Stream;
use super::transcript::{CallKind, ModelCall};
use llm::{ErrorKind, EventSink, ModelError, Request};
use model::{AssistantMessage, Usage};
use tokio::time::Instant;

/// What was asked of the model in this turn.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Calls that are not durable yet.
    pub(super) pending: Vec<ModelCall>,
    /// All calls together.
    pub(super) usage: Usage,
    /// The last successful call for an answer.
    pub(super) last_call: Usage,
    /// Requests made.
    pub(super) requests: u32,
}

/// Why a request gave nothing.
pub(super) enum Failure {
    /// The turn is over.
    Stopped(Stop),
    /// The provider's side.
    Model(ModelError),
}

/// Makes one request, unless the turn is over or has made too many.
pub(super) async fn send(
    run: &Run<'_>,
    ledger: &mut Ledger,
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
    let info = run.setup.model.info();
    run.events.emit(TurnEvent::ModelCall { provider: info.provider.clone(), model: info.id.clone() });
    let started = Instant::now();
    let result = match run.guard(run.setup.model.complete(request, sink, run.cancel)).await {
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

/// Gets the next answer: tries again where that may help, and makes room where the provider says that there is none.
/// Text of an answer that is given up for good is left in `state.partial`.
pub(super) async fn ask(run: &Run<'_>, state: &mut State) -> Result<AssistantMessage, Stop> {
    let mut tries = 0;
    let mut made_room = false;
    loop {
        let kind = if tries == 0 && !made_room { CallKind::Turn } else { CallKind::Retry };
        let error = match try_once(run, state, kind).await {
            Ok(answer) => return Ok(answer),
            Err(Failure::Stopped(stop)) => return Err(stop),
            Err(Failure::Model(error)) => error,
        };
        if error.kind == ErrorKind::ContextOverflow && !made_room {
            made_room = true;
            if compaction::after_overflow(run, state).await? {
                continue;
            }
        }
        tries += 1;
        back_off(run, tries, error).await?;
    }
}

async fn try_once(run: &Run<'_>, state: &mut State, kind: CallKind) -> Result<AssistantMessage, Failure> {
    if !std::mem::take(&mut state.partial).is_empty() {
        run.events.emit(TurnEvent::TextReset { item: state.item });
    }
    let mut stream = Stream::new(run.events, state.item);
    let request = Request {
        system: &run.setup.system,
        messages: &state.messages,
        tools: &state.specs,
        max_tokens: None,
    };
    let mut sink = |event| stream.take(event);
    let result = send(run, &mut state.ledger, request, kind, &mut sink).await;
    match &result {
        Ok(answer) => {
            state.ledger.last_call = answer.usage;
            stream.finish();
        }
        Err(_) => state.partial = stream.into_partial(),
    }
    result
}

/// Waits before the next try of a call that failed `tries` times, or says why there is none.
pub(super) async fn back_off(run: &Run<'_>, tries: u32, error: ModelError) -> Result<(), Stop> {
    let policy = run.setup.limits.retry;
    if !error.kind.is_retryable() || tries >= policy.attempts {
        return Err(failed(error, tries));
    }
    let wait = policy.wait(tries, error.retry_after, draw());
    if Instant::now() + wait >= run.deadline {
        // No use in waiting for a try that will not be made.
        return Err(failed(error, tries));
    }
    run.events.emit(TurnEvent::Retry {
        attempt: tries.saturating_add(1),
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        reason: error.message,
    });
    run.guard(tokio::time::sleep(wait)).await
}

fn failed(error: ModelError, tries: u32) -> Stop {
    let message = match error.kind {
        ErrorKind::ContextOverflow => format!(
            "{}; the transcript could not be made short enough: reset the session, or choose a model with a larger context window",
            error.message
        ),
        _ if tries > 1 => format!("{} (tried {tries} times)", error.message),
        _ => error.message,
    };
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
