//! A far side that completes every handshake and keeps what the client proved itself with.

#![allow(clippy::unwrap_used, dead_code)] // Each test file uses its share of these.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// The running far side. Dropping it ends it.
pub(crate) struct Far {
    /// Its port on loopback.
    pub(crate) port: u16,
    heard: Arc<Mutex<Heard>>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Heard {
    connections: usize,
    connects: Vec<Value>,
}

impl Far {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::<Mutex<Heard>>::default();
        runtime.spawn(accept(listener, heard.clone()));
        Self { port, heard, _runtime: runtime }
    }

    /// How many connections were begun, and the `auth` of each `connect`, since this was last asked.
    pub(crate) fn heard(&self) -> (usize, Vec<Value>) {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        let auth = |connect: &Value| connect["params"].get("auth").cloned().unwrap_or(Value::Null);
        (heard.connections, heard.connects.iter().map(auth).collect())
    }
}

async fn accept(listener: TcpListener, heard: Arc<Mutex<Heard>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        heard.lock().unwrap().connections += 1;
        connections.spawn(serve(stream, heard.clone()));
    }
}

async fn serve(stream: TcpStream, heard: Arc<Mutex<Heard>>) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let challenge = json!({"type":"event","event":"connect.challenge","payload":{"nonce":"n","ts":1}});
    let mut answer = challenge;
    loop {
        if socket.send(Message::text(answer.to_string())).await.is_err() {
            return;
        }
        let Some(Ok(Message::Text(text))) = socket.next().await else { return };
        let request: Value = serde_json::from_str(&text).unwrap();
        let payload = if request["method"] == "connect" { hello(&request) } else { json!({"ok": true}) };
        answer = json!({"type":"res","id":request["id"],"ok":true,"payload":payload});
        if request["method"] == "connect" {
            heard.lock().unwrap().connects.push(request);
        }
    }
}

fn hello(connect: &Value) -> Value {
    let role = connect["params"]["role"].as_str().unwrap_or("operator");
    json!({"type":"hello-ok","protocol":4,"server":{"version":"1","bootId":"b","connId":"c"},
        "features":{"methods":[],"events":[]},"snapshot":{"uptimeMs":1,"authMode":"token"},
        "auth":{"role":role,"scopes":connect["params"]["scopes"]},
        "policy":{"maxPayload":26_214_400,"maxBufferedBytes":52_428_800,"tickIntervalMs":30_000}})
}
