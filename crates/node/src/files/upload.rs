//! `terminal.upload`: a file for a terminal on this node, in a private directory of its own, for a day.

use super::problem::Problem;
use super::{content, place, walk};
use crate::invoke::Failure;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Files are kept so long; whoever wants one for longer moves it.
const KEEP_MS: i64 = 24 * 3600 * 1000;
/// Files that are kept at a time, and their bytes.
const MAX_FILES: usize = 64;
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of a name that are kept.
const MAX_NAME: usize = 180;
/// What no system likes in names, and what shells would read something into.
const ODD: &[char] = &['<', '>', ':', '"', '/', '\\', '|', '?', '*', '%', '!', '\u{7f}'];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    name: String,
    content_base64: String,
}

/// `{path, size}`. `now_ms` tells which files have had their day.
pub(super) fn upload(
    root: &Path,
    p: &Params,
    now_ms: i64,
    cancel: &CancellationToken,
) -> Result<Value, Failure> {
    let bytes =
        content::decode(Some(&p.content_base64)).map_err(|problem| Failure::invalid(problem.message))?;
    let unavailable = |e: io::Error| Failure::unavailable(format!("{}: {e}", root.display()));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(unavailable)?;
    let kept = tidy(root, now_ms).map_err(unavailable)?;
    if kept.files >= MAX_FILES || kept.bytes + bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::unavailable(format!(
            "{} holds {} uploaded files with {} bytes, and may hold {MAX_FILES} with 256 MiB; move or remove some, or wait until a day has passed",
            root.display(),
            kept.files,
            kept.bytes,
        )));
    }
    let failed = |problem: Problem| Failure::unavailable(problem.message);
    let root = root.canonicalize().map_err(unavailable)?;
    let dir = root.join(model::new_id());
    let name: OsString = clean(&p.name).into();
    let path = dir.join(&name);
    // The directory is made on the way, and taken away where the file does not come to be.
    let anchor = walk::reach(&dir).map_err(failed)?;
    let place = place::Place { name: &name, path: &path, existing: None };
    place.put(&anchor, &bytes, cancel).map_err(failed)?;
    Ok(json!({"path": walk::text(&path).map_err(failed)?, "size": bytes.len()}))
}

/// What is kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    files: usize,
    bytes: u64,
}

/// Takes away what has had its day, and counts the rest. Everything in here was made by [`upload`].
pub(super) fn tidy(root: &Path, now_ms: i64) -> io::Result<Kept> {
    let mut kept = Kept::default();
    let entries = match std::fs::read_dir(root) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(kept),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let at = entry.path();
        let age = now_ms.saturating_sub(made_ms(&entry.metadata()?));
        if age > KEEP_MS {
            std::fs::remove_dir_all(&at)
                .or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
            continue;
        }
        kept.files += 1;
        kept.bytes += size(&at)?;
    }
    Ok(kept)
}

fn made_ms(metadata: &std::fs::Metadata) -> i64 {
    use std::os::unix::fs::MetadataExt;
    metadata.mtime().saturating_mul(1000)
}

fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0u64;
    for entry in std::fs::read_dir(dir)? {
        bytes = bytes.saturating_add(entry?.metadata()?.len());
    }
    Ok(bytes)
}

/// The last part of a name, as every system and shell takes it.
fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String =
        last.chars().map(|c| if c.is_control() || ODD.contains(&c) { '_' } else { c }).collect();
    let mut kept = String::new();
    for c in plain.trim().chars() {
        if kept.len() + c.len_utf8() > MAX_NAME {
            break;
        }
        kept.push(c);
    }
    let kept = kept.trim_end_matches(['.', ' ']);
    if kept.is_empty() { "upload".into() } else { kept.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_that_is_a_name_everywhere() {
        for (name, kept) in [
            ("a b.txt", "a b.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\y.pdf", "y.pdf"),
            ("a\nb%!c", "a_b__c"),
            ("..", "upload"),
            ("/", "upload"),
            ("", "upload"),
            ("x. .", "x"),
        ] {
            assert_eq!(clean(name), kept, "{name}");
        }
        assert_eq!(clean(&"é".repeat(200)).len(), MAX_NAME);
    }

    #[test]
    fn what_has_had_its_day_goes_and_the_bounds_hold() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("uploads");
        let cancel = CancellationToken::new();
        let p = Params { name: "x".into(), content_base64: "aGVsbG8=".into() };
        let now = made_ms(&std::fs::metadata("/proc/self").unwrap());
        for _ in 0..MAX_FILES {
            upload(&root, &p, now, &cancel).unwrap();
        }
        let refused = upload(&root, &p, now, &cancel).unwrap_err();
        assert!(refused.message.contains("holds 64 uploaded files with 320 bytes"), "{refused:?}");
        assert_eq!(tidy(&root, now).unwrap(), Kept { files: 64, bytes: 320 });
        assert_eq!(tidy(&root, now + KEEP_MS + 60_000).unwrap(), Kept::default());
        upload(&root, &p, now, &cancel).unwrap();
    }
}
