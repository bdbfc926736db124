use crate::testing::*;
use crate::turn::*;
use llm::{ErrorKind, Model, ModelError};
use model::{Message, StopReason};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Models one after the other, and what was said of those that failed.
#[derive(Default)]
struct Line {
    next: Mutex<VecDeque<Arc<dyn Model>>>,
    failed: Mutex<Vec<ErrorKind>>,
    answers: Mutex<u32>,
}

impl Failover for Line {
    fn has_next(&self) -> bool {
        !self.next.lock().unwrap().is_empty()
    }

    fn next<'a>(&'a self, error: &'a ModelError) -> FailoverFuture<'a, Option<Arc<dyn Model>>> {
        self.failed.lock().unwrap().push(error.kind);
        let next = self.next.lock().unwrap().pop_front();
        Box::pin(async move { next })
    }

    fn answered(&self) -> FailoverFuture<'_, ()> {
        *self.answers.lock().unwrap() += 1;
        Box::pin(async {})
    }
}

fn stage(first: Arc<Scripted>, next: Vec<Arc<Scripted>>) -> (Stage, Arc<Line>) {
    let line = Arc::new(Line::default());
    line.next.lock().unwrap().extend(next.into_iter().map(|model| model as Arc<dyn Model>));
    let mut stage = Stage::new(first, two_tools(), vec![user("go")]);
    stage.setup.failover = Some(line.clone());
    (stage, line)
}

fn moves(stage: &Stage) -> Vec<&'static str> {
    let reason = |e| if let TurnEvent::Failover { reason, .. } = e { Some(reason) } else { None };
    stage.events.all().into_iter().filter_map(reason).collect()
}

#[tokio::test(start_paused = true)]
async fn the_next_model_goes_on_where_the_one_before_it_stopped_and_nothing_is_done_twice() {
    let cut = Step::Fail { partial: "So fa", kind: ErrorKind::Auth, retry_after: None };
    let first = Scripted::new(vec![Step::Calls(vec![("a", "change", json!({"n": 1}))]), cut]);
    let second = Scripted::new(vec![Step::Text("All done")]);
    let (stage, line) = stage(first.clone(), vec![second.clone()]);
    let outcome = stage.run().await;
    assert_eq!((outcome.reply.as_str(), &outcome.end), ("All done", &TurnEnd::Done));
    assert_eq!(stage.events.text(), "All done", "what the first one had begun to say is void");
    let tools = stage.events.all().iter().filter(|e| matches!(e, TurnEvent::ToolStart { .. })).count();
    assert_eq!((tools, first.requests(), second.requests()), (1, 2, 1));
    let read = second.asked.lock().unwrap()[0].1.clone();
    assert_eq!(read, stage.memory.all(), "it reads the call and its result");
    assert!(matches!(read.last(), Some(Message::ToolResult(result)) if result.tool_call_id == "a"));
    assert_eq!(
        (moves(&stage), line.failed.lock().unwrap().as_slice()),
        (vec!["auth"], &[ErrorKind::Auth][..])
    );
    assert_eq!(*line.answers.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_model_is_given_up_only_after_its_own_tries() {
    for (error, tries) in [
        (ErrorKind::RateLimited, 5),
        (ErrorKind::Transient, 5),
        (ErrorKind::NoCredit, 1),
        (ErrorKind::NoModel, 1),
    ] {
        let first = Scripted::new((0..9).map(|_| fail(error)).collect());
        let (stage, _) = stage(first.clone(), vec![Scripted::new(vec![Step::Text("hello")])]);
        let outcome = stage.run().await;
        assert_eq!((outcome.reply.as_str(), first.requests()), ("hello", tries), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_provider_that_asks_for_more_than_a_minute_while_there_is_another() {
    let long = || Step::Fail {
        partial: "",
        kind: ErrorKind::RateLimited,
        retry_after: Some(Duration::from_secs(3_600)),
    };
    let (stage, _) = stage(Scripted::new(vec![long()]), vec![Scripted::new(vec![Step::Text("hello")])]);
    let began = tokio::time::Instant::now();
    assert_eq!(stage.run().await.reply, "hello");
    assert_eq!(began.elapsed(), Duration::ZERO, "in virtual time");
}

#[tokio::test(start_paused = true)]
async fn what_another_model_would_not_mend_is_no_failover() {
    for error in [ErrorKind::ContextOverflow, ErrorKind::Refused, ErrorKind::Aborted] {
        let second = Scripted::new(vec![]);
        let (stage, line) = stage(Scripted::new((0..3).map(|_| fail(error)).collect()), vec![second.clone()]);
        let outcome = stage.run().await;
        assert!(matches!(&outcome.end, TurnEnd::Failed(e) if e.kind == TurnErrorKind::Model(error)));
        assert_eq!((second.requests(), line.failed.lock().unwrap().len()), (0, 0), "{error:?}");
    }
    let second = Scripted::new(vec![]);
    let (stage, _) = stage(Scripted::new(vec![Step::Hang { partial: "So far" }]), vec![second.clone()]);
    let (outcome, ()) = tokio::join!(stage.run(), async { stage.cancel.cancel() });
    assert_eq!((outcome.end, second.requests()), (TurnEnd::Aborted, 0), "a turn that somebody stopped");
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_models_all_fail_says_which_and_why() {
    let (stage, line) = stage(
        Scripted::new(vec![fail(ErrorKind::NoCredit)]),
        vec![Scripted::new(vec![fail(ErrorKind::Auth)])],
    );
    let outcome = stage.run().await;
    let TurnEnd::Failed(error) = &outcome.end else { panic!("{:?}", outcome.end) };
    assert_eq!(error.message, "fake: Auth; before it failed: fake/scripted (billing)");
    assert_eq!(line.failed.lock().unwrap().as_slice(), [ErrorKind::NoCredit, ErrorKind::Auth]);
    assert!(matches!(&outcome.messages[..], [Message::Assistant(a)] if a.stop_reason == StopReason::Error));
    assert_eq!(outcome.calls.len(), 2, "both are in the ledger");
}

#[tokio::test]
async fn the_transcript_is_made_to_fit_the_window_of_the_next_model() {
    let long = "word ".repeat(400);
    let said: Vec<Message> = (0..40).flat_map(|_| [user(&long), says(&long)]).chain([user("go")]).collect();
    let second = Scripted::with_window(vec![Step::Text("a summary"), Step::Text("hello")], 8_000);
    let (mut stage, _) = stage(Scripted::new(vec![fail(ErrorKind::Auth)]), vec![second.clone()]);
    stage.memory = Memory::with(said.clone());
    stage.setup.tools = vec![];
    let outcome = run_turn(&stage.setup, said, &stage.memory, &stage.events, &stage.cancel).await;
    assert_eq!(outcome.reply, "hello");
    assert!(stage.memory.all().len() < 40, "{}", stage.memory.all().len());
    let kinds: Vec<CallKind> = stage.memory.calls.lock().unwrap().iter().map(|call| call.kind).collect();
    assert!(kinds.contains(&CallKind::Compaction), "{kinds:?}");
}
