//! The fake's rules, apart from any client.

use super::wire::{Dialect, Reply, render, rule};
use super::*;
use serde_json::json;

#[test]
fn it_echoes_calls_tools_and_repeats_their_results_in_both_dialects() {
    let call = Reply::Calls(vec![("ls".into(), json!({"path":"a"})), ("id".into(), json!({}))]);
    let cases = [
        (Dialect::OpenAi, json!([{"role":"user","content":"hi"}]), Reply::Text("echo: hi".into())),
        (
            Dialect::OpenAi,
            json!([{"role":"user","content":"[x] TOOL:ls {\"path\":\"a\"} TOOL:id"}]),
            call.clone(),
        ),
        (
            Dialect::OpenAi,
            json!([{"role":"user","content":"TOOL:ls"}, {"role":"tool","content":"a"}, {"role":"tool","content":"b"}]),
            Reply::Text("tool said: a\nb".into()),
        ),
        (
            Dialect::Anthropic,
            json!([{"role":"user","content":[{"type":"text","text":"TOOL:ls {\"path\":\"a\"}\nTOOL:id"}]}]),
            call,
        ),
        (
            Dialect::Anthropic,
            json!([{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"out"}]}]}]),
            Reply::Text("tool said: out".into()),
        ),
        (
            Dialect::OpenAi,
            json!([{"role":"user","content":"hi"}, {"role":"user","content":"<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>> none"}]),
            Reply::Text("echo: hi".into()),
        ),
        (Dialect::Anthropic, json!([]), Reply::Text("echo: ".into())),
    ];
    for (dialect, messages, want) in cases {
        assert_eq!(rule(dialect, &json!({ "messages": messages })), want, "{messages}");
    }
}

#[test]
fn a_stream_ends_as_its_api_ends_streams() {
    let request = json!({"model":"m","messages":[]});
    let last = |dialect| render(dialect, &request, &Reply::Text("ü ü".into())).pop();
    assert_eq!(last(Dialect::OpenAi).as_deref(), Some("data: [DONE]\n\n"));
    assert_eq!(
        last(Dialect::Anthropic).as_deref(),
        Some("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    );
}

#[tokio::test]
async fn what_is_no_json_is_refused_and_steps_are_taken_in_order() {
    let fake = FakeModel::start().await;
    let refused = answer(fake.shared.clone(), Dialect::OpenAi, Bytes::from_static(b"{")).await;
    assert_eq!(refused.status(), 400);
    fake.script(vec![
        Step::Status(503, vec![("x-a".into(), "b".into())], "busy".into()),
        Step::Text("one".into()),
    ]);
    let first = answer(fake.shared.clone(), Dialect::OpenAi, Bytes::from_static(b"{}")).await;
    assert_eq!(
        (first.status().as_u16(), first.headers().get("x-a").map(|v| v.as_bytes())),
        (503, Some(&b"b"[..]))
    );
    let second = answer(fake.shared.clone(), Dialect::OpenAi, Bytes::from_static(b"{}")).await;
    assert_eq!(second.status(), 200);
    fake.wait_for_requests(2).await;
    assert_eq!(fake.requests(), [json!({}), json!({})]);
}
