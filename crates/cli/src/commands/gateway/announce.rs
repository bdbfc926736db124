//! What a gateway says when it has started: one block, without any secret.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Output, Tone, printable};
use config::CredentialOrigin;
use gateway::Gateway;
use serde_json::json;
use std::path::Path;

/// What the block says.
pub(super) struct Facts {
    url: String,
    /// What to pin, where it speaks TLS.
    tls: Option<String>,
    state: String,
    config: String,
    auth: &'static str,
    origin: String,
    model: Option<String>,
    /// The command that chooses a model.
    choose: String,
    channels: Vec<&'static str>,
    broken: Vec<String>,
    notices: Vec<String>,
    log: String,
}

impl Facts {
    /// Asks the gateway that has just started.
    pub(super) fn of(gateway: &Gateway, ctx: &Context, config_exists: bool, log: &Path) -> Self {
        let missing = if config_exists { "" } else { " (not there yet: everything has its default)" };
        let (channels, broken) = gateway.channels();
        Self {
            url: gateway.url(),
            tls: gateway.certificate().map(|certificate| certificate.leaf.to_string()),
            state: ctx.paths.state_dir.display().to_string(),
            config: format!("{}{missing}", ctx.paths.config_file.display()),
            auth: gateway.auth_mode(),
            origin: kept_in(gateway.auth_origin().as_ref()),
            model: gateway.model(),
            choose: ctx.command("config set agents.defaults.model.primary anthropic/claude-sonnet-4-5"),
            channels,
            broken: broken.iter().map(|(name, reason)| format!("{name}: {reason}")).collect(),
            notices: gateway.notices().to_vec(),
            log: log.display().to_string(),
        }
    }
}

/// Where the secret is kept; never what it is.
fn kept_in(origin: Option<&CredentialOrigin>) -> String {
    match origin {
        None => "whoever can connect is let in".into(),
        Some(CredentialOrigin::Config(key)) => format!("from {key}"),
        Some(CredentialOrigin::Variable(name)) => format!("from {name}"),
        Some(CredentialOrigin::Generated { file, created: true }) => {
            format!("made just now, kept in {}", file.display())
        }
        Some(CredentialOrigin::Generated { file, created: false }) => format!("kept in {}", file.display()),
    }
}

/// Prints the block; with `--json` one object on one line.
///
/// # Errors
/// Standard output cannot be written to.
pub(super) fn print(ctx: &Context, facts: &Facts) -> Result<(), Failure> {
    if ctx.out.json {
        let Facts { url, tls, state, config, auth, origin, model, channels, broken, notices, log, .. } =
            facts;
        return ctx.out.json_line(&json!({
            "ok": true, "url": url, "tlsFingerprint": tls, "stateDir": state, "config": config, "auth": auth, "credential": origin,
            "model": model, "channels": channels, "brokenChannels": broken, "notices": notices, "log": log,
            "pid": std::process::id(),
        }));
    }
    ctx.out.line(&block(&ctx.out, facts))
}

fn block(out: &Output, facts: &Facts) -> String {
    let Facts { url, tls, state, config, auth, origin, model, choose, channels, broken, notices, log } =
        facts;
    let none = || {
        let how = format!("none; choose one with: {choose} (or openai/…, ollama/…)");
        out.paint(Tone::Warn, &how)
    };
    let mut rows = vec![("url", url.clone())];
    rows.extend(tls.iter().map(|pin| ("tls", pin.clone())));
    rows.extend([
        ("state", state.clone()),
        ("config", config.clone()),
        ("auth", format!("{auth} ({origin})")),
        ("model", model.as_deref().map_or_else(none, printable)),
        ("channels", if channels.is_empty() { "none".into() } else { channels.join(", ") }),
    ]);
    rows.extend(broken.iter().map(|b| ("broken", out.paint(Tone::Bad, &printable(b)))));
    rows.extend(notices.iter().map(|n| ("note", out.paint(Tone::Warn, &printable(n)))));
    rows.push(("log", log.clone()));
    let mut lines =
        vec![out.paint(Tone::Bold, &format!("OpenClaw gateway {} is running", env!("CARGO_PKG_VERSION")))];
    lines.extend(rows.iter().map(|(name, value)| format!("  {name:<9} {value}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_says_where_everything_is_and_no_secret() {
        let origin =
            CredentialOrigin::Generated { file: "/s/credentials/gateway-token".into(), created: true };
        let facts = Facts {
            url: "wss://127.0.0.1:1".into(),
            tls: Some("sha256:ab".into()),
            state: "/s".into(),
            config: "/s/openclaw.json".into(),
            auth: "token",
            origin: kept_in(Some(&origin)),
            model: None,
            choose: "openclaw --dev config set agents.defaults.model.primary x/y".into(),
            channels: vec!["telegram"],
            broken: vec!["irc: no nick".into()],
            notices: Vec::new(),
            log: "/s/logs/current.log".into(),
        };
        let text = block(&Output::plain(), &facts);
        for line in [
            "  url       wss://127.0.0.1:1",
            "  tls       sha256:ab",
            "  auth      token (made just now, kept in /s/credentials/gateway-token)",
            "  model     none; choose one with: openclaw --dev config set agents.defaults.model.primary x/y",
            "  channels  telegram",
            "  broken    irc: no nick",
            "  log       /s/logs/current.log",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
