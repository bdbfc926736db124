//! Commands and browsers, as far as the configuration has a say in them.

use config::Config;
use std::time::Duration;

/// Where commands run, and for how long.
pub(super) fn exec_defaults(config: &Config) -> tools::ExecDefaults {
    let exec = &config.tools.exec;
    tools::ExecDefaults {
        host: match exec.host {
            config::ExecHost::Node => tools::ExecHost::Node,
            // In a sandbox, no command runs at all; see `exec_request`.
            config::ExecHost::Auto | config::ExecHost::Gateway | config::ExecHost::Sandbox => {
                tools::ExecHost::Gateway
            }
        },
        timeout: Duration::from_secs(exec.timeout_seconds),
        node: exec.node.clone(),
    }
}

/// Whose browser agents drive.
pub(super) fn browser_defaults(browser: &config::NodeBrowser) -> tools::BrowserDefaults {
    tools::BrowserDefaults {
        off: browser.mode == config::NodeBrowserMode::Off,
        manual: browser.mode == config::NodeBrowserMode::Manual,
        node: browser.node.clone(),
        // Whoever makes the gateway says so.
        host: false,
    }
}

/// `tools.exec.mode` in terms of security and asking; where both ways are used, the stricter counts. `auto` wants a
/// reviewer, and there is none but people.
pub(super) fn exec_request(exec: &config::ExecConfig) -> ::exec::policy::Request {
    use ::exec::policy::{Ask, Request, Security};
    let by_mode = match exec.mode {
        Some(config::ExecMode::Deny) => Request { security: Security::Deny, ask: Ask::Off },
        Some(config::ExecMode::Allowlist) => Request { security: Security::Allowlist, ask: Ask::Off },
        Some(config::ExecMode::Ask | config::ExecMode::Auto) => {
            Request { security: Security::Allowlist, ask: Ask::OnMiss }
        }
        Some(config::ExecMode::Full) | None => Request::default(),
    };
    let security = match exec.security {
        // There is no sandbox, and outside of it is not what was meant.
        _ if exec.host == config::ExecHost::Sandbox => Security::Deny,
        Some(config::ExecSecurity::Deny) => Security::Deny,
        Some(config::ExecSecurity::Allowlist) => Security::Allowlist,
        Some(config::ExecSecurity::Full) | None => Security::Full,
    };
    let ask = match exec.ask {
        Some(config::ExecAsk::Always) => Ask::Always,
        Some(config::ExecAsk::OnMiss) => Ask::OnMiss,
        Some(config::ExecAsk::Off) | None => Ask::Off,
    };
    Request { security: by_mode.security.min(security), ask: by_mode.ask.max(ask) }
}
