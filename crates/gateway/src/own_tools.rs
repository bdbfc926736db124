//! Servers of tools (MCP) beside the gateway, as its configuration (`mcp.servers`) names them. The gateway speaks with none by itself:
//! whoever makes the gateway brings the piece that does, the same that nodes have.

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tools::BoxFuture;

/// Servers of tools of this process's own.
pub trait OwnTools: Send + Sync + 'static {
    /// Owns their processes and connections until `end`.
    fn run<'a>(&'a self, end: &'a CancellationToken) -> BoxFuture<'a, ()>;

    /// Their tools now, each described as `node.pluginTools.update` describes those of nodes.
    fn lent(&self) -> Arc<Vec<Value>>;

    /// Calls one, by the parameters of `mcp.tools.call.v1`; an error says why it gave nothing.
    fn call<'a>(&'a self, params: Value, waits: Duration) -> BoxFuture<'a, Result<Value, String>>;
}
