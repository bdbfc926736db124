//! `GET /doctor`: whether the browser is ready, check by check.

use serde_json::{Value, json};

/// `{ok, profile, transport, checks, status}`.
pub(super) fn report(status: Value) -> Value {
    let program = status["executablePath"].as_str();
    let running = status["running"] == true;
    let mut checks = vec![
        json!({"id": "plugin-enabled", "label": "Browser", "status": "pass", "summary": "enabled"}),
        json!({"id": "profile", "label": "Profile", "status": "pass", "summary": format!("{} via cdp", super::PROFILE)}),
        match program {
            Some(program) => {
                json!({"id": "managed-executable", "label": "Chromium executable", "status": "pass", "summary": program})
            }
            None => json!({"id": "managed-executable", "label": "Chromium executable", "status": "fail",
                "summary": "no Chromium executable was found", "fixHint": "install chromium, or set browser.executablePath"}),
        },
    ];
    if status["headlessSource"] == "linux-display-fallback" {
        checks.push(json!({"id": "headless-mode", "label": "Headless mode", "status": "pass",
            "summary": "there is no display, so that it shows no window"}));
    }
    if rustix::process::getuid().is_root() && status["noSandbox"] != true {
        checks.push(json!({"id": "linux-sandbox", "label": "Linux sandbox", "status": "warn",
            "summary": "as root a browser does not start with its sandbox", "fixHint": "set browser.noSandbox: true"}));
    }
    let (state, summary) = if running { ("pass", "it answers") } else { ("info", "it does not run now") };
    checks.push(json!({"id": "cdp-websocket", "label": "CDP pipe", "status": state, "summary": summary}));
    let ok = checks.iter().all(|check| check["status"] != "fail");
    json!({"ok": ok, "profile": super::PROFILE, "transport": "cdp", "checks": checks, "status": status})
}
