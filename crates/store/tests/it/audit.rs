//! What agents did: each row with what it tells of, and neither without the other.

use crate::support::{answer, begin, finish, fixture};
use model::{
    Block, CUT_BY_RESTART, Message, NEVER_ALLOWED, NOT_STARTED, Part, STOPPED_UNDER_WAY, ToolResultMessage,
};
use serde_json::json;
use store::{AuditFilter, FinishRun, RunStatus};

fn calls(ids: &[&str]) -> Message {
    let Message::Assistant(mut message) = answer("") else { panic!("an answer") };
    let call = |id: &&str| Block::ToolCall { id: (*id).into(), name: "exec".into(), arguments: json!({}) };
    message.content = ids.iter().map(call).collect();
    Message::Assistant(message)
}

fn result(id: &str, text: &str, is_error: bool) -> Message {
    Message::ToolResult(ToolResultMessage {
        tool_call_id: id.into(),
        tool_name: "exec".into(),
        content: vec![Part::Text { text: text.into() }],
        is_error,
        timestamp: 1,
    })
}

#[tokio::test]
async fn what_the_gateway_does_not_know_is_told_as_unknown_and_what_never_began_as_cancelled() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    let texts = [
        ("done", false, "succeeded"),
        // What a tool prints says nothing about its end.
        (CUT_BY_RESTART, false, "succeeded"),
        ("no such file", true, "failed"),
        (CUT_BY_RESTART, true, "unknown"),
        (STOPPED_UNDER_WAY, true, "unknown"),
        (NOT_STARTED, true, "cancelled"),
        (NEVER_ALLOWED, true, "cancelled"),
    ];
    let mut messages = vec![calls(&["0", "1", "2", "3", "4", "5", "6"])];
    messages.extend(
        texts
            .iter()
            .enumerate()
            .map(|(i, (text, is_error, _))| result(&i.to_string(), &format!("{text} And more."), *is_error)),
    );
    f.store.append("r", messages, vec![], vec![]).await.unwrap();
    let end = FinishRun { status: RunStatus::Aborted, ..finish("r", vec![]) };
    f.store.finish_run(end.clone()).await.unwrap();
    // What is refused leaves no trace.
    f.store.finish_run(end).await.unwrap_err();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    let f = f.restarted().await;
    let mut events = f.store.audit(AuditFilter { limit: 100, ..AuditFilter::default() }).await.unwrap();
    events.reverse();
    assert_eq!(events.len(), 16);
    assert!(events.iter().enumerate().all(|(i, e)| e.source_sequence == i as i64 + 1));
    let ends: Vec<&str> =
        events.iter().filter(|e| e.action == "tool.action.finished").map(|e| e.status.as_str()).collect();
    assert_eq!(ends, texts.map(|(.., status)| status));
    let last = events.last().unwrap();
    assert_eq!((last.action.as_str(), last.status.as_str()), ("agent.run.finished", "cancelled"));
    assert_eq!((last.agent_id.as_str(), last.session_key.as_str()), ("main", "agent:main:main"));
}
