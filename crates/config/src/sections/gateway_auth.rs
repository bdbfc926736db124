//! `gateway.auth`: how callers prove themselves.

use std::collections::BTreeMap;

use super::gateway_identity::{TrustedProxyConfig, identity_scopes};
use crate::SecretInput;
use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// Which shared secret callers prove.
    AuthMode {
        /// None at all; for loopback only.
        None => "none",
        /// `gateway.auth.token`.
        Token => "token",
        /// `gateway.auth.password`.
        Password => "password",
        /// A proxy says who somebody is; programs on this host may prove the password.
        TrustedProxy => "trusted-proxy",
    }
}

/// `gateway.auth`.
#[derive(Debug, Clone, Default)]
pub struct AuthConfig {
    /// `mode`; [`crate::server_auth`] says what an unset one means.
    pub mode: Option<AuthMode>,
    /// `token`.
    pub token: Option<SecretInput>,
    /// `password`.
    pub password: Option<SecretInput>,
    /// `rateLimit`: what wrong secrets lead to.
    pub rate_limit: RateLimit,
    /// `trustedProxy`, which mode `trusted-proxy` needs.
    pub trusted_proxy: Option<TrustedProxyConfig>,
    /// `identityScopes`: what users who are known by name may do beside what their devices may, on that connection alone.
    pub identity_scopes: BTreeMap<String, Vec<String>>,
    /// `allowTailscale`: whether Tailscale's word for who somebody is goes for the secret. True by default with
    /// `tailscale.mode` serve, and of no meaning otherwise.
    pub allow_tailscale: Option<bool>,
}

/// `gateway.auth.rateLimit`: wrong attempts per address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// `maxAttempts`: wrong attempts within the window before the lock-out. 10 by default.
    pub max_attempts: u32,
    /// `windowMs`: the window, in milliseconds. 60,000 by default.
    pub window_ms: u64,
    /// `lockoutMs`: how long an address is locked out, in milliseconds. 300,000 by default.
    pub lockout_ms: u64,
    /// `exemptLoopback`: whether this host is never locked out. True by default; browsers are never exempt.
    pub exempt_loopback: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { max_attempts: 10, window_ms: 60_000, lockout_ms: 300_000, exempt_loopback: true }
    }
}

impl AuthConfig {
    /// The secrets that count in this mode.
    pub fn inputs(&self) -> Vec<&SecretInput> {
        let (token, password) = match self.mode {
            Some(AuthMode::None) => (None, None),
            Some(AuthMode::Token) => (self.token.as_ref(), None),
            Some(AuthMode::Password | AuthMode::TrustedProxy) => (None, self.password.as_ref()),
            None => (self.token.as_ref(), self.password.as_ref()),
        };
        token.into_iter().chain(password).collect()
    }

    pub(crate) fn read(s: &Section<'_>) -> Self {
        let mode = s.choice("mode");
        let (token, password) = (s.secret("token"), s.secret("password"));
        if s.raw("mode").is_none() && token.is_some() && password.is_some() {
            let message = "both token and password are set, so gateway.auth.mode must say which counts: token or password";
            s.error("token", message);
        }
        let trusted_proxy = s.section("trustedProxy", TrustedProxyConfig::read);
        if mode == Some(AuthMode::TrustedProxy) && trusted_proxy.is_none() {
            let message = "\"trusted-proxy\" needs gateway.auth.trustedProxy.userHeader: the header in which the proxy names the user";
            s.error("mode", message);
        }
        if mode == Some(AuthMode::TrustedProxy) && token.is_some() {
            let message = "gateway.auth.mode \"trusted-proxy\" and a token exclude each other: whoever had it would pass the proxy by; remove the token, or set the mode to \"token\"";
            s.error("token", message);
        }
        Self {
            mode,
            token,
            password,
            rate_limit: s.section("rateLimit", RateLimit::read),
            trusted_proxy,
            identity_scopes: identity_scopes(s),
            allow_tailscale: s.boolean("allowTailscale"),
        }
    }
}

impl RateLimit {
    /// Longest time that is accepted: a year.
    const MAX_MS: u64 = 365 * 24 * 3600 * 1000;

    fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        let attempts = s.integer("maxAttempts", 1..=1_000_000).and_then(|n| u32::try_from(n).ok());
        Self {
            max_attempts: attempts.unwrap_or(default.max_attempts),
            window_ms: s.integer("windowMs", 1..=Self::MAX_MS).unwrap_or(default.window_ms),
            lockout_ms: s.integer("lockoutMs", 0..=Self::MAX_MS).unwrap_or(default.lockout_ms),
            exempt_loopback: s.boolean("exemptLoopback").unwrap_or(default.exempt_loopback),
        }
    }
}
