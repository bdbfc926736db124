//! The files of an agent's workspace, from outside: the known ones, whole, and nothing beside them.

use crate::flow::Bench;
use serde_json::json;

#[tokio::test]
async fn known_files_are_read_and_written_and_what_is_written_reaches_the_next_turn() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let list = operator.call("agents.files.list", json!({"agentId": "main"})).await;
    let files = list["files"].as_array().unwrap();
    let of = |name: &str| files.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!((&of("SOUL.md")["missing"], &of("HEARTBEAT.md")["missing"]), (&json!(false), &json!(true)));
    let text = "You answer in rhymes about the sea.";
    let set = json!({"agentId": "main", "name": "SOUL.md", "content": text});
    let set = operator.call("agents.files.set", set).await;
    assert_eq!((&set["ok"], &set["file"]["size"]), (&json!(true), &json!(text.len())));
    let got = operator.call("agents.files.get", json!({"agentId": "main", "name": "SOUL.md"})).await;
    assert_eq!(got["file"]["content"], text);
    operator.send("r", "hello").await;
    operator.events.chat("r", "final").await;
    assert!(bench.model.requests()[0].to_string().contains(text));
}

#[tokio::test]
async fn no_name_leads_out_of_the_workspace() {
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    let config = std::fs::read_to_string(bench.gateway.state_dir().join("openclaw.json")).unwrap();
    for name in ["../openclaw.json", "/etc/passwd", "soul.md", "SOUL.md/../../openclaw.json", ".seeded"] {
        operator.refused("agents.files.get", json!({"agentId": "main", "name": name})).await;
        let set = json!({"agentId": "main", "name": name, "content": "{}"});
        operator.refused("agents.files.set", set).await;
    }
    operator.refused("agents.files.list", json!({"agentId": "nobody"})).await;
    let large = json!({"agentId": "main", "name": "SOUL.md", "content": "x".repeat((1 << 20) + 1)});
    operator.refused("agents.files.set", large).await;
    assert_eq!(std::fs::read_to_string(bench.gateway.state_dir().join("openclaw.json")).unwrap(), config);
}
