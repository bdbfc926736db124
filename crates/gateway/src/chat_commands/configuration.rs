//! `/config` and `/mcp`: the configuration file, for whose gateway this is, where `commands.config` and `commands.mcp` let them. What is
//! shown has no secrets, and what is written is judged first, as with `config.set`.

use super::Speaker;
use crate::methods::config::change;
use crate::reload;
use crate::shared::Shared;
use config::{Change, PathStep, find, path_steps};
use protocol::ErrorShape;
use serde_json::Value;
use std::sync::Arc;

/// Characters of what is shown; a chat is no place for more.
const MOST_SHOWN: usize = 8_000;

/// What is to be done.
enum Wanted<'a> {
    Show(&'a str),
    Set(&'a str, Value),
    Unset(&'a str),
}

pub(super) async fn config(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    rest: &str,
) -> Result<String, ErrorShape> {
    let settings = shared.settings();
    if let Some(refusal) = refused(speaker, settings.commands.config, "/config", "config") {
        return Ok(refusal);
    }
    let wanted = match read(rest, "/config") {
        Ok(wanted) => wanted,
        Err(usage) => return Ok(usage),
    };
    let path = match &wanted {
        Wanted::Show(path) | Wanted::Set(path, _) | Wanted::Unset(path) => path_steps(path),
    };
    match path {
        Ok(steps) => done(shared, speaker, &steps, wanted).await,
        Err(problem) => Ok(format!("⚠️ {problem}")),
    }
}

pub(super) async fn mcp(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    rest: &str,
) -> Result<String, ErrorShape> {
    let settings = shared.settings();
    if let Some(refusal) = refused(speaker, settings.commands.mcp, "/mcp", "mcp") {
        return Ok(refusal);
    }
    let wanted = match read(rest, "/mcp") {
        Ok(wanted) => wanted,
        Err(usage) => return Ok(usage),
    };
    let mut steps = vec![PathStep::key("mcp"), PathStep::key("servers")];
    let (Wanted::Show(name) | Wanted::Set(name, _) | Wanted::Unset(name)) = &wanted;
    steps.extend((!name.is_empty()).then(|| PathStep::key(name)));
    done(shared, speaker, &steps, wanted).await
}

/// Why somebody may not.
fn refused(speaker: &Speaker<'_>, is_on: bool, command: &str, key: &str) -> Option<String> {
    if !speaker.is_owner {
        return Some(speaker.not_the_owner());
    }
    if !is_on {
        return Some(format!("⚠️ {command} is disabled. Set commands.{key}=true to enable."));
    }
    // What is shown would be read by all who are there.
    speaker.is_in_group().then(|| format!("{command} is for a direct chat with me."))
}

fn read<'a>(rest: &'a str, command: &str) -> Result<Wanted<'a>, String> {
    let usage = || format!("⚙️ Usage: {command} show [path] | get path | set path=value | unset path");
    let (action, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    match action.to_ascii_lowercase().as_str() {
        "" | "show" => Ok(Wanted::Show(rest)),
        "get" if !rest.is_empty() => Ok(Wanted::Show(rest)),
        "unset" if !rest.is_empty() => Ok(Wanted::Unset(rest)),
        "set" => {
            let (path, value) = rest.split_once('=').ok_or_else(usage)?;
            let (path, value) = (path.trim(), value.trim());
            if path.is_empty() {
                return Err(usage());
            }
            // What is no JSON is a text.
            Ok(Wanted::Set(path, serde_json::from_str(value).unwrap_or_else(|_| value.into())))
        }
        _ => Err(usage()),
    }
}

async fn done(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    steps: &[PathStep],
    wanted: Wanted<'_>,
) -> Result<String, ErrorShape> {
    let (change, told) = match wanted {
        Wanted::Show(path) => return shown(shared, path, steps).await,
        Wanted::Set(path, value) => {
            let change = Change::Set { steps: steps.to_vec(), value };
            (change, format!("⚙️ Config updated: {path} set."))
        }
        Wanted::Unset(path) => {
            (Change::Unset { steps: steps.to_vec() }, format!("⚙️ Config updated: {path} removed."))
        }
    };
    if !may_write(shared, speaker) {
        return Ok("⚠️ This account changes nothing in the configuration: its configWrites is false.".into());
    }
    Ok(match change::make(shared, change).await {
        Ok(()) => told,
        Err(error) => format!("⚠️ {}", error.message),
    })
}

fn may_write(shared: &Shared, speaker: &Speaker<'_>) -> bool {
    let settings = shared.settings();
    speaker.inbound.is_none_or(|inbound| {
        settings.account(&inbound.channel, &inbound.account).is_some_and(|account| account.config_writes)
    })
}

async fn shown(shared: &Arc<Shared>, path: &str, steps: &[PathStep]) -> Result<String, ErrorShape> {
    let (paths, env) = (shared.paths.clone(), shared.base.env.clone());
    let reading = tokio::task::spawn_blocking(move || config::load(&paths, &env));
    let read = tokio::time::timeout(reload::READ_WITHIN, reading).await;
    let Ok(Ok(read)) = read else {
        return Err(ErrorShape::unavailable("the configuration file cannot be read in time; try again"));
    };
    let written = match read {
        Ok(loaded) => loaded.redacted_written(),
        Err(_) => return Ok("⚠️ Config file is invalid; fix it before using /config.".into()),
    };
    let value = find(&written, steps).cloned().unwrap_or(Value::Null);
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    let cut: String = text.chars().take(MOST_SHOWN).collect();
    let more = if cut.len() < text.len() { "\n… cut: name a path" } else { "" };
    let of = if path.is_empty() { "" } else { " " };
    Ok(format!("⚙️ Config{of}{path}:\n```json\n{cut}\n```{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_is_read() {
        let told = |text| match read(text, "/config") {
            Ok(Wanted::Show(path)) => format!("show {path}"),
            Ok(Wanted::Set(path, value)) => format!("set {path} {value}"),
            Ok(Wanted::Unset(path)) => format!("unset {path}"),
            Err(_) => "usage".into(),
        };
        for (text, expected) in [
            ("", "show "),
            ("show messages", "show messages"),
            ("get a.b", "show a.b"),
            ("get", "usage"),
            ("set a.b=1", "set a.b 1"),
            ("set a.b = [owner]", "set a.b \"[owner]\""),
            ("set a.b={\"c\": true}", "set a.b {\"c\":true}"),
            ("set a.b", "usage"),
            ("set =1", "usage"),
            ("UNSET a.b", "unset a.b"),
            ("burn", "usage"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
