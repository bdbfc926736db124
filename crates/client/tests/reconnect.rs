//! The supervisor against a scripted gateway.
// The helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use client::{
    BoxFuture, ClientDescription, ConnectError, ConnectOptions, Connection, Hooks, Supervisor, TokenStore,
    Waiting, keep_connected,
};
use model::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::Duration;
use support::FakeGateway;
use tokio::join;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const PAIRING: &str = include_str!("fixtures/pairing-required.json");
const MISMATCH: &str = include_str!("fixtures/token-mismatch.json");

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    connected: Notify,
}

impl Log {
    fn add(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Hooks for Log {
    fn on_connected<'a>(&'a self, connection: &'a mut Connection) -> BoxFuture<'a, ()> {
        self.add(format!("connected to {}", connection.hello()["server"]["version"]));
        self.connected.notify_one();
        Box::pin(std::future::ready(()))
    }

    fn on_waiting(&self, why: &Waiting<'_>, _delay: Duration) {
        self.add(match why {
            Waiting::Failed(error) => format!("failed {:?}", error.detail_code()),
            Waiting::Ended(close) => format!("ended {}", close.code),
        });
    }

    fn on_pairing(&self, request_id: &str, _error: &ConnectError) {
        self.add(format!("pairing {request_id}"));
    }
}

fn options(gateway: &FakeGateway) -> ConnectOptions {
    let mut options = ConnectOptions::new(&gateway.url, ClientDescription::new("cli", "cli", "1.0.0"));
    options.token = Some("shared".into());
    options
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn it_comes_back_after_the_connection_ended_and_closes_when_cancelled() {
    let gateway = FakeGateway::start().await;
    let (log, cancel) = (Log::default(), CancellationToken::new());
    let script = async {
        let (mut peer, _) = gateway.welcome().await;
        log.connected.notified().await;
        peer.close(1012, "gateway shutting down").await;
        let (mut peer, _) = gateway.welcome().await;
        log.connected.notified().await;
        cancel.cancel();
        assert_eq!(peer.closed().await, Some((1000, String::new())));
    };
    let ((), end) = join!(script, keep_connected(options(&gateway), &log, &cancel));
    end.unwrap();
    assert_eq!(log.lines()[..2], ["connected to \"2026.9.6\"", "ended 1012"]);
}

#[tokio::test]
async fn a_pending_pairing_is_reported_once_and_tried_until_it_is_approved() {
    let gateway = FakeGateway::start().await;
    let (log, cancel) = (Log::default(), CancellationToken::new());
    let script = async {
        gateway.refuse(&json_of(PAIRING), 1008).await;
        gateway.refuse(&json_of(PAIRING), 1008).await;
        let (mut peer, _) = gateway.welcome().await;
        cancel.cancel();
        peer.closed().await;
    };
    let ((), end) = join!(script, keep_connected(options(&gateway), &log, &cancel));
    end.unwrap();
    let expected = [
        "pairing 0d490cc4-dbe1-455b-b19b-ed4304fec79f",
        "failed Some(\"PAIRING_REQUIRED\")",
        "failed Some(\"PAIRING_REQUIRED\")",
    ];
    assert_eq!(log.lines()[..3], expected);
}

#[tokio::test]
async fn a_pairing_that_asks_to_pause_ends_the_attempts() {
    let gateway = FakeGateway::start().await;
    let (log, cancel) = (Log::default(), CancellationToken::new());
    let mut error = json_of(PAIRING);
    error["details"]["pauseReconnect"] = true.into();
    let (_, end) = join!(gateway.refuse(&error, 1008), keep_connected(options(&gateway), &log, &cancel));
    assert_eq!(end.unwrap_err().detail_code(), Some("PAIRING_REQUIRED"));
    assert_eq!(log.lines(), ["pairing 0d490cc4-dbe1-455b-b19b-ed4304fec79f"]);
}

#[tokio::test]
async fn the_device_token_is_kept_and_used_once_the_shared_secret_is_refused() {
    let gateway = FakeGateway::start().await;
    let dir = tempfile::tempdir().unwrap();
    let store = TokenStore::new(dir.path().join("tokens.json"));
    let (log, cancel) = (Log::default(), CancellationToken::new());
    let script = async {
        let (mut peer, params) = gateway.welcome_with(|h| h["auth"]["deviceToken"] = "device-1".into()).await;
        assert_eq!(params["auth"], json!({"token":"shared"}));
        peer.close(1012, "").await;
        assert_eq!(gateway.refuse(&json_of(MISMATCH), 1008).await["auth"], json!({"token":"shared"}));
        let (mut peer, params) = gateway.welcome_with(|h| h["auth"]["deviceToken"] = "device-2".into()).await;
        assert_eq!(params["auth"], json!({"deviceToken":"device-1"}));
        peer.close(1012, "").await;
        // Refused as well: nothing is left to try.
        let params = gateway.refuse(&json_of(MISMATCH), 1008).await;
        assert_eq!(params["auth"], json!({"deviceToken":"device-2"}));
    };
    let supervisor = Supervisor::new(options(&gateway)).with_tokens(store.clone());
    let ((), end) = join!(script, supervisor.run(&log, &cancel));
    assert_eq!(end.unwrap_err().detail_code(), Some("AUTH_TOKEN_MISMATCH"));
    let kept = store.get(&gateway.url, "operator").unwrap().unwrap();
    assert_eq!(kept.expose_secret(), "device-2");
}

#[tokio::test]
async fn it_waits_for_a_gateway_that_is_not_there_yet_until_cancelled() {
    let gateway = FakeGateway::start().await;
    let options = options(&gateway);
    drop(gateway);
    let cancel = CancellationToken::new();
    struct CancelAtFirst<'a>(&'a CancellationToken);
    impl Hooks for CancelAtFirst<'_> {
        fn on_waiting(&self, why: &Waiting<'_>, delay: Duration) {
            assert!(matches!(why, Waiting::Failed(ConnectError::Io { .. })), "{why}");
            assert!(delay <= Duration::from_secs(1));
            self.0.cancel();
        }
    }
    keep_connected(options, &CancelAtFirst(&cancel), &cancel).await.unwrap();
}
