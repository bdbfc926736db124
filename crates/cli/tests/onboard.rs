//! `openclaw onboard`, by flags and at a real terminal, and the commands that change one part of what it writes.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "onboard/keys.rs"]
mod keys;
#[path = "support/live.rs"]
mod live;
#[path = "onboard/login.rs"]
mod login;
#[path = "onboard/seat.rs"]
mod seat;
mod support;
#[path = "onboard/terminal.rs"]
mod terminal;

use serde_json::{Value, json};
use support::{Home, free_port};

const QUIET: &[&str] = &["onboard", "--non-interactive", "--accept-risk", "--skip-health"];

fn text(home: &Home) -> String {
    std::fs::read_to_string(home.state().join("openclaw.json")).unwrap()
}

/// The file as the program's own reader has it, secrets hidden.
fn config(home: &Home) -> Value {
    home.run(&["config", "get", "--json"]).json()
}

#[test]
fn flags_alone_make_an_installation_whose_secrets_are_kept_by_reference() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let flags = [
        "--auth-choice",
        "anthropic-api-key",
        "--secret-input-mode",
        "ref",
        "--gateway-port",
        "18801",
        "--telegram-token-ref-env",
        "BOT",
        "--telegram-allow-from",
        "tg:1001",
    ];
    let vars = [("ANTHROPIC_API_KEY", "sk-hunter2"), ("BOT", "123:hunter3"), ("TELEGRAM_BOT_TOKEN", "1:x")];
    let ran = home.run_with(&[QUIET, &flags, &["--json"]].concat(), &vars);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let report = ran.json();
    assert_eq!(report["model"], "anthropic/claude-sonnet-4-5");
    assert_eq!(report["variables"]["ofThisShell"], json!(["ANTHROPIC_API_KEY", "BOT"]));
    let written = text(&home);
    assert!(!written.contains("hunter") && !ran.out.contains("hunter"), "{written}{}", ran.out);
    let value: Value = serde_json::from_str(&written).unwrap();
    let by = |name| json!({"source": "env", "provider": "default", "id": name});
    assert_eq!(value["models"]["providers"]["anthropic"]["apiKey"], by("ANTHROPIC_API_KEY"));
    assert_eq!(value["channels"]["telegram"], json!({"botToken": by("BOT"), "allowFrom": [1001]}));
    assert_eq!(value["gateway"], json!({"mode": "local", "port": 18801}));
    // The token, where nothing else was chosen, is made and kept as the gateway itself would.
    let token = home.state().join("credentials/gateway-token");
    assert_eq!(report["auth"], json!({"mode": "token", "place": token}));
    assert_eq!(std::fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(home.run_with(&["config", "validate"], &vars).code, 0);
}

#[test]
fn run_again_it_loses_nothing() {
    let before = "{\n  // mine\n  gateway: { mode: 'local', port: 5000, auth: { mode: 'password', password: 'hunter2' } },\n  agents: { defaults: { model: { primary: 'openai/gpt-4.1-mini', fallbacks: ['a/b'] } } },\n  models: { providers: { openai: { apiKey: 'sk-1', headers: { 'x-a': 'b' } } } },\n  channels: { telegram: { enabled: false, botToken: '1:a', allowFrom: ['tg:7', 8], groups: { '*': {} } } },\n}\n";
    let home = Home::with_config(before);
    let again = home.run(QUIET);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.out.contains("says all that already"), "{}", again.out);
    assert_eq!(text(&home), before);

    let flags = ["--anthropic-api-key", "sk-2", "--telegram-allow-from", "7", "--telegram-allow-from", "9"];
    let more = home.run(&[QUIET, &flags].concat());
    assert_eq!(more.code, 0, "{}", more.err);
    assert!(!more.out.contains("sk-2"), "{}", more.out);
    let written = text(&home);
    assert!(written.contains("// mine") && written.contains("hunter2"), "{written}");
    let value = config(&home);
    assert_eq!(value["agents"]["defaults"]["model"]["primary"], "openai/gpt-4.1-mini");
    assert!(value["models"]["providers"]["openai"]["headers"]["x-a"].is_string());
    assert_eq!(value["channels"]["telegram"]["allowFrom"], json!(["tg:7", 8, 9]));
    assert_eq!(value["channels"]["telegram"]["enabled"], true);
    assert_eq!(value["gateway"]["auth"]["mode"], "password");
    assert!(!home.state().join("credentials/gateway-token").exists());
}

#[test]
fn a_server_that_nobody_knows_by_name_is_described() {
    let home = Home::new();
    let flags = ["--auth-choice", "custom-api-key", "--custom-base-url", "http://127.0.0.1:9/v1"];
    let model = ["--custom-model-id", "foo-large", "--custom-image-input", "--custom-provider-id", "lab"];
    let ran = home.run(&[QUIET, &flags, &model].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lab = json!({"baseUrl": "http://127.0.0.1:9/v1", "api": "openai-completions",
                     "models": [{"id": "foo-large", "input": ["text", "image"]}]});
    assert_eq!(config(&home)["models"]["providers"]["lab"], lab);
    assert_eq!(config(&home)["agents"]["defaults"]["model"]["primary"], "lab/foo-large");
    let second = home.run(
        &[QUIET, &flags[..2], &["--custom-provider-id", "lab", "--custom-model-id", "foo-small"]].concat(),
    );
    assert_eq!(second.code, 0, "{}", second.err);
    assert_eq!(config(&home)["models"]["providers"]["lab"]["models"].as_array().unwrap().len(), 2);
    // Which provider it is of need not be said.
    let home = Home::new();
    let flags = ["--custom-base-url", "http://127.0.0.1:9/v1", "--custom-model-id", "foo"];
    let ran = home.run(&[QUIET, &flags].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(config(&home)["agents"]["defaults"]["model"]["primary"], "custom/foo");
}

#[test]
fn that_no_secret_is_kept_by_reference_is_said() {
    let by_ref = ["--secret-input-mode", "ref"];
    let said = "--secret-input-mode ref changed nothing";
    let home = Home::new();
    let ran = home.run(&[QUIET, &by_ref, &["--gateway-port", "18801"]].concat());
    assert!(ran.code == 0 && ran.err.contains(said), "{}: {}{}", ran.code, ran.out, ran.err);
    let token = ["--gateway-token-ref-env", "THE_TOKEN"];
    let ran = home.run_with(&[QUIET, &by_ref, &token].concat(), &[("THE_TOKEN", "long-random-token")]);
    assert!(ran.code == 0 && !ran.err.contains(said), "{}: {}{}", ran.code, ran.out, ran.err);
}

#[test]
fn a_gateway_elsewhere_gets_no_secret_that_was_meant_for_another() {
    let home = Home::with_config(
        "{ gateway: { mode: 'remote', remote: { url: 'ws://127.0.0.1:1', token: 'hunter2' } } }",
    );
    let same = home.run(&[QUIET, &["--remote-url", "ws://127.0.0.1:1"]].concat());
    assert!(same.code == 0 && text(&home).contains("hunter2"), "{}", same.err);
    let other = home.run(&[QUIET, &["--remote-url", "ws://127.0.0.1:2", "--remote-token", "new"]].concat());
    assert_eq!(other.code, 0, "{}", other.err);
    let written = text(&home);
    assert!(!written.contains("hunter2") && written.contains("new"), "{written}");
}

#[test]
fn what_cannot_be_done_is_refused_by_name_and_nothing_is_written() {
    for (flags, said) in [
        (&["onboard"][..], "no terminal"),
        (&["onboard", "--non-interactive"], "--accept-risk"),
        (&["onboard", "--reset", "--accept-risk", "--non-interactive"], "--reset is not supported"),
        (&["onboard", "--import-from", "hermes"], "--import-from is not supported"),
        (&["onboard", "--zai-api-key", "x"], "custom-api-key"),
        (&["onboard", "--auth-choice", "mistral-api-key"], "anthropic-api-key"),
        (&["onboard", "--telegram-allow-from", "@me"], "by number"),
        (
            &["onboard", "--non-interactive", "--accept-risk", "--auth-choice", "openai-api-key"],
            "OPENAI_API_KEY",
        ),
        (
            &[
                "onboard",
                "--non-interactive",
                "--accept-risk",
                "--auth-choice",
                "openrouter-api-key",
                "--openrouter-api-key",
                "k",
            ],
            "--model openrouter/MODEL",
        ),
        (
            &[
                "onboard",
                "--non-interactive",
                "--accept-risk",
                "--openai-api-key",
                "k",
                "--secret-input-mode",
                "ref",
            ],
            "OPENAI_API_KEY is not set",
        ),
        (
            &["onboard", "--non-interactive", "--accept-risk", "--gateway-auth", "password"],
            "--gateway-password",
        ),
        (&["onboard", "--non-interactive", "--accept-risk", "--mode", "remote"], "--remote-url"),
        (
            &[
                "onboard",
                "--non-interactive",
                "--accept-risk",
                "--remote-url",
                "ws://127.0.0.1:1",
                "--gateway-port",
                "5",
            ],
            "--mode local",
        ),
    ] {
        let home = Home::new();
        let ran = home.run(flags);
        assert_eq!(ran.code, 2, "{flags:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{flags:?}: {}", ran.err);
        assert!(!home.state().join("openclaw.json").exists(), "{flags:?}");
    }
}

#[test]
fn a_gateway_that_should_answer_and_does_not_is_a_failure_and_all_is_written() {
    let port = free_port();
    let flags = ["onboard", "--non-interactive", "--accept-risk", "--gateway-port", &port];
    let home = Home::new();
    let ran = home.run(&flags);
    assert!(ran.code == 3 && ran.err.contains("--skip-health"), "{} {}", ran.code, ran.err);
    assert!(text(&home).contains(&port));
    let without = home.run(&[&flags[..], &["--no-install-daemon"]].concat());
    assert!(
        without.code == 0 && without.out.contains("openclaw gateway run"),
        "{}{}",
        without.out,
        without.err
    );
}

#[test]
fn accounts_are_added_listed_switched_off_and_deleted() {
    let home = Home::with_config("{ channels: { telegram: { /* mine */ botToken: '1:a' } } }");
    let without = home.run(&["channels", "add", "--channel", "telegram", "--account", "alerts"]);
    assert!(without.code == 2 && without.err.contains("--use-env"), "{}", without.err);
    let add = ["channels", "add", "--channel", "telegram", "--account", "alerts", "--token", "2:hunter2"];
    let added = home.run(&[&add[..], &["--allow-from", "5"]].concat());
    assert!(added.code == 0 && !added.out.contains("hunter2"), "{}{}", added.out, added.err);
    let listed = home.run(&["channels", "list", "--json"]).json();
    let names: Vec<&Value> = listed["accounts"].as_array().unwrap().iter().map(|a| &a["account"]).collect();
    assert_eq!(names, ["default", "alerts"]);
    assert_eq!(listed["accounts"][1]["allowFrom"], json!(["5"]));
    let other =
        ["channels", "add", "--channel", "telegram", "--account", "other", "--token-file", "bot.token"];
    let missing = home.run(&other);
    assert!(missing.code == 2 && missing.err.contains("--token-file bot.token"), "{}", missing.err);
    std::fs::write(home.path().join("bot.token"), "3:c\n").unwrap();
    assert_eq!(home.run(&other).code, 0);
    let from_here = json!(home.path().join("bot.token"));
    assert_eq!(config(&home)["channels"]["telegram"]["accounts"]["other"]["tokenFile"], from_here);
    let alerts = ["channels", "remove", "--channel", "telegram", "--account", "alerts"];
    assert_eq!(home.run(&alerts).code, 0);
    assert_eq!(config(&home)["channels"]["telegram"]["accounts"]["alerts"]["enabled"], false);
    let unasked = home.run(&[&alerts[..], &["--delete"]].concat());
    assert!(unasked.code == 2 && unasked.err.contains("--yes"), "{}", unasked.err);
    assert_eq!(home.run(&[&alerts[..], &["--delete", "--yes"]].concat()).code, 0);
    assert!(text(&home).contains("/* mine */") && !text(&home).contains("alerts: {"), "{}", text(&home));
    let gone = home.run(&alerts);
    assert!(gone.code == 1 && gone.err.contains("not configured"), "{}", gone.err);
}

#[test]
fn what_can_be_no_token_no_secret_and_no_name_is_refused_where_it_is_entered() {
    let before = "{ channels: { telegram: { botToken: '1:hunter2' } } }";
    let home = Home::with_config(before);
    std::fs::write(home.path().join("no.token"), "hunter3 hunter4\n").unwrap();
    let add = |more: &[&'static str]| [&["channels", "add", "--channel", "telegram"], more].concat();
    let set = |key: &'static str, value: &'static str| vec!["config", "set", key, value];
    let unread = "channels.telegram.webhookSecret";
    for (args, said) in [
        (add(&["--token", "hunter3 token"]), "no bot token"),
        (add(&["--token-file", "no.token"]), "no bot token"),
        (add(&["--token-file", "/nonexistent"]), "/nonexistent"),
        (add(&["--token", "2:b", "--account", "Bad Name"]), "no name of an account"),
        (add(&["--token", "2:b", "--account", "Work/../x"]), "no name of an account"),
        (add(&["--token", "2:b", "--account", "__proto__"]), "no name of an account"),
        (add(&["--token", "2:b", "--account", "Prototype"]), "no name of an account"),
        ([QUIET, &["--telegram-token", "hunter3 token"]].concat(), "no bot token"),
        (set("channels.telegram.botToken", ""), "no bot token"),
        (set("channels.telegram.botToken", "hunter3"), "no bot token"),
        (set("channels.telegram.accounts.a.botToken", ":hunter3"), "accounts.a.botToken"),
        (set(unread, "hunter3 five!"), unread),
    ] {
        let ran = home.run(&args);
        assert!(ran.code != 0 && ran.err.contains(said), "{args:?}: {} {}{}", ran.code, ran.out, ran.err);
        assert!(
            !ran.err.contains("hunter") && !ran.out.contains("hunter"),
            "{args:?}: {}{}",
            ran.out,
            ran.err
        );
        assert_eq!(text(&home), before, "{args:?}");
    }
    for args in [
        add(&["--token", "2:b_-9", "--account", "Work_2"]),
        set("channels.telegram.botToken", "${BOT}"),
        set(unread, "sekrit_5-"),
    ] {
        let ran = home.run(&args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
    }
    // What stands there already is no reason to refuse something else.
    let home =
        Home::with_config("{ channels: { telegram: { accounts: { 'Old Name': { botToken: '' } } } } }");
    let ran = home.run(&set("channels.telegram.botToken", "1:a"));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn by_reference_a_key_that_is_written_out_gives_way_to_its_variable() {
    let before = "{ models: { providers: { openai: { apiKey: 'sk-hunter2' } } } }";
    let flags = ["--auth-choice", "openai-api-key", "--secret-input-mode", "ref"];
    let home = Home::with_config(before);
    let without = home.run(&[QUIET, &flags].concat());
    assert!(without.code == 2 && without.err.contains("OPENAI_API_KEY is not set"), "{}", without.err);
    assert!(without.err.contains("models.providers.openai.apiKey is written out"), "{}", without.err);
    assert_eq!(text(&home), before);
    let kept = home.run(&[QUIET, &flags[..2]].concat());
    assert_eq!(kept.code, 0, "{}{}", kept.out, kept.err);
    assert!(text(&home).contains("sk-hunter2"), "nobody asked for a reference");
    let ran = home.run_with(&[QUIET, &flags].concat(), &[("OPENAI_API_KEY", "sk-hunter2")]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(!text(&home).contains("hunter") && text(&home).contains("OPENAI_API_KEY"), "{}", text(&home));
    // A reference, to whatever, stays.
    let reference = "{ models: { providers: { openai: { apiKey: '${MY_KEY}' } } } }";
    let home = Home::with_config(reference);
    let ran = home.run_with(&[QUIET, &flags].concat(), &[("MY_KEY", "k"), ("OPENAI_API_KEY", "other")]);
    assert!(ran.code == 0 && text(&home).contains("${MY_KEY}"), "{}{}{}", ran.out, ran.err, text(&home));
}

#[test]
fn one_account_goes_and_the_others_stay() {
    let section = "/* mine */ botToken: '1:a', webhookUrl: 'https://h/x', webhookSecret: 's', defaultAccount: 'default',";
    let two = format!(
        "{{ channels: {{ telegram: {{ {section} accounts: {{ Alerts: {{ botToken: '2:b' }} }} }} }} }}"
    );
    let remove = |home: &Home, more: &[&str]| {
        home.run(&[&["channels", "remove", "--channel", "telegram"], more].concat())
    };
    let enabled = |home: &Home| {
        let listed = home.run(&["channels", "list", "--json"]).json();
        let one = |a: &Value| format!("{} {}", a["account"].as_str().unwrap(), a["enabled"]);
        listed["accounts"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let home = Home::with_config(&two);
    let which = remove(&home, &[]);
    assert_eq!(which.code, 2, "{}", which.out);
    assert!(which.err.contains("default, alerts") && which.err.contains("--account"), "{}", which.err);
    assert_eq!(text(&home), two);
    for (account, left) in
        [("default", ["default false", "alerts true"]), ("alerts", ["default true", "alerts false"])]
    {
        let home = Home::with_config(&two);
        assert_eq!(remove(&home, &["--account", account]).code, 0);
        let mut now = enabled(&home);
        now.sort();
        now.reverse();
        assert_eq!(now, left);
        assert!(text(&home).contains("/* mine */") && text(&home).contains("2:b"), "{}", text(&home));
    }
    let home = Home::with_config(&two);
    assert_eq!(remove(&home, &["--account", "default", "--delete", "--yes"]).code, 0);
    assert_eq!(enabled(&home), ["alerts true"]);
    let left = text(&home);
    assert!(!left.contains("webhookUrl") && left.contains("webhookSecret: 's'"), "{left}");
    // The last one need not be named, and nothing is left of it.
    assert_eq!(remove(&home, &["--delete", "--yes"]).code, 0);
    assert_eq!(config(&home)["channels"]["telegram"], Value::Null);
    assert!(remove(&home, &[]).err.contains("not configured"));
}

#[test]
fn who_may_write_to_an_account_already_still_may_when_somebody_is_added() {
    let home = Home::with_config(
        "{ channels: { telegram: { botToken: '1:a', allowFrom: ['tg:1', 2], accounts: { Alerts: { botToken: '2:b' } } } } }",
    );
    let add = |who: &str| {
        let words = ["channels", "add", "--channel", "telegram", "--account", "alerts", "--allow-from", who];
        home.run(&words)
    };
    let added = add("5");
    assert!(added.code == 0 && added.err.contains("allowFrom of its own"), "{}{}", added.out, added.err);
    let accounts = || config(&home)["channels"]["telegram"]["accounts"].clone();
    assert_eq!(accounts()["Alerts"]["allowFrom"], json!(["tg:1", 2, 5]));
    assert_eq!(accounts().as_object().unwrap().len(), 1, "{}", accounts());
    let again = add("6");
    assert!(again.code == 0 && !again.err.contains("of its own"), "{}", again.err);
    assert_eq!(accounts()["Alerts"]["allowFrom"], json!(["tg:1", 2, 5, 6]));
}

#[test]
fn a_model_is_chosen_only_of_a_provider_that_is_known() {
    let home =
        Home::with_config("{ agents: { defaults: { model: { primary: 'a/b', fallbacks: ['c/d'] } } } }");
    assert_eq!(home.run(&["models", "set", "openai/gpt-4.1-mini"]).code, 0);
    let model = &config(&home)["agents"]["defaults"]["model"];
    assert_eq!(*model, json!({"primary": "openai/gpt-4.1-mini", "fallbacks": ["c/d"]}));
    for (model, said) in [("gpt", "write it like"), ("nobody/x", "models.providers.nobody.baseUrl")] {
        let ran = home.run(&["models", "set", model]);
        assert!(ran.code == 2 && ran.err.contains(said), "{}", ran.err);
    }
}
