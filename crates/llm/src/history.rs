//! The transcript as providers want it: every tool call directly followed by its result, and nothing empty. A transcript
//! that was cut (a crash, an abort, a removed message) must still make a valid request.

use model::{AssistantMessage, Block, Content, Message, NoteMessage, Part, ToolResultMessage};
use std::collections::HashMap;

/// What the model reads for a call whose result was never recorded.
pub(crate) const NO_RESULT: &str =
    "no result recorded: the call was interrupted, and it is unknown whether it took effect";

/// What stands for a result without text or image.
pub(crate) const NO_OUTPUT: &str = "(no output)";

/// What stands for a user message without words and images.
pub(crate) const NO_WORDS: &str = "(empty message)";

/// One step of the conversation.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    User(&'a Content),
    Note(&'a NoteMessage),
    Assistant {
        message: &'a AssistantMessage,
        /// One entry for each tool call of the message, in order.
        results: Vec<CallResult<'a>>,
    },
}

/// A call with what it gave, if that was recorded.
#[derive(Debug)]
pub(crate) struct CallResult<'a> {
    pub(crate) id: &'a str,
    pub(crate) result: Option<&'a ToolResultMessage>,
}

/// Orders the transcript. Results without a call and answers without content are left out.
pub(crate) fn turns(messages: &[Message]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(messages.len());
    // Where the result of an id belongs: the latest call with that id that has none yet. Ids may come again.
    let mut open: HashMap<&str, (usize, usize)> = HashMap::new();
    for message in messages {
        match message {
            Message::User(user) => turns.push(Turn::User(&user.content)),
            Message::Note(note) => turns.push(Turn::Note(note)),
            Message::Assistant(answer) if says_nothing(answer) => {}
            Message::Assistant(answer) => {
                let at = turns.len();
                let calls = answer.tool_calls().map(|(id, _, _)| CallResult { id, result: None });
                let results: Vec<_> = calls.collect();
                open.extend(results.iter().enumerate().map(|(nth, call)| (call.id, (at, nth))));
                turns.push(Turn::Assistant { message: answer, results });
            }
            Message::ToolResult(result) => {
                let Some((at, nth)) = open.remove(result.tool_call_id.as_str()) else { continue };
                if let Some(Turn::Assistant { results, .. }) = turns.get_mut(at)
                    && let Some(call) = results.get_mut(nth)
                {
                    call.result = Some(result);
                }
            }
        }
    }
    turns
}

/// Whether an answer has nothing to send back, as one that failed or was stopped before its first word. Providers refuse
/// empty messages, and thinking alone is none either: what was cut has no valid signature.
fn says_nothing(answer: &AssistantMessage) -> bool {
    !answer.content.iter().any(|b| match b {
        Block::Text { text } => !text.trim().is_empty(),
        Block::ToolCall { .. } => true,
        Block::Thinking { .. } => false,
    })
}

/// A note as the model reads it, on the user's side.
pub(crate) fn note_text(note: &NoteMessage) -> String {
    format!("[gateway note: {}] {}", note.kind, note.text)
}

/// What stands for an image that the model cannot read.
pub(crate) fn image_left_out(mime_type: &str) -> String {
    format!("[image left out ({mime_type}): this model cannot read it]")
}

/// A part, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Image { data: &'a str, mime_type: &'a str },
}

/// A content as pieces, blank text left out.
pub(crate) fn pieces(content: &Content) -> Vec<Piece<'_>> {
    match content {
        Content::Text(text) if text.trim().is_empty() => Vec::new(),
        Content::Text(text) => vec![Piece::Text(text)],
        Content::Parts(parts) => part_pieces(parts),
    }
}

/// Parts as pieces, blank text left out.
pub(crate) fn part_pieces(parts: &[Part]) -> Vec<Piece<'_>> {
    let all = parts.iter().map(|p| match p {
        Part::Text { text } => Piece::Text(text),
        Part::Image { data, mime_type } => Piece::Image { data, mime_type },
    });
    all.filter(|p| !matches!(p, Piece::Text(t) if t.trim().is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::StopReason;
    use serde_json::json;

    fn transcript(wire: serde_json::Value) -> Vec<Message> {
        serde_json::from_value(wire).unwrap()
    }

    fn call(ids: &[&str]) -> serde_json::Value {
        let content: Vec<_> =
            ids.iter().map(|id| json!({"type":"toolCall","id":id,"name":"t","arguments":{}})).collect();
        json!({"role":"assistant","content":content,"api":"a","provider":"p","model":"m","usage":{},
            "stopReason":"toolUse","timestamp":0})
    }

    fn result(id: &str, text: &str) -> serde_json::Value {
        json!({"role":"toolResult","toolCallId":id,"toolName":"t","content":[{"type":"text","text":text}],
            "isError":false,"timestamp":0})
    }

    fn shown(messages: &[Message]) -> Vec<String> {
        let show = |turn: Turn<'_>| match turn {
            Turn::User(c) => format!("user {}", c.text()),
            Turn::Note(n) => format!("note {}", n.text),
            Turn::Assistant { message, results } => {
                let results: Vec<String> = results
                    .iter()
                    .map(|r| format!("{}={}", r.id, r.result.map_or("-".into(), ToolResultMessage::text)))
                    .collect();
                format!("assistant {}{}", message.text(), results.join(","))
            }
        };
        turns(messages).into_iter().map(show).collect()
    }

    #[test]
    fn results_go_to_the_latest_open_call_of_their_id_and_strays_are_left_out() {
        let messages = transcript(json!([
            result("x", "stray"),
            {"role":"user","content":"hi","timestamp":0},
            call(&["a", "b"]),
            result("b", "B"),
            {"role":"user","content":"wait","timestamp":0},
            result("a", "A"),
            call(&["a"]),
            call(&["a"]),
            result("a", "again"),
            result("a", "twice"),
        ]));
        assert_eq!(
            shown(&messages),
            ["user hi", "assistant a=A,b=B", "user wait", "assistant a=-", "assistant a=again"]
        );
    }

    #[test]
    fn answers_without_content_are_left_out() {
        let mut messages = transcript(
            json!([call(&[]), call(&[]), {"role":"note","kind":"abort","text":"cut","timestamp":0}]),
        );
        if let Some(Message::Assistant(m)) = messages.first_mut() {
            m.stop_reason = StopReason::Aborted;
        }
        if let Some(Message::Assistant(m)) = messages.get_mut(1) {
            m.content = vec![Block::Thinking { thinking: "hm".into(), signature: None }];
        }
        assert_eq!(shown(&messages), ["note cut"]);
    }
}
