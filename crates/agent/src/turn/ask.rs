//! Getting an answer: the model is asked again where that may help, with room made where there is none; then the next one is.

use super::compaction;
use super::events::TurnEvent;
use super::failover;
use super::request::{Failure, back_off, failed, send};
use super::run::{Run, State, Stop};
use super::stream::Stream;
use super::transcript::CallKind;
use llm::{ErrorKind, Request};
use model::AssistantMessage;

/// Gets the next answer: tries again where that may help, makes room where the provider says that there is none, and goes on
/// with another model where there is one. Text of an answer that is given up for good is left in `state.partial`.
pub(super) async fn ask(run: &Run<'_>, state: &mut State) -> Result<AssistantMessage, Stop> {
    let (mut tries, mut made_room) = (0, false);
    let mut kind = CallKind::Turn;
    loop {
        let error = match try_once(run, state, kind).await {
            Ok(answer) => return Ok(answer),
            Err(Failure::Stopped(stop)) => return Err(stop),
            Err(Failure::Model(error)) => error,
        };
        kind = CallKind::Retry;
        if error.kind == ErrorKind::ContextOverflow && !made_room {
            made_room = true;
            if compaction::after_overflow(run, state).await? {
                continue;
            }
        }
        tries += 1;
        let error = match back_off(run, tries, error).await {
            Ok(()) => continue,
            Err(Failure::Stopped(stop)) => return Err(stop),
            Err(Failure::Model(error)) => error,
        };
        if !failover::advance(run, state, &error).await? {
            return Err(failed(error, tries, &state.failed));
        }
        (tries, made_room) = (0, false);
        // Its window may be a smaller one.
        compaction::make_room(run, state).await?;
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
    let whom = (&*state.model, &mut state.ledger);
    let result = send(run, whom, request, kind, &mut sink).await;
    match &result {
        Ok(answer) => {
            state.ledger.last_call = answer.usage;
            stream.finish();
            failover::answered(run).await.map_err(Failure::Stopped)?;
        }
        Err(_) => state.partial = stream.into_partial(),
    }
    result
}
