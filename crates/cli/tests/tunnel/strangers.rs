//! What other gateways, and other users of this host, do not get.

use crate::far::Far;
use crate::live::TOKEN;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// Somebody who listens where the tunnel was and takes what is sent.
struct Stranger {
    // Ends with it.
    _runtime: tokio::runtime::Runtime,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Stranger {
    /// Listens at this port, as soon as that is free.
    fn at(far: &Far) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = format!("127.0.0.1:{}", far.port);
        let listener = far.patiently("the port", || runtime.block_on(TcpListener::bind(&address)).ok());
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let ear = Arc::clone(&heard);
        runtime.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let ear = Arc::clone(&ear);
                open.spawn(async move {
                    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                    let hello = json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1}});
                    let _ = socket.send(Message::text(hello.to_string())).await;
                    while let Some(Ok(Message::Text(text))) = socket.next().await {
                        ear.lock().unwrap().push(text.to_string());
                    }
                });
            }
        });
        Self { _runtime: runtime, heard }
    }

    /// Lets go of the port, and gives what was heard.
    fn leave(self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

#[test]
fn who_takes_the_port_while_the_tunnel_is_down_hears_nothing_of_a_node() {
    let mut far = Far::new();
    let node = far.start("node", &["node", "run", "--json"]);
    let connected = |value: &Value| (value["type"] == "connected").then_some(());
    node.wait_for_json("a connection", connected);
    far.sshd.permit_nobody();
    far.sshd.end_sessions();
    let stranger = Stranger::at(&far);
    far.sshd.permit("", &far.user.public_key());
    // Each of these comes a second and a growing wait after the one before.
    far.patiently("many tries", || {
        let _ = far.run(&["remote", "up", "--timeout", "100"]);
        (far.log().matches("is taken by").count() > 4).then_some(())
    });
    let heard = stranger.leave();
    assert!(heard.is_empty(), "the stranger heard: {}", heard.join("\n").replace(TOKEN, "THE TOKEN"));
    far.patiently("the node again", || {
        let count = node.lines().iter().filter(|line| line.contains("\"connected\"")).count();
        (count > 1).then_some(())
    });
}

#[test]
fn what_a_gateway_behind_a_tunnel_gave_is_kept_for_that_one_alone() {
    let far = Far::new();
    let node = far.start("node", &["node", "run", "--json"]);
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    let file = far.near.state().join("identity/node-tokens.json");
    let kept = far.patiently("its token", || {
        let text = std::fs::read(&file).ok()?;
        serde_json::from_slice::<Value>(&text).ok()
    });
    let names: Vec<&String> = kept["tokens"].as_object().unwrap().keys().collect();
    let name = format!("ssh:{}:{} node", far.sshd.target(), far.gateway.port);
    assert_eq!(names, [&name]);
}
