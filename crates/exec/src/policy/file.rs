//! `exec-approvals.json` on disk: read anew each time, because people edit it, and replaced whole, so that nobody ever reads
//! half of it. Writers of several processes take turns.

use super::Document;
use super::listed::Use;
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file's name in the state directory.
const NAME: &str = "exec-approvals.json";
/// Far more than anybody's list.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// The use of an entry is noted at most this often: each note is a write.
const NOTE_GAP_MS: f64 = 60_000.0;

/// The file. All of its methods wait for the disk: not for async code.
#[derive(Debug, Clone)]
pub struct ApprovalsFile {
    path: PathBuf,
}

/// The document as it stands on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The file.
    pub path: PathBuf,
    /// Whether there is one; without it, the document is the empty one.
    pub exists: bool,
    /// Of its bytes; a writer names it, so that no change in between is lost.
    pub hash: String,
    /// What stands in it.
    pub document: Document,
}

/// Why the document cannot be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalsError {
    /// The disk said no.
    #[error("{}: {source}; check the directory and its permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what it should be. Nothing runs on the strength of a document that cannot be read.
    #[error("{} cannot be read: {problem}; mend it or move it away", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The writer named no hash.
    #[error("exec approvals base hash required; re-run exec.approvals.get and retry")]
    HashRequired,
    /// It is more than is read or kept.
    #[error("{} would be too large: at {at}: {problem}; take entries out of it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The place in it.
        at: String,
        /// The limit.
        problem: String,
    },
    /// Somebody else wrote meanwhile.
    #[error("exec approvals changed since last load; re-run exec.approvals.get and retry")]
    Changed,
}

impl ApprovalsFile {
    /// The file of a state directory.
    pub fn in_dir(state_dir: &Path) -> Self {
        Self { path: state_dir.join(NAME) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What stands in it.
    ///
    /// # Errors
    /// It is there and cannot be read or understood.
    pub fn read(&self) -> Result<Snapshot, ApprovalsError> {
        let bytes = match std::fs::metadata(&self.path) {
            Ok(m) if m.len() > MAX_BYTES => return Err(self.broken(format!("it has {} bytes", m.len()))),
            Ok(_) => Some(std::fs::read(&self.path).map_err(|e| self.io(e))?),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(self.io(e)),
        };
        let document = match &bytes {
            Some(bytes) => serde_json::from_slice(bytes).map_err(|e| self.broken(e.to_string()))?,
            None => Document::default(),
        };
        let hash = hex::encode(Sha256::digest(bytes.as_deref().unwrap_or_default()));
        Ok(Snapshot { path: self.path.clone(), exists: bytes.is_some(), hash, document })
    }

    /// Puts another document in its place. Where there is one, its hash must be named.
    ///
    /// # Errors
    /// The hash is not that of the document that is there, or the disk said no.
    pub fn replace(&self, mut next: Document, base_hash: Option<&str>) -> Result<Snapshot, ApprovalsError> {
        let _turn = self.turn()?;
        let before = self.read()?;
        match base_hash {
            _ if !before.exists => {}
            None => return Err(ApprovalsError::HashRequired),
            Some(hash) if hash == before.hash => {}
            Some(_) => return Err(ApprovalsError::Changed),
        }
        next.tidy(&before.document);
        self.write(&next)?;
        self.read()
    }

    /// Changes the document where `change` says that it did.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn update(&self, change: impl FnOnce(&mut Document) -> bool) -> Result<(), ApprovalsError> {
        let _turn = self.turn()?;
        let mut document = self.read()?.document;
        if change(&mut document) { self.write(&document) } else { Ok(()) }
    }

    /// Notes that entries were used, for those who keep the list tidy.
    ///
    /// # Errors
    /// As [`ApprovalsFile::update`].
    pub fn note_use(
        &self,
        agent: &str,
        used: &[Use],
        command: &str,
        now_ms: i64,
    ) -> Result<(), ApprovalsError> {
        // Milliseconds stay exact far beyond our time.
        let now = now_ms as f64;
        self.update(|document| {
            let mut changed = false;
            for name in ["*", agent] {
                let Some(rules) = document.agents.get_mut(name) else { continue };
                for entry in &mut rules.allowlist {
                    let use_of = |u: &&Use| u.pattern == entry.pattern && u.arg_pattern == entry.arg_pattern;
                    let Some(used) = used.iter().find(use_of) else { continue };
                    if entry.last_used_at.is_some_and(|at| (0.0..NOTE_GAP_MS).contains(&(now - at))) {
                        continue;
                    }
                    changed = true;
                    entry.last_used_at = Some(now);
                    entry.last_resolved_path = Some(used.resolved.clone());
                    if !entry.is_generated() {
                        entry.last_used_command = Some(command.chars().take(500).collect());
                    }
                }
            }
            changed
        })
    }

    /// Held while the file is changed; a process that dies lets go of it.
    fn turn(&self) -> Result<std::fs::File, ApprovalsError> {
        if let Some(dir) = self.path.parent() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(|e| self.io(e))?;
        }
        let lock = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.path.with_extension("json.lock"))
            .map_err(|e| self.io(e))?;
        // Held for a read and a write of a small file.
        lock.lock().map_err(|e| self.io(e))?;
        Ok(lock)
    }

    /// Under the lock: the temporary name is nobody else's.
    fn write(&self, document: &Document) -> Result<(), ApprovalsError> {
        let mut text = serde_json::to_string_pretty(document).map_err(|e| self.broken(e.to_string()))?;
        text.push('\n');
        let bytes = (text.len() as u64 > MAX_BYTES)
            .then(|| ("/".to_owned(), format!("must not have more than {MAX_BYTES} bytes")));
        if let Some((at, problem)) = bytes.or_else(|| document.too_large()) {
            return Err(ApprovalsError::TooLarge { path: self.path.clone(), at, problem });
        }
        let temporary = self.path.with_extension("json.new");
        let put = || -> std::io::Result<()> {
            match std::fs::remove_file(&temporary) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut file =
                std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, &self.path)?;
            match self.path.parent() {
                Some(dir) => std::fs::File::open(dir)?.sync_all(),
                None => Ok(()),
            }
        };
        put().map_err(|e| self.io(e))
    }

    fn io(&self, source: std::io::Error) -> ApprovalsError {
        ApprovalsError::Io { path: self.path.clone(), source }
    }

    fn broken(&self, problem: String) -> ApprovalsError {
        ApprovalsError::Broken { path: self.path.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{AllowEntry, Security};
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    fn document(value: serde_json::Value) -> Document {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_document_is_replaced_by_those_who_have_seen_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = ApprovalsFile::in_dir(&dir.path().join("state"));
        let empty = file.read().unwrap();
        assert!(!empty.exists);
        let first = document(json!({"version": 1, "socket": {"token": "t"}, "later": 5}));
        let first = file.replace(first, None).unwrap();
        assert!(first.exists && first.document.other.contains_key("later"));
        let mode = std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let next = document(json!({"version": 1, "defaults": {"security": "allowlist"},
            "agents": {"main": {"allowlist": [{"pattern": "rg", "commandText": "old"}, {"pattern": " "}]}}}));
        assert!(matches!(file.replace(next.clone(), None), Err(ApprovalsError::HashRequired)));
        assert!(matches!(file.replace(next.clone(), Some("no")), Err(ApprovalsError::Changed)));
        let second = file.replace(next, Some(&first.hash)).unwrap();
        assert_eq!(second.document.defaults.security, Some(Security::Allowlist));
        let list = &second.document.agents["main"].allowlist;
        assert!(list.len() == 1 && list[0].id.is_some() && list[0].other.is_empty(), "{list:?}");
        let token = second.document.socket.as_ref().and_then(|s| s.token.as_deref());
        assert_eq!(token, Some("t"), "the socket's secret stays");
        assert!(!format!("{:?}", second.document).contains("\"t\""));
        assert_eq!(second.document.redacted().socket.unwrap().token, None);
    }

    #[test]
    fn a_broken_document_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = ApprovalsFile::in_dir(dir.path());
        for text in ["", "{", r#"{"version": 2}"#, r#"{"version": 1, "defaults": {"security": "lax"}}"#] {
            std::fs::write(file.path(), text).unwrap();
            assert!(matches!(file.read(), Err(ApprovalsError::Broken { .. })), "{text}");
            assert!(file.update(|_| true).is_err());
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), text);
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = ApprovalsFile::in_dir(dir.path());
        let list = |count: usize, pattern: &str| json!(vec![json!({"pattern": pattern}); count]);
        let of = |list: serde_json::Value| {
            document(json!({"version": 1, "agents": {"main": {"allowlist": list}}}))
        };
        let first = file.replace(of(list(1000, "rg")), None).unwrap();
        let text = std::fs::read(file.path()).unwrap();
        let many: serde_json::Map<_, _> = (0..257).map(|i| (format!("a{i}"), json!({}))).collect();
        for too_large in [
            of(list(1001, "rg")),
            of(list(1, &"x".repeat(4097))),
            of(list(1000, &"x".repeat(4096))),
            document(json!({"version": 1, "agents": many})),
            document(json!({"version": 1, "later": "x".repeat(5 << 20)})),
        ] {
            let error = file.replace(too_large, Some(&first.hash)).unwrap_err();
            assert!(matches!(error, ApprovalsError::TooLarge { .. }), "{error}");
        }
        assert!(file.update(|d| d.allow("main", vec![AllowEntry::of("one more")])).is_err());
        assert_eq!(std::fs::read(file.path()).unwrap(), text);
    }

    #[test]
    fn what_many_allow_at_once_is_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = ApprovalsFile::in_dir(dir.path());
        std::thread::scope(|scope| {
            for i in 0..8 {
                let file = &file;
                scope.spawn(move || {
                    file.update(|d| d.allow("main", vec![AllowEntry::of(format!("tool{i}"))])).unwrap();
                });
            }
        });
        assert_eq!(file.read().unwrap().document.agents["main"].allowlist.len(), 8);
        file.update(|d| d.allow("main", vec![AllowEntry::of("tool1")])).unwrap();
        assert_eq!(file.read().unwrap().document.agents["main"].allowlist.len(), 8, "once each");
    }
}
