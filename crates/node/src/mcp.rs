//! Servers of tools (MCP, the Model Context Protocol) of the node: programs that it runs and speaks with over their standard input
//! and output, and servers that it reaches over HTTP. Their tools are lent to the agents of the gateway, a call of one comes back as `mcp.tools.call.v1`.
//! A gateway has servers of its own by the same piece ([`LocalServers`]).
//!
//! Written by hand instead of with `rmcp`: four methods of JSON-RPC are needed, and `rmcp` brings more than fifty
//! crates, reads what comes without bounds, and leaves it to us to restart, to bound and to end what it talks with.
//!
//! [`Servers::run`] (`wanted`) owns one task for each server (`keep`), which starts it, lists its tools, serves calls, and starts it again.

mod catalog;
mod challenge;
mod client;
mod filter;
mod http;
mod keep;
mod local;
mod names;
mod offers;
mod pause;
mod probe;
mod sign_in;
mod wanted;
mod wire;

pub use local::LocalServers;
pub use probe::{Probe, ProbedServer};
pub use sign_in::{Begun as McpSignInBegun, ClientFor, McpSignIn, SignInState, Wanted as McpSignInWanted};
pub use wanted::WantedServers;

use crate::invoke::Failure;
use catalog::{ListedTool, Whose, descriptors};
use client::Client;
use model::SecretString;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// The command by which a gateway calls a tool of a server.
pub(crate) const COMMAND: &str = "mcp.tools.call.v1";
/// How long a call may take where neither its caller nor the server's configuration says less.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Tools, resources or prompts that a server may list.
const MAX_LISTED: usize = 4096;
/// Servers that are started at once: each may be a program that is fetched first.
const STARTING: usize = 4;
/// Servers of one node; each is a process, or several.
const MAX_SERVERS: usize = 32;

/// A server of tools, as the node's configuration describes it.
#[derive(Debug, Clone)]
pub struct McpServer {
    /// Its name; the names of its tools begin with it.
    pub name: String,
    /// How it is spoken with.
    pub way: McpWay,
    /// How long it may take from its start until it has answered.
    pub connection_timeout: Duration,
    /// How long it may take to list its tools, and for a call where that is less than the caller waits.
    pub request_timeout: Option<Duration>,
    /// Which of its tools are lent: names, or patterns with `*`; empty are all.
    pub include: Vec<String>,
    /// Which are not, whatever is included.
    pub exclude: Vec<String>,
}

/// How a server of tools is spoken with.
#[derive(Debug, Clone)]
pub enum McpWay {
    /// It is a program.
    Program(McpProgram),
    /// It is reached over HTTP.
    Http(McpHttp),
}

/// A server that is a program.
#[derive(Debug, Clone)]
pub struct McpProgram {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Variables on top of the node's own, of which those with credentials are left out.
    pub env: Vec<(String, SecretString)>,
    /// Where it runs; the node's working directory unless it says so.
    pub cwd: Option<PathBuf>,
}

/// A server that is reached over HTTP.
#[derive(Debug, Clone)]
pub struct McpHttp {
    /// Its address.
    pub url: reqwest::Url,
    /// What goes with each request, and to no other host.
    pub headers: Vec<(String, SecretString)>,
    /// It is spoken with in the older way: one stream of events for all answers.
    pub sse: bool,
    /// By what; redirects are not followed.
    pub client: reqwest::Client,
    /// What that client trusts and shows.
    pub trust: McpTrust,
    /// Where somebody signs in at it: its tokens go with each request, instead of a header `Authorization`.
    pub sign_in: Option<Arc<McpSignIn>>,
}

/// Which certificates count between here and a server, as its client was made. Another one starts the server anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpTrust {
    /// Whether the server's is checked.
    pub verify: bool,
    /// The files of the one that is shown to it, and of its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Default for McpTrust {
    fn default() -> Self {
        Self { verify: true, client: None }
    }
}

/// What the servers lend now, and the way to them. Outlives connections to the gateway.
#[derive(Debug)]
pub(crate) struct Servers {
    whose: Whose,
    live: Mutex<BTreeMap<String, Live>>,
    /// The tools as the gateway is told of them.
    lent: watch::Sender<Arc<Vec<Value>>>,
    starting: Semaphore,
}

/// Where servers run: where programs are looked for, and the directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a str,
    pub(crate) cwd: &'a Path,
}

/// A server that answers.
#[derive(Debug)]
struct Live {
    client: Client,
    tools: Vec<ListedTool>,
    request_timeout: Option<Duration>,
}

impl Default for Servers {
    fn default() -> Self {
        Self::of(Whose::Node)
    }
}

impl Servers {
    fn of(whose: Whose) -> Self {
        Self {
            whose,
            live: Mutex::default(),
            lent: watch::Sender::new(Arc::default()),
            starting: Semaphore::new(STARTING),
        }
    }
}

impl Servers {
    /// The tools as the gateway is told of them, now and whenever that changes.
    pub(crate) fn lent(&self) -> watch::Receiver<Arc<Vec<Value>>> {
        self.lent.subscribe()
    }

    /// Calls a tool: `{server, tool, arguments?}` → what the server gave, as it gave it.
    pub(crate) async fn call(&self, params: CallParams, waits: Duration) -> Result<Value, Failure> {
        let CallParams { server, tool, arguments } = params;
        let (server, tool) = (server.trim(), tool.trim());
        if server.is_empty() || tool.is_empty() {
            return Err(Failure::invalid(format!("invalid {COMMAND} params: server and tool must be named")));
        }
        let (client, timeout, offer) = {
            let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(found) = live.get(server) else {
                let message = format!("MCP server {server:?} is unavailable");
                return Err(Failure { code: "MCP_SERVER_UNAVAILABLE", message });
            };
            let Some(listed) = found.tools.iter().find(|listed| listed.name == tool) else {
                let message = format!("MCP tool {tool:?} is unavailable on server {server:?}");
                return Err(Failure { code: "MCP_TOOL_UNAVAILABLE", message });
            };
            (found.client.clone(), found.request_timeout.unwrap_or(CALL_TIMEOUT).min(waits), listed.offer)
        };
        let answer = match offer {
            Some(offer) => offers::ask(offer, &client, arguments, timeout).await,
            None => client.call("tools/call", json!({"name": tool, "arguments": arguments}), timeout).await,
        };
        answer.map_err(|error| client::failure(error, server, timeout))
    }

    /// Takes what a server lends instead of what it lent before.
    fn lend(&self, name: &str, live: Live) {
        self.change(|all| {
            all.insert(name.to_owned(), live);
        });
    }

    /// Forgets a server that does not answer any more.
    fn withdraw(&self, name: &str) {
        self.change(|all| {
            all.remove(name);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Live>)) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut live);
        let listed = live.iter().map(|(name, live)| (name.as_str(), live.tools.as_slice()));
        let now = descriptors(self.whose, listed);
        self.lent.send_if_modified(|before| {
            let changed = **before != now;
            if changed {
                *before = Arc::new(now);
            }
            changed
        });
    }
}

/// The parameters of `mcp.tools.call.v1`.
#[derive(serde::Deserialize)]
pub(crate) struct CallParams {
    server: String,
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}
