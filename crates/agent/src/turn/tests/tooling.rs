use crate::testing::*;
use crate::tool::ToolOutput;
use crate::turn::*;
use model::Message;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn results(messages: &[Message]) -> Vec<(String, String, bool)> {
    messages
        .iter()
        .filter_map(|m| match m {
            Message::ToolResult(r) => Some((r.tool_call_id.clone(), r.text(), r.is_error)),
            _ => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_answer_run_side_by_side_and_results_keep_their_order() {
    let nap = |arguments: Value, _| async move {
        tokio::time::sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap())).await;
        ToolOutput::text(arguments.to_string())
    };
    let calls = vec![
        ("a", "nap", json!({"ms": 90})),
        ("b", "nap", json!({"ms": 10})),
        ("c", "nap", json!({"ms": 50})),
    ];
    let stage =
        Stage::new(Scripted::new(vec![Step::Calls(calls)]), vec![tool("nap", false, nap)], vec![user("go")]);
    let began = tokio::time::Instant::now();
    let outcome = stage.run().await;
    assert_eq!(began.elapsed().as_millis(), 90, "in virtual time");
    assert_eq!((outcome.reply.as_str(), outcome.tool_names.as_slice()), ("done", &["nap".to_owned()][..]));
    let ids: Vec<String> = results(&stage.memory.all()).into_iter().map(|(id, _, _)| id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let ended: Vec<String> = stage
        .events
        .all()
        .into_iter()
        .filter_map(
            |e| if let TurnEvent::ToolEnd { tool_call_id, .. } = e { Some(tool_call_id) } else { None },
        )
        .collect();
    assert_eq!(ended, ["b", "c", "a"]);
    assert_eq!(
        stage.memory.calls.lock().unwrap().len(),
        1,
        "the first call is durable, the last with the reply"
    );
    assert_eq!(outcome.calls.len(), 1);
}

#[tokio::test]
async fn no_more_tools_run_at_once_than_allowed() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let count = move |_, _| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            ToolOutput::text("ok")
        }
    };
    let ids = ["1", "2", "3", "4", "5", "6", "7"];
    let calls = ids.map(|id| (id, "count", json!({}))).to_vec();
    let mut stage = Stage::new(
        Scripted::new(vec![Step::Calls(calls)]),
        vec![tool("count", false, count)],
        vec![user("go")],
    );
    stage.setup.limits.max_tool_calls_parallel = 3;
    assert_eq!(stage.run().await.end, TurnEnd::Done);
    assert_eq!(peak.load(Ordering::SeqCst), 3);
    assert_eq!(results(&stage.memory.all()).len(), 7);
}

#[tokio::test]
async fn what_cannot_be_called_gets_a_result_that_says_why() {
    let mut tools = two_tools();
    tools.push(tool("burst", true, |_, _| async { panic!("boom") }));
    let calls = vec![
        ("a", "lok", json!({})),
        ("b", "look", json!("{\"path\": ")),
        ("c", "burst", json!({})),
        ("d", "look", json!({"fine": true})),
    ];
    let stage = Stage::new(Scripted::new(vec![Step::Calls(calls)]), tools, vec![user("go")]);
    let outcome = stage.run().await;
    assert_eq!((outcome.end, outcome.tool_failures), (TurnEnd::Done, 3));
    let results = results(&stage.memory.all());
    for (at, words) in [(0, "look, change, burst"), (1, "not a JSON object"), (2, "broke down")] {
        assert!(results[at].2 && results[at].1.contains(words), "{:?}", results[at]);
    }
    assert!(!results[3].2);
}

#[tokio::test]
async fn a_long_result_loses_its_middle() {
    let long = |_, _| async { ToolOutput::text(format!("head{}tail", "x".repeat(100_000))) };
    let stage = Stage::new(
        Scripted::new(vec![Step::Calls(vec![("a", "long", json!({}))])]),
        vec![tool("long", false, long)],
        vec![user("go")],
    );
    stage.run().await;
    let text = results(&stage.memory.all())[0].1.clone();
    assert!(text.starts_with("head") && text.ends_with("tail") && text.contains("left out"));
    assert!(text.chars().count() <= 30_000);
}

#[tokio::test(start_paused = true)]
async fn aborting_while_tools_run_keeps_what_was_finished_and_gives_the_rest_a_result() {
    let quick = |_, _| async { ToolOutput::text("finished") };
    let obedient = |_, c: crate::tool::ToolContext| async move {
        c.cancel.cancelled().await;
        ToolOutput::error("stopped when told to")
    };
    let deaf = |_, _| std::future::pending();
    let tools = vec![tool("quick", true, quick), tool("obedient", true, obedient), tool("deaf", true, deaf)];
    let calls = ["quick", "obedient", "deaf", "quick"].iter().zip(["a", "b", "c", "d"]);
    let calls = calls.map(|(name, id)| (id, *name, json!({}))).collect();
    let mut stage = Stage::new(Scripted::new(vec![Step::Calls(calls)]), tools, vec![user("go")]);
    stage.setup.limits.max_tool_calls_parallel = 2;
    let cancel = stage.cancel.clone();
    let abort = async {
        let deaf_started = |e: &TurnEvent| matches!(e, TurnEvent::ToolStart { name, .. } if name == "deaf");
        while !stage.events.all().iter().any(deaf_started) {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(stage.run(), abort);
    assert_eq!((outcome.end, outcome.tool_failures), (TurnEnd::Aborted, 3));
    let results = results(&stage.memory.all());
    for (at, words) in [
        (0, "finished"),
        (1, "stopped when told to"),
        (2, "not known"),
        (3, "Not started: the run was aborted"),
    ] {
        assert!(results[at].1.contains(words), "{:?}", results[at]);
    }
}

#[tokio::test]
async fn calls_left_open_by_a_restart_are_made_again_only_where_that_does_no_harm() {
    let open = calls(&[("a", "change", json!({})), ("b", "look", json!({"n": 1})), ("c", "gone", json!({}))]);
    let stage = Stage::new(Scripted::new(vec![]), two_tools(), vec![user("go"), open]);
    assert_eq!(stage.run().await.reply, "done");
    let messages = stage.memory.all();
    let results = results(&messages);
    assert_eq!(
        results.iter().map(|r| (r.0.as_str(), r.2)).collect::<Vec<_>>(),
        [("a", true), ("c", true), ("b", false)]
    );
    assert!(matches!(messages.last(), Some(Message::Note(n)) if n.kind == "restart"));
    assert!(unanswered(&messages).is_empty());
}
