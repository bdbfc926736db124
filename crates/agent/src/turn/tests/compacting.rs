use crate::testing::*;
use crate::turn::*;
use llm::ErrorKind;
use model::Message;
use serde_json::json;

/// About 6,000 tokens in pairs of question and answer, with a tool call in the middle.
fn long_talk() -> Vec<Message> {
    let mut talk = Vec::new();
    for n in 0..20 {
        talk.push(user(&format!("question {n} {}", "q".repeat(500))));
        if n == 10 {
            talk.push(calls(&[("c", "look", json!({}))]));
            talk.push(result("c", "seen"));
        }
        talk.push(says(&format!("answer {n} {}", "a".repeat(500))));
    }
    talk.push(user("and now?"));
    talk
}

fn note(messages: &[Message]) -> Option<String> {
    if let Some(Message::Note(n)) = messages.first() { Some(n.text.clone()) } else { None }
}

fn phases(stage: &Stage) -> Vec<CompactionPhase> {
    let phase = |e| if let TurnEvent::Compaction { phase } = e { Some(phase) } else { None };
    stage.events.all().into_iter().filter_map(phase).collect()
}

#[tokio::test]
async fn a_transcript_that_fills_the_window_is_summarised_before_the_model_is_asked() {
    let model = Scripted::with_window(vec![Step::Text("they spoke of q"), Step::Text("This.")], 6_000);
    let stage = Stage::new(model.clone(), two_tools(), long_talk());
    let outcome = stage.run().await;
    assert_eq!((outcome.reply.as_str(), &outcome.end), ("This.", &TurnEnd::Done));
    assert_eq!(phases(&stage), [CompactionPhase::Start, CompactionPhase::End]);
    assert_eq!(stage.events.text(), "This.", "nobody is shown the summary");
    let durable = stage.memory.all();
    assert!(note(&durable).unwrap().contains("they spoke of q"));
    assert!(matches!(durable[1], Message::User(_)) && durable.last() == Some(&user("and now?")));
    assert!(durable.len() > 3 && durable.len() <= 12, "{} messages", durable.len());
    let asked = model.asked.lock().unwrap();
    assert_eq!(asked[1].1, durable);
    assert!(matches!(&asked[0].1[..], [Message::User(u)] if u.content.text().contains("Result of t: seen")));
    assert_eq!(stage.memory.calls.lock().unwrap()[0].kind, CallKind::Compaction);
}

#[tokio::test]
async fn a_digest_takes_the_place_of_a_summary_that_cannot_be_had() {
    for step in [fail(ErrorKind::Refused), Step::Text("")] {
        let stage = Stage::new(Scripted::with_window(vec![step], 6_000), vec![], long_talk());
        assert_eq!(stage.run().await.end, TurnEnd::Done);
        let note = note(&stage.memory.all()).unwrap();
        assert!(
            note.contains("no summary could be made")
                && note.contains("- question 9")
                && note.contains("look ×1"),
            "{note}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_summary_that_takes_too_long_is_given_up_for_a_digest() {
    let stage =
        Stage::new(Scripted::with_window(vec![Step::Hang { partial: "" }], 6_000), vec![], long_talk());
    assert_eq!(stage.run().await.end, TurnEnd::Done);
    assert!(note(&stage.memory.all()).unwrap().contains("no summary could be made"));
}

#[tokio::test]
async fn a_request_that_the_provider_finds_too_long_is_made_once_more_after_compaction() {
    let steps = vec![fail(ErrorKind::ContextOverflow), Step::Text("in short"), Step::Text("fits")];
    let stage = Stage::new(Scripted::new(steps), vec![], long_talk());
    let outcome = stage.run().await;
    assert_eq!((outcome.reply.as_str(), outcome.model_calls), ("fits", 3));
    assert!(note(&stage.memory.all()).unwrap().contains("in short"));

    let steps =
        vec![fail(ErrorKind::ContextOverflow), Step::Text("in short"), fail(ErrorKind::ContextOverflow)];
    let stage = Stage::new(Scripted::new(steps), vec![], long_talk());
    let outcome = stage.run().await;
    assert!(matches!(outcome.end, TurnEnd::Failed(e)
        if e.kind == TurnErrorKind::Model(ErrorKind::ContextOverflow) && e.message.contains("reset the session")));
}

#[tokio::test]
async fn where_nothing_can_be_made_shorter_the_turn_says_so() {
    let model = Scripted::new(vec![fail(ErrorKind::ContextOverflow)]);
    let stage = Stage::new(model.clone(), vec![], vec![user("one huge message")]);
    assert!(matches!(stage.run().await.end, TurnEnd::Failed(_)));
    assert_eq!(model.requests(), 1);
}

#[tokio::test]
async fn cancelling_during_a_summary_leaves_the_transcript_as_it_was() {
    let stage =
        Stage::new(Scripted::with_window(vec![Step::Hang { partial: "" }], 6_000), vec![], long_talk());
    let abort = async {
        while !stage.events.all().iter().any(|e| matches!(e, TurnEvent::ModelCall { .. })) {
            tokio::task::yield_now().await;
        }
        stage.cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(stage.run(), abort);
    assert_eq!(outcome.end, TurnEnd::Aborted);
    assert_eq!(stage.memory.all(), long_talk());
    assert_eq!(phases(&stage), [CompactionPhase::Start, CompactionPhase::End]);
}

#[tokio::test]
async fn a_long_turn_keeps_its_request_when_its_beginning_is_summarised() {
    let mut talk = vec![user("count all the stones, please")];
    for n in 0..40 {
        talk.push(calls(&[("c", "look", json!({ "n": n, "pad": "p".repeat(300) }))]));
        talk.push(result("c", &"r".repeat(300)));
    }
    let stage = Stage::new(Scripted::with_window(vec![Step::Text("counted some")], 6_000), two_tools(), talk);
    assert_eq!(stage.run().await.end, TurnEnd::Done);
    let durable = stage.memory.all();
    assert!(note(&durable).unwrap().contains("count all the stones, please"));
    assert!(matches!(durable[1], Message::Assistant(_)) && unanswered(&durable).is_empty());
}

#[tokio::test]
async fn somebody_who_asks_gets_a_shorter_transcript_without_a_turn() {
    let model = Scripted::with_window(vec![Step::Text("they spoke of q")], 100_000);
    let mut talk = long_talk();
    talk.push(says("now"));
    let stage = Stage::new(model.clone(), vec![], talk.clone());
    let outcome = stage.compact(Keep::Recent).await;
    let done = outcome.result.unwrap().expect("it is shorter");
    assert!(done.tokens_after < done.tokens_before / 2, "{done:?}");
    let durable = stage.memory.all();
    assert!(note(&durable).unwrap().contains("they spoke of q"));
    assert_eq!(durable.len(), done.kept + 1);
    assert_eq!(durable.last(), talk.last());
    assert!(outcome.calls.is_empty(), "what it cost is durable with it");
    assert_eq!(stage.memory.calls.lock().unwrap().len(), 1);

    let short = Stage::new(model.clone(), vec![], vec![user("hi")]);
    assert_eq!(short.compact(Keep::Recent).await.result, Ok(None));
    assert_eq!(model.requests(), 1);
}

#[tokio::test]
async fn the_last_messages_can_be_kept_without_asking_the_model() {
    let model = Scripted::new(vec![]);
    let talk = vec![
        user("one"),
        says("1"),
        user("two"),
        calls(&[("c", "look", json!({}))]),
        result("c", "seen"),
        says("2"),
    ];
    for (count, kept) in [(1, 1), (2, 1), (3, 3), (4, 4), (5, 5)] {
        let stage = Stage::new(model.clone(), vec![], talk.clone());
        let done = stage.compact(Keep::Last(count)).await.result.unwrap().expect("it is shorter");
        assert_eq!(done.kept, kept, "of {count}");
        assert_eq!(stage.memory.all()[1..], talk[talk.len() - kept..]);
    }
    let stage = Stage::new(model.clone(), vec![], talk);
    assert_eq!(stage.compact(Keep::Last(6)).await.result, Ok(None));
    assert_eq!(model.requests(), 0);
}

#[tokio::test]
async fn a_compaction_that_is_stopped_changes_nothing_and_says_what_it_cost() {
    let model = Scripted::with_window(vec![Step::Hang { partial: "" }], 100_000);
    let stage = Stage::new(model, vec![], long_talk());
    let stop = async {
        while stage.events.all().iter().all(|e| !matches!(e, TurnEvent::ModelCall { .. })) {
            tokio::task::yield_now().await;
        }
        stage.cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(stage.compact(Keep::Recent), stop);
    assert_eq!(outcome.result, Err(TurnEnd::Aborted));
    assert_eq!(outcome.calls.len(), 1);
    assert_eq!(stage.memory.all(), long_talk());
}
