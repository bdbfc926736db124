//! The gateway's end of calls that are spoken with while they run.
#![allow(dead_code, missing_docs, unreachable_pub)]

use super::{Peer, invoke};
use client::duplex::{Came, Incoming, frames};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// The gateway's end of one call.
pub struct Call {
    pub id: String,
    seq: u64,
    sent: u64,
    incoming: Incoming,
}

/// What the node says next in a call.
#[derive(Debug, PartialEq)]
pub enum Says {
    Ready,
    Message(Vec<u8>),
    /// The result of the call: what it gave, or its error.
    End(Result<Value, Value>),
}

impl Call {
    pub async fn make(peer: &mut Peer, command: &str, params: Value) -> Self {
        let id = model::new_id();
        invoke(peer, &id, command, params).await;
        Self { id, seq: 0, sent: 0, incoming: Incoming::default() }
    }

    pub async fn send(&mut self, peer: &mut Peer, message: &[u8]) {
        for frame in frames(self.sent, message) {
            let payload = json!({"id": self.id, "nodeId": "n", "seq": self.seq, "payloadJSON": frame});
            peer.event("node.invoke.input", payload).await;
            self.seq += 1;
        }
        self.sent += 1;
    }

    pub async fn says(&mut self, peer: &mut Peer) -> Says {
        loop {
            let (id, method, params) = peer.request().await;
            peer.answer(&id, json!({"ok": true, "ignored": false})).await;
            match method.as_str() {
                "node.invoke.progress" => {
                    match self.incoming.take(params["chunk"].as_str().unwrap()).unwrap() {
                        Came::Ready => return Says::Ready,
                        Came::Message(message) => return Says::Message(message),
                        Came::Part => {}
                    }
                }
                "node.invoke.result" if params["ok"] == true => {
                    let payload = params["payloadJSON"].as_str().unwrap();
                    return Says::End(Ok(serde_json::from_str(payload).unwrap()));
                }
                "node.invoke.result" => return Says::End(Err(params["error"].clone())),
                _ => {}
            }
        }
    }

    pub async fn end(&mut self, peer: &mut Peer) -> Value {
        match self.says(peer).await {
            Says::End(Ok(payload)) => payload,
            other => panic!("{other:?}"),
        }
    }
}

/// A look, and the parameters of the call for what was seen.
pub async fn looked(peer: &mut Peer, command: &str, mut params: Value) -> Value {
    let mut look = params.clone();
    look["preflightOnly"] = json!(true);
    let seen = Call::make(peer, command, look).await.end(peer).await;
    assert_eq!(seen["ok"], true, "{seen}");
    params["expectedCanonicalPath"] = seen["path"].clone();
    params["expectedBinding"] = seen["binding"].clone();
    params
}

pub fn create(path: &Path, content: &[u8]) -> Value {
    json!({"path": path, "sizeBytes": content.len(), "expectedSha256": sha256(content), "createParents": true})
}
