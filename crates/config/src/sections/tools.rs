//! `tools`: what tools may do.

use crate::choice::choice;
use crate::doc::Section;
use crate::sections::MediaConfig;

choice! {
    /// Where commands run when the agent does not say.
    ExecHost {
        /// On the gateway, as long as there is no sandbox.
        Auto => "auto",
        /// On the gateway's host.
        Gateway => "gateway",
        /// On a node.
        Node => "node",
        /// In a sandbox, which there is not yet: then no command runs.
        Sandbox => "sandbox",
    }
}

choice! {
    /// Which commands may run on the gateway's host.
    ExecSecurity {
        /// None.
        Deny => "deny",
        /// Those on the list of approvals.
        Allowlist => "allowlist",
        /// All.
        Full => "full",
    }
}

choice! {
    /// When the owner is asked about a command.
    ExecAsk {
        /// Never.
        Off => "off",
        /// When it is not on the list.
        OnMiss => "on-miss",
        /// Each time.
        Always => "always",
    }
}

choice! {
    /// Security and asking in one word.
    ExecMode {
        /// Nothing runs.
        Deny => "deny",
        /// Listed commands run.
        Allowlist => "allowlist",
        /// Others are asked about.
        Ask => "ask",
        /// Others are reviewed, then asked about.
        Auto => "auto",
        /// Everything runs.
        Full => "full",
    }
}

/// `tools`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolsConfig {
    /// `allow`: if set, only these tools exist.
    pub allow: Option<Vec<String>>,
    /// `deny`: tools that do not exist, whatever else allows them.
    pub deny: Vec<String>,
    /// `exec`.
    pub exec: ExecConfig,
    /// `web.fetch`.
    pub web_fetch: WebFetchConfig,
    /// `media`.
    pub media: MediaConfig,
}

/// `tools.exec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecConfig {
    /// `host`, auto by default.
    pub host: ExecHost,
    /// `node`: the node that commands for `node` go to, by id or name.
    pub node: Option<String>,
    /// `timeoutSeconds` (also `timeoutSec`): how long a command may take, in seconds. 1,800 by default.
    pub timeout_seconds: u64,
    /// `backgroundMs`: after how many milliseconds a command goes on in the background. 10,000 by default.
    pub background_ms: u64,
    /// `mode`.
    pub mode: Option<ExecMode>,
    /// `security`.
    pub security: Option<ExecSecurity>,
    /// `ask`.
    pub ask: Option<ExecAsk>,
}

/// `tools.web.fetch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebFetchConfig {
    /// `enabled`, true by default.
    pub enabled: bool,
    /// `ssrfPolicy.dangerouslyAllowPrivateNetwork` (also `allowPrivate`): whether private addresses may be fetched.
    pub allow_private: bool,
    /// `maxResponseBytes`.
    pub max_response_bytes: Option<u64>,
    /// `timeoutSeconds`.
    pub timeout_seconds: Option<u64>,
    /// `maxRedirects`.
    pub max_redirects: Option<u32>,
}

impl Default for ExecConfig {
    fn default() -> Self {
        Self {
            host: ExecHost::Auto,
            node: None,
            timeout_seconds: 1800,
            background_ms: 10_000,
            mode: None,
            security: None,
            ask: None,
        }
    }
}

impl Default for WebFetchConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            allow_private: false,
            max_response_bytes: None,
            timeout_seconds: None,
            max_redirects: None,
        }
    }
}

impl ToolsConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("profile", "all tools are offered except those in tools.deny");
        s.unsupported("byProvider", "the same tools are offered to every model");
        s.unsupported("toolsBySender", "the same tools are offered for every sender");
        s.unsupported("sandbox", "commands run without a sandbox");
        s.unsupported("fs", "file tools are not held to the workspace by it");
        Self {
            allow: s.texts("allow"),
            deny: s.texts("deny").unwrap_or_default(),
            exec: s.section("exec", ExecConfig::read),
            web_fetch: s.section("web", |web| web.section("fetch", WebFetchConfig::read)),
            media: s.section("media", MediaConfig::read),
        }
    }
}

impl ExecConfig {
    /// Longest time a command may be given: a week.
    const MAX_SECONDS: u64 = 7 * 24 * 3600;

    fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        s.unsupported(
            "backgroundMs",
            "a command stays in the foreground unless the agent asks for the background",
        );
        let host = s.choice("host").unwrap_or(default.host);
        if host == ExecHost::Sandbox {
            s.warn("host", "\"sandbox\" is not supported by this version yet, so no command runs; use gateway or node to run them");
        }
        let old = s.integer("timeoutSec", 1..=Self::MAX_SECONDS);
        let timeout = s.integer("timeoutSeconds", 1..=Self::MAX_SECONDS).or(old);
        Self {
            host,
            node: s.text("node").filter(|node| !node.trim().is_empty()),
            timeout_seconds: timeout.unwrap_or(default.timeout_seconds),
            background_ms: s.integer("backgroundMs", 0..=3_600_000).unwrap_or(default.background_ms),
            mode: s.choice("mode"),
            security: s.choice("security"),
            ask: s.choice("ask"),
        }
    }
}

impl WebFetchConfig {
    fn read(s: &Section<'_>) -> Self {
        for key in ["maxResponseBytes", "timeoutSeconds", "maxRedirects"] {
            s.unsupported(key, "the tool's own bound holds");
        }
        let private = s.section("ssrfPolicy", |policy| policy.boolean("dangerouslyAllowPrivateNetwork"));
        Self {
            enabled: s.boolean("enabled").unwrap_or(true),
            allow_private: s.boolean("allowPrivate").or(private).unwrap_or(false),
            max_response_bytes: s.integer("maxResponseBytes", 1..=1 << 30),
            timeout_seconds: s.integer("timeoutSeconds", 1..=3600),
            max_redirects: s.integer("maxRedirects", 0..=50).and_then(|n| u32::try_from(n).ok()),
        }
    }
}
