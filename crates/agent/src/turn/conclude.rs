//! From a turn that has ended to its outcome.

use super::outcome::{NO_REPLY, TurnEnd, TurnErrorKind, TurnOutcome};
use super::run::{Run, State, Stop};
use llm::Model;
use model::{AssistantMessage, Block, Message, StopReason, Usage};

/// Makes the outcome of a turn that ended so.
pub(super) fn conclude(run: &Run<'_>, state: State, end: Result<AssistantMessage, Stop>) -> TurnOutcome {
    let (partial, model) = (state.partial, state.model);
    let (reply, silent, message, end) = match end {
        Ok(answer) => {
            let text = answer.text();
            let silent = text.trim() == NO_REPLY;
            (if silent { String::new() } else { text }, silent, Some(answer), TurnEnd::Done)
        }
        Err(Stop::Aborted) => {
            let cut = || cut_answer(run, &*model, &partial, (StopReason::Aborted, None));
            let kept = (!partial.is_empty()).then(cut);
            (partial, false, kept, TurnEnd::Aborted)
        }
        Err(Stop::Failed(error)) => {
            let kept = (error.kind != TurnErrorKind::Store).then(|| {
                cut_answer(run, &*model, &partial, (StopReason::Error, Some(error.message.clone())))
            });
            (partial, false, kept, TurnEnd::Failed(error))
        }
    };
    TurnOutcome {
        reply,
        silent,
        messages: message.into_iter().map(Message::Assistant).collect(),
        calls: state.ledger.pending,
        usage: state.ledger.usage,
        last_call: state.ledger.last_call,
        tool_names: state.tool_names,
        tool_failures: state.tool_failures,
        model_calls: state.ledger.requests,
        end,
    }
}

fn cut_answer(
    run: &Run<'_>,
    model: &dyn Model,
    text: &str,
    (stop_reason, error): (StopReason, Option<String>),
) -> AssistantMessage {
    let info = model.info();
    let content = if text.is_empty() { vec![] } else { vec![Block::Text { text: text.to_owned() }] };
    AssistantMessage {
        content,
        api: info.api.to_owned(),
        provider: info.provider.clone(),
        model: info.id.clone(),
        usage: Usage::default(),
        stop_reason,
        timestamp: run.setup.clock.now_ms(),
        error_message: error,
    }
}
