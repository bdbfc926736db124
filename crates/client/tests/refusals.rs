//! What becomes of a connection that does not come about.
// The helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use client::{ClientDescription, ConnectError, ConnectOptions, Connection};
use protocol::ErrorCode;
use serde_json::{Value, json};
use std::time::Duration;
use support::FakeGateway;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::join;
use tokio_tungstenite::tungstenite::Message;

const PAIRING: &str = include_str!("fixtures/pairing-required.json");

fn options(url: &str) -> ConnectOptions {
    ConnectOptions::new(url, ClientDescription::new("cli", "cli", "1.0.0"))
}

#[tokio::test]
async fn a_refusal_keeps_all_that_the_gateway_said() {
    let gateway = FakeGateway::start().await;
    let options = options(&gateway.url);
    let error: Value = serde_json::from_str(PAIRING).unwrap();
    let (_, opened) = join!(gateway.refuse(&error, 1008), Connection::open(&options));
    let error = opened.unwrap_err();
    let ConnectError::Refused(shape, close) = &error else { panic!("{error}") };
    assert_eq!((shape.code, close.code), (ErrorCode::NotPaired, 1008));
    assert_eq!(close.reason, "pairing required: device is not approved yet");
    assert_eq!(error.detail_code(), Some("PAIRING_REQUIRED"));
    assert_eq!(error.pairing_request_id(), Some("0d490cc4-dbe1-455b-b19b-ed4304fec79f"));
    assert_eq!(error.pause_reconnect(), None);
}

#[tokio::test]
async fn a_close_without_an_answer_is_told_with_its_code() {
    let gateway = FakeGateway::start().await;
    let options = options(&gateway.url);
    let script = async {
        let (mut peer, _, _) = gateway.challenge().await;
        peer.close(1012, "gateway shutting down").await;
    };
    let ((), opened) = join!(script, Connection::open(&options));
    let error = opened.unwrap_err();
    assert_eq!(error.close_info().unwrap().code, 1012);
    assert!(error.to_string().contains("gateway shutting down"), "{error}");
}

#[tokio::test]
async fn an_http_answer_is_told_with_its_status_and_body() {
    let gateway = FakeGateway::start().await;
    let options = options(&gateway.url);
    let script = async {
        let mut tcp = gateway.accept_tcp().await;
        let mut request = [0u8; 2048];
        assert!(tcp.read(&mut request).await.unwrap() > 0);
        let answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 26\r\n\r\nproxy_attribution_required";
        tcp.write_all(answer.as_bytes()).await.unwrap();
        // Held open until the client has read it all and gone.
        while tcp.read(&mut request).await.is_ok_and(|n| n > 0) {}
    };
    let ((), opened) = join!(script, Connection::open(&options));
    match opened.unwrap_err() {
        ConnectError::Http { status, body, .. } => {
            assert_eq!((status, body.as_str()), (403, "proxy_attribution_required"));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_port_without_tls_is_told_apart_from_one_that_is_not_there() {
    let gateway = FakeGateway::start().await;
    let options = options(&gateway.url.replace("ws://", "wss://"));
    let script = async {
        let mut tcp = gateway.accept_tcp().await;
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut hello = [0u8; 2048];
        while tcp.read(&mut hello).await.is_ok_and(|n| n > 0) {}
    };
    let ((), opened) = join!(script, Connection::open(&options));
    let error = opened.unwrap_err();
    assert!(matches!(&error, ConnectError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn a_gateway_that_says_nothing_is_given_up() {
    let gateway = FakeGateway::start().await;
    for (stage, upgrade) in [("the connection", false), ("the handshake", true)] {
        let mut options = options(&gateway.url);
        options.connect_timeout = Duration::from_millis(100);
        let script = async {
            if upgrade {
                let mut peer = gateway.accept().await;
                while peer.next().await.is_some() {}
            } else {
                let mut tcp = gateway.accept_tcp().await;
                let mut request = [0u8; 2048];
                while tcp.read(&mut request).await.is_ok_and(|n| n > 0) {}
            }
        };
        let ((), opened) = join!(script, Connection::open(&options));
        let error = opened.unwrap_err();
        assert!(matches!(&error, ConnectError::Timeout { stage: s, .. } if *s == stage), "{error}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let gateway = FakeGateway::start().await;
    let url = gateway.url.clone();
    drop(gateway);
    let error = Connection::open(&options(&url)).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Io { .. }) && error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn what_does_not_speak_the_protocol_is_called_so() {
    let event =
        |name: &str, payload: Value| json!({"type":"event","event":name,"payload":payload}).to_string();
    let first_frames = [
        Message::text("nonsense"),
        Message::text("[]"),
        Message::text(r#"{"type":"res","id":"1","ok":true}"#),
        Message::text(event("tick", json!({}))),
        Message::text(event("connect.challenge", json!({}))),
        Message::text(event("connect.challenge", json!({"nonce":"n","ts":"late"}))),
        Message::binary(vec![1, 2, 3]),
    ];
    let gateway = FakeGateway::start().await;
    let options = options(&gateway.url);
    for first in first_frames {
        let shown = format!("{first:?}");
        let script = async {
            let mut peer = gateway.accept().await;
            peer.send(first).await;
            peer
        };
        let (_peer, opened) = join!(script, Connection::open(&options));
        assert!(matches!(opened, Err(ConnectError::Protocol(_))), "{shown}: {opened:?}");
    }
    for answer in [json!({"type":"other"}), Value::Null] {
        let script = async {
            let (mut peer, id, _) = gateway.challenge().await;
            peer.answer(&id, answer).await;
            peer
        };
        let (_peer, opened) = join!(script, Connection::open(&options));
        assert!(matches!(opened, Err(ConnectError::Protocol(_))), "{opened:?}");
    }
}
