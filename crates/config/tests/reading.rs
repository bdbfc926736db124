//! What a config means, and what is said about one that is wrong.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use config::{
    Bind, Config, ConfigError, DmPolicy, Env, ExecHost, GroupPolicy, InputKind, Level, Loaded, McpTlsConfig,
    McpWayConfig, Paths, ProviderApi, QueueMode, TelegramConfig, load, parse,
};
use model::ExposeSecret;

/// The config that runs a Telegram bot with a local model.
const BOTH: &str = r#"{ gateway: { mode: "local", port: 18789, bind: "loopback", auth: { mode: "token", token: "long-random" } },
  models: { providers: { local: { baseUrl: "http://127.0.0.1:11434/v1", apiKey: "none", api: "openai-completions",
    models: [ { id: "some-model", name: "Some", contextWindow: 128000, maxTokens: 8192 } ] } } },
  agents: { defaults: { model: { primary: "local/some-model" } } },
  channels: { telegram: { enabled: true, botToken: "123:abc", apiRoot: "https://api.telegram.org", dmPolicy: "pairing", allowFrom: [] } } }"#;

fn env() -> Env {
    Env::from([("HOME", "/home/user")])
}

fn read(text: &str) -> Result<Loaded, ConfigError> {
    parse(text, Path::new("openclaw.json"), &env())
}

fn good(text: &str) -> Loaded {
    read(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// The errors as printed.
fn errors(text: &str) -> Vec<String> {
    match read(text) {
        Err(ConfigError::Invalid(found)) => found.iter().map(ToString::to_string).collect(),
        other => panic!("{text}\n{other:?}"),
    }
}

fn warnings(text: &str) -> Vec<String> {
    good(text).warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_config_is_read_without_a_word() {
    let loaded = good(BOTH);
    assert_eq!(loaded.warnings, []);
    let config = &loaded.config;
    assert_eq!((config.gateway.port, config.gateway.bind), (Some(18789), Bind::Loopback));
    let local = config.models.providers.get("local").expect("the provider");
    assert_eq!(
        (local.base_url.as_str(), local.api),
        ("http://127.0.0.1:11434/v1", ProviderApi::OpenaiCompletions)
    );
    let model = local.model("some-model").expect("the model");
    assert_eq!((model.context_window, model.max_tokens), (Some(128_000), Some(8192)));
    assert_eq!(model.input, [InputKind::Text]);
    assert_eq!(config.agents.model("main").primary.as_deref(), Some("local/some-model"));
    let telegram = config.channels.telegram.as_ref().expect("the channel");
    assert_eq!((telegram.dm_policy, telegram.group_policy), (DmPolicy::Pairing, GroupPolicy::Allowlist));
    let token = telegram.token(&env()).expect("a token").expect("a token");
    assert_eq!(token.expose_secret(), "123:abc");
}

#[test]
fn an_empty_config_has_the_defaults() {
    let config = good("{}").config;
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    assert!(
        config.gateway.nodes.pairing.auto_approve_local && config.gateway.auth.rate_limit.exempt_loopback
    );
    assert_eq!(config.gateway.auth.rate_limit.lockout_ms, 300_000);
    assert_eq!((config.messages.queue.mode, config.messages.queue.cap), (QueueMode::Steer, 20));
    assert_eq!((config.tools.exec.host, config.tools.exec.timeout_seconds), (ExecHost::Auto, 1800));
    assert_eq!((config.agents.default_id(), config.session.main_key.as_str()), ("main", "main"));
    assert!(config.channels.telegram.is_none());
}

#[test]
fn json5_is_read_as_people_write_it() {
    let text = "\u{feff}// head\n{ 'gateway': { /* a */ \"port\": 0x4965, bind: 'lan', }, agents: { defaults: { model: 'a/b', timeoutSeconds: +6e2, workspace: '~/w' } },\n messages: { queue: { mode: 'co\\\nllect', byChannel: { telegram: 'steer' } } },\n channels: { telegram: { allowFrom: ['tg:1', 2, -3, '@n', 'telegram: 5 '], groups: { '*': { requireMention: false }, '-100': { enabled: false } } } } }\n";
    let config = good(text).config;
    assert_eq!(config.gateway.port, Some(18789));
    assert!(config.gateway.opens_to_others());
    assert_eq!(config.agents.defaults.timeout_seconds, 600);
    assert_eq!(config.agents.defaults.workspace, Some(PathBuf::from("/home/user/w")));
    assert_eq!(config.messages.queue.mode_for("telegram"), QueueMode::Steer);
    assert_eq!(config.messages.queue.mode_for("webchat"), QueueMode::Collect);
    let telegram = config.channels.telegram.expect("the channel");
    assert_eq!(telegram.allow_from, ["1", "2", "-3", "@n", "5"]);
    let group = telegram.group("-100").expect("listed");
    assert!(!group.is_enabled() && !group.requires_mention());
    assert!(telegram.group("-7").expect("any").is_enabled());
}

#[test]
fn agents_are_read_from_entries_and_from_the_older_list() {
    let entries = "{ agents: { entries: { ops: { name: 'Ops' }, main: { default: true, model: { primary: 'a/b', fallbacks: ['c/d'] }, identity: { emoji: 'x' } } } } }";
    let list = "{ agents: { list: [ { id: 'ops', name: 'Ops' }, { id: 'main', default: true, model: { primary: 'a/b', fallbacks: ['c/d'] }, identity: { emoji: 'x' } } ] } }";
    let (entries, list) = (good(entries), good(list));
    assert_eq!(entries.config.agents, list.config.agents);
    for loaded in [&entries, &list] {
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
    assert_eq!(entries.config.agents.default_id(), "main");
    assert_eq!(entries.config.agents.fallbacks("main"), ["c/d"]);
}

#[test]
fn an_agent_with_a_model_of_its_own_falls_back_on_what_it_says_itself_alone() {
    let text = "{ agents: { defaults: { model: { primary: 'a/1', fallbacks: ['a/2'] } }, entries: {
        plain: {}, strict: { model: 'b/1' }, open: { model: { primary: 'b/1', fallbacks: ['b/2'] } },
        other: { model: { fallbacks: ['c/2'] } }, none: { model: { fallbacks: [] } } } } }";
    let agents = good(text).config.agents;
    let chain = |id: &str| {
        let mut all = vec![agents.model(id).primary.as_deref().unwrap_or_default()];
        all.extend(agents.fallbacks(id).iter().map(String::as_str));
        all.join(" ")
    };
    assert_eq!(
        ["plain", "strict", "open", "other", "none", "unknown"].map(chain),
        ["a/1 a/2", "b/1", "b/1 b/2", "a/1 c/2", "a/1", "a/1 a/2"]
    );
}

#[test]
fn the_order_of_profiles_is_what_somebody_wrote_or_those_that_are_named() {
    let text = "{ auth: { order: { openai: ['b', 'a'], empty: [] }, profiles: {
        a: { provider: 'openai', mode: 'api_key' }, x: { provider: 'anthropic', mode: 'token' } } } }";
    let auth = good(text).config.auth;
    assert_eq!(auth.order_of("openai"), Some(vec!["b".to_owned(), "a".to_owned()]));
    assert_eq!(auth.order_of("empty"), Some(vec![]));
    assert_eq!(auth.order_of("anthropic"), Some(vec!["x".to_owned()]));
    assert_eq!(auth.order_of("nobody"), None);
}

#[test]
fn every_wrong_value_is_named_at_once_with_its_place_and_what_is_allowed() {
    let text = r#"{
  gateway: {
    port: 70000,
    auth: { mode: "tokn", token: 5 },
    bind: "custom",
  },
  channels: { telegram: { dmPolicy: "open", allowFrom: [1, true], apiRoot: "ftp://x" } },
  models: { providers: { a: { models: [{ name: "no id" }] } } },
  agents: { defaults: null, entries: { "Bad Id": {} } },
}"#;
    let want = [
        "openclaw.json:3:11: gateway.port: 70000 is not allowed; use a whole number from 1 to 65535",
        "openclaw.json:4:19: gateway.auth.mode: \"tokn\" is not allowed; use one of none, token, password, trusted-proxy",
        "openclaw.json:4:34: gateway.auth.token: a number is not allowed; use a string, \"${NAME}\" or {source: \"env\", \"file\" or \"exec\", provider, id}",
        "openclaw.json:5:11: gateway.bind: \"custom\" needs gateway.customBindHost: one address of this host",
        "openclaw.json:7:37: channels.telegram.dmPolicy: \"open\" lets everyone write to the bot and needs allowFrom: [\"*\"] to say so",
        "openclaw.json:7:60: channels.telegram.allowFrom[1]: true is not allowed; use a string or a whole number",
        "openclaw.json:7:76: channels.telegram.apiRoot: \"ftp://x\" is not allowed; use an http:// or https:// URL without /bot<token>",
        "openclaw.json:8:40: models.providers.a.models[0].id: is missing; use the model's id at the provider",
        "openclaw.json:9:23: agents.defaults: null is not allowed; use an object",
        "openclaw.json:9:50: agents.entries[\"Bad Id\"].id: the agent id \"Bad Id\" is not allowed; use small letters, digits, - and _, 64 at most",
    ];
    let mut got = errors(text);
    got.sort();
    let mut want = want.map(str::to_owned);
    want.sort();
    assert_eq!(got, want);
}

#[test]
fn what_would_weaken_the_gateway_if_it_were_passed_over_is_an_error() {
    let rows = [
        ("{ gateway: { auth: { token: 'a', password: 'b' } } }", "gateway.auth.mode must say which counts"),
        ("{ gateway: { remote: { tlsFingerprint: 'sha256:abcd' } } }", "no fingerprint of a certificate"),
        ("{ gateway: { auth: { $include: './auth.json5' } } }", "cannot include"),
        ("{ $include: './all.json5' }", "cannot include"),
        ("{ gateway: { trustedProxies: ['10.0.0.0/40'] } }", "use an IP address or a range"),
        ("{ gateway: { auth: { mode: 'none' }, bind: 'lan' } }", "\"none\" is allowed on loopback only"),
        ("[]", "the config must be an object"),
    ];
    for (text, want) in rows {
        let got = errors(text);
        assert!(got.len() == 1 && got.iter().all(|error| error.contains(want)), "{text}: {got:?}");
    }
}

#[test]
fn unknown_keys_are_kept_and_told_with_the_nearest_known_one() {
    let text = "{\n  gatway: { a: 1 },\n  gateway: { auth: { tokn: 'x' }, zebra: 1 },\n  channels: { telegram: { dmpolicy: 'open' } },\n}";
    assert_eq!(
        warnings(text),
        [
            "openclaw.json:2:3: gatway: unknown key; did you mean `gateway`?",
            "openclaw.json:3:22: gateway.auth.tokn: unknown key; did you mean `token`?",
            "openclaw.json:3:35: gateway.zebra: unknown key",
            "openclaw.json:4:27: channels.telegram.dmpolicy: unknown key; did you mean `dmPolicy`?",
        ]
    );
    assert_eq!(good(text).source["gatway"]["a"], 1);
}

#[test]
fn a_section_that_this_version_does_not_use_gets_one_quiet_note() {
    let text = "{ $schema: 'x', meta: { a: 1 }, hooks: { enabled: true, zzz: [] }, gateway: { reload: { mode: 'off' }, http: {} }, channels: { discord: { token: 'x' } } }";
    let loaded = good(text);
    assert!(loaded.warnings.iter().all(|warning| warning.level == Level::Note));
    let kept = "not supported by this version yet; kept as it is";
    assert_eq!(
        warnings(text),
        [
            format!("openclaw.json:1:33: hooks: {kept}"),
            format!("openclaw.json:1:104: gateway: {kept}: http"),
            format!("openclaw.json:1:128: channels: {kept}: discord"),
        ]
    );
}

#[test]
fn what_restricts_and_is_not_used_is_warned_about_unless_it_is_off() {
    let loud = "{ agents: { defaults: { sandbox: { mode: 'all' } } }, gateway: { roles: { default: 'x' } }, tools: { profile: 'minimal' } }";
    let quiet =
        "{ agents: { defaults: { sandbox: { mode: 'off' } } }, gateway: { tailscale: { mode: 'off' } } }";
    let levels = |text: &str| good(text).warnings.iter().map(|warning| warning.level).collect::<Vec<_>>();
    assert_eq!(levels(loud), [Level::Warning; 3]);
    assert_eq!(levels(quiet), [Level::Note; 1]);
}

#[test]
fn what_publishes_the_gateway_and_who_says_who_somebody_is_must_fit_together() {
    let gateway = |inner: &str| format!("{{ gateway: {{ {inner} }} }}");
    for (inner, part) in [
        (
            "tailscale: { mode: 'funnel' }, auth: { mode: 'token', token: 't' }",
            "needs gateway.auth.mode \"password\"",
        ),
        ("tailscale: { mode: 'serve' }, bind: 'lan'", "set gateway.bind to \"loopback\""),
        ("tailscale: { mode: 'serve' }, auth: { mode: 'none' }", "allowed on loopback only"),
        ("tailscale: { mode: 'serve', serviceName: 'svc:a' }", "remove the key"),
        (
            "auth: { mode: 'trusted-proxy', trustedProxy: { userHeader: 'x-user' } }",
            "needs gateway.trustedProxies",
        ),
        ("trustedProxies: ['10.0.0.1'], auth: { mode: 'trusted-proxy' }", "userHeader"),
        (
            "trustedProxies: ['10.0.0.1'], auth: { mode: 'trusted-proxy', trustedProxy: { userHeader: 'x user' } }",
            "no name of a header",
        ),
        (
            "trustedProxies: ['10.0.0.1'], auth: { mode: 'trusted-proxy', token: 't', trustedProxy: { userHeader: 'x-user' } }",
            "exclude each other",
        ),
        ("auth: { identityScopes: { 'a@b.c': ['operator.nuke'] } }", "operator.admin"),
    ] {
        let found = errors(&gateway(inner));
        assert!(found.iter().any(|error| error.contains(part)), "{inner}: {found:?}");
    }
    let proxy = "trustedProxies: ['10.0.0.1'], auth: { mode: 'trusted-proxy', identityScopes: { 'A@b.c': ['operator.read'] }, trustedProxy: { userHeader: ' X-User ', deviceAutoApprove: { enabled: true } } }";
    let config = good(&gateway(proxy)).config.gateway;
    let read = config.auth.trusted_proxy.expect("the section");
    assert_eq!((read.user_header.as_str(), read.allow_loopback), ("x-user", false));
    assert_eq!(read.auto_approve.expect("enabled").scopes.len(), 4);
    assert_eq!(config.auth.identity_scopes["A@b.c"], ["operator.read"]);
}

#[test]
fn a_provider_whose_api_is_not_spoken_is_left_out_with_a_warning() {
    let text = "{ models: { providers: { g: { api: 'google-vertex', models: [] }, anthropic: { apiKey: '${KEY}' }, b: { baseUrl: 'http://b/', headers: { 'X-K': 'v' } } } } }";
    let loaded = good(text);
    let names: Vec<&str> = loaded.config.models.providers.keys().map(String::as_str).collect();
    assert_eq!(names, ["anthropic", "b"]);
    let anthropic = loaded.config.models.providers.get("anthropic").expect("well known");
    assert_eq!(
        (anthropic.base_url.as_str(), anthropic.api),
        ("https://api.anthropic.com", ProviderApi::AnthropicMessages)
    );
    assert_eq!(loaded.warnings.len(), 1);
    assert!(
        errors("{ models: { providers: { g: { baseUrl: 'http://g', api: 'nonsense' } } } }")[0]
            .contains("use one of openai-completions, anthropic-messages")
    );
}

#[test]
fn variables_fill_strings_from_the_environment_and_then_from_the_config() {
    let text = "{ env: { vars: { HOST: 'h', HOME: '/other' } }, models: { providers: { a: { baseUrl: 'http://${HOST}${HOME}' } } }, logging: { file: '${NOPE}/x' } }";
    let loaded = good(text);
    let provider = loaded.config.models.providers.get("a").expect("the provider");
    assert_eq!(provider.base_url, "http://h/home/user");
    assert_eq!(loaded.config.environment(&env()).get("HOST"), Some("h"));
    assert_eq!(loaded.config.environment(&env()).get("HOME"), Some("/home/user"));
    assert!(
        loaded.warnings.iter().any(|w| w.path == "logging.file" && w.message.contains("NOPE is not set"))
    );
}

#[test]
fn text_that_is_not_json5_is_refused_with_its_place() {
    let rows = [
        ("", 1, "empty"),
        ("{\n  a: 1\n  b: 2 }", 3, ""),
        ("{ a: }", 1, ""),
        ("{ a: 'x\n' }", 1, ""),
        ("{} {}", 1, ""),
        ("{ /* ", 1, ""),
    ];
    for (text, at, part) in rows {
        match read(text) {
            Err(ConfigError::Syntax { line, message, .. }) => {
                assert_eq!(line, at, "{text:?}: {message}");
                assert!(message.contains(part), "{message}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[test]
fn depth_and_size_are_bounded_before_anything_is_parsed() {
    let deep = |text: String| match read(&text) {
        Err(ConfigError::Syntax { message, column, .. }) => (message, column),
        other => panic!("{other:?}"),
    };
    for bomb in ["[".repeat(1_000_000), "{a:".repeat(1_000_000), "// x\r[".repeat(100_000)] {
        assert!(deep(bomb).0.contains("deeper than 64"));
    }
    assert!(deep(format!("{{ a: '{}' }}", "x".repeat(4 * 1024 * 1024))).0.contains("larger"));
    assert!(read(&format!("{{ a: {}{} }}", "[".repeat(63), "]".repeat(63))).is_ok());
}

#[test]
fn a_file_that_is_missing_is_empty_and_one_that_cannot_be_read_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let env = Env::from([("OPENCLAW_STATE_DIR", dir.path().to_str().expect("a UTF-8 path"))]);
    let paths = Paths::resolve(&env, None, false).expect("paths");
    let missing = load(&paths, &env).expect("an empty config");
    assert!(!missing.exists && missing.raw.is_empty() && missing.source == serde_json::json!({}));
    assert_eq!(missing.hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    std::fs::write(&paths.config_file, BOTH).expect("a file");
    let there = load(&paths, &env).expect("a config");
    assert!(there.exists && there.raw == BOTH && there.hash.len() == 64);

    std::fs::write(&paths.config_file, b"{ a: '\xff' }").expect("a file");
    assert!(load(&paths, &env).expect_err("not UTF-8").to_string().contains("byte 6 is not UTF-8"));
    std::fs::remove_file(&paths.config_file).expect("the file");
    std::fs::create_dir(&paths.config_file).expect("a directory");
    assert!(load(&paths, &env).expect_err("a directory").to_string().contains("not a regular file"));
}

#[test]
fn a_webhook_of_the_section_is_that_of_its_own_account_and_lends_the_others_its_secret() {
    let read = |accounts: &str| {
        let section = r#"botToken: "1:a", webhookUrl: "https://h/x", webhookSecret: "s", webhookPath: "/x", webhookHost: "0.0.0.0", webhookPort: 9000,"#;
        let text = format!("{{ channels: {{ telegram: {{ {section} accounts: {{ {accounts} }} }} }} }}");
        good(&text)
    };
    let shown = |loaded: &Loaded, account: &str| {
        let telegram = loaded.config.channels.telegram.clone().unwrap();
        let hook = telegram.account(account).unwrap().webhook.clone();
        hook.map(|w| format!("{} {} {}:{} {}", w.url, w.path, w.host, w.port, w.secret.place()))
    };
    let at = "channels.telegram.webhookSecret";
    let of_section = format!("https://h/x /x 0.0.0.0:9000 {at}");
    let loaded = read("");
    assert_eq!(shown(&loaded, "default").as_deref(), Some(&*of_section));
    let loaded = read(
        r#"default: { dmPolicy: "disabled" }, b: { botToken: "2:b" }, c: { botToken: "3:c", webhookUrl: "https://h/c", webhookPort: 0 }"#,
    );
    assert_eq!(shown(&loaded, "default").as_deref(), Some(&*of_section));
    // Two bots at one address and port would be in each other's way.
    assert_eq!(shown(&loaded, "b"), None);
    assert_eq!(shown(&loaded, "c"), Some(format!("https://h/c /x 0.0.0.0:0 {at}")));
    let loaded = read(r#"default: { webhookPort: 9001 }"#);
    assert_eq!(shown(&loaded, "default"), Some(format!("https://h/x /x 0.0.0.0:9001 {at}")));
}

#[test]
fn who_could_not_be_heard_and_who_could_not_be_asked_for_transcripts_is_warned_about() {
    let text = r#"{ channels: { telegram: { botToken: "1:a", dmPolicy: "allowlist", accounts: { b: { botToken: "2:b", dmPolicy: "allowlist", allowFrom: [1] } } } },
  tools: { media: { models: [ { capabilities: ["audio"] }, { type: "cli", command: "whisper" }, { provider: "groq" } ], video: { enabled: true } } } }"#;
    let said = warnings(text);
    let parts = [
        "channels.telegram.dmPolicy: \"allowlist\" lets nobody write to the bot",
        "tools.media.models[0].provider: is missing, so that the entry is left out",
        "tools.media.models[1].type: the entry is left out",
        "tools.media.video: not supported by this version yet",
    ];
    assert_eq!(said.len(), parts.len(), "{said:#?}");
    for part in parts {
        assert!(said.iter().any(|warning| warning.contains(part)), "{part}: {said:#?}");
    }
    assert_eq!(good(text).config.tools.media.models.len(), 1);
}

#[test]
fn what_stands_in_the_place_of_a_section_is_not_told() {
    for text in [
        r#"{ gateway: { auth: "hunter2" } }"#,
        r#"{ models: { providers: "hunter2" } }"#,
        r#"{ models: { providers: { openai: "hunter2" } } }"#,
        r#"{ channels: { telegram: { accounts: { work: "hunter2" } } } }"#,
    ] {
        let said = errors(text).join("\n");
        assert!(said.contains("a string is not allowed; use an object"), "{text}: {said}");
        assert!(!said.contains("hunter"), "{said}");
    }
}

#[test]
fn accounts_with_one_bot_are_warned_of_where_both_tokens_are_written_out() {
    let warned = |accounts: &str| -> Vec<String> {
        let text = format!(
            r#"{{ channels: {{ telegram: {{ botToken: "1:a", accounts: {{ Work: {{ {accounts} }} }} }} }} }}"#
        );
        let loaded = parse(&text, Path::new("openclaw.json"), &env()).expect("it can be read");
        loaded.warnings.iter().map(ToString::to_string).collect()
    };
    let told = warned(r#"botToken: "1:other""#);
    assert!(told.len() == 1 && told[0].contains("accounts.Work.botToken"), "{told:?}");
    assert!(
        told[0].contains("has the bot of the account \"default\"") && !told[0].contains("1:other"),
        "{told:?}"
    );
    for other in [
        r#"botToken: "2:a""#,
        r#"botToken: "1:a", enabled: false"#,
        r#"botToken: "${WORK_TOKEN}""#,
        r#"botToken: "1:a", tokenFile: "/etc/work.token""#,
    ] {
        assert!(warned(other).is_empty(), "{other}: {:?}", warned(other));
    }
}

#[test]
fn accounts_take_what_they_leave_open_from_the_section_and_never_its_token() {
    let text = r#"{ channels: { telegram: { botToken: "1:a", allowFrom: [1], groups: { "-5": {} }, mediaMaxMb: 7, accounts: {
        Work: { botToken: "2:b", dmPolicy: "open", allowFrom: ["*", 2], groups: {} },
        home: { enabled: false },
        shut: { dmPolicy: "disabled", allowFrom: ["*"] } }, defaultAccount: "work" } } }"#;
    let errors = match parse(text, Path::new("openclaw.json"), &env()) {
        Err(ConfigError::Invalid(errors)) => errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert!(
        errors.len() == 1 && errors[0].contains("accounts.Work.dmPolicy"),
        "everybody is a matter of both: {errors:?}"
    );
    let text = text.replace("\"open\"", "\"allowlist\"");
    let loaded = parse(&text, Path::new("openclaw.json"), &env()).expect("it can be read");
    let telegram = loaded.config.channels.telegram.expect("the channel");
    let names = |all: Vec<&TelegramConfig>| all.iter().map(|a| a.account.clone()).collect::<Vec<_>>();
    assert_eq!(names(telegram.all_accounts()), ["default", "home", "shut", "work"]);
    assert_eq!(names(telegram.enabled_accounts()), ["default", "shut", "work"]);
    assert_eq!(telegram.default_account(), "work");
    let work = telegram.account("work").expect("it is there");
    assert_eq!((work.allow_from.as_slice(), work.groups.len()), (["2".to_owned()].as_slice(), 0));
    let shut = telegram.account("shut").expect("it is there");
    assert_eq!(
        (shut.allow_from.as_slice(), shut.groups.len(), shut.media_max_mb),
        (["1".to_owned()].as_slice(), 1, 7.0)
    );
    let from_env = Env::from_iter([("TELEGRAM_BOT_TOKEN", "3:c")]);
    assert!(shut.token(&from_env).expect("no failure").is_none(), "a token is one bot");
}

#[test]
fn a_server_of_tools_says_who_signs_in_and_which_certificates_count() {
    let server = |more: &str| {
        let text =
            format!("{{ mcp: {{ servers: {{ docs: {{ url: 'https://mcp.example.com/mcp', {more} }} }} }} }}");
        parse(&text, Path::new("/etc/openclaw.json"), &env()).map_err(|error| error.to_string())
    };
    let way = |more: &str| {
        let loaded = server(more).expect("it can be read");
        let way = loaded.config.mcp.servers.first().map(|server| server.way.clone());
        (way, loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (Some(McpWayConfig::Http { sign_in, tls, .. }), _) = way("oauth: { scope: 'docs.read' }") else {
        panic!("over HTTP")
    };
    assert_eq!((sign_in, tls), (None, McpTlsConfig { verify: true, client: None }));
    let all = "auth: 'oauth', oauth: { scope: 'docs.read', redirectUrl: 'http://127.0.0.1:8989/x', clientMetadataUrl: '' },
        sslVerify: false, clientCert: 'client.crt', clientKey: '/keys/client.key'";
    let (Some(McpWayConfig::Http { sign_in: Some(sign_in), tls, .. }), told) = way(all) else {
        panic!("over HTTP")
    };
    assert_eq!((sign_in.scope.as_deref(), sign_in.client_metadata_url), (Some("docs.read"), None));
    assert_eq!(tls.client, Some(("/etc/client.crt".into(), "/keys/client.key".into())));
    assert!(!tls.verify && told.is_empty(), "{told:?}");
    // Nobody's account is used for somebody else.
    let (none, told) = way("auth: 'oauth', oauth: { identity: 'per-requester' }");
    assert!(none.is_none() && told[0].contains("mcp.servers.docs.oauth"), "{told:?}");
    for (more, key) in
        [("clientCert: 'a'", "clientKey"), ("clientKey: 'a'", "clientCert"), ("auth: 'basic'", "auth")]
    {
        let said = server(more).err().unwrap_or_default();
        assert!(said.contains(&format!("mcp.servers.docs.{key}")), "{more}: {said}");
    }
}
