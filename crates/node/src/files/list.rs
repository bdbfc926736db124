//! `dir.list`: the names in a directory, page by page, in order. Links are named and not followed.

use super::problem::Problem;
use super::target::Target;
use super::{binding, kind, walk};
use rustix::fs::{self, AtFlags, Dir, FileType};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Entries of a page, where nobody says how many, and at most.
const PAGE: usize = 200;
const MAX_PAGE: usize = 5000;
/// Bytes of a page as JSON, about: with all escapes it fits into a frame.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Names of a directory: all of them are read and sorted for each page.
const MAX_NAMES: usize = 100_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(flatten)]
    target: Target,
    #[serde(default)]
    max_entries: Option<f64>,
    #[serde(default)]
    page_token: Option<String>,
}

/// `{ok, path, entries: [{name, path, size, mimeType, isDir, mtime}], nextPageToken?, truncated, binding}`.
pub(super) fn list(p: &Params) -> Result<Value, Problem> {
    let path = p.target.place()?;
    let opened = p.target.open_at(&path, walk::open_dir)?;
    let mut out = Map::new();
    out.insert("ok".into(), json!(true));
    out.insert("path".into(), json!(walk::text(&path)?));
    let binding = binding::existing(&opened.stat);
    if p.target.preflight_only {
        out.extend([("entries".into(), json!([])), ("truncated".into(), json!(false))]);
        out.extend([("preflight".into(), json!(true)), ("binding".into(), binding)]);
        return Ok(out.into());
    }
    let names = names(&opened, &path)?;
    let begin = p.page_token.as_deref().and_then(|token| token.parse().ok()).unwrap_or(0usize);
    let most = super::at_most(p.max_entries, PAGE, MAX_PAGE);
    let (mut entries, mut next, mut bytes) = (Vec::new(), begin, 0);
    for name in names.iter().skip(begin).take(most) {
        let entry = entry(&opened, &path, OsStr::from_bytes(name));
        bytes += entry.as_ref().map_or(0, |entry| entry.to_string().len());
        if bytes > MAX_BYTES {
            break;
        }
        next += 1;
        // One that has gone since is not there.
        entries.extend(entry);
    }
    let truncated = next < names.len();
    out.insert("entries".into(), Value::Array(entries));
    if truncated {
        out.insert("nextPageToken".into(), json!(next.to_string()));
    }
    out.extend([("truncated".into(), json!(truncated)), ("binding".into(), binding)]);
    Ok(out.into())
}

/// All names, in order.
fn names(opened: &walk::Opened, path: &Path) -> Result<Vec<Vec<u8>>, Problem> {
    let failed = |e: rustix::io::Errno| Problem::reading(path, &e.into());
    let mut names = Vec::new();
    for entry in Dir::read_from(&opened.fd).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if names.len() == MAX_NAMES {
            let why =
                format!("{} has more than {MAX_NAMES} entries; list a directory below it", path.display());
            return Err(Problem::new("READ_ERROR", why).at(path));
        }
        names.push(name.to_vec());
    }
    names.sort_unstable();
    Ok(names)
}

fn entry(opened: &walk::Opened, path: &Path, name: &OsStr) -> Option<Value> {
    let stat = fs::statat(&opened.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let is_dir = walk::is(&stat, FileType::Directory);
    Some(json!({
        "name": name.to_string_lossy(),
        "path": path.join(name).to_string_lossy(),
        "size": if is_dir { 0 } else { stat.st_size },
        "mimeType": if is_dir { "inode/directory" } else { kind::of_name(Path::new(name)) },
        "isDir": is_dir,
        "mtime": super::mtime_ms(&stat),
    }))
}
