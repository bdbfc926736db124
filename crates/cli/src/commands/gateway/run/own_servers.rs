//! The servers of tools beside the gateway that `mcp.servers` names: the piece that nodes have. They follow the configuration.

use crate::commands::node::mcp_server;
use crate::context::Context;
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

/// The servers, and what the configuration says of them.
pub(super) struct OwnServers {
    servers: LocalServers,
    wanted: watch::Sender<Wanted>,
    /// The environment without the variables of the configuration.
    env: Env,
}

#[derive(Clone)]
struct Wanted {
    servers: Vec<McpServerConfig>,
    env: Env,
}

impl OwnServers {
    /// Those of this configuration.
    pub(super) fn of(config: &Config, ctx: &Context) -> Arc<Self> {
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let path = std::env::var("PATH").unwrap_or_default();
        let env = ctx.env.clone();
        let wanted = watch::Sender::new(Wanted::of(config, &env));
        Arc::new(Self { servers: LocalServers::new(path, cwd), wanted, env })
    }

    /// Takes up another configuration.
    pub(super) fn configure(&self, config: &Config) {
        self.wanted.send_replace(Wanted::of(config, &self.env));
    }

    /// Takes up what is wanted, now and whenever it changes. Programs may be asked for secrets, each for a bounded time.
    async fn follow(&self, end: &CancellationToken) {
        let mut wanted = self.wanted.subscribe();
        loop {
            let now = wanted.borrow_and_update().clone();
            match tokio::task::spawn_blocking(move || now.resolved()).await {
                Ok(servers) => self.servers.set(servers),
                Err(error) => tracing::error!(%error, "mcp.servers was not taken up"),
            }
            tokio::select! {
                _ = wanted.changed() => {}
                () = end.cancelled() => return,
            }
        }
    }
}

impl Wanted {
    fn of(config: &Config, env: &Env) -> Self {
        Self { servers: config.mcp.servers.clone(), env: config.environment(env) }
    }

    /// Those that can be spoken with; one whose secrets cannot be had is left out until the configuration changes.
    fn resolved(self) -> Vec<McpServer> {
        let mut out = Vec::new();
        for server in self.servers {
            let name = server.name.clone();
            match mcp_server("mcp.servers", server, &self.env) {
                Ok(server) => out.push(server),
                Err(problem) => tracing::error!(server = name, %problem, "a server of tools is left out"),
            }
        }
        out
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
