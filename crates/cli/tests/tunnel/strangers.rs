//! What other gateways, and other users of this host, do not get.

use crate::far::{Far, process};
use crate::live::{PATIENCE, TOKEN};
use futures_util::{SinkExt, StreamExt};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// Another user of this host.
const NOBODY: u32 = 65_534;

/// Somebody who listens where the tunnel was and takes what is sent.
struct Stranger {
    heard: Arc<Mutex<Vec<String>>>,
    // Ends the thread with it.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stranger {
    /// Listens at this port, as soon as that is free, as another user.
    fn at(far: &Far) -> Self {
        let port: u16 = far.port.parse().unwrap();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let ear = Arc::clone(&heard);
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            // The kernel's own call, which is about this thread alone.
            rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(NOBODY)).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = loop {
                    match TcpListener::bind(("127.0.0.1", port)).await {
                        Ok(listener) => break listener,
                        Err(_) => tokio::task::yield_now().await,
                    }
                };
                tell.send(()).unwrap();
                tokio::select! {
                    () = listen(listener, ear) => {}
                    _ = ended => {}
                }
            });
        });
        told.recv_timeout(PATIENCE).expect("the port is not free");
        Self { heard, end: Some(end), thread: Some(thread) }
    }

    /// Lets go of the port, and gives what was heard.
    fn leave(mut self) -> Vec<String> {
        drop(self.end.take());
        self.thread.take().unwrap().join().unwrap();
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

async fn listen(listener: TcpListener, ear: Arc<Mutex<Vec<String>>>) {
    let mut open = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let ear = Arc::clone(&ear);
        open.spawn(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            let hello =
                json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1}});
            let _ = socket.send(Message::text(hello.to_string())).await;
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                ear.lock().unwrap().push(text.to_string());
            }
        });
    }
}

#[test]
fn who_takes_the_port_before_the_end_of_the_tunnel_is_noticed_hears_nothing_either() {
    let far = Far::new();
    let node = far.start("node", &["node", "run", "--json"]);
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    let up = far.tunnel().unwrap();
    let (supervisor, ssh) = (process(&up, "pid"), process(&up, "sshPid"));
    // It goes on saying that the tunnel is up.
    supervisor.signal(Signal::STOP);
    ssh.kill();
    let stranger = Stranger::at(&far);
    node.wait_for("the stranger found out", |line| line.contains("another user of this host").then_some(()));
    let heard = stranger.leave();
    supervisor.signal(Signal::CONT);
    assert!(heard.is_empty(), "the stranger heard: {}", heard.join("\n").replace(TOKEN, "THE TOKEN"));
    far.patiently("the node again", || {
        let count = node.lines().iter().filter(|line| line.contains("\"connected\"")).count();
        (count > 1).then_some(())
    });
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

fn pin_of(far: &Far) -> String {
    let shown = far.home.run(&["gateway", "tls", "fingerprint", "--json"]).json();
    shown["pin"]["gateway"]["remote"]["tlsFingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_certificate_that_the_command_line_names_is_asked_for_behind_the_tunnel_and_no_other_gets_the_token() {
    let far = Far::with_tls();
    let (pin, other) = (pin_of(&far), format!("sha256:{}", "ab".repeat(32)));
    // All that is configured is the target: nothing of it says that the gateway speaks TLS.
    let remote = json!({"sshTarget": far.sshd.target(), "token": TOKEN,
        "remotePort": far.gateway.port.parse::<u16>().unwrap()});
    let bare = json!({"gateway": {"mode": "remote", "remote": remote}});
    let mut named = bare.clone();
    named["gateway"]["remote"]["tlsFingerprint"] = json!(other);
    for config in [bare, named] {
        std::fs::write(far.near.state().join("openclaw.json"), config.to_string()).unwrap();
        assert_eq!(far.json(&["health", "--tls-fingerprint", &pin])["ok"], true, "{config}");
        let ran = far.run(&["health", "--json", "--tls-fingerprint", &other]);
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (7, &json!("TLS_PIN_MISMATCH")), "{}", ran.out);
        assert_eq!(far.tunnel(), None, "it went with its command");
    }
}

#[test]
fn a_tunnel_that_all_use_stays_as_it_is_while_a_command_asks_for_a_certificate() {
    let far = Far::new();
    let node = far.start("node", &["node", "run", "--json"]);
    node.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    let before = far.tunnel().unwrap();
    // The gateway has none: the command finds no gateway, and nobody else notices.
    let pin = format!("sha256:{}", "ab".repeat(32));
    let ran = far.run(&["health", "--timeout", "3000", "--tls-fingerprint", &pin]);
    assert_ne!(ran.code, 0, "{}", ran.out);
    let after = far.tunnel().unwrap();
    assert_eq!((&after["sshPid"], &after["state"]), (&before["sshPid"], &json!("up")), "{after}");
    assert_eq!(node.lines().iter().filter(|line| line.contains("\"connected\"")).count(), 1);
}

#[test]
fn what_is_trusted_behind_a_tunnel_is_trusted_of_that_gateway_alone() {
    let far = Far::with_tls();
    let pin = pin_of(&far);
    far.json(&["remote", "up"]);
    assert_ne!(far.run(&["health"]).code, 0, "nobody vouches for its certificate");
    let url = format!("wss://127.0.0.1:{}", far.port);
    let trusted = far.json(&["remote", "trust", &url, "--fingerprint", &pin, "--yes"]);
    let name = format!("ssh:{}:{}", far.sshd.target(), far.gateway.port);
    assert_eq!(trusted["gateway"], name);
    assert_eq!(far.json(&["health"])["ok"], true);
    let text = std::fs::read(far.near.state().join("identity/gateway-pins.json")).unwrap();
    let kept: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(kept["gateways"].as_object().unwrap().keys().collect::<Vec<_>>(), [&name]);
}
