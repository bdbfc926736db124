//! `gateway.auth.trustedProxy`, `gateway.auth.identityScopes` and `gateway.tailscale`: who is known by name, and from whom.

use std::collections::BTreeMap;

use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// What an operator may do.
    OperatorScope {
        /// Reading.
        Read => "operator.read",
        /// Writing.
        Write => "operator.write",
        /// Everything.
        Admin => "operator.admin",
        /// Deciding about commands.
        Approvals => "operator.approvals",
        /// Answering questions.
        Questions => "operator.questions",
        /// Pairing.
        Pairing => "operator.pairing",
        /// Talking.
        Talk => "operator.talk",
        /// The secrets of talking.
        TalkSecrets => "operator.talk.secrets",
    }
}

choice! {
    /// What Tailscale publishes of the gateway.
    TailscaleMode {
        /// Nothing.
        Off => "off",
        /// A route within the tailnet.
        Serve => "serve",
        /// A route from the whole internet.
        Funnel => "funnel",
    }
}

/// `gateway.auth.trustedProxy`: the proxy that says who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxyConfig {
    /// `userHeader`: the header with the user's name, in small letters.
    pub user_header: String,
    /// `requiredHeaders`: what must be there besides, in small letters.
    pub required_headers: Vec<String>,
    /// `allowUsers`: the users that are let in; empty is all.
    pub allow_users: Vec<String>,
    /// `allowLoopback`: the proxy may be on this host. False by default.
    pub allow_loopback: bool,
    /// `deviceAutoApprove`: the scopes that devices of such users get without being asked about; `None`: somebody is asked.
    pub auto_approve: Option<AutoApprove>,
}

/// `gateway.auth.trustedProxy.deviceAutoApprove`, where it is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoApprove {
    /// `scopes`: what is granted at most.
    pub scopes: Vec<String>,
    /// Whether `scopes` was left out, and has its default.
    pub is_default: bool,
}

/// `gateway.tailscale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailscaleConfig {
    /// `mode`, off by default.
    pub mode: TailscaleMode,
}

impl Default for TailscaleConfig {
    fn default() -> Self {
        Self { mode: TailscaleMode::Off }
    }
}

impl TailscaleConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        let mode = s.choice("mode").unwrap_or(TailscaleMode::Off);
        // The route is held by a program that ends with the gateway, so that it always goes; a route that somebody else set up
        // is never touched. Both of what these keys ask for is so already.
        if s.boolean("resetOnExit") == Some(false) {
            s.warn("resetOnExit", "the route goes whenever the gateway does; publish one that stays yourself, with tailscale serve --bg, and list its address in gateway.trustedProxies");
        }
        s.boolean("preserveFunnel");
        if s.text("serviceName").is_some() && mode != TailscaleMode::Off {
            s.error("serviceName", "a Tailscale Service needs a route that stays without the gateway, and this one goes with it; remove the key");
        }
        Self { mode }
    }
}

/// `gateway.auth.identityScopes`: user to scopes. Whatever has an `@` is compared without regard to case.
pub(crate) fn identity_scopes(s: &Section<'_>) -> BTreeMap<String, Vec<String>> {
    let words = |scopes: Vec<OperatorScope>| scopes.into_iter().map(|s| s.as_str().to_owned()).collect();
    s.choice_lists("identityScopes").into_iter().map(|(user, scopes)| (user, words(scopes))).collect()
}

impl TrustedProxyConfig {
    /// Reads the section of mode `trusted-proxy`.
    pub(crate) fn read(s: &Section<'_>) -> Option<Self> {
        let small = |names: Option<Vec<String>>| -> Vec<String> {
            names.unwrap_or_default().iter().map(|n| n.trim().to_ascii_lowercase()).collect()
        };
        let user_header =
            s.text("userHeader").map(|name| name.trim().to_ascii_lowercase()).unwrap_or_default();
        let required_headers = small(s.texts("requiredHeaders"));
        let allow_users = s.texts("allowUsers").unwrap_or_default();
        let names =
            [("userHeader", std::slice::from_ref(&user_header)), ("requiredHeaders", &required_headers[..])];
        for (key, name) in names.iter().flat_map(|(key, names)| names.iter().map(move |name| (*key, name))) {
            if !is_header(name) && s.exists() && !(key == "userHeader" && name.is_empty()) {
                s.error(key, format!("{name:?} is no name of a header"));
            }
        }
        let read = Self {
            user_header,
            required_headers,
            allow_users: allow_users.iter().map(|user| user.trim().to_owned()).collect(),
            allow_loopback: s.boolean("allowLoopback").unwrap_or(false),
            auto_approve: s.section("deviceAutoApprove", AutoApprove::read),
        };
        (!read.user_header.is_empty()).then_some(read)
    }
}

impl AutoApprove {
    fn read(s: &Section<'_>) -> Option<Self> {
        let enabled = s.boolean("enabled") == Some(true);
        let scopes: Option<Vec<OperatorScope>> = s.choices("scopes");
        if enabled && scopes.as_ref().is_some_and(|scopes| scopes.contains(&OperatorScope::Admin)) {
            s.warn("scopes", "operator.admin is among them: every user whom the proxy lets in can make a device an administrator without anybody being asked");
        }
        let default =
            [OperatorScope::Read, OperatorScope::Write, OperatorScope::Approvals, OperatorScope::Questions];
        let is_default = scopes.is_none();
        let scopes = scopes.unwrap_or(default.to_vec()).into_iter().map(|s| s.as_str().to_owned()).collect();
        enabled.then_some(Self { scopes, is_default })
    }
}

/// A token, as HTTP has it for the names of headers.
fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
