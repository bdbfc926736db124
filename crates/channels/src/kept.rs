//! Files that came with messages: where they are kept until the agent has had its time to read them. Names are made here,
//! whatever a file calls itself; files are 0600 in a directory 0700, whole or not there, and go with age or for want of room.

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Files are kept so long.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of all files together; the oldest make room.
const ROOM: u64 = 2 * 1024 * 1024 * 1024;
/// Characters of a name that are kept.
const MAX_NAME: usize = 80;
/// A file that is not whole yet ends so.
const PART: &str = ".part";

/// A file in the making; it goes when it is dropped unfinished.
pub(crate) struct Keeping {
    file: tokio::fs::File,
    part: PathBuf,
    to: PathBuf,
    whole: bool,
}

impl Keeping {
    /// Begins a file in `dir`, once there is room. The same `id` and name give the same file again.
    pub(crate) async fn begin(dir: &Path, id: &str, name: Option<&str>, now: SystemTime) -> io::Result<Self> {
        let to = dir.join(file_name(id, name));
        // The same file may come twice at the same time, by two accounts.
        let part = dir.join(format!("{:08x}{PART}", getrandom::u32().map_err(io::Error::other)?));
        let (dir, path) = (dir.to_owned(), part.clone());
        let opening = tokio::task::spawn_blocking(move || {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
            tidy(&dir, now)?;
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
        });
        let file = tokio::fs::File::from_std(opening.await.map_err(io::Error::other)??);
        Ok(Self { file, part, to, whole: false })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// The file is whole: it is on disk under its name, which is given.
    pub(crate) async fn finish(mut self) -> io::Result<PathBuf> {
        self.file.sync_all().await?;
        tokio::fs::rename(&self.part, &self.to).await?;
        self.whole = true;
        Ok(self.to.clone())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        if !self.whole
            && let Err(error) = std::fs::remove_file(&self.part)
        {
            tracing::warn!(file = %self.part.display(), %error, "a file that is not whole stays until its time is over");
        }
    }
}

/// Copies a file of at most `max` bytes to where files are kept, under `id` and its own name: it is there whole, whatever becomes
/// of the first.
///
/// # Errors
/// It cannot be read, is no regular file, is larger, or there is no room for it.
pub async fn keep_copy(dir: &Path, id: &str, from: &Path, max: u64, now: SystemTime) -> io::Result<PathBuf> {
    let name = from.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut source = tokio::fs::File::open(from).await?;
    if !source.metadata().await?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut copy = Keeping::begin(dir, id, name.as_deref(), now).await?;
    let (mut piece, mut size) = (vec![0; 64 * 1024], 0u64);
    loop {
        let read = source.read(&mut piece).await?;
        if read == 0 {
            return copy.finish().await;
        }
        size = size.saturating_add(read as u64);
        if size > max {
            return Err(io::Error::other(format!("it is larger than {max} bytes")));
        }
        copy.write(piece.get(..read).unwrap_or_default()).await?;
    }
}

/// Keeps bytes as a file under `id` and a name: it is there whole.
///
/// # Errors
/// There is no room for it.
pub async fn keep_bytes(
    dir: &Path,
    id: &str,
    (name, bytes): (&str, &[u8]),
    now: SystemTime,
) -> io::Result<PathBuf> {
    let mut file = Keeping::begin(dir, id, Some(name), now).await?;
    file.write(bytes).await?;
    file.finish().await
}

/// Removes what is older than a week, and the oldest of what is more than there is room for. Gives how many went; a directory
/// that is not there has none.
///
/// # Errors
/// The directory cannot be read, or a file cannot be removed.
pub fn tidy(dir: &Path, now: SystemTime) -> io::Result<usize> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let found = match entry.metadata() {
            // It has become whole, or has gone, meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        if found.is_file() {
            files.push((found.modified()?, found.len(), entry.path()));
        }
    }
    files.sort_by_key(|(modified, ..)| std::cmp::Reverse(*modified));
    let (mut bytes, mut gone) = (0u64, 0);
    for (modified, size, path) in files {
        bytes = bytes.saturating_add(size);
        let age = now.duration_since(modified).unwrap_or_default();
        if age <= KEEP && bytes <= ROOM {
            continue;
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => gone += 1,
        }
    }
    Ok(gone)
}

/// Letters, digits, dots, hyphens and underscores; never hidden, never a path.
fn file_name(id: &str, name: Option<&str>) -> String {
    let plain = |text: &str| -> String {
        let safe = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
        let text: String = text.chars().map(safe).collect();
        text.trim_start_matches('.').to_owned()
    };
    let (id, name) = (plain(id), plain(name.unwrap_or_default()));
    let id = &id[..id.floor_char_boundary(MAX_NAME)];
    // The end says what kind of file it is.
    let skipped = name.char_indices().map(|(at, _)| at).find(|at| name.len() - at <= MAX_NAME);
    let name = &name[skipped.unwrap_or(name.len())..];
    match (id.is_empty(), name.is_empty()) {
        (_, false) => format!("{id}-{name}"),
        (false, true) => id.to_owned(),
        (true, true) => "file".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
    }

    #[test]
    fn a_name_is_never_a_path() {
        for (id, name, expected) in [
            ("AgAD", Some("a b.pdf"), "AgAD-a_b.pdf"),
            ("AgAD", Some("../../etc/passwd"), "AgAD-_.._etc_passwd"),
            ("..", None, "file"),
            ("x/y", Some(".bashrc"), "x_y-bashrc"),
            ("é", None, "é"),
        ] {
            assert_eq!(file_name(id, name), expected, "{id} {name:?}");
        }
        let long = file_name("i", Some(&format!("{}.pdf", "n".repeat(300))));
        assert!(long.ends_with("n.pdf") && long.len() < 100, "{long}");
        // A file system counts bytes.
        let wide = file_name(&"号".repeat(100), Some(&format!("{}.pdf", "名".repeat(100))));
        assert!(wide.ends_with("名.pdf") && wide.len() < 200, "{wide}");
    }

    #[tokio::test]
    async fn a_file_is_there_whole_or_not_at_all_and_for_its_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("media");
        let mut file = Keeping::begin(&dir, "id", Some("a.txt"), now()).await.unwrap();
        file.write(b"half").await.unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
        let mut file = Keeping::begin(&dir, "id", Some("a.txt"), now()).await.unwrap();
        file.write(b"whole").await.unwrap();
        let path = file.finish().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&dir)), (0o600, 0o700));
    }

    #[test]
    fn what_is_old_goes_and_what_is_young_stays() {
        let dir = tempfile::tempdir().unwrap();
        let now = now();
        for (name, days) in [("old", 8), ("young", 1)] {
            let file = std::fs::File::create(dir.path().join(name)).unwrap();
            file.set_modified(now - Duration::from_secs(days * 24 * 3600)).unwrap();
        }
        // Sparse: it takes no room on the test's disk.
        let large = std::fs::File::create(dir.path().join("large")).unwrap();
        large.set_len(ROOM + 1).unwrap();
        large.set_modified(now - Duration::from_secs(2 * 24 * 3600)).unwrap();
        assert_eq!(tidy(dir.path(), now).unwrap(), 2);
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["young"]);
        assert_eq!(tidy(&dir.path().join("none"), now).unwrap(), 0);
    }
}
