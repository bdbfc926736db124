//! The log files: one a day, a new one at 20 MiB, the last seven kept, readable by their owner alone. `current.log`
//! always leads to the newest.

use super::{Place, civil};
use crate::failure::{Exit, Failure};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes after which a file is full.
const FULL: u64 = 20 * 1024 * 1024;
/// Files that are kept, the newest included.
const KEPT: usize = 7;
/// The name that always leads to the newest file.
const CURRENT: &str = "current.log";

/// The open file and what comes after it.
pub(super) struct Files {
    place: Place,
    file: File,
    size: u64,
    /// The day of the open file, `2026-11-21`.
    day: String,
    full: u64,
}

impl Files {
    /// Opens the file for now; also gives the path under which the newest lines are always found.
    ///
    /// # Errors
    /// The directory or the file cannot be made.
    pub(super) fn open(place: Place, now_ms: i64) -> Result<(Self, PathBuf), Failure> {
        Self::open_with(place, now_ms, FULL).map_err(|(path, e)| {
            Failure::new(
                Exit::Failed,
                "LOG_FILE",
                format!("cannot write the log file {}: {e}", path.display()),
            )
            .hint("give its directory to this user, or set logging.file in the config")
        })
    }

    fn open_with(place: Place, now_ms: i64, full: u64) -> Result<(Self, PathBuf), (PathBuf, io::Error)> {
        let day = civil::date(now_ms);
        let path = match &place {
            Place::File(path) => path.clone(),
            Place::Dir(dir) => newest(dir, &day),
        };
        let (file, size) = open_private(&path).map_err(|e| (path.clone(), e))?;
        let stable = match &place {
            Place::File(path) => path.clone(),
            // Without the link, readers see the file of the first day.
            Place::Dir(dir) => link(dir, &path).unwrap_or_else(|_| path.clone()),
        };
        if let Place::Dir(dir) = &place {
            prune(dir);
        }
        Ok((Self { place, file, size, day, full }, stable))
    }

    /// Writes one line.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub(super) fn write(&mut self, line: &str, now_ms: i64) -> io::Result<()> {
        let bytes = line.len() as u64 + 1;
        let day = civil::date(now_ms);
        let over = self.size > 0 && self.size + bytes > self.full;
        if over || (day != self.day && matches!(self.place, Place::Dir(_))) {
            self.next(&day)?;
        }
        // One write a line: a reader never sees half of one for long, and a crash loses none.
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.size += bytes;
        Ok(())
    }

    fn next(&mut self, day: &str) -> io::Result<()> {
        let path = match &self.place {
            Place::File(path) => {
                // The one before the last is given up: two files bound what this place takes.
                std::fs::rename(path, path.with_extension("old.log"))?;
                path.clone()
            }
            Place::Dir(dir) if day == self.day => unused(dir, day),
            Place::Dir(dir) => newest(dir, day),
        };
        (self.file, self.size) = open_private(&path)?;
        self.day = day.to_owned();
        if let Place::Dir(dir) = &self.place {
            // Lines go on into the new file even where its link could not be moved.
            let _ = link(dir, &path);
            prune(dir);
        }
        Ok(())
    }
}

fn name(day: &str, number: u32) -> String {
    if number == 0 { format!("openclaw-{day}.log") } else { format!("openclaw-{day}.{number}.log") }
}

/// The first file of the day that does not exist.
fn unused(dir: &Path, day: &str) -> PathBuf {
    let mut number = 0;
    while dir.join(name(day, number)).exists() && number < 10_000 {
        number += 1;
    }
    dir.join(name(day, number))
}

/// The last file of the day that exists, else its first.
fn newest(dir: &Path, day: &str) -> PathBuf {
    let mut number = 0;
    while dir.join(name(day, number + 1)).exists() && number < 10_000 {
        number += 1;
    }
    dir.join(name(day, number))
}

/// Opens for appending, with mode 0600, in a directory of mode 0700.
fn open_private(path: &Path) -> io::Result<(File, u64)> {
    if let Some(dir) = path.parent() {
        make_private_dir(dir)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Makes `current.log` lead to `path`, in one step.
#[cfg(unix)]
fn link(dir: &Path, path: &Path) -> io::Result<PathBuf> {
    let (current, fresh) = (dir.join(CURRENT), dir.join(format!(".{CURRENT}.{}", std::process::id())));
    let target = path.file_name().map_or(path, Path::new);
    match std::fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    std::os::unix::fs::symlink(target, &fresh)?;
    std::fs::rename(&fresh, &current)?;
    Ok(current)
}

#[cfg(not(unix))]
fn link(_dir: &Path, _path: &Path) -> io::Result<PathBuf> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes all but the newest files.
fn prune(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut logs: Vec<(String, u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|e| e.file_name().to_str().and_then(dated).map(|(day, number)| (day, number, e.path())))
        .collect();
    logs.sort();
    let surplus = logs.len().saturating_sub(KEPT);
    for (_, _, path) in logs.drain(..surplus) {
        // A file that stays is removed the next time.
        let _ = std::fs::remove_file(path);
    }
}

/// Day and number from the name of a log file.
fn dated(name: &str) -> Option<(String, u32)> {
    let middle = name.strip_prefix("openclaw-")?.strip_suffix(".log")?;
    let (day, number) = match middle.split_once('.') {
        Some((day, number)) => (day, number.parse().ok()?),
        None => (middle, 0),
    };
    (day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
        .then(|| (day.to_owned(), number))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
