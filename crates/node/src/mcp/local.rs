//! Servers of tools of this process's own, as a gateway has them: the same as those of nodes, which may change while it runs. Those
//! that are not meant any more end, those that are described otherwise are started anew, the others go on.

use super::catalog::Whose;
use super::{CallParams, MAX_SERVERS, McpServer, McpWay, Place, Servers, keep};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The servers.
#[derive(Debug)]
pub struct LocalServers {
    servers: Servers,
    wanted: watch::Sender<Arc<Vec<McpServer>>>,
    path: String,
    cwd: PathBuf,
}

impl LocalServers {
    /// None yet. Programs are looked for in `path`, and run in `cwd` unless they name a directory.
    pub fn new(path: String, cwd: PathBuf) -> Self {
        let wanted = watch::Sender::new(Arc::default());
        Self { servers: Servers::of(Whose::Gateway), wanted, path, cwd }
    }

    /// Which there are to be from now on: at most 32, by name.
    pub fn set(&self, mut servers: Vec<McpServer>) {
        if let Some(left_out) = servers.len().checked_sub(MAX_SERVERS).filter(|n| *n > 0) {
            tracing::warn!(left_out, "a gateway has {MAX_SERVERS} servers of tools at most");
            servers.truncate(MAX_SERVERS);
        }
        self.wanted.send_replace(Arc::new(servers));
    }

    /// Runs them until `end`, and ends them then. Dropping the future kills them.
    pub async fn run(&self, end: &CancellationToken) {
        let mut wanted = self.wanted.subscribe();
        let (mut kept, mut keeping) = (HashSet::new(), FuturesUnordered::new());
        loop {
            let names: Vec<String> =
                wanted.borrow_and_update().iter().map(|server| server.name.clone()).collect();
            for name in names {
                if kept.insert(name.clone()) {
                    keeping.push(self.keep(name, end));
                }
            }
            tokio::select! {
                _ = wanted.changed() => {}
                Some(ended) = keeping.next() => {
                    kept.remove(&ended);
                }
                () = end.cancelled() => break,
            }
        }
        while keeping.next().await.is_some() {}
    }

    /// Keeps one as it is described, for as long as it is; its name.
    async fn keep(&self, name: String, end: &CancellationToken) -> String {
        let mut wanted = self.wanted.subscribe();
        let place = Place { path: &self.path, cwd: &self.cwd };
        loop {
            let Some(server) = named(&name, &wanted.borrow_and_update()) else { return name };
            let described = print_of(&server);
            let round = end.child_token();
            let run = keep::keep(&self.servers, server, place, &round);
            tokio::pin!(run);
            let otherwise = async {
                while wanted.changed().await.is_ok() {
                    let now = named(&name, &wanted.borrow_and_update());
                    if now.map(|server| print_of(&server)) != Some(described) {
                        return;
                    }
                }
            };
            tokio::select! {
                () = &mut run => {}
                () = otherwise => {
                    round.cancel();
                    run.await;
                }
            }
            if end.is_cancelled() {
                return name;
            }
        }
    }

    /// Their tools now, described as `node.pluginTools.update` describes those of nodes.
    pub fn lent(&self) -> Arc<Vec<Value>> {
        self.servers.lent().borrow().clone()
    }

    /// Calls a tool: `{server, tool, arguments?}` → what the server gave, as it gave it.
    ///
    /// # Errors
    /// Why it gave nothing.
    pub async fn call(&self, params: Value, waits: Duration) -> Result<Value, String> {
        let params: CallParams = serde_json::from_value(params).map_err(|e| e.to_string())?;
        self.servers
            .call(params, waits)
            .await
            .map_err(|failure| format!("{}: {}", failure.code, failure.message))
    }
}

fn named(name: &str, servers: &[McpServer]) -> Option<McpServer> {
    servers.iter().find(|server| server.name == name).cloned()
}

/// What tells one description of a server from another, its secrets included.
fn print_of(server: &McpServer) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    let McpServer { name, way, connection_timeout, request_timeout, include, exclude } = server;
    add(name);
    add(&format!("{connection_timeout:?} {request_timeout:?} {include:?} {exclude:?}"));
    let secrets: &[(String, SecretString)] = match way {
        McpWay::Program(program) => {
            add(&format!("{:?} {:?}", program.argv, program.cwd));
            &program.env
        }
        McpWay::Http(http) => {
            add(&format!("{} {}", http.url, http.sse));
            &http.headers
        }
    };
    for (name, value) in secrets {
        add(name);
        add(value.expose_secret());
    }
    hash.finalize().into()
}
