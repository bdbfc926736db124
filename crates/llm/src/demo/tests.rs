//! What the demo model says and does.

use super::*;
use crate::ToolSpec;
use model::ManualClock;
use serde_json::{Value, json};

fn ask(messages: Value, tools: &[&str]) -> (model::AssistantMessage, Vec<StreamEvent>) {
    let messages: Vec<Message> = serde_json::from_value(messages).unwrap();
    let tools: Vec<ToolSpec> = tools
        .iter()
        .map(|t| ToolSpec { name: (*t).into(), description: String::new(), parameters: json!({}) })
        .collect();
    let request = Request { system: "be kind", messages: &messages, tools: &tools, max_tokens: None };
    let mut events = Vec::new();
    let demo = DemoModel::with_clock(Arc::new(ManualClock::at(7)));
    let done = demo.answer(&request, &mut |e| events.push(e));
    (done.message, events)
}

fn user(text: &str) -> Value {
    json!([{"role":"user","content":text,"timestamp":0}])
}

#[test]
fn it_says_that_it_is_no_ai_and_how_to_configure_a_model() {
    let (answer, events) = ask(user("hello there"), &["exec"]);
    let text = answer.text();
    for part in ["hello there", "no AI", "models.providers", "agents.defaults.model.primary"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let streamed: String = events
        .iter()
        .map(|e| match e {
            StreamEvent::Text(t) => t.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(streamed, text);
    assert!(events.len() > 2, "in a few pieces");
    assert_eq!((answer.usage.input, answer.timestamp, answer.stop_reason), (4, 7, StopReason::Stop));
}

#[test]
fn it_calls_the_tools_that_it_is_told_to_call_and_retells_what_they_say() {
    let (answer, events) = ask(user("TOOL:ls {}\nTOOL:exec {\"command\":\"id\"}"), &["exec", "ls"]);
    assert_eq!(answer.stop_reason, StopReason::ToolUse);
    let calls: Vec<_> = answer.tool_calls().map(|(_, name, arguments)| (name, arguments.clone())).collect();
    assert_eq!(calls, [("ls", json!({})), ("exec", json!({"command":"id"}))]);
    assert_eq!(events.len(), 2);

    let result = |name: &str, text: &str, is_error: bool| {
        json!({"role":"toolResult","toolCallId":"c","toolName":name,"content":[{"type":"text","text":text}],
            "isError":is_error,"timestamp":0})
    };
    let (answer, _) = ask(json!([result("ls", "a\nb\n", false), result("exec", "", true)]), &[]);
    assert_eq!(answer.text(), "ls said: a\nb\nexec failed: (nothing)");
}

#[test]
fn a_tool_that_is_not_there_is_named_with_those_that_are() {
    let (answer, _) = ask(user("use rocket {}"), &["exec", "ls"]);
    assert_eq!(answer.text(), "There is no tool \"rocket\" here. On offer: exec, ls.");
}

#[tokio::test]
async fn a_cancelled_call_is_not_answered() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let request = Request { system: "", messages: &[], tools: &[], max_tokens: None };
    let done = DemoModel::new().complete(request, &mut |_| {}, &cancel).await;
    assert_eq!(done.map_err(|e| e.kind).err(), Some(ErrorKind::Aborted));
}
