//! Stands between a client and a gateway, and makes one mistake.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{accept_async, connect_async};

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// An unknown method is answered with another code.
    OtherCode,
    /// A list of nodes is given twice.
    AnswersTwice,
    /// The end of a run's lifecycle gets lost, and its number with it.
    LosesAnEvent,
    /// `hello-ok` promises larger frames.
    OtherLimit,
    /// Protocol mismatches are closed with 1008.
    OtherClose,
    /// The result of a call to a node is another one.
    OtherResult,
}

impl Fault {
    /// What a frame of the server becomes.
    fn frames(self, mut frame: Value) -> Vec<Value> {
        let payload = &frame["payload"];
        match self {
            Fault::OtherCode if frame["error"]["message"] == "unknown method: no.such" => {
                frame["error"]["code"] = json!("UNAVAILABLE");
            }
            Fault::AnswersTwice if payload["nodes"].is_array() => return vec![frame.clone(), frame],
            Fault::LosesAnEvent if payload["data"]["phase"] == "end" => return vec![],
            Fault::OtherLimit if payload["type"] == "hello-ok" => {
                frame["payload"]["policy"]["maxPayload"] = json!(1 << 30);
            }
            Fault::OtherResult if payload["payloadJSON"].is_string() => {
                frame["payload"]["payload"] = json!({"from": "nobody"});
            }
            _ => {}
        }
        vec![frame]
    }

    fn close(self, close: Option<CloseFrame>) -> Option<CloseFrame> {
        close.map(|frame| match (self, u16::from(frame.code)) {
            (Fault::OtherClose, 1002) => CloseFrame { code: 1008.into(), ..frame },
            _ => frame,
        })
    }
}

/// A gateway that makes a mistake. It ends when this is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(gateway: String, fault: Fault) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        // Owned: the handle is aborted in Drop.
        #[allow(clippy::disallowed_methods)]
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(forward(client, gateway.clone(), fault));
            }
        });
        Self { address, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Until one side leaves.
async fn forward(client: TcpStream, gateway: String, fault: Fault) {
    let (mut to_client, mut from_client) = accept_async(client).await.unwrap().split();
    let (mut to_gateway, mut from_gateway) = connect_async(gateway).await.unwrap().0.split();
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            if to_gateway.send(message).await.is_err() {
                break;
            }
        }
        // Whether the gateway hears it: the client has left.
        let _ = to_gateway.close().await;
    };
    let down = async {
        while let Some(Ok(message)) = from_gateway.next().await {
            let messages = match message {
                Message::Text(text) => {
                    let frames = fault.frames(serde_json::from_str(&text).unwrap());
                    frames.iter().map(|frame| Message::text(frame.to_string())).collect()
                }
                Message::Close(close) => vec![Message::Close(fault.close(close))],
                // Each side answers the pings of its own connection.
                _ => vec![],
            };
            for message in messages {
                if to_client.send(message).await.is_err() {
                    return;
                }
            }
        }
    };
    tokio::join!(up, down);
}
