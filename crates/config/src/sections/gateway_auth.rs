//! `gateway.auth`: how callers prove themselves.

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
            Some(AuthMode::Password) => (None, self.password.as_ref()),
            None => (self.token.as_ref(), self.password.as_ref()),
        };
        token.into_iter().chain(password).collect()
    }

    pub(crate) fn read(s: &Section<'_>) -> Self {
        let trusted_proxy = s.raw("mode").is_some_and(|mode| mode == "trusted-proxy");
        let mode = if trusted_proxy {
            s.warn(
                "mode",
                "\"trusted-proxy\" is not supported by this version yet: no header lets anybody in, and callers need the token",
            );
            s.unsupported("trustedProxy", "no header lets anybody in");
            Some(AuthMode::Token)
        } else {
            s.choice("mode")
        };
        let (token, password) = (s.secret("token"), s.secret("password"));
        if s.raw("mode").is_none() && token.is_some() && password.is_some() {
            let message = "both token and password are set, so gateway.auth.mode must say which counts: token or password";
            s.error("token", message);
        }
        Self { mode, token, password, rate_limit: s.section("rateLimit", RateLimit::read) }
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
