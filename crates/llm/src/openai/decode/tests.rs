//! Recorded-looking streams of several servers, cut everywhere, mutated, and not streamed at all.

use super::*;
use crate::stream::testing::{feed, feed_at_every_cut};
use crate::{ErrorKind, StreamEvent};
use model::Block;
use proptest::prelude::*;
use serde_json::json;

const TEXT: &[u8] = include_bytes!("../../../tests/fixtures/openai-text.sse");
const TOOLS: &[u8] = include_bytes!("../../../tests/fixtures/openai-tools.sse");
const AT_ONCE: &[u8] = include_bytes!("../../../tests/fixtures/openai-tools-at-once.sse");
const THINKING: &[u8] = include_bytes!("../../../tests/fixtures/openai-thinking.sse");
const ERROR: &[u8] = include_bytes!("../../../tests/fixtures/openai-error.sse");
const CUT: &[u8] = include_bytes!("../../../tests/fixtures/openai-cut.sse");

fn decoder() -> Decoder {
    Decoder::new(|| "fresh".into())
}

fn text(text: &str) -> Block {
    Block::Text { text: text.into() }
}

fn call(id: &str, name: &str, arguments: Value) -> Block {
    Block::ToolCall { id: id.into(), name: name.into(), arguments }
}

#[test]
fn text_and_usage_are_read_at_every_cut() {
    let (answer, events) = feed_at_every_cut(decoder, TEXT);
    let answer = answer.unwrap();
    assert_eq!(answer.content, [text("Grüße, 世界!\n")]);
    assert_eq!(answer.stop, StopReason::Stop);
    assert_eq!(answer.usage, Usage { input: 176, output: 7, cache_read: 1024, ..Usage::default() });
    assert_eq!(events.len(), 3);
}

#[test]
fn parallel_tool_calls_are_put_together_by_index_at_every_cut() {
    let (answer, events) = feed_at_every_cut(decoder, TOOLS);
    let answer = answer.unwrap();
    let want = [
        text("Let me look."),
        call("call_A", "exec", json!({"command":"uptime"})),
        call("call_B", "read", json!({"path":"a.md"})),
    ];
    assert_eq!(answer.content, want);
    assert_eq!(answer.stop, StopReason::ToolUse);
    assert_eq!(events.last(), Some(&StreamEvent::ToolCall { id: "call_B".into(), name: "read".into() }));
}

#[test]
fn calls_without_index_or_id_or_all_numbered_zero_stay_apart() {
    let (answer, _) = feed_at_every_cut(decoder, AT_ONCE);
    let answer = answer.unwrap();
    let want = [
        call("fresh", "exec", json!({"command":"a"})),
        call("fresh", "exec", json!({"command":"b"})),
        call("x1", "ls", json!({})),
        call("x2", "ls", json!({})),
    ];
    assert_eq!(answer.content, want);
    assert_eq!(answer.stop, StopReason::ToolUse, "although the server said stop");
    assert_eq!(answer.usage.input, 9);
}

#[test]
fn reasoning_is_kept_apart_with_the_name_of_its_field() {
    let (answer, events) = feed_at_every_cut(decoder, THINKING);
    let answer = answer.unwrap();
    let thinking = Block::Thinking { thinking: "First, think.".into(), signature: Some("reasoning".into()) };
    assert_eq!(answer.content, [thinking, text("Done.")]);
    assert_eq!(answer.stop, StopReason::Length);
    assert_eq!((answer.usage.input, answer.usage.cache_read), (6, 4));
    assert_eq!(events.first(), Some(&StreamEvent::Thinking("First, ".into())));
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
fn every_shorter_part_of_a_stream_is_a_cut_or_a_whole_answer_and_never_nonsense() {
    for end in 0..TOOLS.len() {
        let (result, _) = feed(decoder(), &[&TOOLS[..end]]);
        match result {
            Ok(answer) => assert_eq!(answer.stop, StopReason::ToolUse, "at {end}"),
            Err(fault) => assert_eq!(fault.kind, ErrorKind::Transient, "at {end}: {}", fault.said),
        }
    }
}

#[test]
fn an_answer_that_is_not_streamed_is_accepted() {
    let whole = json!({"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",
        "content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"hello"}],
        "tool_calls":[{"id":"a","type":"function","function":{"name":"ls","arguments":"{\"path\":\".\"}"}}]},
        "finish_reason":null}],"usage":{"prompt_tokens":5,"completion_tokens":2}});
    let (answer, _) = feed_at_every_cut(decoder, whole.to_string().as_bytes());
    let answer = answer.unwrap();
    let thinking = Block::Thinking { thinking: "hm".into(), signature: None };
    assert_eq!(answer.content, [thinking, text("hello"), call("a", "ls", json!({"path":"."}))]);
    assert_eq!(answer.stop, StopReason::ToolUse);
}

#[test]
fn what_is_no_answer_is_classified() {
    let cases: &[(&str, ErrorKind)] = &[
        ("", ErrorKind::Transient),
        (" \n", ErrorKind::Transient),
        (": ping\n\n", ErrorKind::Transient),
        ("data: [DONE]\n\n", ErrorKind::Transient),
        ("{\"choices\":[{\"mess", ErrorKind::Transient),
        ("<html>hello</html>\n", ErrorKind::NoAnswer),
        ("data: {nonsense}\n\n", ErrorKind::NoAnswer),
        ("{} trailing", ErrorKind::NoAnswer),
        ("{\"choices\":[]}", ErrorKind::NoAnswer),
        ("[]", ErrorKind::NoAnswer),
        ("{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\"}}", ErrorKind::Refused),
        ("event: error\ndata: {\"error\":\"busy\"}\n\n", ErrorKind::Transient),
        ("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n", ErrorKind::Refused),
        ("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n", ErrorKind::Transient),
    ];
    for (body, want) in cases {
        let (result, _) = feed(decoder(), &[body.as_bytes()]);
        assert_eq!(result.map_err(|f| f.kind).err(), Some(*want), "{body}");
    }
}

#[test]
fn a_server_that_closes_in_order_needs_no_finish_reason() {
    let body = b"data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n";
    assert_eq!(feed(decoder(), &[body]).0.map(|a| a.stop), Ok(StopReason::Stop));
}

#[test]
fn endless_tool_calls_are_refused() {
    let body: String = (0..300)
        .map(|n| format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":{n}}}]}}}}]}}\n\n"))
        .collect();
    assert_eq!(feed(decoder(), &[body.as_bytes()]).0.map_err(|f| f.kind).err(), Some(ErrorKind::NoAnswer));
}

proptest! {
    #[test]
    fn mutated_streams_never_panic(
        which in 0usize..6,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..30),
    ) {
        let mut bytes = [TEXT, TOOLS, AT_ONCE, THINKING, ERROR, CUT][which].to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = feed(decoder(), &[&bytes]);
    }

    #[test]
    fn events_of_any_shape_never_panic(body in "(data: |\\{|\\}|\\[|\\]|\"choices\"|\"delta\"|\"tool_calls\"|:|,|0|\"a\"|\n){0,60}") {
        let _ = feed(decoder(), &[body.as_bytes()]);
    }
}
