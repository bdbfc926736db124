//! `openclaw demo`: the whole way, in one program, with nothing set up; and with each provider that it knows to take.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use testkit::fake_model::{FakeModel, Step};

/// Runs the demo with a home and a folder for temporary files of its own, and nothing else in its environment.
fn demo(home: &TempDir, temporary: &Path, more: &[&str]) -> Output {
    demo_command(home.path(), temporary, more).output().unwrap()
}

fn demo_command(home: &Path, temporary: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw"));
    command
        .args(["demo", "--check"])
        .args(more)
        .env_clear()
        .env("HOME", home)
        .env("TMPDIR", temporary)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command
}

#[test]
fn one_message_goes_from_chat_to_node_and_back_and_each_hop_is_told() {
    let home = TempDir::new().unwrap();
    // Another program may have the usual port; where nobody has it, this test does.
    let _holder = TcpListener::bind("127.0.0.1:18789");
    let output = demo(&home, home.path(), &["--json"]);
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{complained}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["ok"], true);
    let steps = report["steps"].as_array().unwrap();
    let hops: Vec<&str> = steps.iter().map(|s| s["hop"].as_str().unwrap()).collect();
    assert_eq!(
        hops,
        ["gateway", "operator", "node", "approval", "chat", "model", "tool", "node", "model", "reply"]
    );
    assert!(!steps[0]["what"].as_str().unwrap().ends_with(":18789"), "the port was taken");
    let times: Vec<f64> = steps.iter().map(|s| s["ms"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let reply = steps[9]["what"].as_str().unwrap();
    assert!(reply.contains("Linux") && reply.contains("demo-node"), "{reply}");
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "its state goes with it: {left:?}");
}

#[test]
fn the_built_in_model_says_that_it_is_none() {
    let home = TempDir::new().unwrap();
    let output = demo(&home, home.path(), &[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("rule-based, no AI") && said.contains("ok: the message went the whole way"),
        "{said}"
    );
}

#[test]
fn where_it_cannot_work_it_says_why_and_ends_with_1() {
    let home = TempDir::new().unwrap();
    let output = demo(&home, &home.path().join("missing"), &[]);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complained}");
    assert!(complained.contains("TMPDIR"), "{complained}");
}

/// The providers that the demo takes by itself speak their own API to a stand-in: the demo's sentence makes it call
/// `exec` on the node, and the tool's result makes it answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_whose_key_is_there_answers_instead_of_the_rules() {
    for (place, key, name) in [
        ("ANTHROPIC_BASE_URL", Some("ANTHROPIC_API_KEY"), "anthropic/claude-sonnet-4-5"),
        ("OPENAI_BASE_URL", Some("OPENAI_API_KEY"), "openai/gpt-4.1-mini"),
        ("OLLAMA_BASE_URL", None, "ollama/test-model"),
    ] {
        let model = FakeModel::start().await;
        let call = json!({"command": "uname -sr", "host": "node", "node": "demo-node"});
        model.script(vec![Step::ToolCalls(vec![("exec".into(), call)])]);
        // Anthropic's own library takes the place without the version.
        let base =
            if place == "ANTHROPIC_BASE_URL" { format!("http://{}", model.address()) } else { model.url() };
        let home = TempDir::new().unwrap();
        let path = home.path().to_owned();
        let run = move || {
            let mut command = demo_command(&path, &path, &["--json"]);
            command.env(place, base).envs(key.map(|k| (k, "a-key"))).output().unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name}: {complained}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let steps = report["steps"].as_array().unwrap();
        let reply = steps.last().unwrap()["what"].as_str().unwrap();
        assert!(reply.contains("tool said:") && reply.contains("Linux"), "{name}: {reply}");
        let requests = model.requests();
        assert_eq!(requests.len(), 2, "{name}");
        assert_eq!(requests[0]["model"], name.split_once('/').unwrap().1);
    }
}
