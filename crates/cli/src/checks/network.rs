//! How the gateway can be reached, and what stands between it and others.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UNREADABLE, UsedBy, now};
use serde_json::Value;
use std::net::IpAddr;

pub(super) const CHECK: Check = Check {
    id: "network",
    title: "Network",
    kinds: &[
        &NO_TLS,
        &PROXIES_WIDE,
        &REAL_IP,
        &ORIGINS,
        &RATE_LIMIT,
        &FUNNEL,
        &SERVE,
        &PROXY_AUTH,
        &PROXY_NONE,
        &PROXY_HEADER,
        &PROXY_ANYBODY,
        &PROXY_LOOPBACK,
    ],
    used_by: UsedBy::Audit,
    look: |scene| now(look(scene)),
};

const fn kind(id: &'static str, severity: Severity, title: &'static str, remedy: &'static str) -> Kind {
    Kind { id, severity, title, remedy, mends: false }
}

static NO_TLS: Kind = kind(
    "gateway.bind_no_tls",
    Severity::Warn,
    "others connect to the gateway without encryption, so its secret crosses the network in the clear",
    "set gateway.tls.enabled to true, or keep gateway.bind at \"loopback\" and come through a tunnel, Tailscale or a proxy that has TLS",
);
static PROXIES_WIDE: Kind = kind(
    "gateway.trusted_proxies_wide",
    Severity::Warn,
    "more addresses than a proxy needs may say who a caller is",
    "name the proxies' own addresses in gateway.trustedProxies",
);
static REAL_IP: Kind = kind(
    "gateway.real_ip_fallback_enabled",
    Severity::Warn,
    "a caller's address is believed from a header that proxies pass on as it came",
    "set gateway.allowRealIpFallback to false, and have the proxy send X-Forwarded-For",
);
static ORIGINS: Kind = kind(
    "gateway.control_ui.allowed_origins_wildcard",
    Severity::Warn,
    "web pages from everywhere may connect to the gateway",
    "name the pages' own origins in gateway.controlUi.allowedOrigins",
);
static RATE_LIMIT: Kind = kind(
    "gateway.auth_rate_limit_weak",
    Severity::Warn,
    "others can reach the gateway, and may try many secrets",
    "take gateway.auth.rateLimit out: the defaults allow ten wrong ones a minute",
);
static FUNNEL: Kind = kind(
    "gateway.tailscale_funnel",
    Severity::Critical,
    "the gateway can be reached from the whole internet",
    "set gateway.tailscale.mode to \"serve\", unless that is what you want; then only the password stands between",
);
static SERVE: Kind = kind(
    "gateway.tailscale_serve",
    Severity::Info,
    "the gateway can be reached from the tailnet",
    "nothing, as long as all devices of the tailnet are yours",
);
static PROXY_AUTH: Kind = kind(
    "gateway.trusted_proxy_auth",
    Severity::Info,
    "the proxy says who a caller is, and the gateway believes it",
    "see that nobody reaches the gateway past the proxy, and that the proxy lets nobody in unseen",
);
static PROXY_NONE: Kind = kind(
    "gateway.trusted_proxy_no_proxies",
    Severity::Critical,
    "a proxy should say who a caller is, and none is named",
    "name the proxy's address in gateway.trustedProxies",
);
static PROXY_HEADER: Kind = kind(
    "gateway.trusted_proxy_no_user_header",
    Severity::Critical,
    "a proxy should say who a caller is, and the header is not named",
    "set gateway.auth.trustedProxy.userHeader to the header that the proxy sets itself",
);
static PROXY_ANYBODY: Kind = kind(
    "gateway.trusted_proxy_no_allowlist",
    Severity::Warn,
    "everybody whom the proxy lets in commands the gateway",
    "name those who may in gateway.auth.trustedProxy.allowUsers",
);
static PROXY_LOOPBACK: Kind = kind(
    "gateway.trusted_proxy_allow_loopback",
    Severity::Warn,
    "every program of this host may say who a caller is",
    "set gateway.auth.trustedProxy.allowLoopback to false, unless the proxy runs on this host and nobody else does",
);

/// Networks with more addresses than this are no list of proxies: a /16 has 65,536.
const WIDE_V4: u32 = 16;
/// A /48 is a whole site.
const WIDE_V6: u32 = 48;
/// More wrong secrets than this in a minute are many.
const MANY: f64 = 60.0;

fn look(scene: &Scene<'_>) -> Looked {
    if scene.is_unreadable() {
        return Looked::skipped(UNREADABLE);
    }
    if scene.is_remote() {
        return Looked::default();
    }
    let gateway = scene.written.get("gateway").unwrap_or(&Value::Null);
    let text = |pointer: &str| gateway.pointer(pointer).and_then(Value::as_str);
    let is_true = |pointer: &str| gateway.pointer(pointer) == Some(&Value::Bool(true));
    let open = scene.opens_to_others();
    let worse = if open { Severity::Critical } else { Severity::Warn };
    let mut findings = Vec::new();
    // What goes over a tailnet is encrypted on its way.
    let bind = text("/bind").unwrap_or_default();
    if open && bind != "tailnet" && !is_true("/tls/enabled") {
        findings.push(Finding::new(&NO_TLS, "gateway.bind", format!("is {bind:?}, and gateway.tls is off")));
    }
    findings.extend(wide_proxies(gateway, worse));
    if is_true("/allowRealIpFallback") {
        findings.push(Finding::new(&REAL_IP, "gateway.allowRealIpFallback", "is true").severity(worse));
    }
    if list(gateway, "/controlUi/allowedOrigins").contains(&"*") {
        findings
            .push(Finding::new(&ORIGINS, "gateway.controlUi.allowedOrigins", "has \"*\"").severity(worse));
    }
    if open {
        findings.extend(rate_limit(gateway));
    }
    match text("/tailscale/mode") {
        Some("funnel") => findings.push(Finding::new(&FUNNEL, "gateway.tailscale.mode", "is \"funnel\"")),
        Some("serve") => findings.push(Finding::new(&SERVE, "gateway.tailscale.mode", "is \"serve\"")),
        _ => {}
    }
    if text("/auth/mode") == Some("trusted-proxy") {
        findings.extend(by_proxy(gateway));
    }
    findings.into()
}

fn list<'a>(gateway: &'a Value, pointer: &str) -> Vec<&'a str> {
    let items = gateway.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::trim).collect()
}

fn wide_proxies(gateway: &Value, worse: Severity) -> Vec<Finding> {
    let wide = |range: &&str| {
        let (address, bits) = range.split_once('/').unwrap_or((range, "128"));
        match (address.parse::<IpAddr>(), bits.parse::<u32>()) {
            (Ok(IpAddr::V4(_)), Ok(bits)) => bits < WIDE_V4,
            (Ok(IpAddr::V6(_)), Ok(bits)) => bits < WIDE_V6,
            _ => false,
        }
    };
    let found = list(gateway, "/trustedProxies").into_iter().filter(wide);
    found
        .map(|range| {
            let all = range.ends_with("/0");
            let severity = if all { Severity::Critical } else { worse };
            let detail = if all { "is every address that there is" } else { "is a whole network" };
            Finding::new(&PROXIES_WIDE, "gateway.trustedProxies", format!("{range} {detail}"))
                .severity(severity)
        })
        .collect()
}

fn rate_limit(gateway: &Value) -> Option<Finding> {
    let number = |key: &str, default: f64| {
        gateway.pointer(&format!("/auth/rateLimit/{key}")).and_then(Value::as_f64).unwrap_or(default)
    };
    let (attempts, window) = (number("maxAttempts", 10.0), number("windowMs", 60_000.0));
    let a_minute = attempts * 60_000.0 / window.max(1.0);
    let detail = if number("lockoutMs", 300_000.0) < 1000.0 {
        "locks nobody out".to_owned()
    } else if a_minute > MANY {
        format!("allows {a_minute:.0} wrong secrets a minute")
    } else {
        return None;
    };
    Some(Finding::new(&RATE_LIMIT, "gateway.auth.rateLimit", detail))
}

fn by_proxy(gateway: &Value) -> Vec<Finding> {
    let mode = || ("gateway.auth.mode", "is \"trusted-proxy\"");
    let mut findings = vec![Finding::new(&PROXY_AUTH, mode().0, mode().1)];
    let given = |key: &str| gateway.pointer(&format!("/auth/trustedProxy/{key}"));
    if list(gateway, "/trustedProxies").is_empty() {
        findings.push(Finding::new(&PROXY_NONE, "gateway.trustedProxies", "is empty"));
    }
    if given("userHeader").and_then(Value::as_str).is_none_or(|header| header.trim().is_empty()) {
        findings.push(Finding::new(&PROXY_HEADER, "gateway.auth.trustedProxy.userHeader", "is not set"));
    }
    if list(gateway, "/auth/trustedProxy/allowUsers").is_empty() {
        findings.push(Finding::new(&PROXY_ANYBODY, "gateway.auth.trustedProxy.allowUsers", "is empty"));
    }
    if given("allowLoopback") == Some(&Value::Bool(true)) {
        findings.push(Finding::new(&PROXY_LOOPBACK, "gateway.auth.trustedProxy.allowLoopback", "is true"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_network_is_no_proxy_and_an_address_is() {
        for (range, severity) in [
            ("0.0.0.0/0", Some(Severity::Critical)),
            ("::/0", Some(Severity::Critical)),
            ("10.0.0.0/8", Some(Severity::Warn)),
            ("fd00::/8", Some(Severity::Warn)),
            ("172.17.0.0/16", None),
            ("127.0.0.1", None),
            ("::1", None),
            ("nonsense/0", None),
        ] {
            let found = wide_proxies(&json!({"trustedProxies": [range]}), Severity::Warn);
            assert_eq!(found.first().map(|finding| finding.severity), severity, "{range}");
        }
    }

    #[test]
    fn the_defaults_lock_out_whoever_guesses_and_lax_limits_do_not() {
        for (limit, found) in [
            (json!({}), false),
            (json!({"maxAttempts": 60}), false),
            (json!({"maxAttempts": 100}), true),
            (json!({"windowMs": 1000}), true),
            (json!({"lockoutMs": 0}), true),
        ] {
            assert_eq!(rate_limit(&json!({"auth": {"rateLimit": limit}})).is_some(), found, "{limit}");
        }
    }
}
