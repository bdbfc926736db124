//! `openclaw mcp doctor`: what is wrong with how servers of tools are described.

use super::look::NONE;
use super::{is_on, one, probe, written};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::printable;
use crate::view::text;
use clap::Args;
use serde_json::{Value, json};
use std::path::Path;

/// Which, and how far to look.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The server; without one, all
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Speak with them, too
    #[arg(long)]
    probe: bool,
}

/// Looks at one server, or at all.
///
/// # Errors
/// There is none of this name; or one that is used is wrong (exit code 9, after all has been said).
pub(super) async fn run(args: &DoctorArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let mut servers = written(&loaded);
    if let Some(name) = &args.name {
        one(&servers, name)?;
        servers.retain(|other, _| other == name);
    }
    let mut found: Vec<(String, Vec<Issue>)> =
        servers.iter().map(|(name, server)| (name.clone(), issues(server, ctx))).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    if args.probe {
        let seen = probe::look(ctx, &loaded, args.name.as_deref()).await?;
        for (name, why) in seen.problems() {
            if let Some((_, issues)) = found.iter_mut().find(|(other, _)| other == name) {
                issues.push((Level::Error, format!("it cannot be spoken with: {why}")));
            }
        }
    }
    let is_good = |issues: &[Issue]| issues.iter().all(|(level, _)| *level != Level::Error);
    let ok = found.iter().all(|(_, issues)| is_good(issues));
    let told: Vec<Value> = found
        .iter()
        .map(|(name, issues)| {
            let all =
                issues.iter().map(|(level, message)| json!({"level": level.word(), "message": message}));
            json!({"name": name, "ok": is_good(issues), "issues": all.collect::<Vec<_>>()})
        })
        .collect();
    let report = json!({"ok": ok, "path": ctx.paths.config_file.display().to_string(), "servers": told});
    ctx.out.show(&report, || page(&found))?;
    // It has been said why.
    if ok { Ok(()) } else { Err(Failure::new(Exit::Findings, "", "")) }
}

type Issue = (Level, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

fn page(found: &[(String, Vec<Issue>)]) -> String {
    if found.is_empty() {
        return NONE.to_owned();
    }
    let mut lines = Vec::new();
    for (name, issues) in found {
        if issues.is_empty() {
            lines.push(printable(&format!("{name}: nothing is wrong")));
        }
        lines.extend(
            issues.iter().map(|(level, what)| printable(&format!("{name}: {}: {what}", level.word()))),
        );
    }
    lines.join("\n")
}

fn issues(server: &Value, ctx: &Context) -> Vec<Issue> {
    let mut out = Vec::new();
    if !is_on(server) {
        out.push((Level::Warning, "it is turned off".to_owned()));
    }
    // Wrong is only what is used.
    let wrong = if is_on(server) { Level::Error } else { Level::Warning };
    if let Some(cwd) = text(server, "/cwd").filter(|cwd| Path::new(cwd).is_absolute())
        && !Path::new(cwd).is_dir()
    {
        out.push((wrong, format!("cwd: there is no directory {cwd}")));
    }
    if let Some(command) = text(server, "/command").filter(|_| server.get("url").is_none()) {
        let path = text(server, "/env/PATH").or(ctx.env.get("PATH")).unwrap_or_default();
        let is_there = match command.contains('/') {
            true => !Path::new(command).is_absolute() || Path::new(command).is_file(),
            false => exec::which(command, path).is_some(),
        };
        if !is_there {
            out.push((wrong, format!("command: there is no program {command}")));
        }
    }
    for section in ["env", "headers"] {
        let plain = config::redact(&json!({ section: server[section] }));
        for (name, value) in server[section].as_object().into_iter().flatten() {
            let is_secret = config::redact(&json!({ name: value }))[name] == config::REDACTED;
            if is_secret && plain[section][name] == config::REDACTED {
                let what = format!(
                    "{section}.{name} holds a secret itself; keep the name of a variable instead: \"${{NAME}}\""
                );
                out.push((Level::Warning, what));
            }
        }
    }
    out
}
