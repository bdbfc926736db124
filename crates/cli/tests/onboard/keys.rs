//! `openclaw models auth` and `aliases`: what is kept, what of it is shown, and that a running gateway takes it up.

use crate::live::{Gateway, PATIENCE, TOKEN};
use crate::seat::Seat;
use crate::support::{Home, Ran};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use testkit::fake_model::FakeModel;

/// Runs a command with a text on its standard input.
fn fed(home: &Home, args: &[&str], text: &str) -> Ran {
    let mut command = home.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

fn kept(home: &Home, args: &[&str], text: &str) -> Ran {
    let ran = fed(home, &[&["models", "auth"], args].concat(), text);
    assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
    assert!(!ran.out.contains("hunter") && !ran.err.contains("hunter"), "{}{}", ran.out, ran.err);
    ran
}

fn profiles(home: &Home) -> Value {
    let file = home.state().join("agents/main/auth-profiles.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn keys_and_tokens_are_kept_listed_and_taken_out_and_never_shown() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    kept(&home, &["paste-api-key", "--provider", "openai"], "hunter2\n");
    kept(
        &home,
        &["paste-token", "--provider", "openai", "--profile-id", "openai:t", "--expires-in", "90d"],
        "hunter3",
    );
    kept(&home, &["paste-api-key", "--provider", "anthropic"], "hunter4");
    let file = home.state().join("agents/main/auth-profiles.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let now = profiles(&home);
    let key = json!({"type": "api_key", "provider": "openai", "key": "hunter2"});
    assert_eq!((&now["version"], &now["profiles"]["openai:manual"]), (&json!(1), &key));
    assert!(now["profiles"]["openai:t"]["expires"].is_u64(), "{now}");
    let list = home.run(&["models", "auth", "list", "--provider", "openai", "--json"]);
    let ids = |listed: &Value| {
        let all = listed["profiles"].as_array().unwrap().iter();
        all.map(|p| p["profileId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&list.json()), ["openai:t", "openai:manual"], "tokens first");
    let order = ["models", "auth", "order", "set", "--provider", "openai"];
    let strange = home.run(&[&order[..], &["anthropic:manual"]].concat());
    assert!(strange.code == 2 && strange.err.contains("anthropic:manual"), "{}", strange.err);
    assert_eq!(home.run(&[&order[..], &["openai:t"]].concat()).code, 0);
    let all = home.run(&["models", "auth", "list"]);
    assert!(all.out.contains("not in the order") && !all.out.contains("hunter"), "{}", all.out);
    let got = home.run(&["models", "auth", "order", "get", "--provider", "openai", "--json"]).json();
    assert_eq!((&got["order"], &got["taken"]), (&json!(["openai:t"]), &json!(["openai:t"])));

    let unsure = home.run(&["models", "auth", "logout", "openai:t"]);
    assert!(unsure.code == 2 && unsure.err.contains("--yes"), "{}", unsure.err);
    assert_eq!(home.run(&["models", "auth", "logout", "openai:t", "--yes"]).code, 0);
    let left = std::fs::read_to_string(&file).unwrap();
    assert!(!left.contains("hunter3") && !left.contains("order\": {\n    \"openai"), "{left}");
    assert_eq!(home.run(&["models", "auth", "logout", "openai:t", "--yes"]).code, 1);
    assert_eq!(home.run(&["models", "auth", "order", "clear", "--provider", "openai"]).code, 0);
}

#[test]
fn what_is_no_key_and_what_is_not_supported_is_refused_by_name() {
    let home = Home::new();
    for (args, text, said) in [
        (&["paste-api-key", "--provider", "nobody"][..], "k", "models.providers.nobody.baseUrl"),
        (&["paste-api-key", "--provider", "openai"], "", "no key was given"),
        (&["paste-api-key", "--provider", "openai"], "two words", "there are spaces"),
        (&["paste-api-key", "--provider", "openai", "--agent", "other"], "k", "all agents use those of main"),
        (&["setup-token"], "sk-ant-api03-key", "sk-ant-oat01-"),
        (&["setup-token", "--provider", "openai"], "t", "paste-token --provider openai"),
        (&["login", "--provider", "openai", "--method", "oauth"], "", "only programs sign in that it knows"),
        (&["login", "--provider", "openai"], "", "no key was given"),
        (&["login-github-copilot"], "", "GitHub Copilot"),
        (&["activate", "openai:manual"], "", "order set"),
        (&["add"], "", "no terminal"),
    ] {
        let ran = fed(&home, &[&["models", "auth"], args].concat(), text);
        assert!(ran.code == 2 && ran.err.contains(said), "{args:?}: {} {}", ran.code, ran.err);
    }
    assert!(!home.state().join("agents").exists());
    std::fs::create_dir_all(home.state().join("agents/main")).unwrap();
    std::fs::write(home.state().join("agents/main/auth-profiles.json"), "{").unwrap();
    let broken = fed(&home, &["models", "auth", "paste-api-key", "--provider", "openai"], "k");
    assert!(broken.code == 6 && broken.err.contains("auth-profiles.json: not JSON"), "{}", broken.err);
}

#[test]
fn at_a_terminal_a_key_is_asked_for_and_not_shown() {
    let home = Home::new();
    let mut seat = Seat::take(&home, &["models", "auth", "add"]);
    seat.answers("Whose key is it?", "1");
    seat.answers("The key", "hunter2");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    assert!(!seat.screen.contains("hunter2"), "{}", seat.screen);
    assert_eq!(profiles(&home)["profiles"]["anthropic:manual"]["key"], "hunter2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_gateway_uses_the_key_that_is_kept_last_and_knows_models_by_their_short_names() {
    let model = FakeModel::start().await;
    let home = Home::with_config(&format!(
        "{{ gateway: {{ auth: {{ mode: 'token', token: '{TOKEN}' }} }},
            models: {{ providers: {{ lab: {{ baseUrl: '{}', models: [{{ id: 'large' }}] }} }} }} }}",
        model.url()
    ));
    let aliased = home.run(&["models", "aliases", "add", "fast", "lab/large"]);
    assert_eq!(aliased.code, 0, "{}", aliased.err);
    assert_eq!(home.run(&["models", "set", "fast"]).code, 0);
    assert_eq!(home.run(&["config", "get", "agents.defaults.model.primary"]).out.trim(), "lab/large");
    let gateway = Gateway::start(&home);
    let said = |text: &str| {
        let ran = gateway.run(&home, &["agent", "--message", text]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        model.last_key()
    };
    assert_eq!(said("one"), None);
    for key in ["hunter2", "hunter3"] {
        kept(&home, &["paste-api-key", "--provider", "lab"], key);
        let until = tokio::time::Instant::now() + PATIENCE;
        while said("more").as_deref() != Some(&format!("Bearer {key}")) {
            assert!(tokio::time::Instant::now() < until, "{key} is not taken up");
        }
    }
    let params = json!({"key": "agent:main:main", "model": "FAST"}).to_string();
    gateway.json(&home, &["gateway", "call", "sessions.patch", "--params", &params]);
    let unknown = json!({"key": "agent:main:main", "model": "slow"}).to_string();
    assert_ne!(gateway.run(&home, &["gateway", "call", "sessions.patch", "--params", &unknown]).code, 0);
    assert_eq!(home.run(&["models", "aliases", "remove", "fast"]).code, 0);
    assert_eq!(home.run(&["models", "aliases", "list", "--json"]).json(), json!({"aliases": {}}));
}
