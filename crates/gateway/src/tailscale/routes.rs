//! What `tailscale serve status --json` says: the routes that are there, in the background and of programs in the foreground.

use super::cli::target;
use config::TailscaleMode;
use serde_json::{Map, Value};

/// Whether a program in the foreground holds a route to this port.
pub(super) fn holds(routes: &Value, port: u16) -> bool {
    let target = target(port);
    let leads = |config: &Value| {
        handlers(config).any(|(_, path, handler)| path == "/" && handler["Proxy"].as_str() == Some(&target))
    };
    object(&routes["Foreground"]).values().any(leads)
}

/// Who has the port of the route, and how it becomes free; `None` where it is free.
pub(super) fn conflict(routes: &Value, mode: TailscaleMode, name: &str) -> Option<String> {
    let held = |config: &Value| object(&config["TCP"]).contains_key("443");
    let shown = |config: &Value| {
        let leads = handlers(config)
            .map(|(host, path, handler)| format!("{host}{path} leads to {}", leads_to(handler)));
        let all: Vec<String> = leads.take(5).collect();
        if all.is_empty() { "a TCP route".to_owned() } else { all.join(", ") }
    };
    if held(routes) {
        return Some(format!(
            "another route holds port 443 of {name} ({}); it is not this gateway's and stays as it is. If nobody needs it, remove it with: tailscale {mode} --https=443 off",
            shown(routes)
        ));
    }
    let (session, other) = object(&routes["Foreground"]).iter().find(|(_, config)| held(config))?;
    Some(format!(
        "another program holds port 443 of {name} in the foreground ({}, session {session}); it ends with that program, which may be another gateway. See tailscale serve status --json",
        shown(other)
    ))
}

fn leads_to(handler: &Value) -> &str {
    ["Proxy", "Path", "Text"].iter().find_map(|kind| handler[kind].as_str()).unwrap_or("something")
}

/// Host, path and handler of each web route.
fn handlers(config: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let hosts = object(&config["Web"]).iter();
    hosts.flat_map(|(host, web)| {
        object(&web["Handlers"]).iter().map(move |(path, handler)| (host, path, handler))
    })
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_is_ours_by_its_target_and_anothers_is_explained() {
        let web = |target: &str| {
            json!({"TCP": {"443": {"HTTPS": true}},
                "Web": {"box.ts.net:443": {"Handlers": {"/": {"Proxy": target}}}}})
        };
        let ours = json!({"Foreground": {"s1": web("http://127.0.0.1:4711")}});
        assert!(holds(&ours, 4711) && !holds(&ours, 4712));
        assert!(!holds(&web("http://127.0.0.1:4711"), 4711), "a route in the background is nobody's claim");
        for (routes, parts) in [
            (web("http://127.0.0.1:3000"), &["3000", "tailscale serve --https=443 off"] as &[_]),
            (ours, &["session s1", "4711"]),
            (json!({"TCP": {"443": {"TCPForward": "127.0.0.1:22"}}}), &["a TCP route"]),
        ] {
            let said = conflict(&routes, TailscaleMode::Serve, "box.ts.net").unwrap();
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
        for free in
            [json!({}), json!(null), json!([]), json!({"TCP": {"8443": {"HTTPS": true}}, "Foreground": 5})]
        {
            assert_eq!(conflict(&free, TailscaleMode::Serve, "box.ts.net"), None, "{free}");
        }
    }
}
