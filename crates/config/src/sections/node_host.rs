//! `nodeHost`: what this computer lends when it is a node (`openclaw node run`). The gateway goes by none of it.

use std::path::PathBuf;

use crate::doc::Section;
use crate::secret::SecretInput;

/// `nodeHost`.
#[derive(Debug, Clone)]
pub struct NodeHostConfig {
    /// `mcp.servers` by name: servers of tools that the node runs and lends to agents. Those that are turned off, or that
    /// this version cannot speak with, are left out.
    pub mcp_servers: Vec<McpServerConfig>,
    /// `skills.enabled`: whether the gateway is told of this node's skills. True by default.
    pub skills: bool,
    /// `browserProxy`: whether its browser may be driven from afar.
    pub browser_proxy: BrowserProxyConfig,
}

impl Default for NodeHostConfig {
    fn default() -> Self {
        Self { mcp_servers: Vec::new(), skills: true, browser_proxy: BrowserProxyConfig::default() }
    }
}

/// `nodeHost.browserProxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserProxyConfig {
    /// `enabled`, true by default.
    pub enabled: bool,
    /// `allowProfiles`: the profiles that may be asked for; empty are all.
    pub allow_profiles: Vec<String>,
}

impl Default for BrowserProxyConfig {
    fn default() -> Self {
        Self { enabled: true, allow_profiles: Vec::new() }
    }
}

/// An entry of `nodeHost.mcp.servers`.
#[derive(Debug, Clone)]
pub struct McpServerConfig {
    /// Its name.
    pub name: String,
    /// `command`: the program that is spoken with over its standard input and output.
    pub command: String,
    /// `args`.
    pub args: Vec<String>,
    /// `env`: variables for it.
    pub env: Vec<(String, SecretInput)>,
    /// `cwd`: where it runs.
    pub cwd: Option<PathBuf>,
    /// `connectionTimeoutMs`: how long it may take to answer after its start. 30,000 by default.
    pub connection_timeout_ms: u64,
    /// `requestTimeoutMs`: how long it may take for an answer.
    pub request_timeout_ms: Option<u64>,
    /// `toolFilter.include`: the tools that are lent, `*` for any characters; empty are all.
    pub include: Vec<String>,
    /// `toolFilter.exclude`: tools that are not.
    pub exclude: Vec<String>,
}

/// An hour, in milliseconds: no answer is waited for longer.
const HOUR_MS: u64 = 3_600_000;

impl NodeHostConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("autoUpdate", "this program does not change itself");
        s.unsupported("agentRuns", "this node starts no other agents");
        s.unsupported("workerRuns", "this node hosts no sessions");
        let servers = s.section("mcp", |mcp| mcp.entries("servers", server));
        let browser_proxy = s.section("browserProxy", |proxy| BrowserProxyConfig {
            enabled: proxy.boolean("enabled").unwrap_or(true),
            allow_profiles: proxy.texts("allowProfiles").unwrap_or_default(),
        });
        let skills = s.section("skills", |skills| skills.boolean("enabled")).unwrap_or(true);
        Self { mcp_servers: servers.into_iter().flatten().collect(), skills, browser_proxy }
    }
}

fn server(name: &str, s: &Section<'_>) -> Option<McpServerConfig> {
    for key in ["headers", "auth", "oauth", "sslVerify", "clientCert", "clientKey"] {
        s.unsupported(key, "servers are programs on this computer and not reached over HTTP");
    }
    let url = s.text("url");
    let enabled = s.boolean("enabled").unwrap_or(true);
    let transport = s.text("transport");
    let over_http = url.is_some() || transport.as_deref().is_some_and(|kind| kind != "stdio");
    let command = s.text("command").filter(|command| !command.trim().is_empty());
    let (include, exclude) = s.section("toolFilter", |filter| {
        (filter.texts("include").unwrap_or_default(), filter.texts("exclude").unwrap_or_default())
    });
    let (args, env, cwd) = (s.texts("args").unwrap_or_default(), s.variables("env"), s.path("cwd"));
    let connection_timeout_ms = s.integer("connectionTimeoutMs", 1..=HOUR_MS).unwrap_or(30_000);
    let request_timeout_ms = s.integer("requestTimeoutMs", 1..=HOUR_MS);
    if over_http {
        let key = if url.is_some() { "url" } else { "transport" };
        s.warn(key, "servers over HTTP are not supported by this version yet, so that this one is left out; kept as it is");
    }
    if !enabled || over_http || s.is_described() {
        return None;
    }
    if name.is_empty() || name.trim() != name || name == "__proto__" {
        s.error("command", format!("{name:?} is no name for a server; use one without blanks around it"));
    }
    let Some(command) = command else {
        s.error("command", "a server needs a program; name it, or set enabled to false");
        return None;
    };
    Some(McpServerConfig {
        name: name.to_owned(),
        command,
        args,
        env,
        cwd,
        connection_timeout_ms,
        request_timeout_ms,
        include,
        exclude,
    })
}
