//! Joining a gateway with one pasted text: a join URL makes a node, a setup code an operator or a node, and each is good once.

use crate::live::{Gateway, Program, TOKEN};
use crate::namespaces::Net;
use crate::support::{self, Home, Ran};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

fn gateway() -> (Home, Gateway) {
    let home =
        Home::with_config(&format!("{{ gateway: {{ auth: {{ mode: 'token', token: '{TOKEN}' }} }} }}"));
    let gateway = Gateway::start(&home);
    (home, gateway)
}

fn public(gateway: &Gateway) -> String {
    format!("ws://127.0.0.1:{}", gateway.port)
}

fn join_url(home: &Home, gateway: &Gateway) -> String {
    let made = gateway.json(home, &["devices", "join-code", "--public-url", &public(gateway)]);
    assert_eq!((&made["access"], &made["gatewayUrl"]), (&json!("node"), &json!(public(gateway))), "{made}");
    made["joinUrl"].as_str().unwrap().to_owned()
}

fn setup_code(home: &Home, gateway: &Gateway, more: &[&str]) -> String {
    let public = public(gateway);
    let args = [&["qr", "--public-url", &public, "--setup-code-only"], more].concat();
    let ran = gateway.run(home, &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out.trim().to_owned()
}

/// The status line and the body of an answer.
fn http(gateway: &Gateway, method: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", gateway.port)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("cache-control: no-store"), "{head}");
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn assert_failed(ran: &Ran, code: i32, name: &str) {
    let error = ran.json();
    assert_eq!((ran.code, &error["error"]["code"]), (code, &json!(name)), "{}{}", ran.out, ran.err);
}

#[test]
fn a_join_url_makes_one_node_which_comes_back_without_a_secret() {
    let (home, gateway) = gateway();
    let url = join_url(&home, &gateway);
    let laptop = Home::new();
    let report = laptop.run(&["connect", &url, "--pair-only", "--display-name", "Laptop", "--json"]);
    assert_eq!((report.code, &report.json()["role"]), (0, &json!("node")), "{}{}", report.out, report.err);
    let config = laptop.run(&["config", "get", "gateway", "--json"]).json();
    assert_eq!(config, json!({"mode": "remote", "remote": {"url": public(&gateway)}}));
    let paired = gateway.json(&home, &["devices", "list"]);
    assert_eq!(paired["paired"][0]["displayName"], "Laptop", "{paired}");

    // Nothing but what it was given then.
    let node = Program::start("node", laptop.command(&["node", "run", "--json"]));
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    drop(node);

    let late = Home::new().run(&["connect", &url, "--pair-only", "--json"]);
    assert_failed(&late, 4, "JOIN_CODE");
    assert!(!late.out.contains(url.rsplit('/').next().unwrap()), "{}", late.out);
}

#[test]
fn connecting_as_a_node_stays_up() {
    let (home, gateway) = gateway();
    let url = join_url(&home, &gateway);
    let laptop = Home::new();
    let file = laptop.path().join("target");
    std::fs::write(&file, &url).unwrap();
    let args = ["connect", "--target-file", file.to_str().unwrap(), "--json"];
    let node = Program::start("node", laptop.command(&args));
    let report = node.wait_for_json("the pairing", |v| (v["type"] == "paired").then(|| v["report"].clone()));
    assert_eq!(report["role"], "node", "{report}");
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    assert!(!file.exists(), "what was in it is used up");
    assert_eq!(gateway.json(&home, &["nodes", "status"])["nodes"][0]["connected"], true);
    assert_eq!(node.stop("-TERM"), Some(0));
}

#[test]
fn a_setup_code_makes_an_operator_whose_commands_go_there() {
    let (home, gateway) = gateway();
    let code = setup_code(&home, &gateway, &[]);
    let laptop = Home::new();
    let joined = laptop.run(&["connect", &format!("oc-pair://{code}"), "--json"]);
    let report = joined.json();
    assert_eq!((joined.code, &report["role"]), (0, &json!("operator")), "{}{}", joined.out, joined.err);
    for command in
        [&["health"][..], &["status"], &["agents", "list"], &["qr", "--public-url", "wss://gw.example"]]
    {
        let ran = laptop.run(command);
        assert_eq!(ran.code, 0, "{command:?}: {}{}", ran.out, ran.err);
    }
    // It has come with its own token: the code is over, for it and for everybody.
    let second = Home::new().run(&["connect", &code, "--json"]);
    assert_failed(&second, 4, "AUTH_BOOTSTRAP_TOKEN_INVALID");
    assert!(!second.out.contains(&code), "{}", second.out);

    // The undo that it printed takes it back.
    for step in report["undo"][0].as_str().unwrap().split(" && ") {
        let words: Vec<&str> = step.split_whitespace().skip(1).collect();
        assert_eq!(laptop.run(&words).code, 0, "{step}");
    }
    assert_eq!(laptop.run(&["config", "get", "gateway", "--json"]).out.trim(), "{}");
    let remove = report["undo"][1].as_str().unwrap().rsplit(' ').next().unwrap();
    assert_eq!(gateway.run(&home, &["devices", "remove", remove]).code, 0);
}

#[test]
fn a_code_for_less_gives_less() {
    let (home, gateway) = gateway();
    let limited = Home::new();
    let code = setup_code(&home, &gateway, &["--limited"]);
    assert_eq!(limited.run(&["connect", &code]).code, 0);
    assert_eq!(limited.run(&["health"]).code, 0);
    let ran = limited.run(&["qr", "--public-url", "wss://gw.example"]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    let node =
        Home::new().run(&["connect", &setup_code(&home, &gateway, &["--node"]), "--pair-only", "--json"]);
    assert_eq!((node.code, &node.json()["role"]), (0, &json!("node")), "{}{}", node.out, node.err);
    let node =
        Home::new().run(&["connect", &setup_code(&home, &gateway, &[]), "--node", "--pair-only", "--json"]);
    assert_eq!((node.code, &node.json()["role"]), (0, &json!("node")), "{}{}", node.out, node.err);
}

#[test]
fn a_node_may_join_with_fewer_commands_and_keeps_to_them() {
    let (home, gateway) = gateway();
    let laptop = Home::new();
    let code = setup_code(&home, &gateway, &[]);
    let unknown = laptop.run(&["connect", &code, "--commands", "fly.away", "--pair-only", "--json"]);
    assert_failed(&unknown, 2, "USAGE");
    let few = ["--commands", "system.which,system.run", "--pair-only", "--json"];
    let ran = laptop.run(&[&["connect", &code][..], &few].concat());
    assert_eq!((ran.code, &ran.json()["role"]), (0, &json!("node")), "{}{}", ran.out, ran.err);
    assert_eq!(kept(&laptop), Some(json!(["system.which", "system.run"])));
    let pending = gateway.json(&home, &["nodes", "pending"]);
    assert_eq!(pending[0]["commands"], json!(["system.run", "system.which"]), "{pending}");

    // Later starts offer no more than that, until they are told to.
    let node = Program::start("node", laptop.command(&["node", "run", "--json"]));
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    let pending = gateway.json(&home, &["nodes", "pending"]);
    assert_eq!(pending[0]["commands"].as_array().map(Vec::len), Some(2), "{pending}");
}

fn kept_at(laptop: &Home) -> std::path::PathBuf {
    laptop.state().join("identity/node-commands.json")
}

/// What this computer offers as a node by what was said before; nothing where that was never said.
fn kept(laptop: &Home) -> Option<Value> {
    let text = std::fs::read(kept_at(laptop)).ok()?;
    Some(serde_json::from_slice::<Value>(&text).unwrap()["commands"].take())
}

#[test]
fn what_a_node_was_to_offer_is_kept_once_it_is_paired_and_not_before() {
    let (home, gateway) = gateway();
    let laptop = Home::new();
    let code = setup_code(&home, &gateway, &[]);
    let used = Home::new().run(&["connect", &code, "--json"]);
    assert_eq!(used.code, 0, "{}{}", used.out, used.err);
    let few = ["--commands", "system.which", "--pair-only", "--json"];
    let late = laptop.run(&[&["connect", &code][..], &few].concat());
    assert_failed(&late, 4, "AUTH_BOOTSTRAP_TOKEN_INVALID");
    assert_eq!(kept(&laptop), None);
    // What was kept before stays as it was.
    std::fs::create_dir_all(laptop.state().join("identity")).unwrap();
    std::fs::write(kept_at(&laptop), r#"{"commands":["system.which"]}"#).unwrap();
    let all = ["--all-commands", "--pair-only", "--json"];
    assert_failed(&laptop.run(&[&["connect", &code][..], &all].concat()), 4, "AUTH_BOOTSTRAP_TOKEN_INVALID");
    assert_eq!(kept(&laptop), Some(json!(["system.which"])));
    let fresh = setup_code(&home, &gateway, &[]);
    let ran = laptop.run(&[&["connect", &fresh][..], &all].concat());
    assert_eq!((ran.code, kept(&laptop)), (0, None), "{}{}", ran.out, ran.err);
}

#[test]
fn where_no_gateway_answers_a_node_is_told_as_soon_as_an_operator() {
    let (home, gateway) = gateway();
    let code = setup_code(&home, &gateway, &[]);
    let laptop = Home::new();
    drop(gateway);
    for role in [&[][..], &["--node", "--pair-only"]] {
        let ran = laptop.run(&[&["connect", &code, "--json"][..], role].concat());
        assert_failed(&ran, 3, "UNREACHABLE");
    }
}

#[test]
fn a_taken_place_is_not_taken_away_and_its_secrets_go_nowhere() {
    let (home, gateway) = gateway();
    let url = join_url(&home, &gateway);
    let own = Home::with_config("{ gateway: { mode: 'local' } }");
    assert_failed(&own.run(&["connect", &url, "--pair-only", "--json"]), 1, "PLACE_TAKEN");
    let other = Home::with_config(
        "// mine\n{ gateway: { mode: 'remote', remote: { url: 'wss://other.example', token: 'for-the-other' } } }",
    );
    assert_failed(&other.run(&["connect", &url, "--pair-only", "--json"]), 1, "PLACE_TAKEN");
    for taken in [
        "mode: 'remote', remote: { sshTarget: 'me@vps', token: 'for-the-other' }".to_owned(),
        format!("mode: 'remote', remote: {{ url: 'ws://127.0.0.1:{}' }}", support::free_port()),
        format!("mode: 'local', remote: {{ url: '{}' }}", public(&gateway)),
    ] {
        let home = Home::with_config(&format!("{{ gateway: {{ {taken} }} }}"));
        let ran = home.run(&["connect", &url, "--pair-only", "--json"]);
        assert_failed(&ran, 1, "PLACE_TAKEN");
    }
    // The URL was not used up by any of this.
    let forced = other.run(&["connect", &url, "--pair-only", "--force", "--json"]);
    assert_eq!(forced.code, 0, "{}{}", forced.out, forced.err);
    let file = std::fs::read_to_string(other.state().join("openclaw.json")).unwrap();
    assert!(file.contains("// mine") && !file.contains("for-the-other"), "{file}");
    let kept = std::fs::read_to_string(other.state().join("openclaw.json.bak")).unwrap();
    assert!(kept.contains("for-the-other"), "{kept}");
    let undo = &forced.json()["undo"][0];
    assert!(undo.as_str().unwrap().contains("openclaw.json.bak"), "{undo}");
    // What was meant for a gateway that had no address yet comes back, too.
    let begun = Home::with_config("{ gateway: { remote: { token: 'for-the-other' } } }");
    let joined = begun.run(&["connect", &join_url(&home, &gateway), "--pair-only", "--json"]);
    let undo = &joined.json()["undo"][0];
    assert!(joined.code == 0 && undo.as_str().unwrap().contains("openclaw.json.bak"), "{}", joined.out);
}

#[test]
fn a_code_changes_nothing_that_is_trusted_before_it_let_this_computer_in() {
    use base64::Engine;
    let nobody = support::free_port();
    let url = format!("wss://127.0.0.1:{nobody}");
    let code = |pin: &str| {
        let value = json!({"url": url, "bootstrapToken": "hush", "tlsFingerprint": pin});
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let home = Home::new();
    let pins = home.state().join("identity/gateway-pins.json");
    let ran = home.run(&["connect", &code(&"a1".repeat(32)), "--pair-only"]);
    assert!(ran.code == 3 && !pins.exists(), "{}{}", ran.out, ran.err);
}

#[test]
fn a_gateway_that_is_trusted_is_no_other_one_because_a_code_says_so() {
    use base64::Engine;
    let home = Home::with_config(&format!(
        "{{ gateway: {{ tls: {{ enabled: true }}, auth: {{ mode: 'token', token: '{TOKEN}' }} }} }}"
    ));
    let gateway = Gateway::start(&home);
    let url = format!("wss://127.0.0.1:{}", gateway.port);
    let pin = gateway.said["tlsFingerprint"].as_str().unwrap();
    let laptop = Home::new();
    let trusted = laptop.run(&["remote", "trust", &url, "--fingerprint", pin, "--yes"]);
    assert_eq!(trusted.code, 0, "{}{}", trusted.out, trusted.err);
    let pins = laptop.state().join("identity/gateway-pins.json");
    let before = std::fs::read_to_string(&pins).unwrap();
    assert!(before.contains(pin), "{before}");

    let value = json!({"url": url, "bootstrapToken": "hush", "tlsFingerprint": "a1".repeat(32)});
    let code = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let taken = laptop.run(&["connect", &code, "--pair-only", "--json"]);
    assert_failed(&taken, 1, "PLACE_TAKEN");
    assert!(taken.json()["hints"].to_string().contains("--force"), "{}", taken.out);
    // Whoever insists believes the code; the gateway does not show that certificate, and it stays trusted with its own.
    let forced = laptop.run(&["connect", &code, "--pair-only", "--force", "--json"]);
    assert_failed(&forced, 7, "TLS_PIN_MISMATCH");
    assert_eq!(std::fs::read_to_string(&pins).unwrap(), before);

    // The right one is no other: it joins.
    let code = setup_code_with_pin(&home, &gateway, &url);
    let joined = laptop.run(&["connect", &code, "--pair-only", "--json"]);
    assert_eq!(
        (joined.code, &joined.json()["role"]),
        (0, &json!("operator")),
        "{}{}",
        joined.out,
        joined.err
    );
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
}

/// A code of a gateway with TLS: it names the certificate.
fn setup_code_with_pin(home: &Home, gateway: &Gateway, public: &str) -> String {
    let ran = gateway.run(home, &["qr", "--public-url", public, "--setup-code-only"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out.trim().to_owned()
}

#[test]
fn a_join_url_of_a_gateway_with_a_certificate_of_its_own_names_it_and_nobody_else_is_asked() {
    let net = Net::make();
    let tls = "bind: 'custom', customBindHost: '10.77.0.1', tls: { enabled: true }";
    let home = Home::with_config(&format!(
        "{{ gateway: {{ {tls}, auth: {{ mode: 'token', token: '{TOKEN}' }} }} }}"
    ));
    let gateway = Net::command(&net.here, &home, &["gateway", "run", "--port", "18789", "--json"]);
    let gateway = Program::start("gateway", gateway);
    let pin = gateway.wait_for_json("its pin", |said| said["tlsFingerprint"].as_str().map(str::to_owned));
    let made = Net::run(&net.here, &home, &["devices", "join-code", "--json"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let url = made.json()["joinUrl"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://10.77.0.1:18789/j/") && url.ends_with(&format!("#{pin}")), "{url}");

    // Another certificate than the URL names: not a byte goes there, and the code stays good.
    let connect =
        |home: &Home, url: &str| Net::run(&net.there, home, &["connect", url, "--pair-only", "--json"]);
    let other = url.replace(&pin, &format!("sha256:{}", "ab".repeat(32)));
    let refused = connect(&Home::new(), &other);
    assert_failed(&refused, 7, "TLS_PIN_MISMATCH");
    assert_eq!(refused.json()["error"]["details"]["seen"]["leaf"], json!(pin));
    let unnamed = connect(&Home::new(), url.split('#').next().unwrap());
    assert_failed(&unnamed, 3, "UNREACHABLE");

    let laptop = Home::new();
    let joined = connect(&laptop, &url);
    assert_eq!((joined.code, &joined.json()["role"]), (0, &json!("node")), "{}{}", joined.out, joined.err);
    let trusted = std::fs::read_to_string(laptop.state().join("identity/gateway-pins.json")).unwrap();
    assert!(trusted.contains(&pin), "{trusted}");
    let node = Program::start("node", Net::command(&net.there, &laptop, &["node", "run", "--json"]));
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    drop(node);
    assert_eq!(gateway.stop("-TERM"), Some(0));
}

#[test]
fn a_code_names_all_ways_to_its_gateway_and_the_first_that_works_is_gone() {
    let net = Net::make();
    let ip = |namespace: &str, args: &[&str]| {
        assert!(Net::exec(namespace, "ip", args).status().unwrap().success(), "{args:?}");
    };
    // As Tailscale would give them.
    ip(&net.here, &["address", "add", "100.64.0.1/10", "dev", "v0"]);
    ip(&net.there, &["address", "add", "100.64.0.2/10", "dev", "v0"]);
    let home = Home::with_config(&format!(
        "{{ gateway: {{ bind: 'lan', tls: {{ enabled: true }}, auth: {{ mode: 'token', token: '{TOKEN}' }} }} }}"
    ));
    let gateway = Net::command(&net.here, &home, &["gateway", "run", "--port", "18789", "--json"]);
    let gateway = Program::start("gateway", gateway);
    gateway.wait_for_json("its address", |said| said.get("url").map(|_| ()));
    let code = || {
        let made = Net::run(&net.here, &home, &["qr", "--node", "--json"]);
        assert_eq!(made.code, 0, "{}", made.err);
        let ways = json!(["wss://10.77.0.1:18789", "wss://100.64.0.1:18789"]);
        assert_eq!(made.json()["gatewayUrls"], ways, "{}", made.out);
        made.json()["setupCode"].as_str().unwrap().to_owned()
    };
    for way in ["wss://10.77.0.1:18789", "wss://100.64.0.1:18789"] {
        let laptop = Home::new();
        let joined = Net::run(&net.there, &laptop, &["connect", &code(), "--pair-only", "--json"]);
        assert_eq!((joined.code, &joined.json()["url"]), (0, &json!(way)), "{}{}", joined.out, joined.err);
        let ip_of_way = way.trim_start_matches("wss://").trim_end_matches(":18789");
        ip(&net.there, &["route", "add", "unreachable", ip_of_way]);
    }
    let refused = Net::run(&net.there, &Home::new(), &["connect", &code(), "--pair-only", "--json"]);
    assert_failed(&refused, 3, "UNREACHABLE");
    assert_eq!(gateway.stop("-TERM"), Some(0));
}

#[test]
fn a_host_that_knows_no_way_out_of_its_network_makes_codes_for_that_network() {
    let net = Net::make();
    assert!(Net::exec(&net.here, "ip", &["route", "delete", "default"]).status().unwrap().success());
    let home = Home::with_config(&format!(
        "{{ gateway: {{ bind: 'lan', auth: {{ mode: 'token', token: '{TOKEN}' }} }} }}"
    ));
    let gateway = Net::command(&net.here, &home, &["gateway", "run", "--port", "18789", "--json"]);
    let gateway = Program::start("gateway", gateway);
    gateway.wait_for_json("its address", |said| said.get("url").map(|_| ()));
    let made = Net::run(&net.here, &home, &["qr", "--node", "--json"]);
    assert_eq!((made.code, &made.json()["gatewayUrl"]), (0, &json!("ws://10.77.0.1:18789")), "{}", made.err);
    let code = made.json()["setupCode"].as_str().unwrap().to_owned();
    let joined = Net::run(&net.there, &Home::new(), &["connect", &code, "--pair-only", "--json"]);
    assert_eq!((joined.code, &joined.json()["role"]), (0, &json!("node")), "{}{}", joined.out, joined.err);
    assert_eq!(gateway.stop("-TERM"), Some(0));
}

#[test]
fn a_join_url_is_fetched_once_and_only_as_it_was_made() {
    let (home, gateway) = gateway();
    let url = join_url(&home, &gateway);
    let path = format!("/j/{}", url.rsplit('/').next().unwrap());
    for (method, path) in
        [("HEAD", path.as_str()), ("POST", &path), ("GET", &format!("{path}?x")), ("GET", "/j/abc")]
    {
        assert!(http(&gateway, method, path).0.contains("404"), "{method} {path}");
    }
    // It lives as long as its code, whatever becomes of the process.
    let before = public(&gateway);
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
    let gateway = Gateway::start(&home);
    let (status, body) = http(&gateway, "GET", &path);
    assert!(status.contains("200"), "{status}");
    let payload: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(payload["url"], before);
    assert!(payload["bootstrapToken"].is_string() && payload["expiresAtMs"].is_number(), "{payload}");
    assert!(http(&gateway, "GET", &path).0.contains("404"));

    for (public_url, part) in
        [("ws://192.168.1.9:18789", "needs a gateway address with TLS"), ("ws://gw.example", "wss://")]
    {
        let ran = gateway.run(&home, &["devices", "join-code", "--public-url", public_url]);
        assert!(ran.code == 1 && ran.err.contains(part), "{}{}", ran.out, ran.err);
    }
    let ran = gateway.run(&home, &["devices", "join-code"]);
    assert!(ran.code == 1 && ran.err.contains("loopback"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_code_that_is_guessed_a_thousand_times_locks_out_and_is_one_line_in_the_log() {
    let limit = "rateLimit: { maxAttempts: 5, exemptLoopback: false }";
    let auth = format!("auth: {{ mode: 'token', token: '{TOKEN}', {limit} }}");
    let home = Home::with_config(&format!("{{ gateway: {{ {auth} }} }}"));
    let gateway = Gateway::start(&home);
    let url = join_url(&home, &gateway);
    let right = format!("/j/{}", url.rsplit('/').next().unwrap());
    let status = |path: &str| {
        let line = http(&gateway, "GET", path).0;
        line.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    let mut answers = std::collections::BTreeMap::new();
    for guess in 0..1_000 {
        *answers.entry(status(&format!("/j/{guess:08}"))).or_insert(0) += 1;
    }
    assert_eq!(answers.into_iter().collect::<Vec<_>>(), [(404, 5), (429, 995)]);
    assert_eq!(status(&right), 429, "who guesses right now is not told either");
    // The shared secret is counted apart.
    assert_eq!(gateway.run(&home, &["health"]).code, 0);
    let about: Vec<String> = gateway
        .program
        .lines()
        .into_iter()
        .filter(|line| line.contains("127.0.0.1") && line.contains("WARN"))
        .collect();
    assert!(about.len() == 1 && about[0].contains("locked out"), "{about:#?}");
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
}

#[test]
fn what_cannot_be_joined_says_why_before_anything_is_sent() {
    let nobody = support::free_port();
    let code = |value: Value| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    for (target, exit, part) in [
        ("http://gw.example/j/hush".to_owned(), 2, "without TLS"),
        ("https://gw.example/hush".to_owned(), 2, "no join URL"),
        ("https://me:hush@gw.example/j/x".to_owned(), 2, "credentials"),
        ("hush".to_owned(), 2, "no setup code"),
        (code(json!({"url": "ws://gw.example", "bootstrapToken": "hush"})), 2, "unencrypted"),
        (
            code(json!({"url": "ws://127.0.0.1:1", "bootstrapToken": "hush", "expiresAtMs": 1})),
            2,
            "time of this code is over",
        ),
        (
            code(json!({"url": format!("ws://127.0.0.1:{nobody}"), "bootstrapToken": "hush"})),
            3,
            "cannot connect",
        ),
        (format!("http://127.0.0.1:{nobody}/j/hush"), 3, "cannot fetch"),
    ] {
        let home = Home::new();
        let ran = home.run(&["connect", &target, "--pair-only"]);
        assert!(ran.code == exit && ran.err.contains(part), "{target}: {}{}", ran.out, ran.err);
        assert!(!ran.err.contains("hush") && !ran.out.contains("hush"), "{}{}", ran.out, ran.err);
        if part != "unencrypted" && exit == 2 && !part.contains("time") {
            let node = home.run(&["node", "run", "--pair", &target]);
            assert!(node.code == 2 && !node.err.contains("hush"), "{}", node.err);
        }
        assert!(!home.state().join("openclaw.json").exists(), "{target}");
    }
}
