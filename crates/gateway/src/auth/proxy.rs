//! `gateway.auth.mode: "trusted-proxy"`: who the proxy says somebody is. The order of the checks is that in which a mistake is
//! best explained; all of them must hold.

use super::peer::Peer;
use config::TrustedProxyConfig;
use protocol::ErrorShape;
use serde_json::json;
use std::net::IpAddr;

/// Why the proxy's word does not count; the words are those of OpenClaw's `authReason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotBelieved(String);

impl NotBelieved {
    fn because(reason: &str) -> Self {
        Self(format!("trusted_proxy_{reason}"))
    }

    /// The refusal, with the reason and what to do.
    pub(crate) fn refusal(&self) -> ErrorShape {
        let Self(reason) = self;
        let is_header =
            reason == "trusted_proxy_user_missing" || reason.starts_with("trusted_proxy_missing_header_");
        let code = if is_header { "AUTH_IDENTITY_HEADER_REQUIRED" } else { "AUTH_UNAUTHORIZED" };
        let message = format!(
            "unauthorized: {reason} (sign in at the proxy in front of this gateway, or use a paired device's token)"
        );
        ErrorShape::invalid(message).with_details(json!({
            "code": code,
            "authReason": reason,
            "canRetryWithDeviceToken": false,
            "recommendedNextStep": "review_auth_configuration",
        }))
    }
}

/// The user that the proxy names. `is_own` says whether an address is one of this host's.
pub(crate) fn user(
    peer: &Peer,
    rules: Option<&TrustedProxyConfig>,
    is_own: impl Fn(IpAddr) -> std::io::Result<bool>,
) -> Result<String, NotBelieved> {
    let rules = rules.ok_or_else(|| NotBelieved::because("config_missing"))?;
    // Whoever is no trusted proxy and forwards was refused before; this one does not forward.
    if !peer.forwarded {
        return Err(NotBelieved::because("untrusted_source"));
    }
    if peer.socket_ip().is_loopback() {
        if !rules.allow_loopback {
            return Err(NotBelieved::because("loopback_source"));
        }
    } else {
        match is_own(peer.socket_ip()) {
            Ok(false) => {}
            Ok(true) => return Err(NotBelieved::because("local_interface_source")),
            Err(_) => return Err(NotBelieved::because("local_interface_check_failed")),
        }
    }
    for name in &rules.required_headers {
        if said(peer, name).is_none() {
            return Err(NotBelieved::because(&format!("missing_header_{name}")));
        }
    }
    let user = said(peer, &rules.user_header).ok_or_else(|| NotBelieved::because("user_missing"))?;
    if !rules.allow_users.is_empty() && !rules.allow_users.iter().any(|allowed| allowed == user) {
        return Err(NotBelieved::because("user_not_allowed"));
    }
    Ok(user.to_owned())
}

/// The one value of a header, if it says anything. Two would leave it open which of them the proxy wrote.
fn said<'a>(peer: &'a Peer, name: &str) -> Option<&'a str> {
    let mut values = peer.headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    (values.next().is_none() && !value.is_empty()).then_some(value)
}

/// What a proxy's `x-openclaw-scopes` leaves of a connection's scopes; `None` where it says nothing.
pub(crate) fn scope_cap(peer: &Peer) -> Option<Vec<String>> {
    let lines = peer.headers.get_all("x-openclaw-scopes").iter();
    let texts: Vec<&str> = lines.map(|line| line.to_str().unwrap_or_default()).collect();
    if texts.is_empty() {
        return None;
    }
    let words = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty());
    Some(words.map(str::to_owned).collect())
}

/// Whether an address is one of this host's.
pub(crate) fn is_own_address(ip: IpAddr) -> std::io::Result<bool> {
    Ok(if_addrs::get_if_addrs()?.iter().any(|interface| interface.ip().to_canonical() == ip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::peer::tests::forwarded_from;

    fn rules() -> TrustedProxyConfig {
        TrustedProxyConfig {
            user_header: "x-user".into(),
            required_headers: vec!["x-proof".into()],
            allow_users: vec!["ann@example.com".into()],
            allow_loopback: false,
            auto_approve: None,
        }
    }

    #[test]
    fn each_reason_has_its_name_and_only_a_whole_word_of_the_right_proxy_counts() {
        let good = [("x-user", " ann@example.com "), ("x-proof", "1")];
        let far = |_: IpAddr| Ok(false);
        let own = |_: IpAddr| Ok(true);
        let broken = |_: IpAddr| Err(std::io::Error::other("no"));
        let ask = |addr: &str,
                   headers: &[(&'static str, &str)],
                   is_own: &dyn Fn(IpAddr) -> std::io::Result<bool>| {
            user(&forwarded_from(addr, headers), Some(&rules()), is_own).map_err(|NotBelieved(reason)| reason)
        };
        let refused = |reason: &str| Err(format!("trusted_proxy_{reason}"));
        assert_eq!(ask("10.0.0.2:5", &good, &far), Ok("ann@example.com".into()));
        assert_eq!(ask("127.0.0.1:5", &good, &far), refused("loopback_source"));
        assert_eq!(ask("10.0.0.2:5", &good, &own), refused("local_interface_source"));
        assert_eq!(ask("10.0.0.2:5", &good, &broken), refused("local_interface_check_failed"));
        assert_eq!(ask("10.0.0.2:5", &good[..1], &far), refused("missing_header_x-proof"));
        assert_eq!(ask("10.0.0.2:5", &[("x-proof", "1"), ("x-user", " ")], &far), refused("user_missing"));
        let two = [("x-user", "ann@example.com"), ("x-user", "ann@example.com"), ("x-proof", "1")];
        assert_eq!(ask("10.0.0.2:5", &two, &far), refused("user_missing"));
        for other in ["eve@example.com", "Ann@example.com", "ann@example.com, eve@example.com"] {
            let headers = [("x-user", other), ("x-proof", "1")];
            assert_eq!(ask("10.0.0.2:5", &headers, &far), refused("user_not_allowed"), "{other}");
        }
        let direct = Peer { forwarded: false, ..forwarded_from("10.0.0.2:5", &good) };
        assert_eq!(user(&direct, Some(&rules()), far), Err(NotBelieved::because("untrusted_source")));
        assert_eq!(user(&direct, None, far), Err(NotBelieved::because("config_missing")));
    }

    #[test]
    fn a_cap_is_a_list_and_an_empty_one_leaves_nothing() {
        let cap = |headers: &[(&'static str, &str)]| scope_cap(&forwarded_from("10.0.0.2:5", headers));
        assert_eq!(cap(&[]), None);
        assert_eq!(cap(&[("x-openclaw-scopes", "")]), Some(vec![]));
        let two =
            [("x-openclaw-scopes", "operator.read, operator.write"), ("x-openclaw-scopes", "operator.talk")];
        assert_eq!(cap(&two).map(|c| c.len()), Some(3));
    }
}
