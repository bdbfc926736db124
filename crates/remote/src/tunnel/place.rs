//! Where a tunnel keeps its things: `<state>/tunnels/`, the owner's alone.
//!
//! `KEY.lock` is held by the supervisor as long as it lives, by the operating system; `KEY.sock` is where it is talked to;
//! `KEY.json` remembers the local port; `KEY.log` is what happened.

use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Who has this file locked chooses a port for its tunnel. No tunnel's own: those end in `.lock`.
const TURN: &str = "choosing-a-port";
/// The longest path of a socket that every system takes (macOS: 104 bytes with the zero at its end).
const LONGEST_SOCKET: usize = 103;
/// A log is put aside at this size; one older one is kept.
const LOG_MAX: u64 = 1024 * 1024;

/// The files of one tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    dir: PathBuf,
    key: String,
}

/// A socket's number, and when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64, i64, i64);

/// What is remembered of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Remembered {
    /// Whom it leads to, for people.
    pub(super) target: String,
    /// The port that was wanted here.
    pub(super) wanted: u16,
    /// The port that it got.
    pub(super) local_port: u16,
}

impl Place {
    /// The place of the tunnel with this key below a state directory.
    pub fn new(state_dir: &Path, key: impl Into<String>) -> Self {
        Self { dir: state_dir.join("tunnels"), key: key.into() }
    }

    /// All places below a state directory at which a tunnel is or was.
    pub fn all(state_dir: &Path) -> Vec<Place> {
        places(&state_dir.join("tunnels"))
    }

    /// The tunnel's name in file names.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.file("log")
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.file("sock")
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.dir.join(format!("{}.{kind}", self.key))
    }

    /// Makes the directory (0700), and says whether a socket can be in it.
    ///
    /// # Errors
    /// It cannot be made, or its path is too long.
    pub(super) fn prepare(&self) -> io::Result<()> {
        let long = self.socket().as_os_str().len();
        if long > LONGEST_SOCKET {
            let text = format!(
                "the path {} has {long} characters and a socket's may have {LONGEST_SOCKET}; use a shorter OPENCLAW_STATE_DIR",
                self.socket().display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, text));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)
    }

    /// Takes the lock; nothing where somebody has it.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        try_lock(&self.file("lock"))
    }

    /// Whether a supervisor has the lock: whether the tunnel is there.
    pub fn is_held(&self) -> bool {
        let Ok(file) = File::open(self.file("lock")) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Which supervisor's the socket is, as far as that can be told without asking: another one's differs.
    pub fn mark(&self) -> Option<Mark> {
        let socket = fs::metadata(self.socket()).ok()?;
        Some(Mark(socket.ino(), socket.ctime(), socket.ctime_nsec()))
    }

    /// The port that the tunnel has here, or had last, where `wanted` was wanted; nothing where that cannot be read.
    pub fn port(&self, wanted: u16) -> Option<u16> {
        self.remembered().filter(|kept| kept.wanted == wanted).map(|kept| kept.local_port)
    }

    /// Whom the tunnel leads or led to, for people; its key where that cannot be read.
    pub fn target(&self) -> String {
        self.remembered().map_or_else(|| self.key.clone(), |kept| kept.target)
    }

    /// What was remembered; nothing where that cannot be read.
    pub(super) fn remembered(&self) -> Option<Remembered> {
        serde_json::from_slice(&fs::read(self.file("json")).ok()?).ok()
    }

    /// Remembers, as a whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn remember(&self, what: &Remembered) -> io::Result<()> {
        let (file, next) = (self.file("json"), self.file("json.new"));
        let mut out = private().truncate(true).open(&next)?;
        out.write_all(serde_json::to_string(what).map_err(io::Error::other)?.as_bytes())?;
        out.sync_all()?;
        fs::rename(next, file)
    }

    /// Takes the turn to choose a port, which is one's among all tunnels of this state directory until the file is dropped; nothing
    /// while another has it.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(super) fn turn(&self) -> io::Result<Option<File>> {
        try_lock(&self.dir.join(TURN))
    }

    /// What the other tunnels that are there have chosen: a port is theirs also while no ssh of theirs listens on it.
    pub(super) fn others(&self) -> Vec<Remembered> {
        let all = places(&self.dir).into_iter().filter(|other| other != self && other.is_held());
        all.filter_map(|other| other.remembered()).collect()
    }

    /// Adds a line to the log.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn append(&self, line: &str) -> io::Result<()> {
        let log = self.log();
        if log.metadata().is_ok_and(|m| m.len() > LOG_MAX) {
            fs::rename(&log, self.file("log.1"))?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&log)?;
        file.write_all(format!("{line}\n").as_bytes())
    }
}

/// All places in this directory, by their keys.
fn places(dir: &Path) -> Vec<Place> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let name = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".lock").map(str::to_owned);
    let mut keys: Vec<String> = entries.flatten().filter_map(name).collect();
    keys.sort();
    keys.into_iter().map(|key| Place { dir: dir.to_owned(), key }).collect()
}

/// The file, locked; nothing where somebody else has the lock.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = private().read(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn one_holds_the_lock_and_what_it_keeps_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(dir.path(), "host-1");
        assert!(!place.is_held() && place.remembered().is_none());
        place.prepare().unwrap();
        let lock = place.lock().unwrap().unwrap();
        assert!(place.is_held() && place.lock().unwrap().is_none());
        let kept = Remembered { target: "me@host".into(), wanted: 18789, local_port: 18790 };
        place.remember(&kept).unwrap();
        place.append("a line").unwrap();
        assert_eq!(place.remembered(), Some(kept));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir.path().join("tunnels")), 0o700);
        for kind in ["lock", "json", "log"] {
            assert_eq!(mode(&place.file(kind)), 0o600, "{kind}");
        }
        drop(lock);
        assert!(!place.is_held());
        assert_eq!(Place::all(dir.path()), [place]);
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_said_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(&dir.path().join("x".repeat(100)), "host-1");
        let error = place.prepare().unwrap_err().to_string();
        assert!(error.contains("OPENCLAW_STATE_DIR"), "{error}");
    }
}
