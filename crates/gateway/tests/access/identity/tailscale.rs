//! Serve and Funnel, against a stand-in for Tailscale.

use super::page;
use crate::support::ask::{Ask, Device};
use crate::support::{PATIENCE, Raw, pass};
use config::Env;
use gateway::OwnTools;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testkit::fake_model::FakeModel;
use testkit::fake_tailscale::{FakeTailscale, NAME, OWNER, Whois};
use testkit::gateway::{TOKEN, TestGateway, TestOptions, config_with_model};
use tokio_util::sync::CancellationToken;
use tools::BoxFuture;

const LAPTOP: &str = "100.64.0.9";
const PASSWORD: &str = "a-password-that-is-long";

async fn gateway(fake: &FakeTailscale, section: &str) -> TestGateway {
    let config = format!("{{ gateway: {{ {section} }} }}");
    TestGateway::with(TestOptions { config, env: Env::from(fake.env()), ..TestOptions::default() }).await
}

async fn serving(fake: &FakeTailscale) -> TestGateway {
    gateway(fake, &format!("tailscale: {{ mode: 'serve' }}, auth: {{ mode: 'token', token: '{TOKEN}', rateLimit: {{ maxAttempts: 100 }} }}"))
        .await
}

/// Waits until `status` says this of Tailscale.
async fn reported(gateway: &TestGateway, state: &str) -> Value {
    let mut raw = Raw::connected(gateway.port(), &local(gateway)).await;
    let coming = async {
        loop {
            let report = raw.call("status", json!({})).await["tailscale"].clone();
            if report["state"] == state {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, coming).await.expect("Tailscale's state")
}

/// Lets time go by, `step` after `step`, until this is true of what `status` says of Tailscale.
async fn in_time(gateway: &TestGateway, step: u64, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut raw = Raw::connected(gateway.port(), &local(gateway)).await;
    let mut report = Value::Null;
    for _ in 0..1000 {
        report = raw.call("status", json!({})).await["tailscale"].clone();
        if is_so(&report) {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        pass(Duration::from_secs(step)).await;
    }
    panic!("it did not come to that: {report}");
}

fn says(report: &Value, key: &str, part: &str) -> bool {
    report[key].as_str().is_some_and(|text| text.contains(part))
}

fn local(gateway: &TestGateway) -> Ask {
    match gateway.gateway().auth_mode() {
        "password" => Ask::operator().auth(json!({"password": PASSWORD})),
        _ => Ask::operator(),
    }
}

/// As Serve passes it on.
fn served(fake: &FakeTailscale, ask: Ask, login: Option<&str>) -> Ask {
    let headers = [fake.headers(LAPTOP, login), ask.headers.clone()].concat();
    Ask { headers, ..ask }
}

fn laptop(number: u8) -> Ask {
    page(number, &format!("https://{NAME}"))
}

#[tokio::test]
async fn the_owners_page_is_let_in_by_name_and_paired_and_the_route_goes_with_the_gateway() {
    let fake = FakeTailscale::start().unwrap();
    fake.knows(LAPTOP, Whois::Login(OWNER));
    let gateway = serving(&fake).await;
    let report = reported(&gateway, "up").await;
    assert_eq!((&report["mode"], &report["url"]), (&json!("serve"), &json!(format!("https://{NAME}/"))));
    let (_, port) = fake.claim(true).await.unwrap();
    assert_ne!(port, gateway.port(), "a listener of its own");
    let raw = Raw::connected(port, &served(&fake, laptop(1), Some(OWNER))).await;
    assert!(raw.hello["auth"]["deviceToken"].is_string());
    // On its own port nobody believes these headers.
    let headers = fake.headers(LAPTOP, Some(OWNER));
    assert_eq!(Raw::upgrade(gateway.port(), &headers).await.err(), Some(403));
    // And on this one, nobody without them.
    assert_eq!(Raw::upgrade(port, &[]).await.err(), Some(403));
    gateway.stop().await;
    fake.claim(false).await;
}

#[tokio::test]
async fn a_name_counts_only_if_whois_says_the_same_and_only_for_an_operators_device() {
    let fake = FakeTailscale::start().unwrap();
    let gateway = serving(&fake).await;
    reported(&gateway, "up").await;
    let (_, port) = fake.claim(true).await.unwrap();
    for (known, name) in [
        (Some(Whois::Login("other@example.com")), OWNER),
        (Some(Whois::Login(OWNER)), "other@example.com"),
        (Some(Whois::Tagged), OWNER),
        (Some(Whois::Tagged), "tagged-devices"),
        (Some(Whois::Garbage), OWNER),
        (Some(Whois::Silent), OWNER),
        (None, OWNER),
    ] {
        let what = format!("{known:?} {name}");
        let known = known.unwrap_or(Whois::Garbage);
        fake.knows(LAPTOP, known);
        let refused = Raw::refused(port, &served(&fake, laptop(1), Some(name))).await.0;
        assert_eq!(refused["details"]["code"], "AUTH_TOKEN_MISSING", "{what}");
    }
    fake.knows(LAPTOP, Whois::Login(OWNER));
    // A wrong token is not made good by a name, nor is no name; a node and a program without a device need the secret.
    let wrong = served(&fake, laptop(1).auth(json!({"token": "wrong"})), Some(OWNER));
    assert_eq!(Raw::refused(port, &wrong).await.0["details"]["code"], "AUTH_TOKEN_MISMATCH");
    assert_eq!(
        Raw::refused(port, &served(&fake, laptop(1), None)).await.0["details"]["code"],
        "AUTH_TOKEN_MISSING"
    );
    let node = served(&fake, Ask::node(Device::new(2), &[]).auth(json!({})), Some(OWNER));
    assert_eq!(Raw::refused(port, &node).await.0["details"]["code"], "AUTH_TOKEN_MISSING");
    let bare = served(&fake, Ask::operator().auth(json!({})), Some(OWNER));
    assert_eq!(Raw::refused(port, &bare).await.0["details"]["code"], "DEVICE_IDENTITY_REQUIRED");
    // Who is not this host's owner is known by name, and somebody is asked about the device.
    fake.knows(LAPTOP, Whois::Login("guest@example.com"));
    let guest = Raw::refused(port, &served(&fake, laptop(3), Some("guest@example.com"))).await.0;
    assert_eq!(guest["details"]["code"], "PAIRING_REQUIRED");
    // Nobody who comes this way is local: the token lets a device ask, and no more.
    let with_token = served(&fake, laptop(4).auth(json!({"token": TOKEN})), None);
    assert_eq!(Raw::refused(port, &with_token).await.0["details"]["code"], "PAIRING_REQUIRED");
    let evil = Ask {
        headers: [fake.headers(LAPTOP, Some(OWNER)), vec![("origin", "https://evil.example".into())]]
            .concat(),
        ..laptop(5)
    };
    assert_eq!(Raw::refused(port, &evil).await.0["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    gateway.stop().await;
}

#[tokio::test]
async fn without_allow_tailscale_a_name_is_nothing() {
    let fake = FakeTailscale::start().unwrap();
    fake.knows(LAPTOP, Whois::Login(OWNER));
    let section = format!(
        "tailscale: {{ mode: 'serve' }}, auth: {{ mode: 'token', token: '{TOKEN}', allowTailscale: false }}"
    );
    let gateway = gateway(&fake, &section).await;
    reported(&gateway, "up").await;
    let (_, port) = fake.claim(true).await.unwrap();
    let refused = Raw::refused(port, &served(&fake, laptop(1), Some(OWNER))).await.0;
    assert_eq!(refused["details"]["code"], "AUTH_TOKEN_MISSING");
    gateway.stop().await;
}

#[tokio::test]
async fn commands_and_browsers_are_never_reached_over_funnel() {
    let fake = FakeTailscale::start().unwrap();
    let section =
        format!("tailscale: {{ mode: 'funnel' }}, auth: {{ mode: 'password', password: '{PASSWORD}' }}");
    let gateway = gateway(&fake, &section).await;
    reported(&gateway, "up").await;
    let (_, port) = fake.claim(true).await.unwrap();
    assert_eq!(fake.claims()[0].1, "funnel");
    let password = json!({"password": PASSWORD});
    let from_afar =
        |ask: Ask| Ask { headers: fake.funnel_headers("203.0.113.9"), ..ask.auth(password.clone()) };
    let mut owner = Raw::connected(gateway.port(), &local(&gateway)).await;
    // An operator and a node, paired on purpose, both over Funnel; and a node in the house.
    let far_operator = from_afar(Ask::operator().device(Device::new(1)));
    let far_node = from_afar(Ask::node(Device::new(2), &["system.which", "system.notify"]));
    for ask in [&far_operator, &far_node] {
        let refused = Raw::refused(port, ask).await.0;
        owner.call("device.pair.approve", json!({"requestId": refused["details"]["requestId"]})).await;
    }
    let near = Ask::node(Device::new(3), &["system.which", "system.notify"]).auth(password.clone());
    let mut near = Raw::connected(gateway.port(), &near).await;
    let mut operator = Raw::connected(port, &far_operator).await;
    let mut node = Raw::connected(port, &far_node).await;
    let pending = owner.call("node.pair.list", json!({})).await["pending"].clone();
    for request in pending.as_array().unwrap() {
        owner.call("node.pair.approve", json!({"requestId": request["requestId"]})).await;
    }
    let invoke = |node: u8, command: &str, key: &str| json!({"nodeId": Device::new(node).id(), "command": command, "params": {"bins": ["git"]}, "idempotencyKey": key});
    for (method, params) in [
        ("node.invoke", invoke(3, "system.which", "a")),
        ("node.invoke", invoke(3, "system.run", "b")),
        ("node.invoke", invoke(3, "browser.proxy", "c")),
        ("tools.invoke", json!({"name": "exec", "args": {}})),
        ("terminal.open", json!({})),
        ("exec.approvals.set", json!({"file": {}})),
        ("exec.approval.resolve", json!({"id": "x", "decision": "allow-once"})),
        ("node.pair.approve", json!({"requestId": "x"})),
        ("fs.listDir", json!({})),
        ("cron.add", json!({"name": "x"})),
        ("config.set", json!({"raw": "{}"})),
        ("config.patch", json!({"raw": "{}"})),
        ("agents.files.set", json!({"agentId": "main", "name": "HEARTBEAT.md", "content": "run it"})),
        ("wake", json!({"mode": "now", "text": "x"})),
        ("device.pair.approve", json!({"requestId": "x"})),
    ] {
        let error = operator.fails(method, params).await;
        assert_eq!(error["details"]["code"], "NOT_OVER_FUNNEL", "{method}: {error}");
    }
    // What is harmless goes, and so does the rest of an operator's work.
    operator.call("health", json!({})).await;
    let asked = operator.request("node.invoke", invoke(3, "system.notify", "d")).await;
    let call = near.invoked().await;
    near.result(&call, &json!({"model": "m"})).await;
    assert_eq!(operator.response(&asked).await["ok"], true);
    // Nor does the gateway run commands on a node that is connected that way.
    let error = owner.fails("node.invoke", invoke(2, "system.which", "e")).await;
    assert_eq!(error["details"]["code"], "NOT_OVER_FUNNEL", "{error}");
    let asked = owner.request("node.invoke", invoke(2, "system.notify", "f")).await;
    let call = node.invoked().await;
    node.result(&call, &json!({})).await;
    assert_eq!(owner.response(&asked).await["ok"], true);
    gateway.stop().await;
}

/// A server of tools beside the gateway.
struct Docs;

impl OwnTools for Docs {
    fn run<'a>(&'a self, end: &'a CancellationToken) -> BoxFuture<'a, ()> {
        Box::pin(end.cancelled())
    }

    fn lent(&self) -> Arc<Vec<Value>> {
        Arc::new(vec![json!({"pluginId": "bundle-mcp", "name": "docs__search", "description": "Searches.",
            "command": "mcp.tools.call.v1", "mcp": {"server": "docs", "tool": "search"}})])
    }

    fn call<'a>(&'a self, params: Value, _: Duration) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { Ok(params) })
    }
}

#[tokio::test]
async fn a_turn_that_begins_over_funnel_has_no_tool_that_runs_commands() {
    let fake = FakeTailscale::start().unwrap();
    let model = FakeModel::start().await;
    let token = format!(r#"auth: {{ mode: "token", token: "{TOKEN}" }}"#);
    let funnel =
        format!("tailscale: {{ mode: 'funnel' }}, auth: {{ mode: 'password', password: '{PASSWORD}' }}");
    let config = config_with_model(&model.url(), "").replace(&token, &funnel);
    let tools: Option<Arc<dyn OwnTools>> = Some(Arc::new(Docs));
    let options = TestOptions { config, env: Env::from(fake.env()), tools, ..TestOptions::default() };
    let gateway = TestGateway::with(options).await;
    reported(&gateway, "up").await;
    let (_, port) = fake.claim(true).await.unwrap();
    let password = json!({"password": PASSWORD});
    let afar = Ask {
        headers: fake.funnel_headers("203.0.113.9"),
        ..Ask::operator().device(Device::new(1)).auth(password)
    };
    let mut owner = Raw::connected(gateway.port(), &local(&gateway)).await;
    let refused = Raw::refused(port, &afar).await.0;
    owner.call("device.pair.approve", json!({"requestId": refused["details"]["requestId"]})).await;
    let mut afar = Raw::connected(port, &afar).await;
    let message =
        |key: &str| json!({"sessionKey": "agent:main:main", "message": "hi", "idempotencyKey": key});
    afar.call("chat.send", message("afar")).await;
    model.wait_for_requests(1).await;
    owner.call("chat.send", message("near")).await;
    model.wait_for_requests(2).await;
    let names = |request: &Value| -> Vec<String> {
        let tools = request["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let requests = model.requests();
    let (far, near) = (names(&requests[0]), names(&requests[1]));
    for tool in ["exec", "process", "nodes", "cron", "write", "edit", "docs__search"] {
        assert!(
            near.iter().any(|name| name == tool) && far.iter().all(|name| name != tool),
            "{tool}: {far:?}"
        );
    }
    assert!(far.iter().any(|name| name == "read"), "{far:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn who_chose_a_password_is_let_in_by_no_name_unless_that_is_said() {
    for (allow, by_name) in [("", false), ("allowTailscale: true,", true)] {
        let fake = FakeTailscale::start().unwrap();
        fake.knows(LAPTOP, Whois::Login(OWNER));
        let section = format!(
            "tailscale: {{ mode: 'serve' }}, auth: {{ {allow} mode: 'password', password: '{PASSWORD}' }}"
        );
        let gateway = gateway(&fake, &section).await;
        reported(&gateway, "up").await;
        let (_, port) = fake.claim(true).await.unwrap();
        let page = served(&fake, laptop(1).auth(json!({})), Some(OWNER));
        if by_name {
            Raw::connected(port, &page).await;
        } else {
            let error = Raw::refused(port, &page).await.0;
            assert!(error["details"]["code"].as_str().is_some_and(|c| c.starts_with("AUTH_")), "{error}");
        }
        gateway.stop().await;
    }
}

#[tokio::test]
async fn funnel_needs_a_password_that_is_there() {
    let fake = FakeTailscale::start().unwrap();
    let options = |auth: &str, password: bool| {
        let mut env: Vec<(String, String)> = fake.env().to_vec();
        if password {
            env.push(("OPENCLAW_GATEWAY_PASSWORD".into(), PASSWORD.into()));
        }
        let config = format!("{{ gateway: {{ tailscale: {{ mode: 'funnel' }}, auth: {{ {auth} }} }} }}");
        TestOptions { config, env: Env::from_iter(env), ..TestOptions::default() }
    };
    let refused = TestGateway::try_with(options("", false)).await.err().unwrap();
    assert!(refused.exit_code() == 6 && refused.to_string().contains("gateway.auth.password"), "{refused}");
    assert!(fake.claims().is_empty());
    TestGateway::with(options("", true)).await.stop().await;
}

#[tokio::test]
async fn what_tailscale_lacks_is_said_and_the_gateway_answers_meanwhile() {
    let fake = FakeTailscale::start().unwrap();
    fake.write("down", "").unwrap();
    let gateway = serving(&fake).await;
    let waits = |why: &'static str| {
        move |report: &Value| report["state"] == "waiting" && says(report, "waitingFor", why)
    };
    in_time(&gateway, 0, waits("failed to connect to local tailscaled")).await;
    fake.set_state("Starting").unwrap();
    fake.remove("down").unwrap();
    in_time(&gateway, 0, waits("not connected yet (Starting)")).await;
    fake.set_state("Running").unwrap();
    reported(&gateway, "up").await;
    // The program that holds the route is killed: the route comes back, with another.
    let (pid, _) = fake.claim(true).await.unwrap();
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    reported(&gateway, "failed").await;
    let (again, _) = fake.claim(true).await.unwrap();
    assert_ne!(pid, again);
    gateway.stop().await;
    fake.claim(false).await;
}

#[tokio::test]
async fn a_tailscale_that_comes_up_slowly_is_waited_for_and_one_that_does_not_come_up_is_a_failure() {
    for (file, why) in
        [("hang", "tailscale status gave no answer within 10 s"), ("", "not connected yet (Starting)")]
    {
        let fake = FakeTailscale::start().unwrap();
        if file.is_empty() {
            fake.set_state("Starting").unwrap();
        } else {
            fake.write(file, "").unwrap();
        }
        let gateway = serving(&fake).await;
        // An answer that is on its way is late, too, when time is made to go by; so it is not made to for one that comes.
        let step = if file.is_empty() { 0 } else { 11 };
        in_time(&gateway, step, |report| report["state"] == "waiting" && says(report, "waitingFor", why))
            .await;
        let report = in_time(&gateway, 11, |report| report["state"] == "failed").await;
        assert!(says(&report, "reason", ", for 90 s now"), "{report}");
        // And it is looked for all the same.
        if file.is_empty() {
            fake.set_state("Running").unwrap();
        } else {
            fake.remove(file).unwrap();
        }
        reported(&gateway, "up").await;
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_route_that_does_not_come_is_given_up_with_what_tailscale_asks_for() {
    let fake = FakeTailscale::start().unwrap();
    fake.write("late", "").unwrap();
    let gateway = serving(&fake).await;
    let asked = async {
        while !fake.has("asked") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the route is asked for");
    let report = in_time(&gateway, 31, |report| report["state"] == "failed").await;
    assert!(says(&report, "reason", "did not publish the route within 30 s"), "{report}");
    assert!(says(&report, "reason", "To enable, visit: https://login.tailscale.com"), "{report}");
    fake.remove("late").unwrap();
    reported(&gateway, "up").await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_route_whose_program_takes_no_notice_is_gone_with_the_gateway_all_the_same() {
    let fake = FakeTailscale::start().unwrap();
    fake.write("stubborn", "").unwrap();
    let gateway = serving(&fake).await;
    reported(&gateway, "up").await;
    gateway.stop().await;
    assert_eq!(fake.claims(), vec![]);
}

#[tokio::test]
async fn what_cannot_be_mended_by_waiting_is_a_failure_with_its_reason() {
    let taken = json!({"TCP": {"443": {"HTTPS": true}}, "Web": {format!("{NAME}:443"): {"Handlers": {"/": {"Proxy": "http://127.0.0.1:3000"}}}}});
    for (file, text, parts) in [
        ("background.json", taken.to_string(), &["3000", "tailscale serve --https=443 off"] as &[&str]),
        (
            "refuse",
            "error: foreground already exists under this port".into(),
            &["foreground already exists", "refused"],
        ),
        ("status.json", "<html>".into(), &["no JSON"]),
        ("status.json", json!({"BackendState": "NeedsLogin"}).to_string(), &["tailscale up"]),
        ("background.json", "nonsense".into(), &["serve status", "no JSON"]),
    ] {
        let fake = FakeTailscale::start().unwrap();
        fake.write(file, &text).unwrap();
        let gateway = serving(&fake).await;
        let report = reported(&gateway, "failed").await;
        for part in parts {
            assert!(report["reason"].as_str().unwrap().contains(part), "{part}: {report}");
        }
        assert!(fake.claims().is_empty());
        // It is tried again, and comes up once the obstacle is gone.
        if file != "status.json" {
            fake.remove(file).unwrap();
            reported(&gateway, "up").await;
        }
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_crowd_that_comes_over_tailscale_keeps_nobody_from_the_gateways_own_port() {
    testkit::process::open_many_files();
    let fake = FakeTailscale::start().unwrap();
    let gateway = serving(&fake).await;
    reported(&gateway, "up").await;
    let (_, port) = fake.claim(true).await.unwrap();
    // More than there are places of any kind, and none of them says a word.
    let mut crowd = Vec::new();
    for _ in 0..520 {
        crowd.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    Raw::connected(gateway.port(), &local(&gateway)).await.call("health", json!({})).await;
    drop(crowd);
    gateway.stop().await;
}
