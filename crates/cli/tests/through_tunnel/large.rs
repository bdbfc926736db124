//! Frames as large as there are, both ways at once, and a stream between them.

use client::{Caller, ClientDescription, ConnectOptions, Connection, EventFrame, Identity};
use protocol::limits::MAX_PAYLOAD;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::far::{Far, PORT, TOKEN};
use testkit::process::PATIENCE;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

/// What a frame needs besides its text.
const AROUND: usize = 2048;
const COMMAND: &str = "system.which";

/// Sends a frame of the largest size from one client of the far gateway to another, both of which are here and know of no
/// tunnel, so that it goes there and comes back; meanwhile an agent answers at length.
pub(crate) fn go_both_ways(far: &Far) {
    let near = far.hosts.near.clone();
    let identity = Identity::load_or_create(&far.near_state().join("identity/node.json")).unwrap();
    let clients = std::thread::spawn(move || {
        near.enter().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(talk(identity));
    });
    clients.join().unwrap();
}

async fn talk(identity: Identity) {
    let node_id = identity.device_id().to_owned();
    let mut options = options("node-host", "node");
    options.identity = Some(Arc::new(identity));
    (options.role, options.caps) = ("node".to_owned(), vec!["system".to_owned()]);
    options.commands = vec![COMMAND.to_owned()];
    let mut node = Connection::open(&options).await.unwrap();
    let mut options = self::options("cli", "cli");
    options.scopes = ["operator.read", "operator.write"].map(str::to_owned).into();
    let mut operator = Connection::open(&options).await.unwrap();
    let (caller, letters) = (operator.caller(), letters(MAX_PAYLOAD - AROUND));
    let params = json!({
        "nodeId": node_id, "command": COMMAND, "params": {"bins": [letters]},
        "timeoutMs": 60_000, "idempotencyKey": "large",
    });
    let asked = caller.call("node.invoke", params, PATIENCE * 2);
    let words = letters[..20_000].to_owned();
    let ((), answer, ()) = tokio::join!(
        serve(node.caller(), node.events(), &letters),
        asked,
        read(operator.caller(), operator.events(), &words)
    );
    assert_eq!(answer.unwrap()["payload"], json!({"whole": true}));
}

fn options(id: &str, mode: &str) -> ConnectOptions {
    let url = format!("ws://127.0.0.1:{PORT}");
    let mut options = ConnectOptions::new(url, ClientDescription::new(id, mode, "1"));
    options.token = Some(TOKEN.into());
    options
}

/// No part of it looks like another.
fn letters(count: usize) -> String {
    let mut state = 1_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
    };
    (0..count).map(|_| letter()).collect()
}

async fn next(events: &mut Receiver<EventFrame>, name: &str) -> Value {
    loop {
        let event = timeout(PATIENCE, events.recv()).await.expect(name).expect("the connection ended");
        if event.event == name {
            return event.payload;
        }
    }
}

/// The node: says whether what was asked came whole.
async fn serve(caller: Caller, events: &mut Receiver<EventFrame>, letters: &str) {
    let asked = next(events, "node.invoke.request").await;
    let params: Value = serde_json::from_str(asked["paramsJSON"].as_str().unwrap()).unwrap();
    let whole = params["bins"][0] == letters;
    let answer = json!({
        "id": asked["id"], "nodeId": asked["nodeId"], "ok": true,
        "payloadJSON": json!({"whole": whole}).to_string(),
    });
    caller.call("node.invoke.result", answer, PATIENCE).await.unwrap();
}

/// The operator: an answer comes piece by piece, and the pieces are the whole.
async fn read(caller: Caller, events: &mut Receiver<EventFrame>, words: &str) {
    let params = json!({"sessionKey": "agent:main:main", "message": words, "idempotencyKey": "stream"});
    caller.call("chat.send", params, PATIENCE).await.unwrap();
    let (mut pieces, mut said) = (0, String::new());
    loop {
        let event = next(events, "chat").await;
        let text = event["message"]["content"][0]["text"].as_str().unwrap_or_default();
        if event["state"] != "delta" {
            assert_eq!(event["state"], "final", "{event}");
            assert!(said == text && text.ends_with(words), "{said}\n{text}");
            break;
        }
        pieces += 1;
        match event["replace"].as_bool() {
            Some(true) => text.clone_into(&mut said),
            _ => said += event["deltaText"].as_str().unwrap(),
        }
    }
    assert!(pieces > 1, "it came at once");
}
