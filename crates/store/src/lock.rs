//! One gateway per state directory: an OS file lock, so that no crash leaves it behind. What the file says is for
//! people; the lock alone decides.

use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockInfo {
    /// The process.
    pub pid: u32,
    /// When it took the lock, in ms since the epoch.
    pub started_at_ms: i64,
    /// Where it listens, once it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What was started, such as `openclaw gateway run`.
    pub command: String,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("the state directory {} is in use by {}; look with `openclaw gateway status`, stop that gateway, or run this one with --profile NAME", dir.display(), describe(holder.as_ref()))]
    Held {
        /// The state directory.
        dir: PathBuf,
        /// Who, where the file could be read.
        holder: Option<LockInfo>,
    },
    /// The directory or the file could not be used.
    #[error("the lock file {} could not be used: {source}; check that the directory belongs to this user and is writable", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn describe(holder: Option<&LockInfo>) -> String {
    let Some(info) = holder else { return "another process".into() };
    let port = info.port.map_or_else(String::new, |port| format!(", port {port}"));
    format!("process {} (`{}`) since {}{port}", info.pid, info.command, utc(info.started_at_ms))
}

/// The lock on a state directory; gone when dropped, or with the process, however that ends.
#[derive(Debug)]
pub struct StateLock {
    file: File,
    info: Mutex<LockInfo>,
}

/// [`StateLock::holder`] holds the lock itself for some microseconds. So a refusal is asked again a few times.
const TRIES: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(10);

impl StateLock {
    /// Takes the lock on `dir`, which is made (0700) if absent, and writes `info` into `<dir>/gateway.lock` (0600).
    ///
    /// # Errors
    /// [`LockError::Held`] where another process has it; the files cannot be used.
    pub fn acquire(dir: &Path, info: &LockInfo) -> Result<Self, LockError> {
        let path = lock_file(dir);
        let failed = |source| LockError::Io { path: path.clone(), source };
        crate::open::private_dir(dir).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if attempt < TRIES => std::thread::sleep(BETWEEN),
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { dir: dir.to_path_buf(), holder: read(&path) });
                }
            }
        }
        let lock = Self { file, info: Mutex::new(info.clone()) };
        lock.write(info).map_err(failed)?;
        Ok(lock)
    }

    /// Adds the port, once it is known.
    ///
    /// # Errors
    /// The file cannot be written; the lock holds all the same.
    pub fn note_port(&self, port: u16) -> io::Result<()> {
        let info = {
            let mut info = self.info.lock().unwrap_or_else(PoisonError::into_inner);
            info.port = Some(port);
            info.clone()
        };
        self.write(&info)
    }

    /// Who holds the lock on `dir` now; `None` where nobody does, or where the file cannot be read.
    pub fn holder(dir: &Path) -> Option<LockInfo> {
        let path = lock_file(dir);
        let file = File::open(&path).ok()?;
        match file.try_lock_shared() {
            // Free: what stands in the file is about a process that is gone.
            Ok(()) => None,
            Err(_) => read(&path),
        }
    }

    /// Overwrites first and cuts after, so that a reader never finds the file empty.
    fn write(&self, info: &LockInfo) -> io::Result<()> {
        let mut text = serde_json::to_string(info).map_err(io::Error::other)?;
        text.push('\n');
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.file.set_len(text.len() as u64)
    }
}

fn lock_file(dir: &Path) -> PathBuf {
    dir.join("gateway.lock")
}

fn read(path: &Path) -> Option<LockInfo> {
    let mut text = String::new();
    // Ours are some hundred bytes; a file that is not ours need not be read whole.
    File::open(path).ok()?.take(16 * 1024).read_to_string(&mut text).ok()?;
    // The first value alone: a longer, older text may still stand behind it.
    serde_json::Deserializer::from_str(&text).into_iter().next()?.ok()
}

/// A time as people read it, such as `2026-01-31 07:05:09 UTC`.
fn utc(ms: i64) -> String {
    let seconds = ms.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Days since 1970-01-01 as a date of the Gregorian calendar. Years are counted from March, so that the leap day is
/// a year's last; 719,468 days lie between 0000-03-01 and 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> LockInfo {
        LockInfo {
            pid: 7,
            started_at_ms: 1_795_231_752_928,
            port: None,
            command: "openclaw gateway run".into(),
        }
    }

    #[test]
    fn times_are_readable() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_827_696_000, "2000-02-29 12:34:56 UTC"),
            (1_795_231_752_928, "2026-11-21 03:29:12 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(utc(ms), text);
        }
    }

    #[test]
    fn a_second_taker_hears_who_holds_it_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let lock = StateLock::acquire(dir.path(), &info()).unwrap();
        lock.note_port(18789).unwrap();
        let refused = StateLock::acquire(dir.path(), &info()).unwrap_err().to_string();
        for part in
            ["process 7", "2026-11-21 03:29:12 UTC", "port 18789", "openclaw gateway status", "--profile"]
        {
            assert!(refused.contains(part), "{part} in {refused}");
        }
        assert_eq!(StateLock::holder(dir.path()).unwrap().port, Some(18789));
        drop(lock);
        assert_eq!(StateLock::holder(dir.path()), None);
        StateLock::acquire(dir.path(), &info()).unwrap();
    }

    #[test]
    fn what_a_dead_process_left_in_the_file_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("gateway.lock"), "x".repeat(4000)).unwrap();
        let lock = StateLock::acquire(dir.path(), &info()).unwrap();
        assert_eq!(StateLock::holder(dir.path()), Some(info()));
        drop(lock);
    }

    #[test]
    fn directory_and_file_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("new");
        let _lock = StateLock::acquire(&home, &info()).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&home), mode(&home.join("gateway.lock"))), (0o700, 0o600));
    }
}
