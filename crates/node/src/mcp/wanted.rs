//! Which servers of tools there are to be, which may change while they run: those that are not meant any more end, those that are
//! described otherwise are started anew, the others go on.

use super::{MAX_SERVERS, McpHttp, McpProgram, McpServer, McpWay, Place, Servers, keep};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Which servers there are to be, now and whenever that changes: at most 32, by name. Where nobody can change it any more, it stays.
pub type WantedServers = watch::Receiver<Arc<Vec<McpServer>>>;

impl Servers {
    /// Runs them until `end`, and ends them then. Dropping the future kills them.
    pub(crate) async fn run(&self, mut wanted: WantedServers, place: Place<'_>, end: &CancellationToken) {
        let (mut kept, mut keeping) = (HashSet::new(), FuturesUnordered::new());
        loop {
            let now = wanted.borrow_and_update().clone();
            if let Some(left_out) = now.len().checked_sub(MAX_SERVERS).filter(|n| *n > 0) {
                tracing::warn!(left_out, "{MAX_SERVERS} servers of tools run at most");
            }
            for server in now.iter().take(MAX_SERVERS) {
                if kept.insert(server.name.clone()) {
                    keeping.push(self.keep(server.name.clone(), wanted.clone(), place, end));
                }
            }
            tokio::select! {
                () = changed(&mut wanted) => {}
                Some(ended) = keeping.next() => {
                    kept.remove(&ended);
                }
                () = end.cancelled() => break,
            }
        }
        while keeping.next().await.is_some() {}
    }

    /// Keeps one as it is described, for as long as it is; its name.
    async fn keep(
        &self,
        name: String,
        mut wanted: WantedServers,
        place: Place<'_>,
        end: &CancellationToken,
    ) -> String {
        loop {
            let Some(server) = named(&name, &wanted.borrow_and_update()) else { return name };
            let described = print_of(&server);
            let round = end.child_token();
            let run = keep::keep(self, server, place, &round);
            tokio::pin!(run);
            let otherwise = async {
                loop {
                    changed(&mut wanted).await;
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
}

async fn changed(wanted: &mut WantedServers) {
    if wanted.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn named(name: &str, servers: &[McpServer]) -> Option<McpServer> {
    servers.iter().take(MAX_SERVERS).find(|server| server.name == name).cloned()
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
        McpWay::Program(McpProgram { argv, env, cwd }) => {
            add(&format!("{argv:?} {cwd:?}"));
            env
        }
        // The client itself says nothing of what it trusts.
        McpWay::Http(McpHttp { url, headers, sse, client: _, trust, sign_in }) => {
            add(&format!("{url} {sse} {trust:?} {sign_in:?}"));
            headers
        }
    };
    for (name, value) in secrets {
        add(name);
        add(value.expose_secret());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::McpTrust;
    use std::path::PathBuf;
    use std::time::Duration;

    #[test]
    fn a_server_that_is_trusted_otherwise_is_another_one() {
        client::install_crypto();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let print = |trust: McpTrust| {
            let url = "https://mcp.example/".parse().unwrap();
            let (headers, client) = (Vec::new(), client.clone());
            print_of(&McpServer {
                name: "docs".into(),
                way: McpWay::Http(McpHttp { url, headers, sse: false, client, trust, sign_in: None }),
                connection_timeout: Duration::from_secs(1),
                request_timeout: None,
                include: Vec::new(),
                exclude: Vec::new(),
            })
        };
        let files = |key: &str| Some((PathBuf::from("cert.pem"), PathBuf::from(key)));
        let all = [
            McpTrust::default(),
            McpTrust { verify: false, client: None },
            McpTrust { verify: true, client: files("key.pem") },
            McpTrust { verify: true, client: files("other.pem") },
        ];
        let prints: HashSet<[u8; 32]> = all.iter().cloned().map(print).collect();
        assert_eq!(prints.len(), all.len());
        assert_eq!(print(McpTrust::default()), print(McpTrust::default()));
    }
}
