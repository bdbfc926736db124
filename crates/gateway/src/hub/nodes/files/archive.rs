//! What is in a tree that a node sends: by its own list before, and by the archive itself after.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use tools::{ArchiveError, MAX_TREE_ENTRIES, read_archive};

/// All paths of a tree, with the directories on the way and the root (an empty path), each once.
///
/// # Errors
/// One of them is no path within the tree, or there are too many.
pub(super) fn all_paths(entries: &[String]) -> Result<BTreeSet<String>, String> {
    let mut paths = BTreeSet::from([String::new()]);
    for entry in entries {
        let slashed = entry.replace('\\', "/");
        let within = slashed.trim_start_matches("./").trim_end_matches('/');
        let is_drive = within.get(1..3) == Some(":/");
        if within.is_empty() || within.starts_with('/') || within.contains('\0') || is_drive {
            return Err(format!("{entry:?} is no path within it"));
        }
        let mut path = String::new();
        for part in within.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if part == ".." {
                return Err(format!("{entry:?} leads out of it"));
            }
            path = if path.is_empty() { part.to_owned() } else { format!("{path}/{part}") };
            paths.insert(path.clone());
        }
        if path.is_empty() {
            return Err(format!("{entry:?} is no path within it"));
        }
        if paths.len() > MAX_TREE_ENTRIES + 1 {
            return Err(format!("there are more than {MAX_TREE_ENTRIES} files and directories in it"));
        }
    }
    Ok(paths)
}

/// A place within a tree, as its node writes paths.
pub(super) fn join(root: &str, within: &str) -> String {
    let separator = if root.contains('\\') && !root.contains('/') { "\\" } else { "/" };
    if within.is_empty() {
        return root.to_owned();
    }
    format!("{}{separator}{}", root.trim_end_matches(separator), within.replace('/', separator))
}

/// What is in the archive.
///
/// # Errors
/// Code and reason: it is not what its digest says, cannot be read, or has something in it that is neither a file nor a directory.
pub(super) fn entries(packed: &str, sha256: Option<&str>) -> Result<Vec<String>, (&'static str, String)> {
    if packed.is_empty() {
        return Err(("ARCHIVE_ENTRIES_MISSING", "the node sent no archive".into()));
    }
    let unreadable = |why: String| ("ARCHIVE_ENTRIES_UNREADABLE", why);
    let bytes = STANDARD.decode(packed).map_err(|e| unreadable(e.to_string()))?;
    let digest = hex::encode(Sha256::digest(&bytes));
    if sha256.is_none_or(|said| !said.eq_ignore_ascii_case(&digest)) {
        let why =
            format!("the archive's sha256 is {digest}, and the node says {}", sha256.unwrap_or("nothing"));
        return Err(("ARCHIVE_INTEGRITY_FAILURE", why));
    }
    let mut entries = Vec::new();
    let read = read_archive(&bytes, |path, _| {
        entries.push(path.to_owned());
        Ok(())
    });
    match read {
        Ok(()) => Ok(entries),
        Err(ArchiveError::TooMany) => Err(("ARCHIVE_ENTRIES_TOO_MANY", ArchiveError::TooMany.to_string())),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn directories_on_the_way_are_paths_too_and_nothing_leads_out() {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let paths = all_paths(&texts(&["./a/b/c", "a\\d", "e/"])).unwrap();
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["", "a", "a/b", "a/b/c", "a/d", "e"]);
        for wrong in ["", ".", "/a", "a/../b", "..", "C:/x", "\\x", "a\0b"] {
            assert!(all_paths(&texts(&[wrong])).is_err(), "{wrong:?}");
        }
        let many: Vec<String> = (0..=MAX_TREE_ENTRIES).map(|n| n.to_string()).collect();
        assert!(all_paths(&many).unwrap_err().contains("more than 5000"));
        assert_eq!(
            (join("/a", ""), join("/a", "b/c"), join("C:\\a", "b/c")),
            ("/a".into(), "/a/b/c".into(), "C:\\a\\b\\c".into())
        );
        assert_eq!(join("/", "b"), "/b");
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_archive_are_an_error_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 1..400)) {
            let packed = STANDARD.encode(&bytes);
            let digest = hex::encode(Sha256::digest(&bytes));
            prop_assert!(entries(&packed, Some(&digest)).is_err());
        }
    }
}
