//! A node beside a scripted gateway.
#![allow(dead_code, missing_docs, unreachable_pub)]

#[path = "../../../client/tests/support/mod.rs"]
pub mod gateway;
pub mod stream;

pub use gateway::{FakeGateway, PATIENCE, Peer};
use node::{NodeOptions, Notice};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub struct Bench {
    pub gateway: FakeGateway,
    pub dir: tempfile::TempDir,
    pub cancel: CancellationToken,
    pub notices: Mutex<Vec<String>>,
}

impl Bench {
    pub async fn new() -> Self {
        Self {
            gateway: FakeGateway::start().await,
            dir: tempfile::tempdir().unwrap(),
            cancel: CancellationToken::new(),
            notices: Mutex::default(),
        }
    }

    pub fn options(&self) -> NodeOptions {
        let mut options = NodeOptions::new(&self.gateway.url, self.dir.path().join("state"), "1.2.3");
        options.token = Some("shared".into());
        options.display_name = Some("bench".into());
        options.working_dir = Some(self.work());
        options.path_env = Some("/usr/bin:/bin".into());
        options
    }

    pub fn work(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub fn node_id(&self) -> String {
        node::identity(&self.dir.path().join("state")).unwrap().device_id
    }

    /// Runs a node for as long as the script takes.
    pub async fn during(&self, script: impl Future<Output = ()>) {
        self.during_with(self.options(), script).await;
    }

    /// The same for a node with other options.
    pub async fn during_with(&self, options: NodeOptions, script: impl Future<Output = ()>) {
        let show = |notice: &Notice<'_>| self.notices.lock().unwrap().push(notice.to_string());
        let script = async {
            script.await;
            self.cancel.cancel();
        };
        let (end, ()) = tokio::join!(node::run(options, &show, &self.cancel), script);
        end.unwrap();
    }

    /// A named pipe: reading it ends when all who write to it are gone.
    pub fn pipe(&self, name: &str) -> PathBuf {
        let path = self.work().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }
}

pub async fn read_pipe(path: &Path) -> String {
    tokio::time::timeout(PATIENCE, tokio::fs::read_to_string(path)).await.expect("the pipe ends").unwrap()
}

pub async fn invoke(peer: &mut Peer, id: &str, command: &str, params: Value) {
    invoke_with_key(peer, id, command, params, &format!("key-{id}")).await;
}

pub async fn invoke_with_key(peer: &mut Peer, id: &str, command: &str, params: Value, key: &str) {
    let payload = json!({"id":id,"nodeId":"n","command":command,"paramsJSON":params.to_string(),
        "timeoutMs":60_000,"idempotencyKey":key});
    peer.event("node.invoke.request", payload).await;
}

pub fn shell(command: &str) -> Value {
    json!({"command":["/bin/sh","-c",command]})
}

/// The next result with the events before it. Reports of the host's state are taken and left aside.
pub async fn result(peer: &mut Peer) -> (Value, Vec<Value>) {
    let mut events = Vec::new();
    loop {
        let (id, method, params) = peer.request().await;
        peer.answer(&id, json!({"ok":true})).await;
        match method.as_str() {
            "node.invoke.result" => return (params, events),
            "node.event" if params["event"] == "node.host.stats" => {}
            "node.event" => events.push(params),
            other => panic!("{other}: {params}"),
        }
    }
}

/// The next result's payload.
pub async fn payload(peer: &mut Peer) -> Value {
    let (result, _) = result(peer).await;
    assert_eq!(result["ok"], true, "{result}");
    serde_json::from_str(result["payloadJSON"].as_str().unwrap()).unwrap()
}
