//! `file.stat`: what a file or directory is, without its content.

use super::problem::Problem;
use super::target::Target;
use super::{binding, walk};
use rustix::fs::FileType;
use serde_json::{Value, json};

/// `{ok, path, type: "file" | "directory", size, mtimeMs, binding}`.
pub(super) fn stat(target: &Target) -> Result<Value, Problem> {
    let path = target.place()?;
    let opened = target.open_at(&path, walk::open)?;
    let is_dir = walk::is(&opened.stat, FileType::Directory);
    let mut out = json!({
        "ok": true,
        "path": walk::text(&path)?,
        "type": if is_dir { "directory" } else { "file" },
        "size": opened.stat.st_size,
        "mtimeMs": super::mtime_ms(&opened.stat),
        "binding": binding::existing(&opened.stat),
    });
    if target.preflight_only {
        out["preflightOnly"] = json!(true);
    }
    Ok(out)
}
