//! Directories of nodes come as tar.gz. Nothing of one is believed: how much is in it, what, and under which names.

use flate2::read::GzDecoder;
use std::io::{self, Read};
use tar::{Archive, EntryType};

/// Files and directories of a tree.
pub const MAX_TREE_ENTRIES: usize = 5000;
/// Bytes of a file, and of all together.
const MAX_FILE: u64 = 16 * 1024 * 1024;
const MAX_FILES: u64 = 64 * 1024 * 1024;
/// Bytes of the archive, unpacked: each entry has a head, and one more for a long name.
const MAX_UNPACKED: u64 = MAX_FILES + 8 * 1024 * (MAX_TREE_ENTRIES as u64);

/// Why an archive is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Entries.
    #[error("the archive has more than {MAX_TREE_ENTRIES} files and directories in it")]
    TooMany,
    /// Bytes.
    #[error("{0} is larger than 16 MiB, or the archive unpacks to more than 64 MiB")]
    TooLarge(String),
    /// A link, a device, or a name that leads elsewhere.
    #[error("the archive has {0:?} in it, which is no file or directory below it")]
    Unsafe(String),
    /// It is none, or was cut off.
    #[error("the archive cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Reads an archive: each path, with `/` and without one at its end, and the content of a file; `None` is a directory.
///
/// # Errors
/// It is not taken; what came before was given all the same.
pub fn read_archive(
    packed: &[u8],
    mut each: impl FnMut(&str, Option<&mut dyn Read>) -> io::Result<()>,
) -> Result<(), ArchiveError> {
    let mut archive = Archive::new(GzDecoder::new(packed).take(MAX_UNPACKED));
    let (mut count, mut total) = (0usize, 0u64);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let named = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        let is_text = std::str::from_utf8(&entry.path_bytes()).is_ok();
        let Some(path) = within(&named).filter(|_| is_text) else { return Err(ArchiveError::Unsafe(named)) };
        total = total.saturating_add(entry.size());
        if entry.size() > MAX_FILE || total > MAX_FILES {
            return Err(ArchiveError::TooLarge(named));
        }
        match kind {
            // The tree itself.
            EntryType::Directory if path.is_empty() => continue,
            EntryType::Directory => each(&path, None)?,
            EntryType::Regular if !path.is_empty() => each(&path, Some(&mut entry))?,
            _ => return Err(ArchiveError::Unsafe(named)),
        }
        count += 1;
        if count > MAX_TREE_ENTRIES {
            return Err(ArchiveError::TooMany);
        }
    }
    // What is cut off ends in an error here at the latest: the check sum stands at the end.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(())
}

/// A path below the tree; empty for the tree itself.
fn within(named: &str) -> Option<String> {
    if named.starts_with('/') || named.contains(['\0', '\\']) {
        return None;
    }
    let parts: Vec<&str> = named.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, kind, bytes) in entries {
            let mut header = Header::new_gnu();
            // As somebody writes it who means harm: the library does not write such names.
            let name = &mut header.as_old_mut().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            archive.append(&header, *bytes).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn paths(packed: &[u8]) -> Result<Vec<String>, ArchiveError> {
        let mut paths = Vec::new();
        read_archive(packed, |path, _| {
            paths.push(path.to_owned());
            Ok(())
        })?;
        Ok(paths)
    }

    #[test]
    fn files_and_directories_below_the_tree_are_taken_and_nothing_else() {
        let (file, dir) = (EntryType::Regular, EntryType::Directory);
        let tree = [("./", dir, &b""[..]), ("./a/", dir, b""), ("a/b", file, b"content")];
        assert_eq!(paths(&packed(&tree)).unwrap(), ["a", "a/b"]);
        for (path, kind) in [
            ("../a", file),
            ("a/../../b", file),
            ("/etc/passwd", file),
            ("a", EntryType::Symlink),
            ("a", EntryType::Link),
            ("a", EntryType::Fifo),
            ("a", EntryType::Char),
            ("a\\b", file),
            (".", file),
        ] {
            let refused = paths(&packed(&[(path, kind, b"")]));
            assert!(matches!(refused, Err(ArchiveError::Unsafe(_))), "{path} {kind:?}: {refused:?}");
        }
    }

    #[test]
    fn what_is_too_large_too_many_or_cut_off_is_refused() {
        let bomb = vec![0u8; MAX_FILE as usize + 1];
        let refused = paths(&packed(&[("zeros", EntryType::Regular, &bomb)]));
        assert!(matches!(refused, Err(ArchiveError::TooLarge(_))), "{refused:?}");
        let names: Vec<String> = (0..=MAX_TREE_ENTRIES).map(|n| n.to_string()).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), EntryType::Directory, &b""[..])).collect();
        assert!(matches!(paths(&packed(&many)), Err(ArchiveError::TooMany)));
        let whole = packed(&[("a", EntryType::Regular, &b"content".repeat(1000))]);
        for cut in [1, whole.len() / 2, whole.len() - 1] {
            let refused = paths(&whole[..cut]);
            assert!(matches!(refused, Err(ArchiveError::Unreadable(_))), "{cut}: {refused:?}");
        }
    }
}
