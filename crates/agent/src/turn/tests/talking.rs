use crate::testing::*;
use crate::turn::*;
use model::{Message, StopReason};
use serde_json::json;

#[tokio::test]
async fn an_answer_is_streamed_and_left_for_the_caller_to_commit() {
    let stage = Stage::new(Scripted::new(vec![Step::Text("Hello to you")]), vec![], vec![user("hi")]);
    let outcome = stage.run().await;
    assert_eq!(
        (outcome.reply.as_str(), outcome.silent, &outcome.end),
        ("Hello to you", false, &TurnEnd::Done)
    );
    assert!(matches!(&outcome.messages[..], [Message::Assistant(a)] if a.text() == "Hello to you"));
    assert_eq!(stage.memory.all().len(), 1, "nothing but the user's message is durable");
    assert_eq!((outcome.calls.len(), outcome.model_calls), (1, 1));
    assert_eq!((outcome.usage.total(), outcome.last_call.prompt()), (15, 10));
    assert_eq!(stage.events.text(), "Hello to you");
    let events = stage.events.all();
    assert!(
        matches!(&events[0], TurnEvent::ModelCall { provider, model } if provider == "fake" && model == "scripted")
    );
    assert!(matches!(events.last(), Some(TurnEvent::Usage { usage }) if usage.output == 5));
}

#[tokio::test]
async fn no_reply_is_silence_on_purpose_and_an_empty_answer_is_not() {
    for (text, silent) in [("NO_REPLY", true), ("", false)] {
        let stage = Stage::new(Scripted::new(vec![Step::Text(text)]), vec![], vec![user("hi")]);
        let outcome = stage.run().await;
        assert_eq!((outcome.reply.as_str(), outcome.silent, outcome.end), ("", silent, TurnEnd::Done));
        assert_eq!(outcome.messages.len(), 1);
        assert_eq!(stage.events.text(), "");
    }
}

#[tokio::test]
async fn steering_reaches_the_model_when_the_tools_have_ended() {
    let model = Scripted::new(vec![Step::Calls(vec![("c1", "look", json!({}))]), Step::Text("as you wish")]);
    let stage = Stage::new(model.clone(), two_tools(), vec![user("begin")]);
    stage.memory.steering.lock().unwrap().push(user("rather blue"));
    let outcome = stage.run().await;
    assert_eq!(outcome.reply, "as you wish");
    let seen = model.asked.lock().unwrap()[1].1.clone();
    assert!(
        matches!(&seen[..], [Message::User(_), Message::Assistant(_), Message::ToolResult(_), Message::User(u)]
        if u.content.text() == "rather blue")
    );
    assert_eq!(seen, stage.memory.all());
}

#[tokio::test]
async fn aborting_keeps_the_text_that_came() {
    for (partial, kept) in [("Half an ans", 1), ("", 0)] {
        let stage = Stage::new(Scripted::new(vec![Step::Hang { partial }]), vec![], vec![user("hi")]);
        let abort = async {
            while !matches!(
                stage.events.all().last(),
                Some(TurnEvent::TextDelta { .. } | TurnEvent::ModelCall { .. })
            ) {
                tokio::task::yield_now().await;
            }
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            stage.cancel.cancel();
        };
        let (outcome, ()) = tokio::join!(stage.run(), abort);
        assert_eq!(
            (outcome.reply.as_str(), &outcome.end, outcome.messages.len()),
            (partial, &TurnEnd::Aborted, kept)
        );
        if let [Message::Assistant(a)] = &outcome.messages[..] {
            assert_eq!((a.text().as_str(), a.stop_reason), (partial, StopReason::Aborted));
        }
        assert_eq!(outcome.calls[0].error.as_deref(), Some("aborted"));
    }
}

#[tokio::test]
async fn a_turn_that_is_cancelled_already_asks_nothing() {
    let model = Scripted::new(vec![]);
    let stage = Stage::new(model.clone(), vec![], vec![user("hi")]);
    stage.cancel.cancel();
    let outcome = stage.run().await;
    assert_eq!((outcome.end, outcome.model_calls, model.requests()), (TurnEnd::Aborted, 0, 0));
}

#[tokio::test]
async fn a_turn_can_run_in_a_task_of_its_own() {
    let stage = Stage::new(Scripted::new(vec![]), two_tools(), vec![user("hi")]);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { stage.run().await.reply });
    assert_eq!(tasks.join_next().await.unwrap().unwrap(), "done");
}
