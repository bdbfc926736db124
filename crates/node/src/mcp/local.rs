//! Servers of tools of this process's own, as a gateway has them: the same as those of nodes.

use super::catalog::Whose;
use super::{CallParams, McpServer, Place, Servers};
use serde_json::Value;
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

    /// Which there are to be from now on.
    pub fn set(&self, servers: Vec<McpServer>) {
        self.wanted.send_replace(Arc::new(servers));
    }

    /// Runs them until `end`, and ends them then. Dropping the future kills them.
    pub async fn run(&self, end: &CancellationToken) {
        let place = Place { path: &self.path, cwd: &self.cwd };
        self.servers.run(self.wanted.subscribe(), place, end).await;
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
