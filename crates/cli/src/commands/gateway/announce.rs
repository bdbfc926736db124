//! What a gateway says when it has started: one block, without any secret.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Tone, printable};
use config::{CredentialOrigin, Loaded, ServerAuth};
use serde_json::{Value, json};
use std::path::Path;

/// What is known before the start.
pub(super) struct Facts {
    state: String,
    config: String,
    auth: &'static str,
    origin: String,
    model: Option<String>,
    channels: Vec<String>,
    log: String,
}

impl Facts {
    /// Collects it. The credential itself is looked up only to say where it is kept.
    pub(super) fn of(ctx: &Context, loaded: &Loaded, log: &Path) -> Self {
        let (auth, origin) = credential(ctx, loaded);
        let missing = if loaded.exists { "" } else { " (not there yet: everything has its default)" };
        let agents = &loaded.config.agents;
        Self {
            state: ctx.paths.state_dir.display().to_string(),
            config: format!("{}{missing}", ctx.paths.config_file.display()),
            auth,
            origin,
            model: agents.model(agents.default_id()).primary.clone().or_else(|| {
                ctx.paths
                    .dev
                    .then(|| "demo (rule-based, no AI; development profile without a model)".to_owned())
            }),
            channels: channels(&loaded.source),
            log: log.display().to_string(),
        }
    }
}

fn credential(ctx: &Context, loaded: &Loaded) -> (&'static str, String) {
    let (mode, origin) = match config::server_auth(&loaded.config.gateway.auth, &ctx.env, &ctx.paths) {
        Ok(ServerAuth::None) => return ("none", "anyone on this host may connect".into()),
        Ok(ServerAuth::Token(_, origin)) => ("token", origin),
        Ok(ServerAuth::Password(_, origin)) => ("password", origin),
        // The start itself refuses with the reason.
        Err(_) => return ("-", "-".into()),
    };
    let place = match origin {
        CredentialOrigin::Config(key) => format!("from {key}"),
        CredentialOrigin::Variable(name) => format!("from {name}"),
        CredentialOrigin::Generated { file, created: true } => {
            format!("made just now, kept in {}", file.display())
        }
        CredentialOrigin::Generated { file, created: false } => format!("kept in {}", file.display()),
    };
    (mode, place)
}

/// The channels that the configuration names and does not turn off.
fn channels(source: &Value) -> Vec<String> {
    let all = source.get("channels").and_then(Value::as_object);
    let on = |(name, channel): (&String, &Value)| {
        let off =
            channel.get("enabled") == Some(&Value::Bool(false)) || !channel.is_object() || name == "defaults";
        (!off).then(|| name.clone())
    };
    all.into_iter().flatten().filter_map(on).collect()
}

/// Prints the block; with `--json` one object on one line, as others follow in the log.
///
/// # Errors
/// Standard output cannot be written to.
pub(super) fn print(ctx: &Context, facts: &Facts, url: &str) -> Result<(), Failure> {
    let Facts { state, config, auth, origin, model, channels, log } = facts;
    if ctx.out.json {
        return ctx.out.json_line(&json!({
            "ok": true, "url": url, "stateDir": state, "config": config, "auth": auth, "credential": origin,
            "model": model, "channels": channels, "log": log, "pid": std::process::id(),
        }));
    }
    let none = || {
        ctx.out.paint(
            Tone::Warn,
            "none; set models.providers.NAME and agents.defaults.model.primary to NAME/MODEL",
        )
    };
    let rows = [
        ("url", url.to_owned()),
        ("state", state.clone()),
        ("config", config.clone()),
        ("auth", format!("{auth} ({origin})")),
        ("model", model.as_deref().map_or_else(none, printable)),
        ("channels", if channels.is_empty() { "none".into() } else { printable(&channels.join(", ")) }),
        ("log", log.clone()),
    ];
    let mut block = vec![
        ctx.out.paint(Tone::Bold, &format!("OpenClaw gateway {} is running", env!("CARGO_PKG_VERSION"))),
    ];
    block.extend(rows.iter().map(|(name, value)| format!("  {name:<9} {value}")));
    ctx.out.line(&block.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_channels_that_are_on_are_named() {
        let source =
            json!({"channels":{"telegram":{"botToken":"x"},"irc":{"enabled":false},"defaults":{},"x":1}});
        assert_eq!(channels(&source), ["telegram"]);
        assert!(channels(&json!({})).is_empty());
    }
}
