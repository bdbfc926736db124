//! Which target and which credentials win, over flags, environment, config and the generated token, in both modes.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use config::{Env, Loaded, Paths, ensure_gateway_token, parse};
use model::{ExposeSecret, Pin, SecretString};
use remote::{Target, TargetError, TargetFlags, UrlError, at_ssh_host, pin_store, resolve};

fn paths(state: &Path) -> Paths {
    let env = Env::from([("OPENCLAW_STATE_DIR", state.to_str().expect("a UTF-8 path"))]);
    Paths::resolve(&env, None, false).expect("an explicit state directory")
}

fn loaded(text: &str) -> Loaded {
    parse(text, Path::new("openclaw.json"), &Env::default()).expect("a valid config")
}

/// `KEY=value` words.
fn env(words: &str) -> Env {
    words.split_whitespace().filter_map(|word| word.split_once('=')).collect()
}

/// `--flag=value` words.
fn flags(words: &str) -> TargetFlags {
    let mut flags = TargetFlags::default();
    for (name, value) in words.split_whitespace().filter_map(|word| word.split_once('=')) {
        match name {
            "--url" => flags.url = Some(value.to_owned()),
            "--token" => flags.token = Some(value.into()),
            "--password" => flags.password = Some(value.into()),
            "--pin" => flags.pins.push(pin(value.parse().expect("a byte"))),
            "--port" => flags.port = Some(value.parse().expect("a port")),
            other => panic!("no flag {other}"),
        }
    }
    flags
}

fn plain(secret: &Option<SecretString>) -> &str {
    secret.as_ref().map_or("-", |secret| secret.expose_secret())
}

/// `url via local|far token password`.
fn summary(target: &Target) -> String {
    let place = if target.local { "local" } else { "far" };
    let (token, password) = (plain(&target.token), plain(&target.password));
    format!("{} {} {place} {token} {password}", target.url, target.via)
}

const AUTH: &str = "auth: { mode: 'MODE', token: 'auth-t', password: 'auth-p' }";
const REMOTE: &str = "remote: { url: 'wss://far.example', token: 'rem-t', password: 'rem-p' }";
const BOTH_VARS: &str = "OPENCLAW_GATEWAY_TOKEN=env-t OPENCLAW_GATEWAY_PASSWORD=env-p";

fn auth(mode: &str) -> String {
    AUTH.replace("MODE", mode)
}

fn check(rows: &[(&str, String, &str, &str)]) {
    let state = tempfile::tempdir().expect("a directory");
    for (flag_words, gateway, env_words, want) in rows {
        let loaded = loaded(&format!("{{ gateway: {{ {gateway} }} }}"));
        let target = resolve(&flags(flag_words), &loaded, &env(env_words), &paths(state.path()));
        let got = target.as_ref().map_or_else(ToString::to_string, summary);
        assert_eq!(&got, want, "flags {flag_words:?}, gateway {gateway}, env {env_words:?}");
    }
}

#[test]
fn in_local_mode_flags_go_before_config_before_environment_before_remote() {
    let here = "ws://127.0.0.1:18789 default local";
    check(&[
        ("", String::new(), "", &format!("{here} - -")),
        ("", auth("token"), BOTH_VARS, &format!("{here} auth-t -")),
        ("", auth("password"), BOTH_VARS, &format!("{here} - auth-p")),
        ("", auth("none"), BOTH_VARS, &format!("{here} - -")),
        ("", "auth: { token: 'auth-t' }".into(), "", &format!("{here} auth-t -")),
        ("", "auth: { token: 'auth-t' }".into(), BOTH_VARS, &format!("{here} auth-t env-p")),
        ("", "auth: { mode: 'token' }".into(), BOTH_VARS, &format!("{here} env-t -")),
        ("", "auth: { mode: 'password' }".into(), BOTH_VARS, &format!("{here} - env-p")),
        ("", REMOTE.into(), BOTH_VARS, &format!("{here} env-t env-p")),
        ("", REMOTE.into(), "OPENCLAW_GATEWAY_PASSWORD=env-p", &format!("{here} - env-p")),
        ("", REMOTE.into(), "", &format!("{here} rem-t rem-p")),
        ("", REMOTE.into(), "OPENCLAW_GATEWAY_TOKEN=", &format!("{here} rem-t rem-p")),
        ("", "auth: { token: '' }".into(), "OPENCLAW_GATEWAY_TOKEN=env-t", &format!("{here} env-t -")),
        ("--token=flag-t", auth("token"), BOTH_VARS, &format!("{here} flag-t -")),
        ("--password=flag-p", auth("token"), BOTH_VARS, &format!("{here} - flag-p")),
        ("--token=flag-t --password=flag-p", auth("none"), "", &format!("{here} flag-t flag-p")),
    ]);
}

#[test]
fn in_remote_mode_tokens_come_from_the_config_and_passwords_from_the_environment_first() {
    let far = "wss://far.example gateway.remote.url far";
    let config = |rest: &str| format!("mode: 'remote', {rest}");
    let bare = "remote: { url: 'wss://far.example/' }";
    check(&[
        ("", config(REMOTE), "", &format!("{far} rem-t rem-p")),
        ("", config(REMOTE), BOTH_VARS, &format!("{far} rem-t env-p")),
        ("", config(bare), BOTH_VARS, &format!("{far} env-t env-p")),
        ("", config(&format!("{bare}, {}", auth("token"))), BOTH_VARS, &format!("{far} env-t env-p")),
        ("", config(&format!("{bare}, {}", auth("token"))), "", &format!("{far} auth-t auth-p")),
        ("", config(bare), "", &format!("{far} - -")),
        (
            "",
            config("remote: { sshTarget: 'me@host', token: 'rem-t' }"),
            BOTH_VARS,
            "ws://127.0.0.1:18789 gateway.remote.sshTarget far rem-t env-p",
        ),
        (
            "",
            config("remote: { sshTarget: 'me@host', url: 'wss://far.example', token: 'rem-t' }"),
            "",
            &format!("{far} rem-t -"),
        ),
        ("--token=flag-t", config(REMOTE), BOTH_VARS, &format!("{far} flag-t -")),
        ("--password=flag-p", config(REMOTE), BOTH_VARS, &format!("{far} - flag-p")),
        (
            "",
            "mode: 'remote'".into(),
            "",
            "gateway.mode is \"remote\" and neither gateway.remote.sshTarget nor gateway.remote.url is set; set one of them, or set gateway.mode to \"local\"",
        ),
    ]);
}

#[test]
fn the_configured_ssh_host_has_what_is_kept_for_it_and_another_one_what_the_command_line_says() {
    let state = tempfile::tempdir().expect("a directory");
    let remote = "remote: { sshTarget: 'me@host', token: 'rem-t', password: 'rem-p' }";
    let far = format!("mode: 'remote', {remote}, {}", auth("token"));
    let here = format!("{remote}, {}", auth("token"));
    let at = "ws://127.0.0.1:18789 gateway.remote.sshTarget far";
    let url = format!("OPENCLAW_GATEWAY_URL=wss://env.example {BOTH_VARS}");
    for (to, words, gateway, env_words, want) in [
        ("me@host", "", &far, BOTH_VARS, format!("{at} rem-t env-p")),
        ("me@host", "", &here, BOTH_VARS, format!("{at} rem-t rem-p")),
        // These are for the one that is named there.
        ("me@host", "", &far, &url, format!("{at} rem-t rem-p")),
        ("me@host", "--token=flag-t", &here, &url, format!("{at} flag-t -")),
        ("me@host:2222", "", &here, BOTH_VARS, "ws://127.0.0.1:18789 --ssh far - -".to_owned()),
        ("else", "--password=flag-p", &far, BOTH_VARS, "ws://127.0.0.1:18789 --ssh far - flag-p".to_owned()),
        ("else", "--pin=1", &far, BOTH_VARS, "wss://127.0.0.1:18789 --ssh far - -".to_owned()),
    ] {
        let to = config::SshTarget::parse(to).expect("a target");
        let loaded = loaded(&format!("{{ gateway: {{ {gateway} }} }}"));
        let decision = at_ssh_host(&to, &flags(words), &loaded, &env(env_words), &paths(state.path()));
        let got = decision.target.as_ref().map_or_else(ToString::to_string, summary);
        assert_eq!(got, want, "{to} {words:?} {gateway} {env_words:?}");
        let pinned = decision.target.ok().and_then(|target| target.pinned);
        assert_eq!(pinned.is_some(), words.contains("--pin"), "{to} {words:?}");
    }
}

#[test]
fn a_pin_of_the_command_line_means_tls_behind_a_tunnel_and_a_tunnel_of_its_own_where_that_is_new() {
    let state = tempfile::tempdir().expect("a directory");
    let configured = format!("tlsFingerprint: '{}'", pin(1));
    for (words, remote, url, pins, apart) in [
        ("", String::new(), "ws://127.0.0.1:18789", vec![], false),
        ("--pin=2", String::new(), "wss://127.0.0.1:18789", vec![pin(2)], true),
        ("--pin=2", "url: 'ws://127.0.0.1:19000'".into(), "wss://127.0.0.1:19000", vec![pin(2)], true),
        ("--pin=2", "url: 'wss://127.0.0.1:19000'".into(), "wss://127.0.0.1:19000", vec![pin(2)], false),
        ("", configured.clone(), "wss://127.0.0.1:18789", vec![pin(1)], false),
        ("--pin=2", configured.clone(), "wss://127.0.0.1:18789", vec![pin(2)], false),
    ] {
        let text =
            format!("{{ gateway: {{ mode: 'remote', remote: {{ sshTarget: 'me@host', {remote} }} }} }}");
        let target = resolve(&flags(words), &loaded(&text), &Env::default(), &paths(state.path()));
        let target = target.unwrap_or_else(|e| panic!("{words} {remote}: {e}"));
        let base = target.pinned.map(|p| p.base).unwrap_or_default();
        let tunnel = target.tunnel.expect("a tunnel");
        assert_eq!((target.url.as_str(), base, tunnel.apart), (url, pins, apart), "{words} {remote}");
    }
    // Two keys of one configuration that exclude each other are said by their names.
    let text = format!(
        "{{ gateway: {{ mode: 'remote', remote: {{ sshTarget: 'me@host', url: 'ws://127.0.0.1:1', {configured} }} }} }}"
    );
    let refused = resolve(&TargetFlags::default(), &loaded(&text), &Env::default(), &paths(state.path()));
    let refused = refused.expect_err("no certificate").to_string();
    assert!(refused.contains("gateway.remote.url is ws://127.0.0.1:1"), "{refused}");
}

#[test]
fn the_port_comes_from_the_flag_then_the_variable_then_the_config() {
    let port = "OPENCLAW_GATEWAY_PORT=2000";
    check(&[
        ("--port=1000", "port: 3000".into(), port, "ws://127.0.0.1:1000 --port local - -"),
        ("", "port: 3000".into(), port, "ws://127.0.0.1:2000 OPENCLAW_GATEWAY_PORT local - -"),
        ("", "port: 3000".into(), "", "ws://127.0.0.1:3000 gateway.port local - -"),
        (
            "",
            String::new(),
            "OPENCLAW_GATEWAY_PORT=x",
            "OPENCLAW_GATEWAY_PORT is \"x\"; set it to a port from 1 to 65535 or unset it",
        ),
        (
            "--port=1000",
            format!("mode: 'remote', {REMOTE}, {}", auth("token")),
            "OPENCLAW_GATEWAY_URL=wss://env.example",
            "ws://127.0.0.1:1000 --port local auth-t -",
        ),
    ]);
}

#[test]
fn the_development_profile_has_its_own_port() {
    let paths = Paths::resolve(&Env::from([("HOME", "/nowhere")]), None, true).expect("a home");
    let target = resolve(&TargetFlags::default(), &loaded("{}"), &Env::default(), &paths).expect("a target");
    assert_eq!(target.url, "ws://127.0.0.1:19001");
}

#[test]
fn a_url_by_flag_borrows_nothing() {
    let url = "--url=wss://else.example";
    let here = "wss://else.example --url far";
    for gateway in [auth("token"), format!("mode: 'remote', {REMOTE}")] {
        check(&[
            (&format!("{url} --token=flag-t"), gateway.clone(), BOTH_VARS, &format!("{here} flag-t -")),
            (&format!("{url} --password=flag-p"), gateway.clone(), BOTH_VARS, &format!("{here} - flag-p")),
            (
                url,
                gateway.clone(),
                BOTH_VARS,
                "--url wss://else.example uses no credentials from the config or the environment; add --token or --password, or leave --url out to use the configured gateway",
            ),
            (
                &format!("{url} --token=t --port=1"),
                gateway,
                "",
                "--url and --port exclude each other; put the port into the URL or leave --url out",
            ),
        ]);
    }
}

#[test]
fn a_url_by_variable_takes_the_credentials_of_the_environment_only() {
    let url = "OPENCLAW_GATEWAY_URL=wss://env.example";
    let here = "wss://env.example OPENCLAW_GATEWAY_URL far";
    for gateway in [auth("token"), format!("mode: 'remote', {REMOTE}")] {
        check(&[
            ("", gateway.clone(), url, &format!("{here} - -")),
            ("", gateway.clone(), &format!("{url} {BOTH_VARS}"), &format!("{here} env-t env-p")),
            ("--token=flag-t", gateway, &format!("{url} {BOTH_VARS}"), &format!("{here} flag-t -")),
        ]);
    }
}

#[test]
fn what_the_state_directory_keeps_goes_to_its_own_gateways_alone() {
    let state = tempfile::tempdir().expect("a directory");
    let paths = paths(state.path());
    let url = "OPENCLAW_GATEWAY_URL=wss://env.example";
    let mine = "OPENCLAW_GATEWAY_TOKEN=mine";
    let remote = "mode: 'remote', remote: { url: 'wss://far.example' }";
    let kept = "OPENCLAW_GATEWAY_TOKEN=kept-t OPENCLAW_GATEWAY_PASSWORD=kept-p";
    let and = |more: &str| format!("{kept} {more}");
    for (gateway, variables, file, want) in [
        (remote, "", and(""), "kept-t kept-p"),
        ("", "", and(""), "kept-t kept-p"),
        ("", url, and(""), "- -"),
        (remote, url, and(""), "- -"),
        (remote, "OPENCLAW_GATEWAY_URL=ws://127.0.0.1:18789", and(""), "- -"),
        // Named by hand, it is still the one that is configured.
        (remote, "OPENCLAW_GATEWAY_URL=wss://FAR.example:443/", and(""), "kept-t kept-p"),
        ("port: 1234", "OPENCLAW_GATEWAY_URL=ws://127.0.0.1:1234", and(""), "kept-t kept-p"),
        ("port: 1234", "OPENCLAW_GATEWAY_URL=ws://localhost:1234", and(""), "kept-t kept-p"),
        ("port: 1234", "OPENCLAW_GATEWAY_URL=ws://127.0.0.1:1235", and(""), "- -"),
        (
            "mode: 'remote', remote: { sshTarget: 'me@h' }",
            "OPENCLAW_GATEWAY_URL=ws://127.0.0.1:18789",
            and(""),
            "- -",
        ),
        // Kept with its URL, or given with it.
        (remote, "", and(url), "kept-t kept-p"),
        (remote, mine, and(url), "mine kept-p"),
        (remote, &format!("{url} {mine}"), and(""), "mine -"),
        (remote, &format!("{url} {mine}"), and(url), "mine -"),
    ] {
        std::fs::write(paths.env_file(), file.replace(' ', "\n")).expect("a file");
        let mut env = env(variables);
        assert!(env.add_file(&paths.env_file()).is_empty());
        let loaded = loaded(&format!("{{ gateway: {{ {gateway} }} }}"));
        let target = resolve(&TargetFlags::default(), &loaded, &env, &paths).expect("a target");
        let got = format!("{} {}", plain(&target.token), plain(&target.password));
        assert_eq!(got, want, "gateway {gateway:?}, variables {variables:?}, file {file:?}");
    }
}

#[test]
fn a_configured_secret_that_cannot_be_had_is_an_error_and_no_other_is_tried() {
    let state = tempfile::tempdir().expect("a directory");
    ensure_gateway_token(&paths(state.path())).expect("a token");
    let rows = [
        ("auth: { token: '${NOPE}' }", "gateway.auth.token"),
        ("auth: { mode: 'password', password: { source: 'env', id: 'NOPE' } }", "gateway.auth.password"),
        ("auth: { token: { source: 'exec', id: 'x' } }", "gateway.auth.token"),
        (
            "mode: 'remote', remote: { url: 'wss://h', token: '${NOPE}' }, auth: { token: 't' }",
            "gateway.remote.token",
        ),
        ("mode: 'remote', remote: { url: 'wss://h' }, auth: { token: '${NOPE}' }", "gateway.auth.token"),
    ];
    for (gateway, place) in rows {
        let loaded = loaded(&format!("{{ gateway: {{ {gateway} }} }}"));
        let env = if gateway.contains("wss://h' }") { Env::default() } else { env(BOTH_VARS) };
        let error = resolve(&TargetFlags::default(), &loaded, &env, &paths(state.path())).expect_err(gateway);
        assert!(matches!(error, TargetError::Secret(_)), "{gateway}: {error}");
        assert!(error.to_string().starts_with(place), "{error}");
    }
    // A secret that the mode does not use is not looked up, and a flag makes all of them unnecessary.
    let unused = loaded("{ gateway: { auth: { mode: 'token', token: 't', password: '${NOPE}' } } }");
    assert!(resolve(&TargetFlags::default(), &unused, &Env::default(), &paths(state.path())).is_ok());
    let broken = loaded("{ gateway: { auth: { token: '${NOPE}' } } }");
    assert!(resolve(&flags("--token=t"), &broken, &Env::default(), &paths(state.path())).is_ok());
}

#[test]
fn the_generated_token_is_used_on_this_host_only_and_before_gateway_remote() {
    let state = tempfile::tempdir().expect("a directory");
    let paths = paths(state.path());
    let (token, _, created) = ensure_gateway_token(&paths).expect("a token");
    assert!(created);
    let made = token.expose_secret();
    let token_of = |gateway: &str, words: &str| {
        let loaded = loaded(&format!("{{ gateway: {{ {gateway} }} }}"));
        let target = resolve(&TargetFlags::default(), &loaded, &env(words), &paths).expect("a target");
        plain(&target.token).to_owned()
    };
    assert_eq!(token_of("", ""), made);
    assert_eq!(token_of(REMOTE, ""), made);
    assert_eq!(token_of("", "OPENCLAW_GATEWAY_TOKEN=env-t"), "env-t");
    assert_eq!(token_of("", "OPENCLAW_GATEWAY_PASSWORD=env-p"), "-");
    assert_eq!(token_of("auth: { mode: 'password' }", ""), "-");
    assert_eq!(token_of("mode: 'remote', remote: { url: 'wss://h' }", ""), "-");
    assert_eq!(token_of("", "OPENCLAW_GATEWAY_URL=wss://h"), "-");
}

#[test]
fn a_url_that_may_not_be_used_is_refused_with_its_origin() {
    let paths = Paths::resolve(&Env::from([("HOME", "/nowhere")]), None, false).expect("a home");
    let remote = "{ gateway: { mode: 'remote', remote: { url: 'ws://far.example' } } }";
    let rows = [
        ("--url=ws://far.example --token=t", "{}", "", "--url"),
        ("", "{}", "OPENCLAW_GATEWAY_URL=ws://far.example", "OPENCLAW_GATEWAY_URL"),
        ("", remote, "", "gateway.remote.url"),
    ];
    for (words, text, env_words, origin) in rows {
        let error = resolve(&flags(words), &loaded(text), &env(env_words), &paths).expect_err(origin);
        let TargetError::Url { via, error } = error else { panic!("{error}") };
        assert_eq!((via, error), (origin, UrlError::PlainPublic("far.example".to_owned())));
    }
}

/// `sha256:` and this byte 32 times.
fn pin(byte: u8) -> Pin {
    Pin::leaf([byte; 32])
}

#[test]
fn the_first_pin_that_is_there_decides_and_goes_with_its_own_address() {
    let state = tempfile::tempdir().expect("a directory");
    let paths = Paths::resolve(&env(&format!("OPENCLAW_STATE_DIR={}", state.path().display())), None, false);
    let paths = paths.expect("places");
    pin_store(&paths).trust("wss://trusted", &[pin(3)]).expect("a store");
    let configured = |url: &str| {
        format!(
            "gateway: {{ mode: 'remote', remote: {{ url: '{url}', token: 't', tlsFingerprint: ['{}'] }} }}",
            pin(1)
        )
    };
    let none = Vec::new;
    let rows: [(&str, String, &str, Vec<Pin>); 8] = [
        ("", configured("wss://h"), "", vec![pin(1)]),
        ("--pin=2", configured("wss://h"), "", vec![pin(2)]),
        ("--url=wss://other --token=t", configured("wss://h"), "", none()),
        ("--url=wss://other --token=t --pin=2", configured("wss://h"), "", vec![pin(2)]),
        ("--url=wss://trusted --token=t", String::new(), "", vec![pin(3)]),
        ("", configured("wss://trusted"), "", vec![pin(1)]),
        ("", String::new(), "OPENCLAW_GATEWAY_URL=wss://trusted", vec![pin(3)]),
        ("--url=ws://127.0.0.1:1 --token=t", configured("wss://h"), "", none()),
    ];
    for (words, config, env_words, pins) in rows {
        let target = resolve(&flags(words), &loaded(&format!("{{ {config} }}")), &env(env_words), &paths);
        let pinned = target.unwrap_or_else(|e| panic!("{words}: {e}")).pinned;
        assert_eq!(pinned.map(|p| p.base).unwrap_or_default(), pins, "{words} {config} {env_words}");
    }
    for words in
        ["--url=wss://h.example/x?token=hush", "--url=ws://127.0.0.1:1/?token=hush --token=t --pin=2"]
    {
        let error =
            resolve(&flags(words), &loaded("{}"), &Env::default(), &paths).expect_err(words).to_string();
        assert!(!error.contains("hush"), "{error}");
    }
    for (words, config, which) in [
        ("--url=ws://127.0.0.1:1 --token=t --pin=2", String::new(), "--tls-fingerprint"),
        ("", configured("ws://127.0.0.1:1"), "gateway.remote.tlsFingerprint"),
        ("--pin=2", String::new(), "--tls-fingerprint"),
    ] {
        let error = resolve(&flags(words), &loaded(&format!("{{ {config} }}")), &Env::default(), &paths);
        let error = error.expect_err("a pin where no certificate is shown");
        assert!(matches!(error, TargetError::PinWithoutTls { pin, .. } if pin == which), "{error}");
    }
}

#[test]
fn this_hosts_gateway_with_tls_is_known_by_its_own_files() {
    let state = tempfile::tempdir().expect("a directory");
    let paths = Paths::resolve(&env(&format!("OPENCLAW_STATE_DIR={}", state.path().display())), None, false);
    let paths = paths.expect("places");
    let loaded = loaded("{ gateway: { tls: { enabled: true }, auth: { token: 't' } } }");
    let target = || resolve(&TargetFlags::default(), &loaded, &Env::default(), &paths).expect("a target");
    assert_eq!(target().url, "wss://127.0.0.1:18789");
    assert_eq!(
        target().pinned.map(|p| p.base),
        Some(vec![]),
        "nobody is let through before it has a certificate"
    );
    std::fs::create_dir_all(paths.tls_dir()).expect("a directory");
    std::fs::write(paths.tls_served_file(), format!("[\"{}\"]", pin(4))).expect("a file");
    assert_eq!(target().pinned.map(|p| p.base), Some(vec![pin(4)]));
}

#[test]
fn no_secret_is_in_the_debug_text() {
    let paths = Paths::resolve(&Env::from([("HOME", "/nowhere")]), None, false).expect("a home");
    let flags = flags("--url=wss://h --token=hush-t --password=hush-p");
    let target = resolve(&flags, &loaded("{}"), &Env::default(), &paths).expect("a target");
    let shown = format!("{flags:?} {target:?}");
    assert!(!shown.contains("hush"), "{shown}");
}
