//! Runs: beginning once, writing, compacting, ending once, being taken up again.

use crate::support::{START, answer, begin, call, finish, fixture, inbound, key, outbound, user};
use model::{Block, Message, NoteMessage, StopReason, Usage};
use serde_json::{Value, json};
use store::{Begun, Entry, RunStatus, StoreError};

fn seqs(entries: &[Entry]) -> Vec<i64> {
    entries.iter().map(|e| e.seq).collect()
}

fn note(text: &str) -> NoteMessage {
    NoteMessage { kind: "compaction".into(), text: text.into(), timestamp: START }
}

#[tokio::test]
async fn a_run_begins_once_and_consumes_its_inbound_rows() {
    let f = fixture();
    let rows = f.store.accept_inbound("telegram", "default", vec![inbound("c", "1")], "1").await.unwrap();
    let b = store::BeginRun { inbound_ids: vec![rows[0].id], ..begin("r", "main", &["hi"]) };
    let Begun::Started { run, transcript } = f.store.begin_run(b.clone()).await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!((run.status, run.started_at_ms), (RunStatus::Running, START));
    assert_eq!((transcript.len(), &transcript[0].message), (1, &user("hi")));
    assert!(f.store.open_inbound().await.unwrap().is_empty());
    assert_eq!(f.store.begin_run(b).await.unwrap(), Begun::Existing(run.clone()));
    let f = f.restarted().await;
    assert_eq!(f.store.unfinished_runs().await.unwrap(), [run]);
    assert_eq!(f.store.session(&key("main")).await.unwrap().unwrap().message_count, 1);
}

#[tokio::test]
async fn an_end_is_final_and_puts_the_answer_into_the_outbox() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    let out = vec![outbound("c", "one"), outbound("c", "two")];
    let (entries, rows) = f.store.finish_run(finish("r", out)).await.unwrap();
    assert_eq!(seqs(&entries), [2]);
    assert_eq!(f.store.pending_outbox().await.unwrap(), rows);
    let run = f.store.run("r").await.unwrap().unwrap();
    assert_eq!((run.status, run.reply.as_deref(), run.usage.total()), (RunStatus::Done, Some("done"), 115));
    let again = f.store.finish_run(finish("r", vec![outbound("c", "twice")])).await;
    assert!(matches!(again, Err(StoreError::RunEnded { .. })));
    let late = f.store.append("r", vec![user("late")], vec![], vec![]).await;
    assert!(matches!(late, Err(StoreError::RunEnded { .. })));
    let unknown = f.store.append("nobody", vec![], vec![], vec![]).await;
    assert!(matches!(unknown, Err(StoreError::UnknownRun { .. })));
    assert_eq!(f.store.pending_outbox().await.unwrap().len(), 2);
    assert!(f.store.unfinished_runs().await.unwrap().is_empty());
    assert_eq!(f.store.resume_run("r").await.unwrap(), None);
}

#[tokio::test]
async fn a_session_keeps_count_of_its_calls() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    f.store.append("r", vec![answer("thinking")], vec![call("turn", 300, 0.25)], vec![]).await.unwrap();
    f.clock.advance_ms(7);
    let mut end = finish("r", vec![]);
    end.messages = vec![answer(&"long ".repeat(100))];
    end.calls = vec![call("turn", 400, 0.5), call("compaction", 9000, 1.0)];
    f.store.finish_run(end).await.unwrap();
    let session = f.store.session(&key("main")).await.unwrap().unwrap();
    assert_eq!(session.context_tokens, 405, "what the last turn had before it");
    assert_eq!(session.model.as_deref(), Some("turn"));
    assert_eq!(session.usage, Usage { input: 9700, output: 30, cache_read: 15, cache_write: 0, cost: 1.75 });
    assert_eq!((session.message_count, session.updated_at_ms), (3, START + 7));
    assert_eq!(session.preview.unwrap().chars().count(), 200);
    let last = session.last_run.unwrap();
    assert_eq!((last.status, last.ended_at_ms), (RunStatus::Done, Some(START + 7)));
    let totals = f.store.ledger_totals(0).await.unwrap();
    assert_eq!(
        totals.iter().map(|t| (t.model.as_str(), t.calls)).collect::<Vec<_>>(),
        [("compaction", 1), ("turn", 2)]
    );
    assert_eq!(f.store.ledger_totals(START + 1).await.unwrap().len(), 2);
    assert!(f.store.ledger_totals(START + 8).await.unwrap().is_empty());
}

#[tokio::test]
async fn compaction_moves_the_context_and_keeps_the_history() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["1", "2", "3", "4"])).await.unwrap();
    let now = f.store.compact("r", note("first"), 3, vec![call("compaction", 10, 0.1)]).await.unwrap();
    assert_eq!(seqs(&now), [5, 3, 4]);
    assert_eq!(now[0].message, Message::Note(note("first")));
    f.store.append("r", vec![user("6")], vec![], vec![]).await.unwrap();
    assert_eq!(seqs(&f.store.context(&key("main")).await.unwrap()), [5, 3, 4, 6]);
    let now = f.store.compact("r", note("second"), 4, vec![]).await.unwrap();
    assert_eq!(seqs(&now), [7, 4, 6], "the earlier note is summed up in the later one");
    let now = f.store.compact("r", note("third"), 1, vec![]).await.unwrap();
    assert_eq!(seqs(&now), [8, 4, 6], "what was compacted away never comes back");
    let f = f.restarted().await;
    let (all, total) = f.store.history(&key("main"), 100, None).await.unwrap();
    assert_eq!((seqs(&all), total), ((1..=8).collect(), 8));
    let session = f.store.session(&key("main")).await.unwrap().unwrap();
    assert_eq!((session.compactions, session.context_tokens), (3, 0));
    let (_, resumed) = f.store.resume_run("r").await.unwrap().unwrap();
    assert_eq!(seqs(&resumed), [8, 4, 6]);
}

#[tokio::test]
async fn a_cut_run_is_taken_up_with_what_it_wrote_and_counts_how_often() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    f.store.append("r", vec![answer("one step")], vec![], vec![]).await.unwrap();
    let f = f.restarted().await;
    for resumes in 1..=2 {
        let (run, entries) = f.store.resume_run("r").await.unwrap().unwrap();
        assert_eq!((run.resumes, seqs(&entries)), (resumes, vec![1, 2]));
    }
    assert_eq!(f.store.resume_run("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn the_same_submission_is_never_stored_twice() {
    let f = fixture();
    let Message::User(mut said) = user("hi") else { panic!("a user message") };
    said.idempotency_key = Some("r:user".into());
    let said = Message::User(said);
    let b = store::BeginRun { messages: vec![said.clone()], ..begin("r", "main", &[]) };
    f.store.begin_run(b).await.unwrap();
    let entries = f.store.append("r", vec![said, user("more")], vec![], vec![]).await.unwrap();
    assert_eq!(seqs(&entries), [1, 2]);
    assert_eq!(f.store.context(&key("main")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nonsense_from_a_model_never_makes_a_transcript_unreadable() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    let mut deep = json!(1);
    (0..120).for_each(|_| deep = json!([deep.take()]));
    let Message::Assistant(mut wild) = answer("") else { panic!("an answer") };
    wild.usage.cost = f64::NAN;
    wild.stop_reason = StopReason::ToolUse;
    wild.content = vec![Block::ToolCall { id: "c".into(), name: "exec".into(), arguments: deep }];
    let mut cost = call("turn", u64::MAX, f64::INFINITY);
    cost.usage.output = u64::MAX;
    let calls = vec![cost.clone(), cost];
    let entries = f.store.append("r", vec![Message::Assistant(wild)], calls, vec![]).await.unwrap();
    let context = f.store.context(&key("main")).await.unwrap();
    assert_eq!(context[1..], entries);
    let Message::Assistant(kept) = &context[1].message else { panic!("an answer") };
    let (_, _, arguments) = kept.tool_calls().next().unwrap();
    assert!(matches!(arguments, Value::String(_)));
    assert!(f.store.session(&key("main")).await.unwrap().unwrap().usage.cost.is_finite());
}

#[tokio::test]
async fn what_the_caller_asked_for_is_still_there_when_a_cut_run_is_taken_up() {
    let f = fixture();
    let asked = model::Directives {
        timeout_ms: Some(30_000),
        extra_system: Some("be brief".into()),
        ..model::Directives::default()
    };
    let b = store::BeginRun { directives: Some(asked.clone()), ..begin("r", "main", &["hi"]) };
    f.store.begin_run(b).await.unwrap();
    let (run, _) = f.store.resume_run("r").await.unwrap().unwrap();
    assert_eq!(run.directives, Some(asked));
    f.store.begin_run(begin("s", "other", &["hi"])).await.unwrap();
    assert_eq!(f.store.run("s").await.unwrap().unwrap().directives, None);
}
