//! The servers of tools beside the gateway that `mcp.servers` names: the piece that nodes have. They follow the configuration.

use crate::commands::node::mcp_server;
use config::{Config, Env, McpServerConfig};
use gateway::OwnTools;
use node::{LocalServers, McpServer};
use serde_json::Value;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A secret that cannot be had is asked for again after this time: whoever keeps it may not be up yet.
const AGAIN: Duration = Duration::from_secs(60);

/// The servers, and what the configuration says of them.
pub(super) struct OwnServers {
    servers: LocalServers,
    wanted: watch::Sender<Wanted>,
    /// The environment without the variables of the configuration.
    env: Env,
    again: Duration,
}

#[derive(Clone)]
struct Wanted {
    servers: Vec<McpServerConfig>,
    env: Env,
}

impl OwnServers {
    /// Those of this configuration.
    pub(super) fn of(config: &Config, env: Env) -> Arc<Self> {
        Arc::new(Self::asking_again(config, env, AGAIN))
    }

    fn asking_again(config: &Config, env: Env, again: Duration) -> Self {
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let path = std::env::var("PATH").unwrap_or_default();
        let wanted = watch::Sender::new(Wanted::of(config, &env));
        Self { servers: LocalServers::new(path, cwd), wanted, env, again }
    }

    /// Takes up another configuration.
    pub(super) fn configure(&self, config: &Config) {
        self.wanted.send_replace(Wanted::of(config, &self.env));
    }

    /// Takes up what is wanted, now and whenever it changes. Programs may be asked for secrets, each for a bounded time.
    async fn follow(&self, end: &CancellationToken) {
        let mut wanted = self.wanted.subscribe();
        let (mut told, mut taken) = (Vec::new(), Vec::<McpServer>::new());
        loop {
            let mut now = {
                let now = wanted.borrow_and_update();
                // Since the sleep ended.
                if now.has_changed() {
                    taken.clear();
                }
                now.clone()
            };
            // Those that run go on with what they were given: only what was missing is asked for again.
            now.servers.retain(|server| !taken.iter().any(|has| has.name == server.name));
            let resolved = tokio::select! {
                resolved = tokio::task::spawn_blocking(move || now.resolved()) => resolved,
                () = end.cancelled() => return,
            };
            let problems = match resolved {
                Ok((servers, problems)) => {
                    taken.extend(servers);
                    self.servers.set(taken.clone());
                    problems
                }
                Err(error) => vec![error.to_string()],
            };
            if problems != told {
                problems.iter().for_each(|why| tracing::error!("a server of tools is left out: {why}"));
            }
            told = problems;
            tokio::select! {
                _ = wanted.changed() => taken.clear(),
                () = tokio::time::sleep(self.again), if !told.is_empty() => {}
                () = end.cancelled() => return,
            }
        }
    }
}

impl Wanted {
    fn of(config: &Config, env: &Env) -> Self {
        Self { servers: config.mcp.servers.clone(), env: config.environment(env) }
    }

    /// Those that can be spoken with, and why the others cannot: a secret cannot be had, perhaps.
    fn resolved(self) -> (Vec<McpServer>, Vec<String>) {
        let (mut servers, mut problems) = (Vec::new(), Vec::new());
        for server in self.servers {
            match mcp_server("mcp.servers", server, &self.env) {
                Ok(server) => servers.push(server),
                Err(problem) => problems.push(problem.to_string()),
            }
        }
        (servers, problems)
    }
}

impl OwnTools for OwnServers {
    fn run<'a>(&'a self, end: &'a CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            tokio::join!(self.servers.run(end), self.follow(end));
        })
    }

    fn lent(&self) -> Arc<Vec<Value>> {
        self.servers.lent()
    }

    fn call<'a>(
        &'a self,
        params: Value,
        waits: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Value, String>> + Send + 'a>> {
        Box::pin(self.servers.call(params, waits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    #[tokio::test]
    async fn a_server_whose_secret_comes_later_begins_then_and_the_others_neither_wait_nor_begin_anew() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let server = |key: &str, out: &str| {
            let script = format!(
                "echo >> {0}.starts; printf %s \"$KEY\" > {0}.part && mv {0}.part {0}; cat",
                at(out).display()
            );
            format!(r#"{{ command: "/bin/sh", args: ["-c", {script:?}], env: {{ KEY: {key} }} }}"#)
        };
        let text = format!(
            r#"{{ secrets: {{ providers: {{ one: {{ source: "file", path: {:?}, mode: "singleValue" }},
                    two: {{ source: "file", path: {:?}, mode: "singleValue" }} }} }},
                mcp: {{ servers: {{ late: {}, soon: {} }} }} }}"#,
            at("secret"),
            at("known"),
            server(r#"{ source: "file", provider: "one", id: "value" }"#, "late"),
            server(r#"{ source: "file", provider: "two", id: "value" }"#, "soon"),
        );
        let keep = |name: &str, text: &str| {
            std::fs::write(at("new"), text).unwrap();
            std::fs::set_permissions(at("new"), std::fs::Permissions::from_mode(0o600)).unwrap();
            std::fs::rename(at("new"), at(name)).unwrap();
        };
        keep("known", "known");
        let loaded = config::parse(&text, Path::new("openclaw.json"), &Env::default()).unwrap();
        let servers = OwnServers::asking_again(&loaded.config, Env::default(), Duration::from_millis(10));
        let written = async |name: &str| {
            while !at(name).exists() {
                tokio::task::yield_now().await;
            }
            std::fs::read_to_string(at(name)).unwrap()
        };
        let end = CancellationToken::new();
        let script = async {
            assert_eq!(written("soon").await, "known");
            assert!(!at("late").exists());
            // Who has its secret needs it no more.
            std::fs::remove_file(at("known")).unwrap();
            keep("secret", "it is here");
            assert_eq!(written("late").await, "it is here");
            assert_eq!(std::fs::read_to_string(at("soon.starts")).unwrap(), "\n");
            end.cancel();
        };
        let both = async { tokio::join!(servers.run(&end), script) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("both begin");
    }
}
