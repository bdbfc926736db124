//! `nodeHost`: what this computer lends when it is a node (`openclaw node run`). The gateway goes by none of it.

use super::mcp::{self, McpServerConfig};
use crate::doc::Section;

/// `nodeHost`.
#[derive(Debug, Clone)]
pub struct NodeHostConfig {
    /// `mcp.servers` by name: servers of tools that the node runs and lends to agents. Those that are turned off are
    /// left out.
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

impl NodeHostConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("autoUpdate", "this program does not change itself");
        s.unsupported("agentRuns", "this node starts no other agents");
        s.unsupported("workerRuns", "this node hosts no sessions");
        let mcp_servers = s.section("mcp", mcp::servers);
        let browser_proxy = s.section("browserProxy", |proxy| BrowserProxyConfig {
            enabled: proxy.boolean("enabled").unwrap_or(true),
            allow_profiles: proxy.texts("allowProfiles").unwrap_or_default(),
        });
        let skills = s.section("skills", |skills| skills.boolean("enabled")).unwrap_or(true);
        Self { mcp_servers, skills, browser_proxy }
    }
}
