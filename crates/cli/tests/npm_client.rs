//! npm's gateway client against the built gateway: it pairs an operator and a node, chats, runs the agent and calls the
//! node. The client's side is `tests/npm/client.mjs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/live.rs"]
mod live;
mod support;

use live::{Gateway, Program, TOKEN};
use std::path::PathBuf;
use std::process::Command;
use support::Home;
use testkit::fake_model::FakeModel;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npms_client_is_let_in_silently_chats_and_calls_a_node() {
    serve_npms_client("silently", "{}").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npms_client_is_paired_by_an_operator_chats_and_calls_a_node() {
    serve_npms_client("asked", "{ pairing: { autoApproveLocal: false } }").await;
}

async fn serve_npms_client(approves: &str, nodes: &str) {
    let model = FakeModel::start().await;
    let home = Home::with_config(&format!(
        r#"{{ gateway: {{ auth: {{ mode: "token", token: "{TOKEN}" }}, nodes: {nodes} }},
  models: {{ providers: {{ local: {{ baseUrl: "{}", apiKey: "none", api: "openai-completions",
    models: [ {{ id: "some-model" }} ] }} }} }},
  agents: {{ defaults: {{ model: {{ primary: "local/some-model" }} }} }} }}"#,
        model.url()
    ));
    let gateway = Gateway::start(&home);
    let mut command = node();
    command
        .env_clear()
        .env("GATEWAY_URL", gateway.said["url"].as_str().unwrap())
        .env("GATEWAY_TOKEN", TOKEN)
        .env("GATEWAY_APPROVES", approves);
    let client = Program::start("npm's client", command);
    client.wait_for("the last step", |line| (line == "done").then_some(()));
    assert_eq!(client.ended(), Some(0));

    // One question of the chat, two of the agent's turn with its tool.
    assert_eq!(model.request_count(), 3);
    let nodes = gateway.json(&home, &["nodes", "list"]);
    assert_eq!(
        (&nodes["paired"][0]["displayName"], nodes["pending"].as_array().map(Vec::len)),
        (&"npm node".into(), Some(0))
    );
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
}

/// The Node that was installed beside the client, with the client's side of the test. It is copied there first, because
/// modules are looked for from where the file is.
fn node() -> Command {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = root.join("target/npm-client");
    let node = place.join("node_modules/.bin/node");
    assert!(node.exists(), "{} is missing; run first: scripts/npm-client-test --install", node.display());
    let script = place.join("client.mjs");
    // In one step: another test may be reading it.
    let copy = tempfile::NamedTempFile::new_in(&place).unwrap();
    std::fs::copy(root.join("tests/npm/client.mjs"), copy.path()).unwrap();
    copy.persist(&script).unwrap();
    let mut command = Command::new(node);
    command.arg(script);
    command
}
