//! Where files of nodes are kept beside the gateway: 0600 in a directory of their own, whole or not there, for a week, and the
//! oldest go for want of room.

use crate::ToolEnv;
use model::SharedClock;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// They are kept so long.
const KEEP_MS: i64 = 7 * 24 * 3600 * 1000;
/// Bytes of all together.
const ROOM: u64 = 2 * 1024 * 1024 * 1024;
/// Bytes of a name that are kept.
const MAX_NAME: usize = 80;
/// What is not whole yet ends so.
const PART: &str = ".part";
/// Bytes of a file that goes back to a node.
pub(super) const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The place.
#[derive(Clone)]
pub(crate) struct Kept {
    dir: PathBuf,
    clock: SharedClock,
}

impl Kept {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        Self { dir: env.node_files.clone(), clock: env.clock.clone() }
    }

    /// Keeps a file; its id is its name here.
    pub(crate) fn save(&self, named: &str, bytes: &[u8]) -> Result<(String, PathBuf), String> {
        let (id, to) = self.place(named)?;
        let part = to.with_file_name(format!("{id}{PART}"));
        let kept = write_new(&part, bytes).and_then(|()| std::fs::rename(&part, &to));
        kept.map_err(|e| {
            undo(std::fs::remove_file(&part), &part);
            problem(&to, &e)
        })?;
        Ok((id, to))
    }

    /// Keeps a directory, which `fill` makes; it is there when all of it is.
    pub(super) fn save_dir(
        &self,
        named: &str,
        fill: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, String> {
        let (id, to) = self.place(named)?;
        let part = to.with_file_name(format!("{id}{PART}"));
        let made = make_dir(&part).map_err(|e| problem(&part, &e)).and_then(|()| fill(&part));
        made.and_then(|()| std::fs::rename(&part, &to).map_err(|e| problem(&to, &e))).inspect_err(|_| {
            undo(std::fs::remove_dir_all(&part), &part);
        })?;
        Ok(to)
    }

    /// A file that was kept before.
    pub(super) fn read(&self, id: &str) -> Result<Vec<u8>, String> {
        let strange =
            id.is_empty() || id.starts_with('.') || id.contains(['/', '\\', '\0']) || id.ends_with(PART);
        let unknown = || format!("There is no kept file {id:?}; give a mediaId that file_fetch has told.");
        if strange {
            return Err(unknown());
        }
        let path = self.dir.join(id);
        let is_file = path.symlink_metadata().is_ok_and(|m| m.is_file() && m.len() <= MAX_FILE);
        if !is_file {
            return Err(unknown());
        }
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(|e| problem(&path, &e))?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| problem(&path, &e))?;
        Ok(bytes)
    }

    /// A new name, once there is room.
    fn place(&self, named: &str) -> Result<(String, PathBuf), String> {
        make_dir(&self.dir).and_then(|()| self.tidy()).map_err(|e| problem(&self.dir, &e))?;
        let (stem, end) = named.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).unwrap_or((named, ""));
        let clean = |text: &str, most: usize| -> String {
            let plain =
                text.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' });
            let plain: String = plain.collect();
            crate::text::head(&plain, most).to_owned()
        };
        let stem = clean(stem, MAX_NAME);
        let end = if end.is_empty() { String::new() } else { format!(".{}", clean(end, 10)) };
        let stem = if stem.is_empty() { "file".to_owned() } else { stem };
        let id = format!("{stem}---{}{end}", model::new_id());
        let path = self.dir.join(&id);
        Ok((id, path))
    }

    fn tidy(&self) -> io::Result<()> {
        tidy(&self.dir, self.clock.now_ms()).map(drop)
    }
}

/// Removes what is older than a week, whole or not, and the oldest where there is too much. Gives how many files and directories
/// went; a place that is not there has none.
///
/// # Errors
/// The place cannot be read, or something in it cannot be removed.
pub fn tidy(dir: &Path, now_ms: i64) -> io::Result<usize> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match path.symlink_metadata() {
            // It has become whole, or has gone, meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            metadata => found.push((metadata?.mtime().saturating_mul(1000), size_of(&path)?, path)),
        }
    }
    found.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    let (mut total, mut gone) = (0u64, 0);
    for (at, size, path) in found {
        total = total.saturating_add(size);
        if total <= ROOM && now_ms.saturating_sub(at) <= KEEP_MS {
            continue;
        }
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
        gone += 1;
    }
    Ok(gone)
}

/// Bytes of a file, or of all files in a directory.
fn size_of(path: &Path) -> io::Result<u64> {
    let metadata = match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        metadata => metadata?,
    };
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut total = 0u64;
    for entry in std::fs::read_dir(path)? {
        total = total.saturating_add(size_of(&entry?.path())?);
    }
    Ok(total)
}

/// This user's alone.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A new file, on disk.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn undo(done: io::Result<()>, path: &Path) {
    if let Err(error) = done
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "what is not whole stays until its time is over");
    }
}

pub(super) fn problem(path: &Path, error: &io::Error) -> String {
    format!("{} was not kept: {error}. Nothing of it is there.", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_a_week_goes_whole_or_not_and_what_is_younger_stays() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(tidy(&dir.path().join("none"), i64::MAX).unwrap(), 0);
        std::fs::write(dir.path().join("a---1.txt"), "whole").unwrap();
        std::fs::write(dir.path().join("b---2.part"), "cut by the end of its gateway").unwrap();
        std::fs::create_dir(dir.path().join("tree---3.part")).unwrap();
        std::fs::write(dir.path().join("tree---3.part/file"), "").unwrap();
        let made_ms = |name: &str| dir.path().join(name).metadata().unwrap().mtime() * 1000;
        let (first, last) = (made_ms("a---1.txt"), made_ms("tree---3.part"));
        assert_eq!(tidy(dir.path(), first + KEEP_MS).unwrap(), 0);
        assert_eq!(tidy(dir.path(), last + KEEP_MS + 1).unwrap(), 3);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
