//! What bad input gets from a running gateway: the thing, the place and the next step, and an exit code for scripts.

use crate::live::{Gateway, PATIENCE, TOKEN};
use crate::support::{Home, Ran};
use crate::world::World;
use testkit::fake_model::Step;

fn plain_home() -> Home {
    Home::with_config(&format!(r#"{{ gateway: {{ auth: {{ mode: "token", token: "{TOKEN}" }} }} }}"#))
}

fn assert_refused(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
    for part in parts {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    assert!(!ran.err.contains(TOKEN), "{}", ran.err);
}

#[test]
fn a_wrong_or_missing_token_is_exit_code_4_and_says_where_the_right_one_comes_from() {
    let home = plain_home();
    let gateway = Gateway::start(&home);
    let wrong = gateway.run(&home, &["health", "--token", "wrong"]);
    assert_refused(&wrong, 4, &["token", "gateway.auth.token", "OPENCLAW_GATEWAY_TOKEN"]);
    let stranger = Home::new();
    assert_refused(&gateway.run(&stranger, &["health"]), 4, &["token", "OPENCLAW_GATEWAY_TOKEN"]);
    let url = format!("ws://127.0.0.1:{}", gateway.port);
    assert_refused(&stranger.run(&["health", "--url", &url, "--token", "wrong"]), 4, &["token"]);
    assert_refused(&stranger.run(&["health", "--url", &url, "--password", "wrong"]), 4, &["gateway status"]);
    let json = gateway.run(&home, &["health", "--json", "--token", "wrong"]);
    assert_eq!((json.code, &json.json()["error"]["code"]), (4, &"AUTH_TOKEN_MISMATCH".into()));
    assert!(json.err.is_empty() && !json.json()["hints"].as_array().unwrap().is_empty());
    let right = [("OPENCLAW_GATEWAY_TOKEN", TOKEN)];
    assert_eq!(stranger.run_with(&["health", "--port", &gateway.port], &right).code, 0);
}

#[test]
fn a_node_with_a_wrong_token_stops_and_says_why() {
    let gateway = Gateway::start(&plain_home());
    let ran =
        Home::new().run(&["node", "run", "--host", "127.0.0.1", "--port", &gateway.port, "--token", "wrong"]);
    assert_refused(&ran, 4, &["token", "OPENCLAW_GATEWAY_TOKEN"]);
}

#[test]
fn a_second_gateway_names_the_process_that_holds_the_state() {
    let home = plain_home();
    let gateway = Gateway::start(&home);
    let second = home.run(&["gateway", "run", "--port", "0"]);
    assert_refused(&second, 1, &[&format!("process {}", gateway.program.pid()), ".openclaw"]);
    let json = home.run(&["gateway", "run", "--port", "0", "--json"]);
    assert_eq!((json.code, &json.json()["ok"]), (1, &false.into()));
}

#[test]
fn a_taken_port_names_the_process_that_has_it() {
    let gateway = Gateway::start(&plain_home());
    let other = plain_home().run(&["gateway", "run", "--port", &gateway.port]);
    assert_refused(&other, 1, &[&format!("process {}", gateway.program.pid()), &gateway.port, "--port"]);
}

#[test]
fn unknown_methods_nodes_requests_and_bad_parameters_are_refused_by_name() {
    let home = plain_home();
    let gateway = Gateway::start(&home);
    let run = |args: &[&str]| gateway.run(&home, args);
    assert_refused(&run(&["gateway", "call", "no.such"]), 1, &["unknown method: no.such", "openclaw status"]);
    let bad = run(&["gateway", "call", "node.invoke", "--params", r#"{"command":"x"}"#]);
    assert_refused(&bad, 1, &["invalid node.invoke params", "nodeId"]);
    assert_refused(&run(&["nodes", "invoke", "--node", "nope", "--command", "x"]), 1, &["nope"]);
    assert_refused(&run(&["nodes", "approve", "nope"]), 1, &["nope", "openclaw nodes pending"]);
    assert_refused(&run(&["devices", "approve", "nope"]), 1, &["nope", "openclaw devices list"]);
    assert_refused(&run(&["pairing", "approve", "NOPE"]), 1, &["NOPE", "openclaw pairing list"]);
    assert_refused(&run(&["agent", "-m", "x", "--agent", "nobody"]), 1, &["nobody"]);
}

#[test]
fn a_gateway_without_a_model_answers_with_what_configures_one() {
    let home = plain_home();
    let gateway = Gateway::start(&home);
    assert!(gateway.said["model"].is_null());
    let ran = gateway.run(&home, &["agent", "-m", "hi"]);
    assert_refused(
        &ran,
        1,
        &["no model is configured", "agents.defaults.model.primary", "openclaw config set"],
    );
    assert!(gateway.run(&home, &["status"]).out.contains("openclaw models set PROVIDER/MODEL"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_answers_nonsense_or_refuses_is_named_to_both_ends() {
    let dm = r#"dmPolicy: "open", allowFrom: ["*"]"#;
    let World { telegram, model, home, gateway } = World::with("openai-completions", dm, "").await;
    let refusal = r#"{"error":{"message":"no such key"}}"#;
    model.script(vec![Step::Status(401, vec![], refusal.into()), Step::Status(401, vec![], refusal.into())]);
    let ran = gateway.run(&home, &["agent", "-m", "hi"]);
    assert_refused(&ran, 1, &["no such key", "local"]);
    telegram.push_text(7, 7, "hi");
    let sent = telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    assert!(sent[0].plain.contains("no such key"), "{:?}", sent[0].plain);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_takes_too_long_is_exit_code_5() {
    let dm = r#"dmPolicy: "disabled""#;
    let World { telegram: _telegram, model, home, gateway } = World::with("openai-completions", dm, "").await;
    model.script(vec![Step::Hang]);
    let ran = gateway.run(&home, &["agent", "-m", "hi", "--timeout", "1"]);
    assert_refused(&ran, 5, &["--timeout"]);
    model.wait_for_hang_ups(1).await;
}
