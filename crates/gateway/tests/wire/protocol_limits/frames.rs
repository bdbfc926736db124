//! Frames that are too large, malformed, unknown or forbidden.

use crate::support::ask::{Ask, Device};
use crate::support::{Got, Raw, gateway_with};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// Bytes that a frame may have before and after the handshake.
const BEFORE: usize = 64 * 1024;
const AFTER: usize = 26_214_400;

/// JSON may end in white space: the same frame with so many bytes.
fn padded(text: &str, bytes: usize) -> Message {
    let mut text = text.to_owned();
    text.reserve(bytes);
    text.extend(std::iter::repeat_n(' ', bytes - text.len()));
    Message::text(text)
}

#[tokio::test]
async fn a_stranger_may_send_64_kib_and_reads_the_goodbye_when_it_sends_more() {
    let gateway = gateway_with("").await;
    let ask = Ask::operator().device(Device::new(1));
    let mut raw = Raw::open(gateway.port()).await;
    let params = ask.params_for(&raw.challenge);
    let connect = json!({"type":"req","id":"1","method":"connect","params":params}).to_string();
    raw.send(padded(&connect, BEFORE)).await;
    assert_eq!(raw.response("1").await["ok"], true);

    for bytes in [BEFORE + 1, BEFORE + 1024, BEFORE + 1025, 256 * 1024, 900 * 1024] {
        let mut raw = Raw::open(gateway.port()).await;
        raw.send_unheard(padded("", bytes)).await;
        assert_eq!(raw.closed().await, (1009, String::new()), "{bytes} bytes");
    }
}

#[tokio::test]
async fn a_frame_beyond_the_policy_ends_its_own_connection_alone() {
    let gateway = gateway_with("").await;
    let mut other = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut raw = Raw::connected(gateway.port(), &Ask::operator()).await;
    assert_eq!(raw.hello["policy"]["maxPayload"], AFTER);
    let health = json!({"type":"req","id":"big","method":"health","params":{}}).to_string();
    raw.send(padded(&health, AFTER)).await;
    assert_eq!(raw.response("big").await["ok"], true, "what the policy allows is taken");
    assert_eq!(raw.send_and_be_closed(padded(&health, AFTER + 1)).await, (1009, String::new()));
    other.assert_open().await;
    Raw::connected(gateway.port(), &Ask::operator()).await.assert_open().await;
}

#[tokio::test]
async fn a_malformed_frame_is_answered_or_ignored_and_the_connection_stays() {
    let gateway = gateway_with("").await;
    let mut raw = Raw::connected(gateway.port(), &Ask::operator()).await;
    let answered = [
        (r#"{"type":"req","id":5,"method":"health"}"#, "invalid", "at /id: must be string"),
        (
            r#"{"type":"req","id":"","method":"health"}"#,
            "invalid",
            "at /id: must not have fewer than 1 characters",
        ),
        (r#"{"type":"req","id":"a"}"#, "a", "must have required property 'method'"),
        (r#"{"type":"req","id":"b","method":7}"#, "b", "at /method: must be string"),
        (r#"{"type":"res","id":"c","ok":true}"#, "c", "at /type: must be equal to constant"),
        (r#"{"id":"d","method":"health"}"#, "d", "must have required property 'type'"),
        ("null", "invalid", "must be object"),
        ("[]", "invalid", "must be object"),
    ];
    for (text, id, problem) in answered {
        raw.send_text(text).await;
        let error = raw.response(id).await["error"].clone();
        let message = format!("invalid request frame: {problem}");
        assert_eq!(error, json!({"code": "INVALID_REQUEST", "message": message}), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let ignored = ["", " ", "{", "{\"type\":", "\u{0}", "ping", deep.as_str()];
    for text in ignored {
        raw.send_text(text).await;
    }
    raw.send(Message::binary(vec![0u8; 1000])).await;
    raw.assert_open().await;
}

#[tokio::test]
async fn text_that_is_not_utf8_ends_the_connection_and_no_other() {
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };
    let gateway = gateway_with("").await;
    let mut raw = Raw::connected(gateway.port(), &Ask::operator()).await;
    let frame = Frame::message(vec![0xff, 0xfe, 0xfd], OpCode::Data(Data::Text), true);
    raw.send_unheard(Message::Frame(frame)).await;
    raw.closed().await;
    Raw::connected(gateway.port(), &Ask::operator()).await.assert_open().await;
}

#[tokio::test]
async fn an_unknown_method_is_named_and_params_that_are_wrong_name_the_place() {
    let gateway = gateway_with("").await;
    let mut raw = Raw::connected(gateway.port(), &Ask::operator()).await;
    let cases = [
        ("no.such", json!({}), "unknown method: no.such".to_owned()),
        ("Health", json!({}), "unknown method: Health".to_owned()),
        ("health", json!([]), "invalid health params: at root: must be object".to_owned()),
        ("health", json!({"zzz": 1}), "invalid health params: at root: unexpected property 'zzz'".to_owned()),
        (
            "node.describe",
            json!({}),
            "invalid node.describe params: must have required property 'nodeId'".to_owned(),
        ),
        (
            "node.describe",
            json!({"nodeId": 7}),
            "invalid node.describe params: at /nodeId: must be string".to_owned(),
        ),
    ];
    for (method, params, message) in cases {
        let error = raw.fails(method, params).await;
        assert_eq!(error, json!({"code": "INVALID_REQUEST", "message": message}));
    }
    let error = raw.fails(&"x".repeat(10_000), json!({})).await;
    assert!(error["message"].as_str().unwrap().len() < 200, "a name is not echoed without bound");
}

#[tokio::test]
async fn who_keeps_calling_what_it_may_not_is_closed() {
    let gateway = gateway_with("").await;
    let operator = Ask::operator().scopes(&["operator.read"]);
    let node = Ask::node(Device::new(1), &[]);
    let cases =
        [("operator", operator, "node.pair.list", "FORBIDDEN"), ("node", node, "status", "INVALID_REQUEST")];
    for (who, ask, forbidden, code) in cases {
        let mut raw = Raw::connected(gateway.port(), &ask).await;
        for _ in 0..3 {
            // An allowed call in between starts the count again.
            for _ in 0..50 {
                assert_eq!(raw.fails(forbidden, json!({})).await["code"], code, "{who}");
            }
            raw.assert_open().await;
        }
        for _ in 0..100 {
            assert_eq!(raw.fails(forbidden, json!({})).await["code"], code, "{who}");
        }
        raw.request(forbidden, json!({})).await;
        assert_eq!(raw.closed().await, (1008, "repeated unauthorized calls".to_owned()), "{who}");
    }
    Raw::connected(gateway.port(), &Ask::operator()).await.assert_open().await;
}

#[tokio::test]
async fn ten_thousand_subscriptions_are_bounded() {
    const ASKED: usize = 10_000;
    const BATCH: usize = 200;
    let gateway = gateway_with("").await;
    let mut raw = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut outcomes: Vec<Value> = vec![];
    for batch in 0..ASKED / BATCH {
        let mut ids = vec![];
        for i in 0..BATCH {
            let key = format!("agent:main:s{}", batch * BATCH + i);
            ids.push(raw.request("sessions.messages.subscribe", json!({"key": key})).await);
        }
        for id in ids {
            outcomes.push(raw.response(&id).await);
        }
    }
    let taken = outcomes.iter().take_while(|o| o["ok"] == true).count();
    assert_eq!(taken, 1000);
    for refused in &outcomes[taken..] {
        assert_eq!(refused["error"]["code"], "INVALID_REQUEST");
        assert!(
            refused["error"]["message"].as_str().unwrap().starts_with("too many subscriptions"),
            "{refused}"
        );
    }
    let again = json!({"key": "agent:main:s0"});
    assert_eq!(
        raw.call("sessions.messages.subscribe", again.clone()).await["subscribed"],
        true,
        "it is there already"
    );
    raw.call("sessions.messages.unsubscribe", again).await;
    raw.call("sessions.messages.subscribe", json!({"key": "agent:main:another"})).await;
}

#[tokio::test]
async fn a_ping_is_answered_with_its_own_payload_also_by_a_gateway_that_knows_nobody_yet() {
    let gateway = gateway_with("").await;
    let mut stranger = Raw::open(gateway.port()).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    for raw in [&mut stranger, &mut operator] {
        raw.send(Message::Ping(b"are you there".to_vec().into())).await;
        assert_eq!(raw.pong().await, b"are you there");
    }
    stranger.let_in(&Ask::operator()).await;
    assert!(matches!(stranger.request("health", json!({})).await.as_str(), "r2"));
    assert!(matches!(stranger.next().await, Got::Frame(_)));
}
