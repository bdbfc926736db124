//! `gateway`: where it listens and who may come in.

use std::net::IpAddr;

use super::{AuthConfig, AuthMode, RemoteConfig, TailscaleConfig, TailscaleMode, TlsConfig};
use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// What this installation is.
    GatewayMode {
        /// The gateway runs here.
        Local => "local",
        /// The gateway runs elsewhere; commands go to `gateway.remote.url`.
        Remote => "remote",
    }
}

choice! {
    /// Which addresses the gateway listens on (S6).
    Bind {
        /// This host only.
        Loopback => "loopback",
        /// All addresses, of IPv4 and IPv6.
        Lan => "lan",
        /// The addresses that Tailscale gave this host.
        Tailnet => "tailnet",
        /// `gateway.customBindHost`.
        Custom => "custom",
        /// Loopback where there is one, else as `lan`.
        Auto => "auto",
    }
}

choice! {
    /// What a running gateway does when the config changes.
    ReloadMode {
        /// It takes up what it can, and says what needs a restart.
        Hybrid => "hybrid",
        /// Nothing; changes wait for the next start.
        Off => "off",
        /// An older word for hybrid.
        Hot => "hot",
        /// An older word for hybrid.
        Restart => "restart",
    }
}

/// `gateway`.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// `mode`; unset means local.
    pub mode: Option<GatewayMode>,
    /// `port`; see [`crate::gateway_port`] for what goes before and after it.
    pub port: Option<u16>,
    /// `bind`, loopback by default.
    pub bind: Bind,
    /// `customBindHost`, set whenever `bind` is custom.
    pub custom_bind_host: Option<IpAddr>,
    /// `auth`: how callers prove themselves.
    pub auth: AuthConfig,
    /// `controlUi`: the browser interface.
    pub control_ui: ControlUiConfig,
    /// `terminal`: shells for operators.
    pub terminal: TerminalConfig,
    /// `trustedProxies`: addresses or CIDR ranges whose forwarding headers are believed.
    pub trusted_proxies: Vec<String>,
    /// `allowRealIpFallback`: whether a trusted proxy's `X-Real-IP` counts where it sends no `X-Forwarded-For`. False by
    /// default.
    pub allow_real_ip: bool,
    /// `tailscale`: what Tailscale publishes of the gateway.
    pub tailscale: TailscaleConfig,
    /// `nodes`: pairing and commands of nodes.
    pub nodes: NodesConfig,
    /// `reload.mode`, hybrid by default.
    pub reload: ReloadMode,
    /// `tls`: certificates of its own on the gateway's port.
    pub tls: TlsConfig,
    /// `remote`: where commands go, and with what; never used to let anyone in (S9).
    pub remote: RemoteConfig,
}

/// `gateway.controlUi`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlUiConfig {
    /// `allowedOrigins`: further origins that browsers may come from.
    pub allowed_origins: Vec<String>,
}

/// `gateway.terminal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalConfig {
    /// `enabled`: whether administrators may open shells on the gateway's host. True by default.
    pub enabled: bool,
    /// `shell`: the program; unset is that of `SHELL`.
    pub shell: Option<String>,
    /// `detachedSessionTimeoutSeconds`: how long a shell outlives its connection. 300 by default.
    pub detached_seconds: u64,
}

impl TerminalConfig {
    fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        Self {
            enabled: s.boolean("enabled").unwrap_or(default.enabled),
            shell: s.text("shell").filter(|shell| !shell.trim().is_empty()),
            detached_seconds: s
                .integer("detachedSessionTimeoutSeconds", 0..=86_400)
                .unwrap_or(default.detached_seconds),
        }
    }
}

impl Default for TerminalConfig {
    fn default() -> Self {
        Self { enabled: true, shell: None, detached_seconds: 300 }
    }
}

/// `gateway.nodes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodesConfig {
    /// `pairing`: which devices are let in without being asked about.
    pub pairing: NodePairing,
    /// `commands`: which commands may be called.
    pub commands: NodeCommands,
    /// `allowSkills`: whether agents are told of the skills of nodes. True by default.
    pub allow_skills: bool,
    /// `browser`: whose browser agents drive.
    pub browser: NodeBrowser,
    /// `pluginTools`: whether agents have the tools that nodes lend.
    pub plugin_tools: NodePluginTools,
}

impl Default for NodesConfig {
    fn default() -> Self {
        Self {
            pairing: NodePairing::default(),
            commands: NodeCommands::default(),
            allow_skills: true,
            browser: NodeBrowser::default(),
            plugin_tools: NodePluginTools::default(),
        }
    }
}

/// `gateway.nodes.pairing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePairing {
    /// `autoApproveLocal`: pair devices on this host silently once they proved the shared secret. True by default.
    pub auto_approve_local: bool,
    /// `autoApproveCidrs`: addresses or CIDR ranges from which a node that was never paired is, once it proved the shared secret.
    pub auto_approve_cidrs: Vec<String>,
}

/// `gateway.nodes.commands`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeCommands {
    /// `allow`: commands allowed beyond the defaults.
    pub allow: Vec<String>,
    /// `deny`: commands that are never called, whatever else allows them.
    pub deny: Vec<String>,
}

choice! {
    /// How the node is found whose browser an agent drives.
    NodeBrowserMode {
        /// The only one that has one, unless it is named.
        Auto => "auto",
        /// It must be named.
        Manual => "manual",
        /// There is none.
        Off => "off",
    }
}

/// `gateway.nodes.browser`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeBrowser {
    /// `mode`, auto by default.
    pub mode: NodeBrowserMode,
    /// `node`: the node, by id or name.
    pub node: Option<String>,
}

impl Default for NodeBrowser {
    fn default() -> Self {
        Self { mode: NodeBrowserMode::Auto, node: None }
    }
}

/// `gateway.nodes.pluginTools`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePluginTools {
    /// `enabled`: agents have the tools that nodes lend. True by default.
    pub enabled: bool,
}

impl Default for NodePluginTools {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for NodePairing {
    fn default() -> Self {
        Self { auto_approve_local: true, auto_approve_cidrs: Vec::new() }
    }
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            mode: None,
            port: None,
            bind: Bind::Loopback,
            custom_bind_host: None,
            auth: AuthConfig::default(),
            control_ui: ControlUiConfig::default(),
            terminal: TerminalConfig::default(),
            trusted_proxies: Vec::new(),
            allow_real_ip: false,
            tailscale: TailscaleConfig::default(),
            nodes: NodesConfig::default(),
            reload: ReloadMode::Hybrid,
            tls: TlsConfig::default(),
            remote: RemoteConfig::default(),
        }
    }
}

impl GatewayConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("roles", "everyone who is let in has the scopes of their pairing");
        let bind = s.choice("bind").unwrap_or(Bind::Loopback);
        let config = Self {
            mode: s.choice("mode"),
            port: s.integer("port", 1..=65535).and_then(|port| u16::try_from(port).ok()),
            bind,
            custom_bind_host: custom_host(s, bind),
            auth: s.section("auth", AuthConfig::read),
            terminal: s.section("terminal", TerminalConfig::read),
            control_ui: s.section("controlUi", |ui| ControlUiConfig {
                allowed_origins: ui.texts("allowedOrigins").unwrap_or_default(),
            }),
            trusted_proxies: ranges(s, "trustedProxies"),
            allow_real_ip: s.boolean("allowRealIpFallback").unwrap_or(false),
            tailscale: s.section("tailscale", TailscaleConfig::read),
            nodes: s.section("nodes", NodesConfig::read),
            reload: s.section("reload", |reload| {
                reload.raw("debounceMs");
                reload.choice("mode").unwrap_or(ReloadMode::Hybrid)
            }),
            tls: s.section("tls", TlsConfig::read),
            remote: s.section("remote", RemoteConfig::read),
        };
        if config.auth.mode == Some(AuthMode::None) && config.opens_to_others() {
            s.error_at("auth.mode", "\"none\" is allowed on loopback only, and gateway.bind opens the gateway to others; use token or password, or set gateway.bind to \"loopback\"".to_owned());
        }
        if config.auth.mode == Some(AuthMode::TrustedProxy) && config.trusted_proxies.is_empty() {
            s.error_at(
                "auth.mode",
                "\"trusted-proxy\" needs gateway.trustedProxies: the addresses of the proxy".to_owned(),
            );
        }
        if let Some(problem) = config.tailscale_problem() {
            s.error_at("tailscale.mode", problem);
        }
        config
    }

    /// Why `tailscale.mode` does not go with the rest; `None` where it does. Whether there is a password is seen at the start.
    pub fn tailscale_problem(&self) -> Option<String> {
        let mode = self.tailscale.mode;
        if mode == TailscaleMode::Off {
            return None;
        }
        if self.opens_to_others() {
            return Some(format!(
                "{:?} publishes a gateway that listens on loopback alone, and gateway.bind is {:?}; set gateway.bind to \"loopback\"",
                mode.as_str(),
                self.bind.as_str()
            ));
        }
        match self.auth.mode {
            Some(AuthMode::Token | AuthMode::TrustedProxy | AuthMode::None) if mode == TailscaleMode::Funnel => Some(
                "\"funnel\" opens the gateway to the whole internet and needs gateway.auth.mode \"password\"".to_owned(),
            ),
            Some(AuthMode::None) => Some("\"serve\" opens the gateway to the tailnet, and gateway.auth.mode \"none\" is allowed on loopback only; use token or password".to_owned()),
            Some(AuthMode::TrustedProxy) => Some("\"serve\" and gateway.auth.mode \"trusted-proxy\" are two ways of knowing who somebody is; use one of them".to_owned()),
            _ => None,
        }
    }

    /// Whether `bind` lets others than this host connect. `auto` does so only where there is no loopback.
    pub fn opens_to_others(&self) -> bool {
        match self.bind {
            Bind::Loopback | Bind::Auto => false,
            Bind::Lan | Bind::Tailnet => true,
            Bind::Custom => self.custom_bind_host.is_some_and(|ip| !ip.is_loopback()),
        }
    }

    /// Whether commands on this host go to a gateway elsewhere.
    pub fn is_remote(&self) -> bool {
        self.mode == Some(GatewayMode::Remote)
    }
}

impl NodesConfig {
    fn read(s: &Section<'_>) -> Self {
        let pairing = s.section("pairing", |pairing| {
            let auto_approve_local = pairing.boolean("autoApproveLocal").unwrap_or(true);
            NodePairing { auto_approve_local, auto_approve_cidrs: ranges(pairing, "autoApproveCidrs") }
        });
        let commands = s.section("commands", |commands| NodeCommands {
            allow: commands.texts("allow").unwrap_or_default(),
            deny: commands.texts("deny").unwrap_or_default(),
        });
        let plugin_tools = s.section("pluginTools", |tools| NodePluginTools {
            enabled: tools.boolean("enabled").unwrap_or(true),
        });
        let browser = s.section("browser", |browser| NodeBrowser {
            mode: browser.choice("mode").unwrap_or(NodeBrowserMode::Auto),
            node: browser.text("node").filter(|node| !node.trim().is_empty()),
        });
        let allow_skills = s.boolean("allowSkills").unwrap_or(true);
        Self { pairing, commands, allow_skills, browser, plugin_tools }
    }
}

fn custom_host(s: &Section<'_>, bind: Bind) -> Option<IpAddr> {
    let text = s.text("customBindHost");
    let host = text.as_deref().map(|text| text.trim().trim_matches(['[', ']']).parse::<IpAddr>());
    match host {
        Some(Ok(host)) => Some(host.to_canonical()),
        Some(Err(_)) => {
            s.error("customBindHost", "use one address of this host, like \"192.168.1.10\" or \"fd00::10\"");
            None
        }
        None => {
            if bind == Bind::Custom {
                s.error("bind", "\"custom\" needs gateway.customBindHost: one address of this host");
            }
            None
        }
    }
}

/// A list of addresses and ranges.
fn ranges(s: &Section<'_>, key: &'static str) -> Vec<String> {
    let ranges = s.texts(key).unwrap_or_default();
    for (index, range) in ranges.iter().enumerate() {
        if !is_address_or_range(range) {
            s.error_at(
                &format!("{key}[{index}]"),
                format!("{range:?} is not allowed; use an IP address or a range like \"10.0.0.0/8\""),
            );
        }
    }
    ranges
}

fn is_address_or_range(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}
