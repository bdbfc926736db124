//! What works without a gateway: the configuration file and the node's key.

use crate::support::Home;

const CONFIG: &str = "{ // what people have
  gateway: { port: 5000, auth: { mode: 'token', token: 'hunter2' } },
  models: { providers: { local: { baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'hunter3', api: 'openai-completions',
    models: [ { id: 'm1', name: 'One' } ] } } },
}";

#[test]
fn config_get_shows_values_and_no_secret() {
    let home = Home::with_config(CONFIG);
    for (path, value) in [
        ("gateway.auth.mode", "token"),
        ("gateway.port", "5000"),
        ("models.providers.local.models[0].id", "m1"),
        ("models.providers.local.models.0.name", "One"),
        ("gateway.auth.token", "__OPENCLAW_REDACTED__"),
    ] {
        let ran = home.run(&["config", "get", path]);
        assert_eq!((ran.code, ran.out.trim_end()), (0, value), "{path}: {}", ran.err);
    }
    let all = home.run(&["config", "get", "--json"]);
    assert_eq!(all.json()["gateway"]["port"], 5000);
    assert!(!all.out.contains("hunter"), "{}", all.out);
}

#[test]
fn config_get_of_what_is_not_set_says_so() {
    let home = Home::with_config(CONFIG);
    let ran = home.run(&["config", "get", "gateway.nope"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("gateway.nope is not set") && ran.err.contains("hint:"), "{}", ran.err);
    assert_eq!(home.run(&["config", "get", "gateway..port"]).code, 2);
}

#[test]
fn config_validate_names_every_mistake_with_line_key_and_what_is_allowed() {
    let home = Home::with_config("{\n  gateway: {\n    port: 'x',\n    auth: { mode: 'tokn' },\n  },\n}");
    let ran = home.run(&["config", "validate"]);
    assert_eq!(ran.code, 6);
    for part in ["openclaw.json:3:", "gateway.port", "openclaw.json:4:", "gateway.auth.mode", "password"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    let json = home.run(&["config", "validate", "--json"]);
    let issues = &json.json()["error"]["details"]["issues"];
    assert_eq!((json.code, &issues[0]["path"], &issues[0]["line"]), (6, &"gateway.port".into(), &3.into()));
    // The same mistakes stop a start.
    let start = home.run(&["gateway", "run", "--port", "0"]);
    assert_eq!(start.code, 6, "{}", start.err);
    assert!(start.err.contains("openclaw.json:4:"), "{}", start.err);
}

#[test]
fn config_validate_warns_of_unknown_keys_and_is_content() {
    let home = Home::with_config("{\n  gatway: {},\n}");
    let ran = home.run(&["config", "validate"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("openclaw.json:2:") && ran.out.contains("gateway"), "{}", ran.out);
    assert_eq!(home.run(&["config", "validate", "--json"]).json()["valid"], true);
}

#[test]
fn a_text_that_is_no_json5_is_named_with_its_place() {
    let home = Home::with_config("{\n  gateway: }\n");
    let ran = home.run(&["config", "validate"]);
    assert_eq!(ran.code, 6);
    assert!(ran.err.contains("openclaw.json:2:"), "{}", ran.err);
}

#[test]
fn a_missing_file_is_an_empty_configuration() {
    let home = Home::new();
    let ran = home.run(&["config", "validate"]);
    assert!(ran.code == 0 && ran.out.contains("does not exist"), "{}{}", ran.out, ran.err);
    let file = home.run(&["config", "file"]);
    assert!(file.out.trim_end().ends_with(".openclaw/openclaw.json"), "{}", file.out);
    let dev = home.run(&["--profile", "work", "config", "file"]);
    assert!(dev.out.contains(".openclaw-work/"), "{}", dev.out);
}

#[test]
fn a_nodes_identity_is_made_once_and_kept_for_its_owner() {
    let home = Home::new();
    let first = home.run(&["node", "identity", "--json"]);
    assert_eq!(first.code, 0, "{}", first.err);
    let id = first.json()["deviceId"].as_str().unwrap().to_owned();
    assert!(id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert_eq!(home.run(&["node", "identity", "--json"]).json()["deviceId"], id.as_str());
    assert!(home.run(&["node", "identity"]).out.contains(&id));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = std::fs::metadata(home.state().join("identity/node.json")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_node_does_not_send_plain_text_over_public_networks() {
    let ran = Home::new().run(&["node", "run", "--host", "gateway.example.com", "--token", "t"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("wss://"), "{}", ran.err);
}

#[test]
fn config_set_changes_one_value_and_never_shows_it() {
    let home = Home::with_config("{ // mine\n}\n");
    let set = home.run(&["config", "set", "channels.telegram.botToken", "123:secret"]);
    assert_eq!(set.code, 0, "{}", set.err);
    assert!(!set.out.contains("secret") && set.out.contains("channels.telegram.botToken"), "{}", set.out);
    assert_eq!(home.run(&["config", "set", "gateway.port", "5000"]).code, 0);
    assert_eq!(home.run(&["config", "get", "gateway.port"]).out.trim(), "5000");
    let text = std::fs::read_to_string(home.state().join("openclaw.json")).unwrap();
    assert!(text.contains("// mine") && text.contains("123:secret"), "{text}");
    let wrong = home.run(&["config", "set", "gateway.port", "5000", "--text"]);
    assert!(wrong.code == 6 && wrong.err.contains("nothing was changed"), "{}{}", wrong.code, wrong.err);
    assert_eq!(home.run(&["config", "set", "gateway..port", "1"]).code, 2);
}

#[test]
fn the_command_that_a_gateway_without_a_model_names_makes_a_configuration_from_nothing() {
    let home = Home::new();
    let set = home.run(&[
        "config",
        "set",
        "agents.defaults.model.primary",
        "anthropic/claude-sonnet-4-5",
        "--json",
    ]);
    assert_eq!(set.code, 0, "{}", set.err);
    assert_eq!(set.json()["ok"], true);
    let model = home.run(&["config", "get", "agents.defaults.model.primary"]);
    assert_eq!(model.out.trim(), "anthropic/claude-sonnet-4-5");
}

#[test]
fn config_unset_gives_a_key_its_default_again_and_leaves_the_rest() {
    let home = Home::with_config("{\n  gateway: { port: 5000 }, // keep me\n  agents: { list: [] },\n}\n");
    let ran = home.run(&["config", "unset", "gateway.port"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains(": gateway.port\n") && ran.out.contains("started again"), "{}", ran.out);
    let text = std::fs::read_to_string(home.state().join("openclaw.json")).unwrap();
    assert!(!text.contains("5000") && text.contains("// keep me"), "{text}");
    let before = std::fs::read_to_string(home.state().join("openclaw.json.bak")).unwrap();
    assert!(before.contains("5000"), "the file before it is kept: {before}");
    let again = home.run(&["config", "unset", "gateway.port"]);
    assert!(again.code != 0 && again.err.contains("gateway.port is not set"), "{}{}", again.code, again.err);
    // What is shown in the place of a secret is none.
    let redacted = home.run(&["config", "set", "gateway.auth.token", "__OPENCLAW_REDACTED__"]);
    assert!(redacted.code != 0 && redacted.err.contains("was not shown"), "{}", redacted.err);
    let made = home.run(&["config", "set", "agents.list[0].id", "work"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(home.run(&["config", "get", "agents.list[0].id"]).out.trim(), "work");
}
