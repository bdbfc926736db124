//! A gateway that says what a test's script tells it to, over a real socket.
#![allow(dead_code, missing_docs, unreachable_pub)]

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// No step of a script waits longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct FakeGateway {
    listener: TcpListener,
    pub url: String,
}

impl FakeGateway {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    pub async fn accept_tcp(&self) -> TcpStream {
        timeout(PATIENCE, self.listener.accept()).await.expect("somebody connects").unwrap().0
    }

    /// The next connection, upgraded and not greeted.
    pub async fn accept(&self) -> Peer {
        let tcp = self.accept_tcp().await;
        let socket =
            timeout(PATIENCE, tokio_tungstenite::accept_async(tcp)).await.expect("an upgrade").unwrap();
        Peer { socket }
    }

    /// The next connection with its `connect` request, which is not answered yet: (peer, id, params).
    pub async fn challenge(&self) -> (Peer, String, Value) {
        let mut peer = self.accept().await;
        peer.event("connect.challenge", json!({"nonce":"n","ts":1_795_225_647_638_i64})).await;
        let (id, params) = peer.expect("connect").await;
        (peer, id, params)
    }

    /// The next connection, welcomed with the recorded `hello-ok`, in which `change` may change something.
    pub async fn welcome_with(&self, change: impl FnOnce(&mut Value)) -> (Peer, Value) {
        let (mut peer, id, params) = self.challenge().await;
        let mut hello: Value = serde_json::from_str(include_str!("../fixtures/hello-ok.json")).unwrap();
        change(&mut hello);
        peer.answer(&id, hello).await;
        (peer, params)
    }

    pub async fn welcome(&self) -> (Peer, Value) {
        self.welcome_with(|_| {}).await
    }

    /// Refuses the next connection; its `connect` parameters.
    pub async fn refuse(&self, error: &Value, code: u16) -> Value {
        let (mut peer, id, params) = self.challenge().await;
        peer.fail(&id, error).await;
        peer.close(code, error["message"].as_str().unwrap()).await;
        params
    }
}

pub struct Peer {
    pub socket: WebSocketStream<TcpStream>,
}

impl Peer {
    pub async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.socket.send(message)).await.expect("room to send").unwrap();
    }

    pub async fn frame(&mut self, frame: Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    pub async fn event(&mut self, event: &str, payload: Value) {
        self.frame(json!({"type":"event","event":event,"payload":payload})).await;
    }

    pub async fn answer(&mut self, id: &str, payload: Value) {
        self.frame(json!({"type":"res","id":id,"ok":true,"payload":payload})).await;
    }

    pub async fn fail(&mut self, id: &str, error: &Value) {
        self.frame(json!({"type":"res","id":id,"ok":false,"error":error})).await;
    }

    pub async fn next(&mut self) -> Option<Message> {
        let message = timeout(PATIENCE, self.socket.next()).await.expect("the client says something");
        message.and_then(Result::ok)
    }

    /// The next request: (id, method, params).
    pub async fn request(&mut self) -> (String, String, Value) {
        loop {
            match self.next().await.expect("the connection is open") {
                Message::Text(text) => {
                    let mut frame: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(frame["type"], "req");
                    let text = |v: &Value| v.as_str().unwrap().to_owned();
                    return (text(&frame["id"]), text(&frame["method"]), frame["params"].take());
                }
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next request, which must be of this method: (id, params).
    pub async fn expect(&mut self, method: &str) -> (String, Value) {
        let (id, got, params) = self.request().await;
        assert_eq!(got, method, "{params}");
        (id, params)
    }

    /// Closes and waits for the client to close too.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.send(Message::Close(Some(frame))).await;
        while self.next().await.is_some() {}
    }

    /// Waits for the client's close: (code, reason); `None` if it just went.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        let mut close = None;
        while let Some(message) = self.next().await {
            if let Message::Close(frame) = message {
                close = frame.map(|f| (u16::from(f.code), f.reason.as_str().to_owned()));
            }
        }
        close
    }
}
