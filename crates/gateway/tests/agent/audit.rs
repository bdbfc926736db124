//! What agents did, as `audit.list` tells it.

use crate::flow::Bench;
use serde_json::{Value, json};

fn words(events: &Value) -> Vec<String> {
    let events = events["events"].as_array().unwrap();
    let word = |e: &Value, name: &str| e[name].as_str().unwrap_or("-").to_owned();
    events
        .iter()
        .map(|e| ["action", "status", "errorCode", "toolName"].map(|n| word(e, n)).join(" "))
        .collect()
}

#[tokio::test]
async fn runs_and_tools_are_told_with_their_ends_and_without_what_was_said() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.agent("one", r#"TOOL:ls {"path":"."}"#).await.unwrap();
    operator.agent("two", r#"TOOL:read {"path":"no/such/heliotrope"}"#).await.unwrap();
    let all = operator.call("audit.list", json!({})).await;
    assert_eq!(
        words(&all),
        [
            "agent.run.finished succeeded - -",
            "tool.action.finished failed tool_failed read",
            "tool.action.started started - read",
            "agent.run.started started - -",
            "agent.run.finished succeeded - -",
            "tool.action.finished succeeded - ls",
            "tool.action.started started - ls",
            "agent.run.started started - -",
        ]
    );
    assert!(!all.to_string().contains("heliotrope"), "{all}");
    assert!(all.get("nextCursor").is_none());
    let newest = &all["events"][0];
    assert_eq!((&newest["runId"], &newest["sourceSequence"]), (&json!("two"), &json!(4)));
    assert_eq!(newest["actor"], json!({"type": "agent", "id": "main"}));
    let of_one = operator.call("audit.list", json!({"runId": "one", "kind": "tool_action"})).await;
    assert_eq!(words(&of_one), ["tool.action.finished succeeded - ls", "tool.action.started started - ls"]);
    let failed = operator.call("audit.list", json!({"status": "failed"})).await;
    assert_eq!(words(&failed), ["tool.action.finished failed tool_failed read"]);
    let at = &newest["occurredAt"];
    let now = operator
        .call("audit.list", json!({"after": at, "before": at, "status": "succeeded", "runId": "two"}))
        .await;
    assert_eq!(words(&now), ["agent.run.finished succeeded - -"]);
    for (params, count) in [(json!({"agentId": "nobody"}), 0), (json!({"sessionKey": "agent:main:main"}), 8)]
    {
        let found = operator.call("audit.list", params).await;
        assert_eq!(found["events"].as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_whatever_is_done_meanwhile() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    for key in ["a", "b", "c"] {
        operator.agent(key, "hello").await.unwrap();
    }
    let mut seen: Vec<i64> = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut params = json!({"limit": 2});
        if !cursor.is_null() {
            params["cursor"] = cursor.clone();
        }
        let page = operator.call("audit.list", params).await;
        seen.extend(page["events"].as_array().unwrap().iter().map(|e| e["sequence"].as_i64().unwrap()));
        if page.get("nextCursor").is_none() {
            break;
        }
        cursor = page["nextCursor"].clone();
        operator.agent(&format!("more{cursor}"), "hello").await.unwrap();
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 1]);
    for (params, says) in [
        (json!({"limit": 501}), "/limit"),
        (json!({"cursor": "x"}), "/cursor"),
        (json!({"kind": "message"}), "/kind"),
    ] {
        let refused = operator.refused("audit.list", params).await;
        assert!(refused.message.contains(says), "{}", refused.message);
    }
}
