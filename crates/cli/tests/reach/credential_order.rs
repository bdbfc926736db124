//! Which credentials go where: every row of the order, as the far side sees it.

use crate::far::Far;
use crate::live;
use crate::support::{Home, Ran};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const TOKEN: &str = "OPENCLAW_GATEWAY_TOKEN=env-t";
const BOTH: &str = "OPENCLAW_GATEWAY_TOKEN=env-t OPENCLAW_GATEWAY_PASSWORD=env-p";
const AUTH: &str = "auth: { mode: 'token', token: 'auth-t', password: 'auth-p' }";
const REMOTE: &str = "remote: { url: '{FAR}', token: 'rem-t', password: 'rem-p' }";
const BARE: &str = "remote: { url: '{FAR}' }";

/// Two far sides: the gateway of this host, and one elsewhere.
struct Sides {
    here: Far,
    far: Far,
}

impl Sides {
    fn start() -> Self {
        Self { here: Far::start(), far: Far::start() }
    }

    fn fill(&self, text: &str) -> String {
        let far = format!("ws://127.0.0.1:{}", self.far.port);
        text.replace("{FAR}", &far).replace("{HERE}", &self.here.port.to_string())
    }

    /// A home whose configuration says this of the gateway; this host's port is set unless it says so itself.
    fn home(&self, gateway: &str) -> Home {
        let port = if gateway.contains("port:") { "" } else { "port: {HERE}," };
        let secrets = "secrets: { providers: { gone: { source: 'file', path: '/no/such/file' }, \
            broken: { source: 'exec', command: '/bin/false' } } }";
        Home::with_config(&self.fill(&format!("{{ gateway: {{ {port} {gateway} }}, {secrets} }}")))
    }

    fn run(&self, home: &Home, words: &str, env: &str) -> Ran {
        let words = self.fill(words);
        let env = self.fill(env);
        let args: Vec<&str> = words.split_whitespace().collect();
        let vars: Vec<(&str, &str)> = env.split_whitespace().filter_map(|v| v.split_once('=')).collect();
        home.run_with(&args, &vars)
    }

    /// `here|far TOKEN PASSWORD` for the one `connect` that was sent, or `nothing` where nobody connected at all.
    fn seen(&self) -> String {
        let (here, far) = (self.here.heard(), self.far.heard());
        let (side, auth) = match (&here, &far) {
            ((0, _), (0, _)) => return "nothing".to_owned(),
            ((1, auths), (0, _)) => ("here", auths),
            ((0, _), (1, auths)) => ("far", auths),
            other => panic!("more than one connection: {other:?}"),
        };
        let [auth] = auth.as_slice() else { panic!("a connection without one handshake: {auth:?}") };
        let word = |name: &str| auth.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
        assert!(auth.get("deviceToken").is_none() && auth.get("bootstrapToken").is_none(), "{auth}");
        format!("{side} {} {}", word("token"), word("password"))
    }

    /// Flags, configuration, environment, and what is sent where.
    fn check(&self, rows: &[(&str, &str, &str, &str)]) {
        for (flags, gateway, env, want) in rows {
            let home = self.home(gateway);
            let ran = self.run(&home, &format!("health {flags}"), env);
            let row = format!("flags {flags:?}, gateway {gateway}, env {env:?}: {}{}", ran.out, ran.err);
            assert_eq!(&self.seen(), want, "{row}");
            assert_eq!(ran.code, 0, "{row}");
        }
    }
}

#[test]
fn in_local_mode_flag_then_configuration_then_environment_then_the_generated_token_then_remote() {
    let sides = Sides::start();
    let password = "auth: { mode: 'password', token: 'auth-t', password: 'auth-p' }";
    let with_remote = format!("{AUTH}, {REMOTE}");
    sides.check(&[
        ("--token flag-t", &with_remote, BOTH, "here flag-t -"),
        ("--password flag-p", &with_remote, BOTH, "here - flag-p"),
        ("--token flag-t --password flag-p", &with_remote, BOTH, "here flag-t flag-p"),
        ("--token flag-t", "auth: { mode: 'none' }", BOTH, "here flag-t -"),
        ("", &with_remote, BOTH, "here auth-t -"),
        ("", password, BOTH, "here - auth-p"),
        ("", "auth: { mode: 'none' }", BOTH, "here - -"),
        ("", "auth: { token: 'auth-t' }", BOTH, "here auth-t env-p"),
        ("", "auth: { password: 'auth-p' }", BOTH, "here env-t auth-p"),
        ("", "auth: { mode: 'token' }", BOTH, "here env-t -"),
        ("", "auth: { mode: 'password' }", BOTH, "here - env-p"),
        ("", "auth: { token: '' }", TOKEN, "here env-t -"),
        ("", REMOTE, BOTH, "here env-t env-p"),
        ("", REMOTE, TOKEN, "here env-t -"),
        ("", REMOTE, "OPENCLAW_GATEWAY_PASSWORD=env-p", "here - env-p"),
        ("", REMOTE, "OPENCLAW_GATEWAY_TOKEN=", "here rem-t rem-p"),
        ("", REMOTE, "", "here rem-t rem-p"),
        ("", "remote: { token: 'rem-t' }", "", "here rem-t -"),
        ("", "", "", "here - -"),
    ]);
}

#[test]
fn the_generated_token_stands_behind_the_environment_and_before_remote_and_goes_nowhere_else() {
    let sides = Sides::start();
    let made = "generated-token-of-this-host";
    for (gateway, env, want) in [
        ("", "", "here generated-token-of-this-host -"),
        (REMOTE, "", "here generated-token-of-this-host -"),
        ("", TOKEN, "here env-t -"),
        ("", "OPENCLAW_GATEWAY_PASSWORD=env-p", "here - env-p"),
        (AUTH, "", "here auth-t -"),
        ("auth: { mode: 'password' }", "", "here - -"),
        ("mode: 'remote', remote: { url: '{FAR}' }", "", "far - -"),
        ("", "OPENCLAW_GATEWAY_URL={FAR}", "far - -"),
    ] {
        let home = sides.home(gateway);
        let dir = home.state().join("credentials");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("gateway-token"), made).unwrap();
        let ran = sides.run(&home, "health", env);
        assert_eq!(sides.seen(), want, "{gateway}, {env}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn in_remote_mode_the_token_comes_from_remote_and_the_password_from_the_environment_first() {
    let sides = Sides::start();
    let remote = |rest: &str| format!("mode: 'remote', {rest}");
    let all = remote(&format!("{REMOTE}, {AUTH}"));
    let bare = remote(&format!("{BARE}, {AUTH}"));
    sides.check(&[
        ("--token flag-t", &all, BOTH, "far flag-t -"),
        ("--password flag-p", &all, BOTH, "far - flag-p"),
        ("", &all, BOTH, "far rem-t env-p"),
        ("", &all, "", "far rem-t rem-p"),
        ("", &all, TOKEN, "far rem-t rem-p"),
        ("", &bare, BOTH, "far env-t env-p"),
        ("", &bare, TOKEN, "far env-t auth-p"),
        ("", &bare, "", "far auth-t auth-p"),
        ("", &remote(BARE), "", "far - -"),
    ]);
}

#[test]
fn a_url_takes_what_stands_beside_it_and_a_port_is_the_gateway_of_this_host() {
    let sides = Sides::start();
    let local = format!("port: 1, {AUTH}, {REMOTE}");
    let remote = format!("mode: 'remote', port: 1, {AUTH}, {REMOTE}");
    let by_variable = format!("OPENCLAW_GATEWAY_URL={{FAR}} {BOTH}");
    for gateway in [local.as_str(), remote.as_str()] {
        sides.check(&[
            ("--url {FAR} --token flag-t", gateway, BOTH, "far flag-t -"),
            ("--url {FAR} --password flag-p", gateway, BOTH, "far - flag-p"),
            ("--url {FAR} --token flag-t", gateway, "OPENCLAW_GATEWAY_URL=ws://127.0.0.1:1", "far flag-t -"),
            ("", gateway, "OPENCLAW_GATEWAY_URL={FAR}", "far - -"),
            ("", gateway, &by_variable, "far env-t env-p"),
            ("--token flag-t", gateway, &by_variable, "far flag-t -"),
            ("--port {HERE}", gateway, &by_variable, "here auth-t -"),
            ("--port {HERE} --token flag-t", gateway, BOTH, "here flag-t -"),
        ]);
    }
    let in_env = "OPENCLAW_GATEWAY_PORT={HERE}";
    sides.check(&[
        ("", "port: 1, auth: { token: 'auth-t' }", in_env, "here auth-t -"),
        ("", "auth: { token: 'auth-t' }", "", "here auth-t -"),
        ("", &remote, in_env, "far rem-t rem-p"),
    ]);
}

#[test]
fn what_a_reference_leads_to_is_sent_and_nothing_at_all_where_it_leads_nowhere() {
    let sides = Sides::start();
    let home = sides.home("");
    let dir = home.path();
    std::fs::write(dir.join("secret.json"), r#"{"deep":{"token":"file-t"}}"#).unwrap();
    let script = dir.join("give");
    std::fs::write(&script, "#!/bin/sh\necho '{\"protocolVersion\":1,\"values\":{\"gw\":\"exec-t\"}}'\n")
        .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let providers = format!(
        "secrets: {{ providers: {{ f: {{ source: 'file', path: '{0}/secret.json' }}, \
         x: {{ source: 'exec', command: '{0}/give' }}, gone: {{ source: 'file', path: '{0}/none' }}, \
         broken: {{ source: 'exec', command: '/bin/false' }} }} }}",
        dir.display()
    );
    let config = home.state().join("openclaw.json");
    let write = |key: &str, reference: &str| {
        let field = format!("{key}: {{ url: '{{FAR}}', token: {reference} }}");
        let auth = format!("auth: {{ token: {reference} }}");
        let (mode, entry) = if key == "remote" { ("remote", field) } else { ("local", auth) };
        let text = format!("{{ gateway: {{ port: {{HERE}}, mode: '{mode}', {entry} }}, {providers} }}");
        std::fs::write(&config, sides.fill(&text)).unwrap();
    };
    for (reference, token) in [
        ("{ source: 'env', id: 'MY_TOKEN' }", "mine"),
        ("'${MY_TOKEN}'", "mine"),
        ("{ source: 'file', provider: 'f', id: '/deep/token' }", "file-t"),
        ("{ source: 'exec', provider: 'x', id: 'gw' }", "exec-t"),
    ] {
        for (key, side) in [("auth", "here"), ("remote", "far")] {
            write(key, reference);
            let ran = sides.run(&home, "health", "MY_TOKEN=mine");
            assert_eq!(sides.seen(), format!("{side} {token} -"), "{reference}: {}", ran.err);
        }
    }
    for (reference, named) in [
        ("{ source: 'env', id: 'NOT_SET' }", "NOT_SET"),
        ("'${NOT_SET}'", "NOT_SET"),
        ("{ source: 'file', provider: 'gone', id: '/deep/token' }", "/none"),
        ("{ source: 'file', provider: 'f', id: '/not/there' }", "/not/there"),
        ("{ source: 'exec', provider: 'broken', id: 'gw' }", "secrets.providers.broken"),
        ("{ source: 'exec', provider: 'x', id: 'other' }", "secrets.providers.x"),
    ] {
        for key in ["auth", "remote"] {
            write(key, reference);
            // What else there is does not count: the secret that was meant cannot be had.
            let ran = sides.run(&home, "health --json", BOTH);
            assert_eq!(sides.seen(), "nothing", "{reference}");
            let error = &ran.json()["error"];
            assert_eq!((ran.code, &error["code"]), (6, &json!("SECRET_UNRESOLVED")), "{reference}: {error}");
            let message = error["message"].as_str().unwrap();
            let place = format!("gateway.{key}.token");
            assert!(message.contains(&place) && message.contains(named), "{reference}: {message}");
            // Beside flags it is not needed.
            let ran = sides.run(&home, "health --token flag-t", "");
            assert_eq!(ran.code, 0, "{reference}: {}", ran.err);
            assert!(sides.seen().ends_with(" flag-t -"), "{reference}");
        }
    }
}

#[test]
fn what_may_not_be_sent_fails_before_anybody_connects_and_says_what_to_do() {
    let sides = Sides::start();
    let remote = format!("mode: 'remote', {AUTH}, {REMOTE}");
    for (words, gateway, env, code, parts) in [
        (
            "--url {FAR}",
            remote.as_str(),
            BOTH,
            2,
            &["--token TOKEN", "--password PASSWORD", "leave --url out"][..],
        ),
        (
            "--url ws://gateway.example.com --token t",
            "",
            "",
            2,
            &["--url", "unencrypted", "wss://", "ssh tunnel"],
        ),
        (
            "",
            "mode: 'remote', remote: { url: 'ws://8.8.8.8' }",
            BOTH,
            6,
            &["gateway.remote.url", "unencrypted"],
        ),
        (
            "",
            "",
            "OPENCLAW_GATEWAY_URL=ws://gateway.example.com",
            6,
            &["OPENCLAW_GATEWAY_URL", "unencrypted"],
        ),
        ("", "mode: 'remote'", BOTH, 6, &["neither gateway.remote.sshTarget nor gateway.remote.url is set"]),
        ("", "", "OPENCLAW_GATEWAY_PORT=x", 6, &["OPENCLAW_GATEWAY_PORT"]),
        ("--url ws://u:hush@127.0.0.1:1 --token t", "", "", 2, &["credentials in a URL"]),
    ] {
        let home = sides.home(gateway);
        for command in
            ["health", "status", "agent --message hi", "gateway status", "gateway call health", "nodes list"]
        {
            let ran = sides.run(&home, &format!("{command} {words}"), env);
            assert_eq!(ran.code, code, "{command} {words}: {}{}", ran.out, ran.err);
            for part in parts {
                assert!(ran.err.contains(part), "{command} {words}, {part}: {}", ran.err);
            }
            assert!(!ran.err.contains("hush"), "{}", ran.err);
        }
        assert_eq!(sides.seen(), "nothing", "{words} {gateway}");
    }
}

#[test]
fn a_node_sends_what_was_meant_for_its_host_and_nothing_to_another() {
    let sides = Sides::start();
    let host = "node run --host 127.0.0.1 --port {HERE}";
    let elsewhere =
        format!("mode: 'remote', remote: {{ url: 'ws://10.255.255.1:1', token: 'rem-t' }}, {AUTH}");
    for (words, gateway, env, want) in [
        (format!("{host} --token flag-t"), REMOTE, BOTH, "here flag-t -"),
        (host.to_owned(), AUTH, BOTH, "here env-t env-p"),
        (host.to_owned(), AUTH, "", "here auth-t -"),
        (host.to_owned(), &elsewhere, "", "here - -"),
        ("node run --url {FAR} --token flag-t".to_owned(), AUTH, BOTH, "far flag-t -"),
    ] {
        let home = sides.home(gateway);
        let (words, env) = (sides.fill(&words), sides.fill(env));
        let args: Vec<&str> = words.split_whitespace().chain(["--json"]).collect();
        let mut command = home.command(&args);
        command.envs(env.split_whitespace().filter_map(|v| v.split_once('=')));
        let node = live::Program::start("node", command);
        node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
        drop(node);
        assert_eq!(sides.seen(), want, "{words}, {gateway}, {env}");
    }
    let home = sides.home(AUTH);
    assert_eq!(sides.run(&home, "node run --url {FAR}", BOTH).code, 2);
    assert_eq!(sides.seen(), "nothing");
}

#[test]
fn what_the_state_directory_keeps_is_sent_to_no_other_gateway_and_the_probe_says_why() {
    let sides = Sides::start();
    let kept = "OPENCLAW_GATEWAY_TOKEN=kept-t\n";
    let remote = "mode: 'remote', remote: { url: '{FAR}' }";
    let other = "OPENCLAW_GATEWAY_URL=ws://127.0.0.1:{HERE}";
    for (gateway, env, more, want) in [
        (remote, "", "", "far kept-t -"),
        (remote, other, "", "here - -"),
        ("", "OPENCLAW_GATEWAY_URL={FAR}", "", "far - -"),
        ("", "", "OPENCLAW_GATEWAY_URL={FAR}\n", "far kept-t -"),
    ] {
        let home = sides.home(gateway);
        std::fs::write(home.state().join(".env"), sides.fill(&format!("{kept}{more}"))).unwrap();
        let ran = sides.run(&home, "health", env);
        assert_eq!(sides.seen(), want, "{gateway}, {env:?}, {more:?}: {}{}", ran.out, ran.err);
        if want.ends_with("- -") {
            let report = sides.run(&home, "gateway probe --json", env).json();
            let credentials = report["targets"][0]["credentials"].as_array().unwrap();
            let token = credentials.iter().find(|c| c["name"] == "OPENCLAW_GATEWAY_TOKEN").unwrap();
            assert_eq!(token["standing"], "passed-over", "{report}");
            assert!(token["why"].as_str().unwrap().contains("kept in .env"), "{report}");
            assert!(!report.to_string().contains("kept-t"), "{report}");
            let heard = format!("{:?}{:?}", sides.here.heard(), sides.far.heard());
            assert!(!heard.contains("kept-t"), "the probe sent it: {heard}");
        }
    }
    // A node that is told a host sends it where that is the configured gateway's.
    let far = |host: &str| format!("mode: 'remote', remote: {{ url: 'ws://{host}:1' }}");
    for (gateway, want) in [(far("10.255.255.1"), "here - -"), (far("127.0.0.1"), "here kept-t -")] {
        let home = sides.home(&gateway);
        std::fs::write(home.state().join(".env"), kept).unwrap();
        let words = sides.fill("node run --host 127.0.0.1 --port {HERE} --json");
        let node = live::Program::start("node", home.command(&words.split(' ').collect::<Vec<_>>()));
        node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
        drop(node);
        assert_eq!(sides.seen(), want, "{gateway}");
    }
}

#[test]
fn the_decision_explains_itself_and_shows_no_secret() {
    let sides = Sides::start();
    let gateway = format!("mode: 'remote', {AUTH}, {REMOTE}");
    let home = sides.home(&gateway);
    let report = sides.run(&home, "gateway probe --json", BOTH).json();
    let ids: Vec<&Value> = report["targets"].as_array().unwrap().iter().map(|t| &t["id"]).collect();
    assert_eq!(ids, [&json!("configRemote"), &json!("localLoopback")], "{report}");
    let standing = |list: &Value, name: &str| {
        let found = list.as_array().unwrap().iter().find(|c| c["name"] == name);
        found.map(|c| (c["standing"].clone(), c["why"].clone())).unwrap_or_default()
    };
    let passed = |why: &str| (json!("passed-over"), json!(why));
    let (taken, unset) = ((json!("taken"), Value::Null), (json!("unset"), Value::Null));
    let places = &report["places"];
    assert_eq!(standing(places, "--url"), unset);
    assert_eq!(standing(places, "gateway.remote.url"), taken);
    assert_eq!(standing(places, "gateway.port"), passed("gateway.remote.url comes before it"));
    let far = &report["targets"][0]["credentials"];
    assert_eq!(standing(far, "gateway.remote.token"), taken);
    assert_eq!(standing(far, "OPENCLAW_GATEWAY_TOKEN"), passed("gateway.remote.token comes before it"));
    assert_eq!(standing(far, "OPENCLAW_GATEWAY_PASSWORD"), taken);
    let here = &report["targets"][1]["credentials"];
    assert_eq!(standing(here, "gateway.auth.token"), taken);
    let why = "it is for the gateway that commands go to, and this one is only probed";
    assert_eq!(standing(here, "gateway.remote.token"), passed(why));

    let by_url = sides.run(&home, "gateway probe --json --url {FAR} --token flag-t", BOTH).json();
    let why = passed("--url takes nothing but --token and --password");
    assert_eq!(standing(&by_url["targets"][0]["credentials"], "OPENCLAW_GATEWAY_TOKEN"), why);
    assert_eq!(standing(&by_url["places"], "gateway.remote.url"), passed("--url decides"));

    let mut shown = format!("{report}{by_url}");
    for command in ["gateway probe", "status --all", "status --all --json"] {
        let ran = sides.run(&home, command, BOTH);
        for part in ["gateway.remote.url", "OPENCLAW_GATEWAY_TOKEN", "comes before it"] {
            assert!(ran.out.contains(part), "{command}, {part}: {}{}", ran.out, ran.err);
        }
        shown.push_str(&ran.out);
        shown.push_str(&ran.err);
    }
    for secret in ["env-t", "env-p", "auth-t", "auth-p", "rem-t", "rem-p", "flag-t"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[test]
fn a_reference_that_leads_nowhere_stands_in_the_explanation_and_the_other_gateway_is_asked_all_the_same() {
    let sides = Sides::start();
    let home = sides
        .home("mode: 'remote', remote: { url: '{FAR}', token: '${NOT_SET}' }, auth: { token: 'auth-t' }");
    let report = sides.run(&home, "gateway probe --json", TOKEN).json();
    assert_eq!(
        (&report["ok"], &report["primaryTargetId"]),
        (&json!(true), &json!("localLoopback")),
        "{report}"
    );
    assert_eq!(report["warnings"][0]["code"], "auth_secretref_unresolved", "{report}");
    assert_eq!(sides.seen(), "here auth-t -");
    let ran = sides.run(&home, "status --all", BOTH);
    assert_eq!((ran.code, sides.seen().as_str()), (6, "nothing"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("cannot be used") && ran.out.contains("NOT_SET"), "{}", ran.out);

    // What the configuration names is asked, too, while its mode is local.
    let home = sides.home("auth: { token: 'auth-t' }, remote: { url: '{FAR}', token: 'rem-t' }");
    let report = sides.run(&home, "gateway probe --json", "").json();
    assert_eq!(
        (sides.here.heard().1, sides.far.heard().1),
        (vec![json!({"token": "auth-t"})], vec![json!({"token": "rem-t"})])
    );
    assert_eq!(
        (&report["targets"][1]["id"], &report["targets"][1]["active"]),
        (&json!("configRemote"), &json!(false))
    );
}

/// Both sides of a probe; the one that commands do not go to may be anybody who took the port.
#[test]
fn a_probe_shows_a_gateway_that_commands_do_not_go_to_only_what_is_kept_for_it() {
    let sides = Sides::start();
    let far = "remote: { url: '{FAR}', token: 'rem-t' }";
    let (in_use, aside) = (format!("mode: 'remote', {far}"), format!("{AUTH}, {BARE}"));
    let remote_without = format!("mode: 'remote', {BARE}");
    for (flags, gateway, env, kept, here, elsewhere) in [
        ("", in_use.as_str(), "", "", "- -", "rem-t -"),
        ("", &remote_without, "", "kept-t", "- -", "kept-t -"),
        ("", &remote_without, TOKEN, "", "- -", "env-t -"),
        ("--token flag-t", &in_use, "", "", "- -", "flag-t -"),
        ("", &aside, "", "", "auth-t -", "- -"),
        ("", &aside, BOTH, "", "auth-t -", "- -"),
        ("--token flag-t", &aside, "", "", "flag-t -", "- -"),
        ("", far, BOTH, "", "env-t env-p", "rem-t -"),
    ] {
        let home = sides.home(gateway);
        if !kept.is_empty() {
            std::fs::write(home.state().join(".env"), format!("OPENCLAW_GATEWAY_TOKEN={kept}\n")).unwrap();
        }
        let ran = sides.run(&home, &format!("gateway probe --json {flags}"), env);
        let sent = |side: &Far| {
            let (_, auths) = side.heard();
            let [auth] = auths.as_slice() else { panic!("{gateway}: {auths:?}: {}{}", ran.out, ran.err) };
            let word = |name: &str| auth.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
            format!("{} {}", word("token"), word("password"))
        };
        let row = format!("flags {flags:?}, gateway {gateway}, env {env:?}, kept {kept:?}");
        assert_eq!((sent(&sides.here), sent(&sides.far)), (here.to_owned(), elsewhere.to_owned()), "{row}");
    }
}

#[test]
fn what_a_client_sends_never_lets_anyone_in() {
    let remote = r#"remote: { token: "what-a-client-sends", password: "what-a-client-sends" }"#;
    let home = Home::with_config(&format!("{{ gateway: {{ mode: 'local', {remote} }} }}"));
    let gateway = live::Gateway::start(&home);
    for flag in ["--token", "--password"] {
        let ran = gateway.run(&home, &["health", flag, "what-a-client-sends"]);
        assert_eq!(ran.code, 4, "{flag}: {}{}", ran.out, ran.err);
    }
    // It made a token of its own, which is what the commands of this host use.
    assert_eq!(gateway.run(&home, &["health"]).code, 0);
}
