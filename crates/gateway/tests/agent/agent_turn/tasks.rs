//! Runs as tasks: listed, looked at one by one, and cancelled.

use crate::flow::{Bench, MAIN, Operator};
use serde_json::{Value, json};
use testkit::fake_model::Step;

async fn list(operator: &Operator, params: Value) -> Vec<Value> {
    operator.call("tasks.list", params).await["tasks"].as_array().unwrap().clone()
}

fn named(tasks: &[Value]) -> Vec<(&str, &str)> {
    tasks.iter().map(|task| (task["id"].as_str().unwrap(), task["status"].as_str().unwrap())).collect()
}

/// All pages of so many, one after another.
async fn pages(operator: &Operator, limit: usize) -> Vec<Value> {
    let (mut tasks, mut params) = (Vec::new(), json!({"limit": limit}));
    loop {
        let page = operator.call("tasks.list", params.clone()).await;
        let found = page["tasks"].as_array().unwrap();
        assert!(found.len() <= limit, "{page}");
        tasks.extend(found.clone());
        match page.get("nextCursor") {
            Some(cursor) => params["cursor"] = cursor.clone(),
            None => return tasks,
        }
    }
}

#[tokio::test]
async fn what_waits_is_listed_to_its_end_however_short_the_pages_are() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.agent("done", "hello").await.expect("an answer");
    bench.model.script(vec![Step::Hang]);
    operator.send("running", "one").await;
    bench.model.wait_for_requests(2).await;
    for id in ["w1", "w2", "w3"] {
        operator.send(id, "more").await;
    }
    let expected =
        [("w1", "queued"), ("w2", "queued"), ("w3", "queued"), ("running", "running"), ("done", "completed")];
    for limit in 1..=6 {
        assert_eq!(named(&pages(&operator, limit).await), expected, "{limit}");
    }
    let error = operator.refused("tasks.list", json!({"cursor": "waiting-x"})).await;
    assert!(error.message.contains("/cursor"), "{error}");
    operator.call("tasks.cancel", json!({"taskId": "running"})).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_runs_ran_and_waits_is_listed_and_can_be_cancelled() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.agent("done", "hello").await.expect("an answer");
    let work = json!({"sessionKey": "agent:main:work", "message": "hi", "idempotencyKey": "elsewhere"});
    operator.agent_with(work).await.expect("an answer");
    bench.model.script(vec![Step::Status(400, vec![], r#"{"error": {"message": "no such thing"}}"#.into())]);
    operator.agent("failed", "hello").await.expect_err("the model refuses");
    bench.model.script(vec![Step::Hang]);
    operator.send("running", "one").await;
    bench.model.wait_for_requests(4).await;
    operator.send("waiting", "two").await;

    let all = list(&operator, json!({})).await;
    let expected = [
        ("waiting", "queued"),
        ("running", "running"),
        ("failed", "failed"),
        ("elsewhere", "completed"),
        ("done", "completed"),
    ];
    assert_eq!(named(&all), expected);
    assert_eq!((&all[1]["sessionKey"], &all[1]["agentId"]), (&json!(MAIN), &json!("main")));
    assert!(all[2]["error"].as_str().unwrap().contains("no such thing"), "{}", all[2]);
    assert_eq!((&all[4]["terminalSummary"], all[4].get("runtime")), (&json!("echo: hello"), None));
    for (params, ids) in [
        (json!({"status": "running"}), vec!["running"]),
        (json!({"status": ["queued", "failed"]}), vec!["waiting", "failed"]),
        (json!({"status": "timed_out"}), vec![]),
        (json!({"sessionKey": "agent:main:work"}), vec!["elsewhere"]),
        (json!({"agentId": "main", "status": "completed"}), vec!["elsewhere", "done"]),
    ] {
        let tasks = list(&operator, params.clone()).await;
        assert_eq!(named(&tasks).iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids, "{params}");
    }
    assert_eq!(named(&pages(&operator, 1).await), expected);
    for (params, place) in [
        (json!({"status": "lost"}), "/status"),
        (json!({"status": 1}), "/status"),
        (json!({"limit": 501}), "/limit"),
        (json!({"cursor": "x"}), "/cursor"),
    ] {
        let error = operator.refused("tasks.list", params.clone()).await;
        assert!(error.message.contains(place), "{params}: {error}");
    }

    let got = operator.call("tasks.get", json!({"taskId": "done"})).await["task"].clone();
    assert_eq!(got, all[4]);
    assert!(
        operator.refused("tasks.get", json!({"taskId": "nobody"})).await.message.contains("task not found")
    );
    for (id, found, cancelled) in
        [("waiting", true, true), ("running", true, true), ("done", true, false), ("nobody", false, false)]
    {
        let answer = operator.call("tasks.cancel", json!({"taskId": id})).await;
        assert_eq!((&answer["found"], &answer["cancelled"]), (&json!(found), &json!(cancelled)), "{answer}");
    }
    operator.wait_for("running").await;
    assert_eq!(named(&list(&operator, json!({"limit": 1})).await), [("running", "cancelled")]);
    bench.gateway.stop().await;
}
