//! Recorded-looking streams, cut everywhere, mutated, and not streamed at all.

use super::*;
use crate::stream::testing::{feed, feed_at_every_cut};
use crate::{ErrorKind, StreamEvent};
use model::Block;
use proptest::prelude::*;
use serde_json::json;

const TEXT: &[u8] = include_bytes!("../../../tests/fixtures/anthropic-text.sse");
const TOOLS: &[u8] = include_bytes!("../../../tests/fixtures/anthropic-tools.sse");
const THINKING: &[u8] = include_bytes!("../../../tests/fixtures/anthropic-thinking.sse");
const ERROR: &[u8] = include_bytes!("../../../tests/fixtures/anthropic-error.sse");
const CUT: &[u8] = include_bytes!("../../../tests/fixtures/anthropic-cut.sse");

fn decoder() -> Decoder {
    Decoder::new(|| "fresh".into())
}

fn text(text: &str) -> Block {
    Block::Text { text: text.into() }
}

#[test]
fn text_and_usage_with_the_cache_are_read_at_every_cut() {
    let (answer, events) = feed_at_every_cut(decoder, TEXT);
    let answer = answer.unwrap();
    assert_eq!(answer.content, [text("Grüße, 世界!")]);
    assert_eq!(answer.stop, StopReason::Stop);
    let want = Usage { input: 25, output: 15, cache_read: 4000, cache_write: 300, cost: 0.0 };
    assert_eq!(answer.usage, want);
    assert_eq!(events.len(), 2);
}

#[test]
fn parallel_tool_calls_are_put_together_at_every_cut() {
    let (answer, events) = feed_at_every_cut(decoder, TOOLS);
    let answer = answer.unwrap();
    let call =
        |id: &str, name: &str, arguments| Block::ToolCall { id: id.into(), name: name.into(), arguments };
    let want = [
        text("Let me look."),
        call("toolu_A", "exec", json!({"command":"uptime"})),
        call("toolu_B", "nodes", json!({})),
    ];
    assert_eq!(answer.content, want);
    assert_eq!(answer.stop, StopReason::ToolUse);
    assert_eq!(events.last(), Some(&StreamEvent::ToolCall { id: "toolu_B".into(), name: "nodes".into() }));
}

#[test]
fn thinking_keeps_its_signature_and_encrypted_thinking_its_data() {
    let (answer, _) = feed_at_every_cut(decoder, THINKING);
    let answer = answer.unwrap();
    let thinking = |t: &str, s: &str| Block::Thinking { thinking: t.into(), signature: Some(s.into()) };
    let want = [thinking("First, think.", "EqQBCgIYAg=="), thinking("", "redacted:EmwKAh"), text("Done.")];
    assert_eq!(answer.content, want);
    assert_eq!(answer.stop, StopReason::Length);
}

#[test]
fn an_error_within_the_stream_and_a_cut_stream_are_told_apart() {
    let (failed, events) = feed_at_every_cut(decoder, ERROR);
    assert_eq!(failed.unwrap_err().kind, ErrorKind::RateLimited);
    assert_eq!(events, [StreamEvent::Text("Hal".into())]);
    let (cut, _) = feed_at_every_cut(decoder, CUT);
    assert_eq!(cut.unwrap_err().kind, ErrorKind::Transient);
}

#[test]
fn an_answer_that_is_not_streamed_is_accepted() {
    let whole = json!({"type":"message","role":"assistant","content":[{"type":"text","text":"hi"},
        {"type":"tool_use","id":"t","name":"ls","input":{"path":"."}}],"stop_reason":"tool_use",
        "usage":{"input_tokens":3,"output_tokens":4}});
    let (answer, _) = feed_at_every_cut(decoder, whole.to_string().as_bytes());
    let answer = answer.unwrap();
    let call = Block::ToolCall { id: "t".into(), name: "ls".into(), arguments: json!({"path":"."}) };
    assert_eq!((answer.content, answer.stop), (vec![text("hi"), call], StopReason::ToolUse));
}

#[test]
fn what_is_no_answer_is_classified() {
    let delta = |reason: &str| {
        format!("data: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\"}}}}\n\n")
    };
    let cases = [
        (String::new(), ErrorKind::Transient),
        ("event: message_start\ndata: {\"type\":\"message_start\"}\n\n".into(), ErrorKind::Transient),
        (delta("refusal"), ErrorKind::Refused),
        (
            "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}".into(),
            ErrorKind::Transient,
        ),
        ("{\"hello\":1}".into(), ErrorKind::NoAnswer),
        ("hello".into(), ErrorKind::NoAnswer),
        ("data: {\"error\":{\"type\":\"authentication_error\"}}\n\n".into(), ErrorKind::Auth),
    ];
    for (body, want) in cases {
        let (result, _) = feed(decoder(), &[body.as_bytes()]);
        assert_eq!(result.map_err(|f| f.kind).err(), Some(want), "{body}");
    }
}

proptest! {
    #[test]
    fn mutated_streams_never_panic(
        which in 0usize..5,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..30),
    ) {
        let mut bytes = [TEXT, TOOLS, THINKING, ERROR, CUT][which].to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = feed(decoder(), &[&bytes]);
    }
}
