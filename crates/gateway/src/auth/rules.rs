//! What the configuration says of proxies and of users who are known by name. Taken anew by each request, so that a change
//! counts for whoever connects after it.

use super::secret::AuthMode;
use config::{Config, TrustedProxyConfig};
use std::collections::BTreeMap;

/// Whom to believe, and what those may do of whom is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// `gateway.trustedProxies`.
    pub(crate) trusted_proxies: Vec<String>,
    /// `gateway.allowRealIpFallback`.
    pub(crate) allow_real_ip: bool,
    /// `gateway.controlUi.allowedOrigins`.
    pub(crate) allowed_origins: Vec<String>,
    /// `gateway.auth.trustedProxy`.
    pub(crate) proxy: Option<TrustedProxyConfig>,
    /// `gateway.auth.identityScopes`.
    pub(crate) identity_scopes: BTreeMap<String, Vec<String>>,
    /// `gateway.auth.allowTailscale`; unset, it is so where a token is the secret: who chose a password wants it asked for.
    pub(crate) allow_tailscale: bool,
}

impl Rules {
    /// `auth` is the mode that counts, from wherever it comes.
    pub(crate) fn of(config: &Config, auth: &AuthMode) -> Self {
        let gateway = &config.gateway;
        Self {
            trusted_proxies: gateway.trusted_proxies.clone(),
            allow_real_ip: gateway.allow_real_ip,
            allowed_origins: gateway.control_ui.allowed_origins.clone(),
            proxy: gateway.auth.trusted_proxy.clone(),
            identity_scopes: gateway.auth.identity_scopes.clone(),
            allow_tailscale: gateway.auth.allow_tailscale.unwrap_or(matches!(auth, AuthMode::Token(_))),
        }
    }

    /// What `identityScopes` gives this user.
    pub(crate) fn scopes_of(&self, user: &str) -> Vec<String> {
        let is_same = |name: &str| {
            name == user || (name.contains('@') && user.contains('@') && name.eq_ignore_ascii_case(user))
        };
        let given = self.identity_scopes.iter().filter(|(name, _)| is_same(name));
        given.flat_map(|(_, scopes)| scopes.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mail_are_the_same_in_any_case_and_other_names_are_not() {
        let text = r#"{ gateway: { auth: { identityScopes: { "Ann@Example.com": ["operator.read"], "ops": ["operator.admin"] } } } }"#;
        let env = config::Env::from([] as [(&str, &str); 0]);
        let loaded = config::parse(text, std::path::Path::new("openclaw.json"), &env).unwrap();
        let rules = Rules::of(&loaded.config, &AuthMode::None);
        for (user, scopes) in [
            ("ann@example.com", &["operator.read"] as &[&str]),
            ("ops", &["operator.admin"]),
            ("OPS", &[]),
            ("ann", &[]),
        ] {
            assert_eq!(rules.scopes_of(user), scopes, "{user}");
        }
    }
}
