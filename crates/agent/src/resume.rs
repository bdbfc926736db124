//! After a crash: what a transcript whose run was cut needs before the run can go on.
//!
//! How it works. A tool call without a result is either made again or given up:
//! - A call *without effects* is left open. [`crate::turn::run_turn`] makes open calls at the end of the transcript again
//!   before it asks the model, and commits their results.
//! - A call *with effects* is never repeated: it gets an error result saying that nobody knows whether it took effect.
//!
//! The cut is marked by a [`NoteMessage`] of kind `restart`. Providers want results right behind the calls, so the note
//! comes after them: it ends [`ResumePlan::append`] where no call is open, and otherwise `run_turn` writes it behind the
//! results of the calls that it has made again.

use crate::tool::Tools;
use model::{CUT_BY_RESTART, Message, NEVER_ALLOWED, NoteMessage, Part, ToolResultMessage};
use serde_json::Value;

/// [`NoteMessage::kind`] of the mark that a restart leaves.
pub const RESTART: &str = "restart";

/// What a cut run needs before it goes on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResumePlan {
    /// To be appended to the transcript, in this order, and to the messages given to `run_turn`.
    pub append: Vec<Message>,
    /// The calls (id, name, arguments) that `run_turn` makes again by itself. For logs: nobody else needs to act.
    pub rerun: Vec<(String, String, Value)>,
}

/// Plans how the run whose transcript is `messages` goes on; `unbegun` are the ids of calls that are known to have done nothing
/// yet, because they waited for an approval. Planning again after another crash gives no second note and no second result.
pub fn plan_resume(messages: &[Message], tools: &Tools, unbegun: &[String], now_ms: i64) -> ResumePlan {
    let (rerun, lost): (Vec<_>, Vec<_>) =
        open_calls(messages).into_iter().partition(|(_, name, arguments)| may_repeat(tools, name, arguments));
    let result = |(id, name, _): (String, String, Value)| {
        if unbegun.contains(&id) { unbegun_result(id, name, now_ms) } else { lost_result(id, name, now_ms) }
    };
    let mut append: Vec<Message> = lost.into_iter().map(result).collect();
    let marked = matches!(messages.last(), Some(Message::Note(note)) if note.kind == RESTART);
    if rerun.is_empty() && !marked {
        append.push(restart_note(now_ms));
    }
    ResumePlan { append, rerun }
}

/// The calls of the last answer that have no result. Results that stand behind a later message of a user do not
/// count: nothing can be put in order there, and the run that made the calls is over.
pub(crate) fn open_calls(messages: &[Message]) -> Vec<(String, String, Value)> {
    let mut answered: Vec<&str> = Vec::new();
    for message in messages.iter().rev() {
        match message {
            Message::ToolResult(result) => answered.push(&result.tool_call_id),
            Message::Note(_) => {}
            Message::User(_) => return Vec::new(),
            Message::Assistant(answer) => {
                return answer
                    .tool_calls()
                    .filter(|(id, _, _)| !answered.contains(id))
                    .map(|(id, name, arguments)| (id.to_owned(), name.to_owned(), arguments.clone()))
                    .collect();
            }
        }
    }
    Vec::new()
}

/// Whether making the call again does no harm. Arguments that are no object were refused and will be again; a tool
/// that is gone may have had effects when it was there.
pub(crate) fn may_repeat(tools: &Tools, name: &str, arguments: &Value) -> bool {
    !arguments.is_object() || tools.iter().any(|t| t.spec().name == name && !t.has_effects(arguments))
}

/// The result of a call that is given up.
pub(crate) fn lost_result(id: String, name: String, now_ms: i64) -> Message {
    let text = format!(
        "{CUT_BY_RESTART} It is unknown whether it took effect, and it was not repeated. Find out before you make it again."
    );
    failed_result(id, name, &text, now_ms)
}

/// The result of a call that waited for an approval, which is gone.
fn unbegun_result(id: String, name: String, now_ms: i64) -> Message {
    let text = format!(
        "{NEVER_ALLOWED} It was not run, and the approval has ended. Make the call again if it is still wanted."
    );
    failed_result(id, name, &text, now_ms)
}

fn failed_result(id: String, name: String, text: &str, now_ms: i64) -> Message {
    Message::ToolResult(ToolResultMessage {
        tool_call_id: id,
        tool_name: name,
        content: vec![Part::Text { text: text.to_owned() }],
        is_error: true,
        timestamp: now_ms,
    })
}

/// The mark of the cut.
pub(crate) fn restart_note(now_ms: i64) -> Message {
    Message::Note(NoteMessage {
        kind: RESTART.to_owned(),
        text: "The gateway restarted while this was being answered. Go on from here; do not repeat what has been done."
            .to_owned(),
        timestamp: now_ms,
    })
}

#[cfg(test)]
mod tests;
