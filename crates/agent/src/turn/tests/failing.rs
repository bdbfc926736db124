use crate::testing::*;
use crate::tool::ToolOutput;
use crate::turn::*;
use llm::ErrorKind;
use model::{Message, StopReason};
use serde_json::json;
use std::time::Duration;

fn waits(stage: &Stage) -> Vec<(u32, u64)> {
    let retry =
        |e| if let TurnEvent::Retry { attempt, wait_ms, .. } = e { Some((attempt, wait_ms)) } else { None };
    stage.events.all().into_iter().filter_map(retry).collect()
}

fn kind(outcome: &TurnOutcome) -> Option<TurnErrorKind> {
    if let TurnEnd::Failed(e) = &outcome.end { Some(e.kind) } else { None }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_succeed_later_is_made_again_and_its_text_starts_anew() {
    let cut = Step::Fail { partial: "Hel", kind: ErrorKind::Transient, retry_after: None };
    let stage = Stage::new(
        Scripted::new(vec![fail(ErrorKind::RateLimited), cut, Step::Text("Hello")]),
        vec![],
        vec![user("hi")],
    );
    let outcome = stage.run().await;
    assert_eq!((outcome.reply.as_str(), &outcome.end), ("Hello", &TurnEnd::Done));
    assert_eq!(stage.events.text(), "Hello");
    let events = stage.events.all();
    assert_eq!(events.iter().filter(|e| matches!(e, TurnEvent::TextReset { item: 1 })).count(), 1);
    let ledger: Vec<_> = outcome.calls.iter().map(|c| (c.kind, c.error.is_some())).collect();
    assert_eq!(ledger, [(CallKind::Turn, true), (CallKind::Retry, true), (CallKind::Retry, false)]);
    let waits = waits(&stage);
    assert!(matches!(waits[..], [(2, first), (3, second)] if first <= 500 && second <= 1_000), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn the_providers_wish_to_wait_is_heeded_up_to_a_minute() {
    let asks = |s| Step::Fail {
        partial: "",
        kind: ErrorKind::RateLimited,
        retry_after: Some(Duration::from_secs(s)),
    };
    let stage = Stage::new(Scripted::new(vec![asks(7), asks(3_600)]), vec![], vec![user("hi")]);
    let began = tokio::time::Instant::now();
    assert_eq!(stage.run().await.end, TurnEnd::Done);
    assert_eq!(waits(&stage), [(2, 7_000), (3, 60_000)]);
    assert_eq!(began.elapsed().as_secs(), 67, "in virtual time");
}

#[tokio::test(start_paused = true)]
async fn tries_end_and_what_cannot_be_mended_is_not_tried_again() {
    for (error, requests) in [
        (ErrorKind::Transient, 5),
        (ErrorKind::RateLimited, 5),
        (ErrorKind::Auth, 1),
        (ErrorKind::Refused, 1),
        (ErrorKind::Aborted, 1),
    ] {
        let model = Scripted::new((0..9).map(|_| fail(error)).collect());
        let stage = Stage::new(model.clone(), vec![], vec![user("hi")]);
        let outcome = stage.run().await;
        assert_eq!((kind(&outcome), model.requests()), (Some(TurnErrorKind::Model(error)), requests));
        assert!(matches!(&outcome.messages[..], [Message::Assistant(a)]
            if a.stop_reason == StopReason::Error && a.error_message.is_some() && a.content.is_empty()));
        assert_eq!(outcome.calls.len(), requests);
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_ends_at_its_deadline_wherever_it_is() {
    let hanging_model = Scripted::new(vec![Step::Hang { partial: "So far" }]);
    let hanging_tool = Scripted::new(vec![Step::Calls(vec![("a", "deaf", json!({}))])]);
    for (model, reply, durable) in [(hanging_model, "So far", 1), (hanging_tool, "", 3)] {
        let deaf = tool("deaf", true, |_, _| std::future::pending::<ToolOutput>());
        let mut stage = Stage::new(model, vec![deaf], vec![user("hi")]);
        stage.setup.limits.turn_deadline = Duration::from_secs(20);
        let outcome = stage.run().await;
        assert_eq!((kind(&outcome), outcome.reply.as_str()), (Some(TurnErrorKind::Deadline), reply));
        assert_eq!(stage.memory.all().len(), durable);
        assert!(unanswered(&stage.memory.all()).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_try_that_would_come_too_late() {
    let asks =
        Step::Fail { partial: "", kind: ErrorKind::RateLimited, retry_after: Some(Duration::from_secs(50)) };
    let mut stage = Stage::new(Scripted::new(vec![asks]), vec![], vec![user("hi")]);
    stage.setup.limits.turn_deadline = Duration::from_secs(40);
    let began = tokio::time::Instant::now();
    let outcome = stage.run().await;
    assert_eq!(kind(&outcome), Some(TurnErrorKind::Model(ErrorKind::RateLimited)));
    assert_eq!(began.elapsed(), Duration::ZERO, "in virtual time");
}

#[tokio::test]
async fn a_model_that_never_comes_to_an_end_is_stopped() {
    let steps = (0..50).map(|_| Step::Calls(vec![("a", "look", json!({}))])).collect();
    let mut stage = Stage::new(Scripted::new(steps), two_tools(), vec![user("go")]);
    stage.setup.limits.max_model_calls = 7;
    let outcome = stage.run().await;
    assert_eq!((kind(&outcome), outcome.model_calls), (Some(TurnErrorKind::TooManyCalls), 7));
    assert!(unanswered(&stage.memory.all()).is_empty());
}

#[tokio::test]
async fn a_store_that_fails_ends_the_turn_before_any_tool_has_run() {
    let mut stage = Stage::new(
        Scripted::new(vec![Step::Calls(vec![("a", "change", json!({}))])]),
        two_tools(),
        vec![user("go")],
    );
    stage.memory.broken = true;
    let outcome = stage.run().await;
    assert_eq!(kind(&outcome), Some(TurnErrorKind::Store));
    assert!(
        matches!(&outcome.end, TurnEnd::Failed(e) if e.message.contains("disk full") && e.message.contains("agent:main:main"))
    );
    assert!(!stage.events.all().iter().any(|e| matches!(e, TurnEvent::ToolStart { .. })));
    assert_eq!((outcome.messages.len(), outcome.calls.len()), (0, 1), "the call is not lost from the ledger");
}
