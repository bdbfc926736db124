//! `fs.listDir`: the directories within a directory, for somebody who picks one. Administrators look anywhere, on the gateway's
//! host or on a node's; others look into the agents' workspaces, and links do not lead them out.

use crate::hub::nodes::{By, DEFAULT_TIMEOUT, Invoke};
use crate::methods::{Answer, Call};
use protocol::{ErrorShape, Scope};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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
        by: By::Client(call.conn.clone()),
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
    let asked = match (path, roots) {
        (Some(path), _) => PathBuf::from(path),
        (None, None) => exec::home_directory(),
        (None, Some(_)) => default_root.to_owned(),
    };
    if !asked.is_absolute() {
        return Err(ErrorShape::invalid("fs.listDir path must be absolute"));
    }
    let root = match roots {
        None => None,
        Some(roots) => Some(root_of(&asked, roots).ok_or_else(needs_admin)?),
    };
    let listing = exec::list_directories(&asked, root.as_deref())
        .map_err(|e| ErrorShape::invalid(format!("{}: {e}", asked.display())))?;
    Ok(json!(listing))
}

/// The root that the path really is in.
fn root_of(path: &Path, roots: &[PathBuf]) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    roots.iter().filter_map(|r| r.canonicalize().ok()).find(|root| real.starts_with(root))
}
