//! TLS and pins through the program itself: a gateway with a certificate of its own, and those who go to it.

use crate::live::{Program, TOKEN};
use crate::support::{Home, Ran};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

struct Host {
    home: Home,
    gateway: Program,
    url: String,
    pin: String,
}

impl Host {
    fn start() -> Self {
        let config =
            json!({"gateway": {"tls": {"enabled": true}, "auth": {"mode": "token", "token": TOKEN}}});
        Self::start_in(Home::with_config(&config.to_string()), "0")
    }

    fn start_in(home: Home, port: &str) -> Self {
        let gateway = Program::start("gateway", home.command(&["gateway", "run", "--port", port, "--json"]));
        let text = |said: &Value, key: &str| said[key].as_str().map(str::to_owned);
        let (url, pin) = gateway
            .wait_for_json("its address", |said| Some((text(said, "url")?, text(said, "tlsFingerprint")?)));
        Self { home, gateway, url, pin }
    }

    fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    /// `health` from elsewhere, with these flags more.
    fn health_from(&self, elsewhere: &Home, flags: &[&str]) -> Ran {
        let mut args = vec!["health", "--json", "--url", &self.url, "--token", TOKEN];
        args.extend(flags);
        elsewhere.run(&args)
    }
}

#[test]
fn a_host_knows_its_own_gateway_and_others_are_told_what_to_pin() {
    let host = Host::start();
    assert!(host.url.starts_with("wss://127.0.0.1:"), "{}", host.url);
    for command in ["health", "status"] {
        let here = host.home.run(&[command, "--json", "--port", host.port()]);
        assert_eq!(here.code, 0, "{command}: {}", here.err);
    }
    let probe = host.home.run(&["gateway", "probe", "--json", "--port", host.port()]);
    assert_eq!((probe.code, &probe.json()["targets"][0]["url"]), (0, &json!(host.url)), "{}", probe.err);
    let status = host.home.run(&["gateway", "status", "--port", host.port()]);
    assert!(status.code == 0 && status.out.contains(&host.pin), "{}{}", status.out, status.err);
    let printed = host.home.run(&["gateway", "tls", "fingerprint", "--json"]).json();
    assert_eq!(printed["leaf"], host.pin);
    assert_eq!(printed["pin"]["gateway"]["remote"]["tlsFingerprint"], host.pin);
    let text = host.home.run(&["gateway", "tls", "fingerprint"]);
    assert!(text.out.contains(&format!("tlsFingerprint: \"{}\",", host.pin)), "{}", text.out);

    // The line that was printed, in the configuration of another computer.
    let remote = json!({"url": host.url, "token": TOKEN, "tlsFingerprint": [format!("sha256:{}", "0".repeat(64)), host.pin]});
    let laptop = Home::with_config(&json!({"gateway": {"mode": "remote", "remote": remote}}).to_string());
    let far = laptop.run(&["health", "--json"]);
    assert_eq!(far.code, 0, "{}", far.err);
    assert_eq!(host.gateway.stop("-TERM"), Some(0));
}

#[test]
fn another_certificate_is_exit_code_7_with_both_fingerprints() {
    let (host, elsewhere) = (Host::start(), Home::new());
    let wrong = format!("sha256:{}", "ab".repeat(32));
    let refused = host.health_from(&elsewhere, &["--tls-fingerprint", &wrong]);
    assert_eq!(refused.code, 7, "{}", refused.out);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "TLS_PIN_MISMATCH");
    assert_eq!(
        (&error["details"]["expected"], &error["details"]["seen"]["leaf"]),
        (&json!([wrong]), &json!(host.pin))
    );
    let any = host.health_from(&elsewhere, &["--tls-fingerprint", &wrong, "--tls-fingerprint", &host.pin]);
    assert_eq!(any.code, 0, "{}", any.err);
    let spelled = host.pin.replace("sha256:", "").to_uppercase();
    assert_eq!(host.health_from(&elsewhere, &["--tls-fingerprint", &spelled]).code, 0);
    let nonsense = host.health_from(&elsewhere, &["--tls-fingerprint", "abcd"]);
    assert!(nonsense.code == 2 && nonsense.out.contains("gateway tls fingerprint"), "{}", nonsense.out);

    // A node does not try again what only people can look into.
    let node =
        elsewhere.run(&["node", "run", "--url", &host.url, "--token", TOKEN, "--tls-fingerprint", &wrong]);
    assert_eq!(node.code, 7, "{}", node.err);
    assert!(node.err.contains(&wrong) && node.err.contains(&host.pin), "{}", node.err);
}

#[test]
fn a_node_comes_over_tls_to_the_certificate_that_it_was_told_of() {
    let (host, laptop) = (Host::start(), Home::new());
    let flags = ["--host", "127.0.0.1", "--port", host.port(), "--tls", "--tls-fingerprint", &host.pin];
    let mut command = laptop.command(&[&["node", "run", "--json"], &flags[..]].concat());
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN);
    let node = Program::start("node", command);
    let url = node.wait_for_json("a connection", |said| {
        (said["type"] == "connected").then(|| said["url"].as_str().unwrap().to_owned())
    });
    assert_eq!(url, host.url);
    let listed = host.home.run(&["nodes", "list", "--json", "--port", host.port()]);
    assert!(listed.code == 0 && listed.out.contains("\"connected\": true"), "{}{}", listed.out, listed.err);
    assert_eq!(node.stop("-TERM"), Some(0));
}

#[test]
fn what_a_person_trusted_is_what_counts_and_leads_to_the_next_key() {
    let (host, elsewhere) = (Host::start(), Home::new());
    assert_eq!(host.health_from(&elsewhere, &[]).code, 3, "nobody stands behind that certificate");
    let trust = |flags: &[&str]| {
        let mut args = vec!["remote", "trust", &host.url];
        args.extend(flags);
        elsewhere.run(&args)
    };
    let unasked = trust(&[]);
    assert!(unasked.code == 2 && unasked.err.contains(&host.pin), "{}{}", unasked.out, unasked.err);
    assert_eq!(trust(&["--yes"]).code, 2, "without a look there is nothing to agree to");
    let other = format!("sha256:{}", "cd".repeat(32));
    assert_eq!(trust(&["--fingerprint", &other, "--yes"]).code, 7);
    assert_eq!(host.health_from(&elsewhere, &[]).code, 3, "nothing was kept");
    let done = trust(&["--fingerprint", &host.pin, "--yes"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(host.health_from(&elsewhere, &[]).code, 0);

    // It was told of the next key on that connection.
    let switched = host.home.run(&["gateway", "tls", "rotate", "--switch", "--json"]);
    assert_eq!(switched.code, 0, "{}", switched.err);
    let leaf = switched.json()["leaf"].as_str().unwrap().to_owned();
    assert_ne!(leaf, host.pin);
    host.gateway.wait_for("the new certificate", |line| {
        (line.contains("taken up") && line.contains(&leaf)).then_some(())
    });
    let led = host.health_from(&elsewhere, &[]);
    assert_eq!(led.code, 0, "{}", led.out);
    let stranger = host.health_from(&Home::new(), &["--tls-fingerprint", &host.pin]);
    assert_eq!(stranger.code, 7, "{}", stranger.out);
    let here = host.home.run(&["health", "--json", "--port", host.port()]);
    assert_eq!(here.code, 0, "{}", here.err);
}

#[test]
fn trusting_the_same_certificate_anew_lets_a_new_identity_be_learned() {
    let (host, elsewhere) = (Host::start(), Home::new());
    let trust = |url: &str, pin: &str| {
        let done = elsewhere.run(&["remote", "trust", url, "--fingerprint", pin, "--yes", "--json"]);
        assert_eq!(done.code, 0, "{}", done.err);
        done.json()["changed"].clone()
    };
    let learned = || {
        let file = elsewhere.state().join("identity/gateway-pins.json");
        let stored: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let gateway = stored["gateways"].as_object().unwrap().values().next().unwrap().clone();
        gateway["learned"]["identity"].as_str().map(str::to_owned)
    };
    assert_eq!(trust(&host.url, &host.pin), true);
    assert_eq!(trust(&host.url, &host.pin), false, "there is nothing to begin anew");
    assert_eq!(host.health_from(&elsewhere, &[]).code, 0);
    let first = learned().expect("its identity is known");

    // Set up anew, with the certificate that clients have pinned.
    let Host { home, gateway, url, pin } = host;
    assert_eq!(gateway.stop("-TERM"), Some(0));
    std::fs::remove_file(home.state().join("identity/gateway.key")).unwrap();
    let host = Host::start_in(home, url.rsplit(':').next().unwrap());
    assert_eq!((&host.url, &host.pin), (&url, &pin));
    let told = host.health_from(&elsewhere, &[]);
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.err.contains(&format!("openclaw remote trust {url}")), "{}", told.err);
    assert_eq!(learned().as_ref(), Some(&first));

    // What it was told to do helps.
    assert_eq!(trust(&url, &pin), true);
    assert_eq!(learned(), None);
    let after = host.health_from(&elsewhere, &[]);
    assert!(after.code == 0 && !after.err.contains("another identity"), "{}{}", after.out, after.err);
    assert!(learned().is_some_and(|identity| identity != first));
}

#[test]
fn the_next_certificate_is_for_the_configured_address_too() {
    let config = json!({"gateway": {"tls": {"enabled": true}, "bind": "custom", "customBindHost": "127.0.0.7",
        "auth": {"mode": "token", "token": TOKEN}}});
    let host = Host::start_in(Home::with_config(&config.to_string()), "0");
    let is_for_it = || {
        let pem = std::fs::read_to_string(host.home.state().join("gateway/tls/gateway-cert.pem")).unwrap();
        let digits: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(digits).unwrap();
        // An address among the names: tag 7 of GeneralName, four bytes.
        der.windows(6).any(|bytes| bytes == [0x87, 4, 127, 0, 0, 7])
    };
    assert!(is_for_it());
    let switched = host.home.run(&["gateway", "tls", "rotate", "--switch", "--json"]);
    assert_eq!(switched.code, 0, "{}", switched.err);
    assert_ne!(switched.json()["leaf"], host.pin);
    assert!(is_for_it());
    assert_eq!(host.gateway.stop("-TERM"), Some(0));
}
