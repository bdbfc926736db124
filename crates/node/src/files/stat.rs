//! `file.stat`: what a file or directory is, without its content.

use super::binding::{self, Binding};
use super::problem::Problem;
use super::walk;
use rustix::fs::FileType;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(default)]
    path: String,
    #[serde(default)]
    follow_symlinks: bool,
    #[serde(default)]
    preflight_only: bool,
    #[serde(default)]
    expected_canonical_path: Option<String>,
    #[serde(default)]
    expected_binding: Option<Binding>,
}

/// `{ok, path, type: "file" | "directory", size, mtimeMs, binding}`.
pub(super) fn stat(p: &Params) -> Result<Value, Problem> {
    let path = walk::canonical(&walk::asked(&p.path)?, p.follow_symlinks)?;
    walk::check_expected(p.expected_canonical_path.as_deref(), &path)?;
    let opened = walk::open(&path)?;
    binding::check(p.expected_binding.as_ref(), &opened.stat, &path)?;
    let is_dir = walk::is(&opened.stat, FileType::Directory);
    let mut out = json!({
        "ok": true,
        "path": walk::text(&path)?,
        "type": if is_dir { "directory" } else { "file" },
        "size": opened.stat.st_size,
        "mtimeMs": super::mtime_ms(&opened.stat),
        "binding": binding::existing(&opened.stat),
    });
    if p.preflight_only {
        out["preflightOnly"] = json!(true);
    }
    Ok(out)
}
