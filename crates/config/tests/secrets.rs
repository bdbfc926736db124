//! Secrets: how they are named, looked up, and kept out of sight.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use config::{Env, Loaded, SecretError, SecretOrigin, ServerAuth, parse, server_auth};
use model::ExposeSecret;

fn read(text: &str, dir: &Path) -> Loaded {
    let env = Env::from([("HOME", dir.to_str().expect("a UTF-8 path"))]);
    parse(text, &dir.join("openclaw.json"), &env).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// What `gateway.auth.token` resolves to, with `rest` beside `gateway` in the config.
fn token(dir: &Path, token: &str, rest: &str, env: &Env) -> Result<Option<String>, SecretError> {
    let loaded = read(&format!("{{ gateway: {{ auth: {{ token: {token} }} }}, {rest} }}"), dir);
    let input = loaded.config.gateway.auth.token.expect("a secret");
    Ok(input.resolve(env)?.map(|secret| secret.expose_secret().to_owned()))
}

#[test]
fn a_secret_is_written_out_or_comes_from_a_variable() {
    let dir = tempfile::tempdir().expect("a directory");
    let env = Env::from([("A", "one"), ("EMPTY", " ")]);
    let vars = "env: { vars: { B: 'two', A: 'never' } }";
    let rows = [
        ("'plain'", Some("plain")),
        ("'  '", None),
        ("'${A}'", Some("one")),
        ("'x-${A}-${B}'", Some("x-one-two")),
        ("'$${A}'", Some("${A}")),
        ("'$A'", Some("one")),
        ("'$a'", Some("$a")),
        ("{ source: 'env', id: 'A' }", Some("one")),
        ("{ source: 'env', provider: 'default', id: 'B' }", Some("two")),
    ];
    for (text, want) in rows {
        assert_eq!(token(dir.path(), text, vars, &env), Ok(want.map(str::to_owned)), "{text}");
    }
    for text in ["'${EMPTY}'", "'${C}'", "'$C'", "{ source: 'env', id: 'C' }"] {
        let error = token(dir.path(), text, vars, &env).expect_err(text).to_string();
        assert!(error.starts_with("gateway.auth.token refers to the environment variable "), "{error}");
    }
}

#[test]
fn a_secret_comes_from_a_file_that_a_provider_names() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("all.json"), r#"{"a":{"b":"deep"},"empty":""}"#).expect("a file");
    std::fs::write(dir.path().join("one"), "alone\n").expect("a file");
    let providers = "secrets: { providers: { all: { source: 'file', path: '~/all.json', mode: 'json' }, one: { source: 'file', path: 'one', mode: 'singleValue' }, gone: { source: 'file', path: '/nowhere' }, few: { source: 'env', allowlist: ['A'] } }, defaults: { file: 'all' } }";
    let get = |text: &str| token(dir.path(), text, providers, &Env::from([("A", "x"), ("B", "y")]));
    assert_eq!(get("{ source: 'file', provider: 'all', id: '/a/b' }"), Ok(Some("deep".to_owned())));
    assert_eq!(get("{ source: 'file', id: '/a/b' }"), Ok(Some("deep".to_owned())));
    assert_eq!(get("{ source: 'file', provider: 'one', id: 'value' }"), Ok(Some("alone".to_owned())));
    assert_eq!(get("{ source: 'env', provider: 'few', id: 'A' }"), Ok(Some("x".to_owned())));
    let refused = [
        ("{ source: 'file', id: '/a' }", "there is no string at /a"),
        ("{ source: 'file', id: '/empty' }", "is empty"),
        ("{ source: 'file', provider: 'one', id: 'x' }", "must be \"value\""),
        ("{ source: 'file', provider: 'gone', id: 'x' }", "cannot be read"),
        ("{ source: 'file', provider: 'who', id: 'x' }", "\"who\" is not configured"),
        ("{ source: 'env', provider: 'few', id: 'B' }", "not in secrets.providers.few.allowlist"),
        (
            "{ source: 'exec', id: 'x' }",
            "\"default\" is not configured; add secrets.providers.default with source \"exec\" and a command",
        ),
        ("{ source: 'store', id: 'X' }", "source \"store\" are not supported by this version yet"),
    ];
    for (text, want) in refused {
        let error = get(text).expect_err(text).to_string();
        assert!(error.starts_with("gateway.auth.token") && error.contains(want), "{error}");
    }
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = "{ gateway: { auth: { mode: 'token', token: 'hush1', password: 'hush2' }, remote: { token: 'hush3' } }, env: { vars: { X: 'hush4' } }, channels: { telegram: { botToken: 'hush5' }, discord: { token: 'hush6' } }, models: { providers: { a: { baseUrl: 'http://a', apiKey: 'hush7', headers: { 'X-A': 'hush8' } } } } }";
    let loaded = read(text, dir.path());
    for shown in
        [format!("{loaded:?}"), format!("{loaded:#?}"), loaded.redacted().to_string(), loaded.redacted_raw()]
    {
        assert!(!shown.contains("hush"), "{shown}");
    }
    assert!(loaded.raw.contains("hush1") && loaded.source.to_string().contains("hush6"));
    assert!(!format!("{:?}", Env::from([("X", "hush")])).contains("hush"));
    let wrong = "{ gateway: { auth: { token: ['hush'], mode: 5 } }, env: { vars: { A: 4711 } } }";
    let error = parse(wrong, Path::new("f"), &Env::default()).expect_err("wrong types").to_string();
    assert!(!error.contains("hush") && !error.contains("4711"), "{error}");
}

#[test]
fn the_server_asks_for_what_mode_config_and_environment_say() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = Env::from([("OPENCLAW_STATE_DIR", dir.path().to_str().expect("a UTF-8 path"))]);
    let paths = config::Paths::resolve(&state, None, false).expect("paths");
    let both = [("OPENCLAW_GATEWAY_TOKEN", "env-t"), ("OPENCLAW_GATEWAY_PASSWORD", "env-p")];
    let (some, none) = (Env::from(both), Env::default());
    let rows = [
        ("", &some, "password env-p"),
        ("mode: 'none', token: 't'", &some, "none"),
        ("mode: 'token'", &some, "token env-t"),
        ("mode: 'password'", &some, "password env-p"),
        ("token: 't'", &none, "token t"),
        ("password: 'p'", &none, "password p"),
        ("mode: 'token', token: 't', password: 'p'", &some, "token t"),
        ("mode: 'token', token: 't', password: '${NOPE}'", &none, "token t"),
        (
            "mode: 'password'",
            &none,
            "gateway.auth.mode is \"password\" and there is no password; set gateway.auth.password or OPENCLAW_GATEWAY_PASSWORD",
        ),
        (
            "token: '${NOPE}'",
            &some,
            "gateway.auth.token refers to the environment variable NOPE, which is not set; set it or change gateway.auth.token",
        ),
        (
            "mode: 'token', token: '${NOPE}'",
            &some,
            "gateway.auth.token refers to the environment variable NOPE, which is not set; set it or change gateway.auth.token",
        ),
    ];
    for (auth, env, want) in rows {
        let loaded = read(&format!("{{ gateway: {{ auth: {{ {auth} }} }} }}"), dir.path());
        let got = match server_auth(&loaded.config.gateway.auth, env, &paths) {
            Ok(ServerAuth::None) => "none".to_owned(),
            Ok(ServerAuth::Token(secret, _)) => format!("token {}", secret.expose_secret()),
            Ok(ServerAuth::Password(secret, _)) => format!("password {}", secret.expose_secret()),
            Ok(ServerAuth::TrustedProxy(_)) => "trusted-proxy".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, want, "{auth}");
    }
    assert!(!paths.gateway_token_file().exists());
    let made = server_auth(&config::AuthConfig::default(), &none, &paths).expect("a token");
    assert!(matches!(made, ServerAuth::Token(..)) && paths.gateway_token_file().exists());
}

#[cfg(unix)]
#[test]
fn a_secret_comes_from_a_program_that_is_asked_without_a_shell() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let program = |name: &str, script: &str, mode: u32| {
        let file = dir.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("permissions");
    };
    let answers = r#"q=$(cat); case "$q" in *'"ids":["a/b#c"]'*'"provider"'*|*'"provider":"good"'*'"ids":["a/b#c"]'*) echo "{\"protocolVersion\":1,\"values\":{\"a/b#c\":\"from $1 $VAULT ${HOME-nohome}\"}}";; *) echo '{"protocolVersion":1,"values":{},"errors":{"none":{"code":"NOT_FOUND","message":"hush"}}}';; esac"#;
    program("good", answers, 0o700);
    program("plain", "echo bare", 0o700);
    program("fails", "echo hush; echo hush >&2; exit 3", 0o700);
    program("hangs", "sleep 600", 0o700);
    program(
        "floods",
        "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
        0o700,
    );
    program("shared", "echo bare", 0o777);
    std::os::unix::fs::symlink(dir.path().join("good"), dir.path().join("link")).expect("a link");
    program("number", "echo 0012; echo", 0o700);
    program("text", "echo '\"quoted\"'", 0o700);
    program("object", "echo '{\"values\": {\"x\": 1}}'", 0o700);
    for sub in ["sub", "subway"] {
        std::fs::create_dir(dir.path().join(sub)).expect("a directory");
    }
    program("subway/plain", "echo bare", 0o700);
    // A directory that looks as if it were below another.
    std::os::unix::fs::symlink(dir.path(), dir.path().join("sub/away")).expect("a link");
    let providers = "secrets: { providers: {
        good: { source: 'exec', command: '~/good', args: ['$(id) arg'], passEnv: ['VAULT', 'UNSET'] },
        plain: { source: 'exec', command: '~/plain', jsonOnly: false }, strict: { source: 'exec', command: '~/plain' },
        fails: { source: 'exec', command: '~/fails' }, hangs: { source: 'exec', command: '~/hangs', timeoutMs: 200 },
        floods: { source: 'exec', command: '~/floods', maxOutputBytes: 1000 }, shared: { source: 'exec', command: '~/shared' },
        link: { source: 'exec', command: '~/link' }, gone: { source: 'exec', command: '~/gone' },
        dir: { source: 'exec', command: '~/good', trustedDirs: ['/nowhere'] },
        up: { source: 'exec', command: '~/sub/../plain', jsonOnly: false, trustedDirs: ['~/sub'] },
        away: { source: 'exec', command: '~/sub/away/plain', jsonOnly: false, trustedDirs: ['~/sub'] },
        near: { source: 'exec', command: '~/subway/plain', jsonOnly: false, trustedDirs: ['~/sub'] },
        home: { source: 'exec', command: '~/sub/../plain', jsonOnly: false, trustedDirs: ['~/sub/away'] },
        number: { source: 'exec', command: '~/number', jsonOnly: false }, text: { source: 'exec', command: '~/text', jsonOnly: false },
        object: { source: 'exec', command: '~/object', jsonOnly: false }, bad: { source: 'exec', command: '~/number' } },
        defaults: { exec: 'good' } },
        env: { vars: { VAULT: 'v' } }";
    let get = |provider: &str, id: &str| {
        let reference = format!("{{ source: 'exec', provider: '{provider}', id: '{id}' }}");
        token(dir.path(), &reference, providers, &Env::default())
    };
    assert_eq!(get("good", "a/b#c"), Ok(Some("from $(id) arg v nohome".to_owned())));
    for (provider, want) in [
        ("plain", "bare"),
        ("home", "bare"),
        ("number", "0012"),
        ("text", "quoted"),
        ("object", "{\"values\": {\"x\": 1}}"),
    ] {
        assert_eq!(get(provider, "x"), Ok(Some(want.to_owned())), "{provider}");
    }
    for (provider, id, want) in [
        ("good", "none", "it has no secret \"none\" (NOT_FOUND)"),
        ("good", "other", "it gave no value for \"other\""),
        ("strict", "x", "its answer is no JSON"),
        ("fails", "x", "it failed (exit status: 3)"),
        ("hangs", "x", "it did not answer within 0.2 s"),
        ("floods", "x", "it answered more than 1000 bytes"),
        ("shared", "x", "can be changed by others"),
        ("link", "x", "is a link"),
        ("gone", "x", "it cannot be found"),
        ("dir", "x", "lies in none of its trustedDirs"),
        ("up", "x", "lies in none of its trustedDirs"),
        ("away", "x", "lies in none of its trustedDirs"),
        ("near", "x", "lies in none of its trustedDirs"),
        ("bad", "x", "its answer is no JSON"),
    ] {
        let error = get(provider, id).expect_err(provider).to_string();
        let begins = format!("gateway.auth.token refers to \"{id}\" of secrets.providers.{provider} (");
        assert!(error.starts_with(&begins) && error.contains(want) && !error.contains("hush"), "{error}");
    }
}

#[test]
fn where_a_secret_comes_from_is_told_without_asking_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let env = Env::from([("A", "one")]);
    let providers = "secrets: { providers: { f: { source: 'file', path: '/no/such/file' } } }";
    for (text, want) in [
        ("'plain'", SecretOrigin::Config),
        ("' '", SecretOrigin::Missing),
        ("'$A'", SecretOrigin::Variable("A")),
        ("' ${A} '", SecretOrigin::Variable("A")),
        ("'x-${A}'", SecretOrigin::Config),
        ("'${B}'", SecretOrigin::Missing),
        ("{ source: 'env', id: 'A' }", SecretOrigin::Variable("A")),
        ("{ source: 'env', id: 'B' }", SecretOrigin::Missing),
        ("{ source: 'file', provider: 'f', id: '/a' }", SecretOrigin::Config),
        ("{ source: 'exec', provider: 'none', id: 'a' }", SecretOrigin::Missing),
    ] {
        let loaded =
            read(&format!("{{ gateway: {{ auth: {{ token: {text} }} }}, {providers} }}"), dir.path());
        let input = loaded.config.gateway.auth.token.expect("a secret");
        assert_eq!(input.origin(&env), want, "{text}");
    }
}

#[test]
fn a_provider_says_what_it_means_or_the_config_is_wrong() {
    let issues = |provider: &str| {
        let text = format!("{{ secrets: {{ providers: {{ p: {{ {provider} }} }} }} }}");
        match parse(&text, Path::new("/c/openclaw.json"), &Env::default()) {
            Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            Err(error) => format!("refused: {error}"),
        }
    };
    for (provider, place) in [
        ("source: 'exec', command: '/bin/x', trustedDir: ['/bin']", "secrets.providers.p.trustedDir"),
        ("source: 'file', path: '/x', maxbytes: 5", "secrets.providers.p.maxbytes"),
        ("source: 'env', allow: ['A']", "secrets.providers.p.allow"),
        ("source: 'exec', command: 'bin/x'", "secrets.providers.p.command"),
        ("source: 'exec', command: ['/bin/x']", "secrets.providers.p.command"),
        ("source: 'exec', command: '/bin/x', trustedDirs: ['bin']", "secrets.providers.p.trustedDirs"),
        ("source: 'exec', command: '/bin/x', trustedDirs: '/bin'", "secrets.providers.p.trustedDirs"),
        ("source: 'exec', command: '/bin/x', jsonOnly: 'no'", "secrets.providers.p.jsonOnly"),
        ("source: 'exec', command: '/bin/x', env: { A: 4711 }", "secrets.providers.p.env"),
        ("source: 'file', path: '/x', mode: 'text'", "secrets.providers.p.mode"),
        ("source: 'file', mode: 'json'", "secrets.providers.p"),
        ("source: 'vault'", "secrets.providers.p.source"),
    ] {
        let said = issues(provider);
        assert!(said.starts_with("refused") && said.contains(&format!("{place}: ")), "{provider}: {said}");
        assert!(!said.contains("4711"), "{said}");
    }
    let said = issues("source: 'exec', command: '/bin/x', allowSymlinkCommand: true");
    assert!(
        said.contains("allowSymlinkCommand") && said.contains("a link is refused all the same"),
        "{said}"
    );
}
