//! A turn that is cut at any point leaves a transcript that can go on.

use crate::resume::plan_resume;
use crate::testing::*;
use crate::turn::*;
use model::Message;
use serde_json::json;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

fn stage() -> Stage {
    let script = vec![
        Step::Calls(vec![
            ("c1", "look", json!({})),
            ("c2", "change", json!({})),
            ("c3", "nothing", json!({})),
        ]),
        Step::Text("on the way "),
        Step::Text("never asked"),
    ];
    // Ids that repeat from answer to answer, as some providers give them.
    let before = vec![
        user("first"),
        calls(&[("c1", "look", json!({}))]),
        result("c1", "x"),
        says("ok"),
        user("second"),
    ];
    Stage::new(Scripted::new(script), two_tools(), before)
}

/// Polls the turn at most `polls` times, then drops it. `None` where it was dropped.
async fn cut_after(stage: &Stage, polls: usize) -> Option<TurnOutcome> {
    let mut turn = pin!(stage.run());
    let mut polled = 0;
    poll_fn(|cx| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        turn.as_mut().poll(cx).map(Some)
    })
    .await
}

#[tokio::test]
async fn dropping_it_at_any_point_leaves_every_call_with_a_result_after_resuming() {
    for polls in 0..500 {
        let stage = stage();
        if cut_after(&stage, polls).await.is_some() {
            assert!(polls > 10, "the turn has {polls} points only");
            return;
        }
        let mut messages = stage.memory.all();
        let plan = plan_resume(&messages, &stage.setup.tools, &[], 2_000);
        let effects_again = plan.rerun.iter().any(|(_, name, _)| name == "change");
        assert!(!effects_again, "cut after {polls} polls");
        messages.extend(plan.append);
        let open = unanswered(&messages);
        assert_eq!(
            open,
            plan.rerun.iter().map(|r| r.0.clone()).collect::<Vec<_>>(),
            "cut after {polls} polls"
        );

        let again = Stage::new(Scripted::new(vec![]), two_tools(), messages);
        let outcome = again.run().await;
        assert_eq!(outcome.reply, "done");
        let mut messages = again.memory.all();
        messages.extend(outcome.messages);
        assert!(unanswered(&messages).is_empty(), "cut after {polls} polls: {messages:?}");
        let marks = messages.iter().filter(|m| matches!(m, Message::Note(n) if n.kind == "restart")).count();
        assert_eq!(marks, 1, "cut after {polls} polls");
    }
    panic!("the turn did not end");
}

#[tokio::test]
async fn cancelling_it_at_any_point_leaves_every_call_with_a_result() {
    for polls in 0..500 {
        let stage = stage();
        let mut turn = pin!(stage.run());
        let mut polled = 0;
        let outcome = poll_fn(|cx| {
            if polled == polls {
                stage.cancel.cancel();
            }
            polled += 1;
            turn.as_mut().poll(cx)
        })
        .await;
        assert!(unanswered(&stage.memory.all()).is_empty(), "cancelled after {polls} polls");
        if outcome.end == TurnEnd::Done {
            assert!(polls > 10, "the turn has {polls} points only");
            return;
        }
        assert_eq!(outcome.end, TurnEnd::Aborted);
    }
    panic!("the turn did not end");
}
