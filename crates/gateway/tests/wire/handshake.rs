//! Every recorded handshake against the running gateway: the same answer, details and close in each.
use crate::support::ask::{ALL_SCOPES, Ask, Device};
use crate::support::{Got, Raw, gateway_with};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_tungstenite::tungstenite::Message;

const RECORDED: &str = include_str!("../data/handshake-cases.jsonl");

/// What a case does.
enum Input {
    /// Shakes hands.
    Connect(Box<Ask>),
    /// Sends this first.
    First(Message),
    /// Calls a method once it is in.
    Call(&'static str, Value),
    /// Says this once it is in, and goes on.
    After(&'static str),
}

/// The input of each case, by the recorded name. `port` is the gateway's.
fn inputs(port: u16) -> Vec<(&'static str, Input)> {
    let mut all = vec![];
    all.extend(credentials().into_iter().map(|(name, ask)| (name, Input::Connect(Box::new(ask)))));
    all.extend(shapes().into_iter().map(|(name, ask)| (name, Input::Connect(Box::new(ask)))));
    all.extend(devices().into_iter().map(|(name, ask)| (name, Input::Connect(Box::new(ask)))));
    all.extend(places(port).into_iter().map(|(name, ask)| (name, Input::Connect(Box::new(ask)))));
    all.extend(frames());
    all
}

fn credentials() -> Vec<(&'static str, Ask)> {
    let ask = Ask::operator;
    let token = testkit::gateway::TOKEN;
    vec![
        ("ok-token-nodevice", ask()),
        ("ok-password-field", ask().auth(json!({"password": token}))),
        ("bad-token", ask().auth(json!({"token": "not-the-token"}))),
        ("no-auth", ask().auth(json!({}))),
        ("empty-token", ask().auth(json!({"token": ""}))),
        ("unknown-scope", ask().scopes(&["operator.nuke"])),
    ]
}

fn shapes() -> Vec<(&'static str, Ask)> {
    let protocols =
        |ask: Ask, min: i64, max: i64| ask.with("/minProtocol", json!(min)).with("/maxProtocol", json!(max));
    let ask = Ask::operator;
    vec![
        ("proto-3", protocols(ask(), 3, 3)),
        ("proto-5", protocols(ask(), 5, 5)),
        ("proto-3-5", protocols(ask(), 3, 5)),
        ("node-proto-3", protocols(Ask::node(Device::new(1), &[]), 3, 3)),
        ("bad-client-id", ask().with("/client/id", json!("somebody"))),
        ("bad-mode", ask().with("/client/mode", json!("somehow"))),
        ("bad-role", ask().with("/role", json!("emperor"))),
        ("extra-field", ask().with("/zzz", json!(1))),
    ]
}

fn devices() -> Vec<(&'static str, Ask)> {
    let with = |number: u8| Ask::operator().device(Device::new(number));
    vec![
        ("device-v3", with(10)),
        ("device-v2", with(11).signed_as(2)),
        ("device-bad-nonce", with(12).forged(|p| p.nonce = "not-the-nonce".into())),
        ("device-empty-nonce", with(13).forged(|p| p.nonce.clear())),
        ("device-stale", with(14).forged(|p| p.signed_at -= 10 * 60 * 1000)),
        ("device-bad-id", with(15).forged(|p| p.id = Device::new(99).id())),
        ("device-bad-sig", with(16).forged(|p| p.signature = Some("A".repeat(86)))),
        ("device-bad-key", with(17).forged(|p| p.public_key = "AAAA".into())),
        ("device-only-no-token", with(18).auth(json!({}))),
        ("node-device", Ask::node(Device::new(19), &["system.which"])),
        ("node-nodevice", Ask { device: None, ..Ask::node(Device::new(20), &[]) }),
    ]
}

fn places(port: u16) -> Vec<(&'static str, Ask)> {
    let page = |number: u8, origin: &str| {
        Ask::operator()
            .with("/client/id", json!("openclaw-control-ui"))
            .with("/client/mode", json!("ui"))
            .device(Device::new(number))
            .header("origin", origin)
    };
    vec![
        ("evil-origin", page(30, "https://evil.example")),
        ("good-origin", page(31, &format!("http://127.0.0.1:{port}"))),
        ("cli-evil-origin", Ask::operator().header("origin", "https://evil.example")),
        ("xff-header", Ask::operator().header("x-forwarded-for", "203.0.113.9")),
        ("tailscale-spoof", Ask::operator().header("tailscale-user-login", "me@example.com")),
    ]
}

fn frames() -> Vec<(&'static str, Input)> {
    let not_connect = r#"{"type":"req","id":"1","method":"health","params":{}}"#;
    let invoke = json!({"nodeId": "nobody", "command": "system.which", "params": {"bins": ["git"]}});
    let mut keyed = invoke.clone();
    keyed["idempotencyKey"] = json!("k1");
    vec![
        ("first-frame-not-connect", Input::First(Message::text(not_connect))),
        ("first-frame-garbage", Input::First(Message::text("this is no JSON"))),
        ("first-frame-65k", Input::First(Message::text("x".repeat(65 * 1024 + 1)))),
        ("binary-first", Input::First(Message::binary(vec![1u8, 2, 3]))),
        ("rpc unknown-method", Input::Call("no.such", json!({}))),
        ("rpc health-badparams", Input::Call("health", json!({"probe": "loud"}))),
        ("rpc node.invoke-nonode", Input::Call("node.invoke", keyed)),
        ("rpc node.invoke-noidem", Input::Call("node.invoke", invoke)),
        ("rpc chat.send-missing", Input::Call("chat.send", json!({}))),
        ("rpc connect-again", Input::Call("connect", Ask::operator().params)),
        ("post-garbage", Input::After("this is no JSON")),
        ("post-badframe", Input::After(r#"{"type":"req","id":5,"method":"health"}"#)),
    ]
}

/// Three rows belong to the build that was recorded and not to the protocol; these are ours.
fn ours(name: &str) -> Option<Value> {
    match name {
        // That build wants a Control UI of the same build; ours accepts and pairs.
        "good-origin" => Some(json!({
            "ok": true, "auth": {"role": "operator", "scopes": ALL_SCOPES, "deviceToken": true},
            "proto": 4, "close": null,
        })),
        // An accident of timing there.
        "rpc node.invoke-nonode" => Some(json!({"ok": false, "error": {
            "code": "UNAVAILABLE", "message": "node not connected",
            "details": {
                "code": "NOT_CONNECTED", "nodeCommandDispatched": false,
                "nodeError": {"code": "NOT_CONNECTED", "message": "node not connected"},
            },
        }})),
        // That build lets the wrong parameter pass; ours names it.
        "rpc health-badparams" => Some(json!({"ok": false, "error": {
            "code": "INVALID_REQUEST", "message": "invalid health params: at /probe: must be boolean",
        }})),
        _ => None,
    }
}

/// Does it, on a connection of its own, and describes what came in the recording's words.
async fn observe(port: u16, input: Input) -> Value {
    match input {
        Input::Connect(ask) => connect(port, &ask).await,
        Input::First(message) => first(port, message).await,
        Input::Call(method, params) => {
            let mut raw = Raw::connected(port, &Ask::operator()).await;
            let answer = raw.call_frame(method, params).await;
            raw.assert_open().await;
            match answer["ok"].as_bool() {
                Some(false) => json!({"ok": false, "error": answer["error"]}),
                _ => answer,
            }
        }
        Input::After(text) => {
            let mut raw = Raw::connected(port, &Ask::operator()).await;
            raw.send_text(text).await;
            raw.assert_open().await;
            json!("open")
        }
    }
}

async fn connect(port: u16, ask: &Ask) -> Value {
    let mut raw = match Raw::upgrade(port, &ask.headers).await {
        Ok(raw) => raw,
        Err(status) => return json!({"threw": format!("http {status}")}),
    };
    let answer = raw.shake(ask).await;
    if answer["ok"] == true {
        raw.assert_open().await;
        let (hello, auth) = (&answer["payload"], &answer["payload"]["auth"]);
        assert_eq!(hello["type"], "hello-ok");
        return json!({
            "ok": true, "proto": hello["protocol"], "close": null,
            "auth": {"role": auth["role"], "scopes": auth["scopes"], "deviceToken": auth["deviceToken"].is_string()},
        });
    }
    let (code, reason) = raw.closed().await;
    let error = &answer["error"];
    let mut out = json!({
        "ok": false, "code": error["code"], "msg": error["message"], "close": {"code": code, "reason": reason},
    });
    if let Some(details) = error.get("details") {
        out["details"] = details.clone();
    }
    out
}

async fn first(port: u16, message: Message) -> Value {
    let mut raw = Raw::open(port).await;
    raw.send(message).await;
    let mut frames = vec![];
    loop {
        match raw.next().await {
            Got::Frame(frame) => frames.push(frame),
            Got::Ping => {}
            Got::Closed((code, reason)) => {
                let mut out = json!({"close": {"code": code, "reason": reason}});
                match frames.as_slice() {
                    [answer] => out["r"] = answer.clone(),
                    _ => out["f"] = json!(frames),
                }
                return out;
            }
        }
    }
}

/// The recording in the words of [`observe`]: two rows say the same in others, one leaves out that nothing came.
fn expected(name: &str, recorded: &Value) -> Value {
    match (ours(name), name) {
        (Some(ours), _) => ours,
        // The last event that the recorder happened to see is no part of the answer.
        (_, "post-badframe") => recorded["close"].clone(),
        (_, "first-frame-65k" | "binary-first") => json!({"close": recorded["close"], "f": []}),
        _ => recorded.clone(),
    }
}

#[tokio::test]
async fn every_recorded_handshake_gets_the_recorded_answer() {
    let gateway = gateway_with("").await;
    let rows: Vec<Value> = RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let inputs = inputs(gateway.port());
    let name_of = |row: &Value| row["case"].as_str().unwrap().to_owned();
    let recorded_names: BTreeSet<String> = rows.iter().map(name_of).collect();
    let built_names: BTreeSet<String> = inputs.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(recorded_names, built_names, "each row has one input, and each input a row");
    assert_eq!((rows.len(), inputs.len()), (42, 42));

    let mut wrong = vec![];
    for (name, input) in inputs {
        let row = rows.iter().find(|row| row["case"] == name).unwrap();
        let expected = expected(name, &row["observed"]);
        let observed = observe(gateway.port(), input).await;
        if observed != expected {
            wrong.push(format!("{name}\n  expected {expected}\n  observed {observed}"));
        }
    }
    assert!(wrong.is_empty(), "{} of 42 differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Somebody in the network answers for a private name, and then lets it point to the visitor's own computer: the page is of the same
/// origin then, and the browser takes it to whatever listens there.
#[tokio::test]
async fn a_page_that_makes_its_private_name_point_here_gets_nowhere() {
    let gateway = gateway_with("").await;
    let port = gateway.port();
    let visit = |host: String| async move {
        let headers = [("host", host.clone()), ("origin", format!("http://{host}"))];
        Raw::upgrade(port, &headers).await.map(drop)
    };
    for name in ["claimed.local", "claimed", "claimed.lan", "claimed.tail1234.ts.net", "claimed.example"] {
        assert_eq!(visit(format!("{name}:{port}")).await, Err(403), "{name}");
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let label = host.split('.').next().unwrap().to_owned();
    let own = ["127.0.0.1".to_owned(), "localhost".to_owned(), host, format!("{label}.local")];
    for name in own {
        assert_eq!(visit(format!("{name}:{port}")).await, Ok(()), "{name}");
    }
    gateway.stop().await;
}
