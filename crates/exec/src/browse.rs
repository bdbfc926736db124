//! Directories of this host, for somebody who picks one (`fs.listDir`), whichever of our programs is asked.

use serde::Serialize;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Directories that an answer names; those that sort behind them are left out.
const MAX_ENTRIES: usize = 5000;
/// Names that are looked at: a directory of more is not for picking.
const MAX_NAMES: usize = 100_000;

/// The directories within a directory; as JSON what `fs.listDir` answers.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    path: String,
    /// Where one comes from there; none at the top of what may be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    home: String,
    entries: Vec<Entry>,
}

/// One of them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Entry {
    // The first: what is hidden comes last.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    name: String,
    path: String,
}

/// The home directory of whoever this program runs as.
pub fn home_directory() -> PathBuf {
    std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// Lists the directories within one that is named from the root. `within`: nothing outside of it is shown, and links, those of
/// the path too, count as what they lead to; `None` shows everything.
///
/// # Errors
/// It cannot be read to its end.
pub fn list_directories(asked: &Path, within: Option<&Path>) -> io::Result<Listing> {
    let directory = if within.is_some() { asked.canonicalize()? } else { plain(asked) };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(&directory)?.take(MAX_NAMES) {
        let entry = entry?;
        // A name that is no text cannot be picked.
        let (Ok(name), Some(path)) =
            (entry.file_name().into_string(), entry.path().to_str().map(str::to_owned))
        else {
            continue;
        };
        if is_shown(&entry, within) {
            entries.push(Entry { hidden: name.starts_with('.'), name, path });
        }
    }
    entries.sort_unstable();
    entries.truncate(MAX_ENTRIES);
    let parent = directory.parent().filter(|_| within != Some(&directory));
    Ok(Listing {
        path: directory.display().to_string(),
        parent: parent.map(|parent| parent.display().to_string()),
        home: home_directory().display().to_string(),
        entries,
    })
}

/// Whether it is a directory that may be shown.
fn is_shown(entry: &std::fs::DirEntry, within: Option<&Path>) -> bool {
    match (entry.file_type(), within) {
        (Ok(kind), _) if kind.is_dir() => true,
        (Ok(kind), Some(root)) if kind.is_symlink() => {
            entry.path().canonicalize().is_ok_and(|real| real.is_dir() && real.starts_with(root))
        }
        (Ok(kind), None) if kind.is_symlink() => entry.path().is_dir(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn directories_are_shown_and_links_lead_out_only_where_everything_may_be_seen() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        for dir in ["root/b", "root/.hidden", "root/a/deep", "outside"] {
            std::fs::create_dir_all(top.join(dir)).unwrap();
        }
        std::fs::write(top.join("root/file"), "").unwrap();
        symlink(top.join("outside"), top.join("root/out")).unwrap();
        symlink(top.join("root/a"), top.join("root/in")).unwrap();
        let root = top.join("root");
        let names = |listing: &Listing| -> Vec<String> {
            listing.entries.iter().map(|entry| entry.name.clone()).collect()
        };
        let all = list_directories(&root.join("a/../."), None).unwrap();
        assert_eq!(names(&all), ["a", "b", "in", "out", ".hidden"]);
        assert_eq!(all.parent.as_deref(), top.to_str());
        let own = list_directories(&root, Some(&root)).unwrap();
        assert_eq!(names(&own), ["a", "b", "in", ".hidden"]);
        assert_eq!(own.parent, None, "nothing above is shown");
        let below = list_directories(&root.join("in"), Some(&root)).unwrap();
        assert_eq!(
            (below.path.as_str(), below.parent.as_deref()),
            (root.join("a").to_str().unwrap(), root.to_str())
        );
        assert!(list_directories(&root.join("file"), None).is_err());
    }
}
