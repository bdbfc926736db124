//! `fs.listDir`: the directories within a directory, for somebody who picks one. Administrators look anywhere, on the gateway's
//! host or on a node's; others look into the agents' workspaces, and links do not lead them out.

use crate::hub::nodes::{DEFAULT_TIMEOUT, Invoke};
use crate::methods::{Answer, Call};
use protocol::{ErrorShape, Scope};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Component, Path, PathBuf};

/// Directories that an answer names; those that sort behind them are left out.
const MAX_ENTRIES: usize = 5000;
/// Names that are looked at: a directory of more is not for picking.
const MAX_NAMES: usize = 100_000;
const NODE_COMMAND: &str = "fs.listDir";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    path: Option<String>,
    node_id: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let is_admin = call.conn.principal().may(Scope::Admin);
    if let Some(node_id) = p.node_id {
        return if is_admin { on_node(&call, node_id, p.path).await } else { Err(needs_admin()) };
    }
    let settings = call.shared.settings();
    let roots: Option<Vec<PathBuf>> =
        (!is_admin).then(|| settings.agents.iter().map(|a| a.workspace.clone()).collect());
    let default = settings.agent("").workspace.clone();
    let work = move || list(p.path.as_deref(), roots.as_deref(), &default);
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| ErrorShape::unavailable(e.to_string()))?
        .map(Into::into)
}

fn needs_admin() -> ErrorShape {
    let admin = Scope::Admin.as_str();
    ErrorShape::missing_scope(admin, &[admin])
}

async fn on_node(call: &Call, node_id: String, path: Option<String>) -> Answer {
    let invoke = Invoke {
        node_id,
        command: NODE_COMMAND.into(),
        params: Some(path.map_or_else(|| json!({}), |path| json!({"path": path}))),
        timeout: DEFAULT_TIMEOUT,
        idempotency_key: model::new_id(),
    };
    let answer = call.shared.hub.nodes.invoke(&call.shared, invoke).await?;
    let listing: Option<Value> = answer.and_then(|text| serde_json::from_str(&text).ok());
    match listing.filter(|l| l["path"].is_string() && l["home"].is_string() && l["entries"].is_array()) {
        Some(listing) => Ok(listing.into()),
        None => Err(ErrorShape::unavailable("node returned an invalid directory listing")),
    }
}

/// `roots`: nothing outside of them; `None` is everything.
fn list(path: Option<&str>, roots: Option<&[PathBuf]>, default_root: &Path) -> Result<Value, ErrorShape> {
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let asked = match (path, roots) {
        (Some(path), _) => PathBuf::from(path),
        (None, None) => home.clone(),
        (None, Some(_)) => default_root.to_owned(),
    };
    if !asked.is_absolute() {
        return Err(ErrorShape::invalid("fs.listDir path must be absolute"));
    }
    let problem = |e: std::io::Error| ErrorShape::invalid(format!("{}: {e}", asked.display()));
    let root = match roots {
        None => None,
        Some(roots) => Some(root_of(&asked, roots).ok_or_else(needs_admin)?),
    };
    // Links in the path itself count as what they lead to only where there is something to stay within.
    let directory = if root.is_some() { asked.canonicalize().map_err(problem)? } else { plain(&asked) };
    let mut entries: Vec<(bool, String, String)> = Vec::new();
    for entry in std::fs::read_dir(&directory).map_err(problem)?.take(MAX_NAMES).flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(at) = entry.path().to_str().map(str::to_owned) else { continue };
        if is_directory(&entry, root.as_deref()) {
            entries.push((name.starts_with('.'), name, at));
        }
    }
    entries.sort_unstable();
    entries.truncate(MAX_ENTRIES);
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|(hidden, name, path)| {
            let mut entry = json!({"name": name, "path": path});
            if hidden {
                entry["hidden"] = json!(true);
            }
            entry
        })
        .collect();
    let mut out = json!({"path": directory.display().to_string(), "home": home.display().to_string(), "entries": entries});
    if let Some(parent) = directory.parent().filter(|_| root.as_ref() != Some(&directory)) {
        out["parent"] = json!(parent.display().to_string());
    }
    Ok(out)
}

/// The root that the path really is in.
fn root_of(path: &Path, roots: &[PathBuf]) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    roots.iter().filter_map(|r| r.canonicalize().ok()).find(|root| real.starts_with(root))
}

fn is_directory(entry: &std::fs::DirEntry, root: Option<&Path>) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => true,
        Ok(kind) if kind.is_symlink() => match (entry.path().canonicalize(), root) {
            (Ok(real), Some(root)) => real.is_dir() && real.starts_with(root),
            (Ok(real), None) => real.is_dir(),
            (Err(_), _) => false,
        },
        _ => false,
    }
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
