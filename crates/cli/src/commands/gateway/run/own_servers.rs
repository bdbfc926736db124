//! The servers of tools beside the gateway that `mcp.servers` names: the piece that nodes have. They follow the configuration.

use crate::tool_servers::{self, Described};
use config::{Config, Env};
use gateway::OwnTools;
use node::LocalServers;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The servers, and what the configuration says of them.
pub(super) struct OwnServers {
    servers: LocalServers,
    described: watch::Sender<Described>,
    /// The environment without the variables of the configuration.
    env: Env,
    state_dir: PathBuf,
    again: Duration,
}

impl OwnServers {
    /// Those of this configuration.
    pub(super) fn of(config: &Config, env: Env, state_dir: &Path) -> Arc<Self> {
        Arc::new(Self::asking_again(config, env, state_dir, tool_servers::AGAIN))
    }

    fn asking_again(config: &Config, env: Env, state_dir: &Path, again: Duration) -> Self {
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let path = std::env::var("PATH").unwrap_or_default();
        let described = watch::Sender::new(Described::of_gateway(config, &env, state_dir));
        Self { servers: LocalServers::new(path, cwd), described, env, state_dir: state_dir.to_owned(), again }
    }

    /// Takes up another configuration.
    pub(super) fn configure(&self, config: &Config) {
        self.described.send_replace(Described::of_gateway(config, &self.env, &self.state_dir));
    }
}

impl OwnTools for OwnServers {
    fn run<'a>(&'a self, end: &'a CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let set = |servers| self.servers.set(servers);
            let follow = tool_servers::follow(self.described.subscribe(), self.again, set);
            tokio::select! {
                () = self.servers.run(end) => {}
                never = follow => match never {},
            }
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
        let servers =
            OwnServers::asking_again(&loaded.config, Env::default(), dir.path(), Duration::from_millis(10));
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
