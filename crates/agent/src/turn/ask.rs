//! Getting an answer of the model: asked again where that may help, with room made where there is none.

use super::compaction;
use super::events::TurnEvent;
use super::request::{Failure, back_off, send};
use super::run::{Run, State, Stop};
use super::stream::Stream;
use super::transcript::CallKind;
use llm::{ErrorKind, Request};
use model::AssistantMessage;

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
