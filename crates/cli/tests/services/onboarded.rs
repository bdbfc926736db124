//! What `openclaw onboard --install-daemon` sets up.

use super::managed::{GATEWAY, Host};
use crate::support::{Home, Ran, free_port};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use testkit::fake_model::FakeModel;

#[test]
fn what_is_set_up_runs_as_a_service_whose_secrets_stand_in_no_unit() {
    let port = free_port();
    let host = Host::of(Home::new(), port.clone());
    let flags =
        ["onboard", "--non-interactive", "--accept-risk", "--install-daemon", "--gateway-port", &port];
    let model = ["--auth-choice", "anthropic-api-key", "--secret-input-mode", "ref", "--json"];
    let onboard = |key: Option<&str>| -> (Value, Value) {
        let mut command = host.systemd.command(&host.home, &[&flags[..], &model].concat());
        let ran: Ran = command.envs(key.map(|key| ("ANTHROPIC_API_KEY", key))).output().unwrap().into();
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{}{}", ran.out, ran.err);
        let (first, rest) = ran.out.split_once('\n').unwrap();
        (serde_json::from_str(first).unwrap(), serde_json::from_str(rest).unwrap())
    };
    let (done, service) = onboard(Some("hunter2"));
    assert_eq!((&done["type"], &done["report"]["ok"]), (&json!("onboarded"), &json!(true)), "{done}");
    assert_eq!(service["result"], "installed", "{service}");
    assert_eq!(host.property(GATEWAY, "ActiveState"), "active");
    assert_eq!(host.json(&["health"])["ok"], true);
    let unit = std::fs::read_to_string(host.unit(GATEWAY)).unwrap();
    let token = std::fs::read_to_string(host.home.state().join("credentials/gateway-token")).unwrap();
    assert!(!unit.contains("hunter2") && !unit.contains(token.trim()), "{unit}");
    // A service does not see a variable of the shell: that is said, and what to do about it helps.
    assert_eq!(done["report"]["variables"]["ofThisShell"], json!(["ANTHROPIC_API_KEY"]), "{done}");
    assert_eq!(host.json(&["models", "status"])["providers"][0]["status"], "missing");
    std::fs::write(host.home.state().join(".env"), "ANTHROPIC_API_KEY=hunter2\n").unwrap();
    assert_eq!(host.json(&["gateway", "restart"])["result"], "restarted");
    let keys = host.json(&["models", "status"]);
    let by = json!({"source": "env", "envVar": "ANTHROPIC_API_KEY"});
    assert_eq!(keys["providers"][0]["apiKey"], by, "{keys}");

    let pid = host.property(GATEWAY, "MainPID");
    let (again, service) = onboard(None);
    assert_eq!(again["report"]["changedPaths"], json!([]), "{again}");
    assert_eq!(service["result"], "already-installed", "{service}");
    assert_eq!(host.property(GATEWAY, "MainPID"), pid, "it was left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_waits_for_the_turns_that_run_where_it_is_told_to() {
    let model = FakeModel::start().await;
    model.take_time(Duration::from_secs(2));
    let port = free_port();
    let home = Home::with_config(&format!(
        "{{ gateway: {{ port: {port} }}, agents: {{ defaults: {{ model: 'lab/large' }} }},
            models: {{ providers: {{ lab: {{ baseUrl: '{}', models: [{{ id: 'large' }}] }} }} }} }}",
        model.url()
    ));
    let host = Host::of(home, port);
    host.json(&["gateway", "install"]);
    let mut asking = host.systemd.command(&host.home, &["agent", "--message", "hello"]);
    let asking = asking.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    model.wait_for_requests(1).await;
    let pid = host.property(GATEWAY, "MainPID");
    let ran = host.run(&["gateway", "restart", "--wait", "60s"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("is waited for: agent:main:main"), "{}", ran.err);
    let answer: Ran = asking.wait_with_output().unwrap().into();
    assert_eq!((answer.code, answer.out.trim()), (0, "echo: hello"), "{}", answer.err);
    assert_ne!(host.property(GATEWAY, "MainPID"), pid);
}
