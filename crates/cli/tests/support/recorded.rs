//! A stand-in for another product's gateway: it does the handshake and answers each method with what OpenClaw 2026.9.6
//! was recorded to answer (`fixtures/recorded.jsonl`), or with what a test says.

#![allow(clippy::unwrap_used, clippy::panic, dead_code)] // Each test file uses its share of these.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

const RECORDED: &str = include_str!("../fixtures/recorded.jsonl");
/// The shared secret that it takes.
pub(crate) const TOKEN: &str = "recorded-secret";

/// What it answers, by method; `{"error": …}` is an error, and `agent:accepted` comes before `agent`.
type Answers = BTreeMap<String, Value>;

/// The running stand-in. Dropping it ends it.
pub(crate) struct Recorded {
    /// Its port, for `--port`.
    pub(crate) port: String,
    requests: Arc<Mutex<Vec<Value>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Recorded {
    /// Starts it; `more` goes over what was recorded.
    pub(crate) fn start(more: &[(&str, Value)]) -> Self {
        Self::start_with(more, false)
    }

    /// As [`Recorded::start`], but a shared secret alone is not enough for it.
    pub(crate) fn wanting_a_device() -> Self {
        Self::start_with(&[], true)
    }

    fn start_with(more: &[(&str, Value)], wants_device: bool) -> Self {
        let mut answers: Answers = RECORDED
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|mut line| (line["method"].as_str().unwrap().to_owned(), line["payload"].take()))
            .collect();
        answers.insert("wants-device".into(), wants_device.into());
        answers.extend(more.iter().map(|(method, answer)| ((*method).to_owned(), answer.clone())));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let requests = Arc::<Mutex<Vec<Value>>>::default();
        runtime.spawn(accept(listener, Arc::new(answers), requests.clone()));
        Self { port, requests, _runtime: runtime }
    }

    /// The parameters of every request of a method so far.
    pub(crate) fn asked(&self, method: &str) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|r| r["method"] == method).map(|r| r["params"].clone()).collect()
    }
}

async fn accept(listener: TcpListener, answers: Arc<Answers>, requests: Arc<Mutex<Vec<Value>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, answers.clone(), requests.clone()));
    }
}

async fn serve(stream: TcpStream, answers: Arc<Answers>, requests: Arc<Mutex<Vec<Value>>>) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let challenge = json!({"type":"event","event":"connect.challenge","payload":{"nonce":"n","ts":1}});
    let mut waiting = vec![challenge];
    loop {
        for frame in waiting.drain(..) {
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return;
            }
        }
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let request: Value = serde_json::from_str(&text).unwrap();
                waiting = answer(&request, &answers);
                requests.lock().unwrap().push(request);
            }
            Some(Ok(_)) => {}
            _ => return,
        }
    }
}

fn answer(request: &Value, answers: &Answers) -> Vec<Value> {
    let method = request["method"].as_str().unwrap();
    let frame = |payload: &Value| match payload.get("error") {
        Some(error) => json!({"type":"res","id":request["id"],"ok":false,"error":error}),
        None => json!({"type":"res","id":request["id"],"ok":true,"payload":payload}),
    };
    if method == "connect" {
        let bare = request["params"].get("device").is_none();
        if bare && answers["wants-device"] == true {
            let details = json!({"code":"DEVICE_IDENTITY_REQUIRED"});
            let message = "device identity required";
            return vec![frame(&json!({"error":{"code":"NOT_PAIRED","message":message,"details":details}}))];
        }
        return vec![frame(&hello(&request["params"]))];
    }
    let accepted = answers.get(&format!("{method}:accepted"));
    let unknown = json!({"error":{"code":"INVALID_REQUEST","message":format!("unknown method: {method}")}});
    accepted.into_iter().chain([answers.get(method).unwrap_or(&unknown)]).map(frame).collect()
}

fn hello(params: &Value) -> Value {
    if params["auth"]["token"] != TOKEN {
        let details = json!({"code":"AUTH_TOKEN_MISMATCH","recommendedNextStep":"update_auth_credentials"});
        return json!({"error":{"code":"INVALID_REQUEST","message":"unauthorized: gateway token mismatch","details":details}});
    }
    json!({"type":"hello-ok","protocol":4,"server":{"version":"2026.9.6","bootId":"b","connId":"c"},
        "features":{"methods":[],"events":[]},"snapshot":{"uptimeMs":641_210,"authMode":"token"},
        "auth":{"method":"token","role":"operator","scopes":params["scopes"]},
        "policy":{"maxPayload":26_214_400,"maxBufferedBytes":52_428_800,"tickIntervalMs":30_000}})
}
