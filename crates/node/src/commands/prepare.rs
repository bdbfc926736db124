//! `system.run.prepare`: what exactly would run, and where. The plan comes back with `system.run`, so that what was
//! approved is what runs.

use super::params::check_argv;
use super::policy::{self, ToLookAt};
use crate::host::Host;
use crate::invoke::Failure;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    command: Vec<String>,
    #[serde(default)]
    raw_command: Option<String>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    session_key: Option<String>,
    #[serde(default)]
    security: Option<String>,
    #[serde(default)]
    ask: Option<String>,
}

/// The plan, with the policy of this node.
pub(super) async fn prepare(host: &Host, params: Params) -> Result<Value, Failure> {
    check_argv("system.run.prepare", &params.command)?;
    let request = policy::request(params.security.as_deref(), params.ask.as_deref())?;
    let text = exec::display_argv(&params.command);
    if let Some(raw) = &params.raw_command {
        check_preview(raw, &params.command, &text)?;
    }
    let cwd = match skill_folder(host, params.cwd.as_deref()).await? {
        Some(folder) => folder,
        None => real_directory(&host.working_dir, params.cwd.as_deref()).await?,
    };
    let to_look_at = ToLookAt {
        argv: params.command.clone(),
        cwd: cwd.clone(),
        agent: params.agent_id.clone().unwrap_or_default(),
        request,
        sets_variables: false,
    };
    let looked = policy::look(host, to_look_at).await?;
    Ok(json!({
        "plan": {
            "argv": params.command,
            "cwd": cwd.to_string_lossy(),
            "commandText": text,
            "commandPreview": params.raw_command,
            "agentId": params.agent_id,
            "sessionKey": params.session_key,
            "policySnapshot": looked.snapshot(),
        },
        "execPolicy": {"security": looked.policy.security, "ask": looked.policy.ask},
        "allowAlwaysCoverage": looked.coverage(),
    }))
}

/// People approve by the preview: it must be what runs.
fn check_preview(raw: &str, argv: &[String], text: &str) -> Result<(), Failure> {
    let by_shell = match argv {
        [_, flag, command] if matches!(flag.as_str(), "-c" | "-lc") => command == raw,
        _ => false,
    };
    if by_shell || raw == text || raw == argv.join(" ") {
        return Ok(());
    }
    Err(Failure::invalid(format!("rawCommand does not match command; it must be the text of {text}")))
}

/// The folder of a skill of this node, where the directory is named as one.
pub(super) async fn skill_folder(host: &Host, named: Option<&str>) -> Result<Option<PathBuf>, Failure> {
    let Some(named) = named.filter(|named| named.starts_with("node://")) else { return Ok(None) };
    let (state_dir, node_id, named) = (host.state_dir.clone(), host.node_id.clone(), named.to_owned());
    let found =
        tokio::task::spawn_blocking(move || crate::skills::folder(&state_dir, &node_id, &named)).await;
    found.map_err(|e| Failure::unavailable(e.to_string()))?
}

/// The directory itself, without links; relative ones are below the node's working directory.
async fn real_directory(working_dir: &Path, named: Option<&str>) -> Result<PathBuf, Failure> {
    let path =
        named.filter(|n| !n.is_empty()).map_or_else(|| working_dir.to_owned(), |n| working_dir.join(n));
    let wrong = |problem: String| {
        Failure::invalid(format!(
            "cannot run in {}: {problem}; create the directory on the node or name another cwd",
            path.display()
        ))
    };
    let real = tokio::fs::canonicalize(&path).await.map_err(|e| wrong(e.to_string()))?;
    let metadata = tokio::fs::metadata(&real).await.map_err(|e| wrong(e.to_string()))?;
    if metadata.is_dir() { Ok(real) } else { Err(wrong("it is not a directory".to_owned())) }
}
