//! Where certificate and keys are, and how they are read and written: bounded, private, whole or not at all.

use super::TlsError;
use config::{DirectoryLock, Paths, TlsConfig};
use model::Pin;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A chain of certificates has some KiB; what is larger is something else.
const MAX_FILE: u64 = 1024 * 1024;

/// The files of `gateway.tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and maybe those that lead to an authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of authorities, where they are not in `cert`.
    pub ca: Option<PathBuf>,
    /// The key that comes next, where one is prepared.
    pub next_key: PathBuf,
    /// The certificate for it, where an authority made it.
    pub next_cert: PathBuf,
    /// The pins of what a running gateway shows, for the programs of this host.
    pub served: PathBuf,
}

impl TlsFiles {
    /// Those of a configuration.
    pub fn of(config: &TlsConfig, paths: &Paths) -> Self {
        Self {
            cert: config.cert_file(paths),
            key: config.key_file(paths),
            ca: config.ca_path.clone(),
            next_key: config.next_key_file(paths),
            next_cert: config.next_cert_file(paths),
            served: paths.tls_served_file(),
        }
    }

    /// What the gateway vouches for, and since when; beside `served`.
    pub(super) fn announced(&self) -> PathBuf {
        self.served.with_file_name("announced.json")
    }

    /// The right to change these files, or to read several that belong together: a start and a switch, or two switches, would
    /// otherwise see half of what the other does. The lock is on a directory of ours, whosever the certificate is.
    pub(super) fn lock(&self) -> Result<DirectoryLock, TlsError> {
        let dir = directory_of(&self.served);
        DirectoryLock::take(dir).map_err(|source| TlsError::write(dir, source))
    }

    /// All that a running gateway looks at.
    pub(super) fn watched(&self) -> Vec<PathBuf> {
        let all = [Some(&self.cert), Some(&self.key), self.ca.as_ref(), Some(&self.next_key)];
        all.into_iter().flatten().cloned().collect()
    }

    /// Tells the programs of this host what the gateway shows: a JSON list of pins.
    pub(super) fn note_served(&self, pins: &[Pin]) -> Result<(), TlsError> {
        let texts: Vec<String> = pins.iter().map(Pin::to_string).collect();
        let text = serde_json::json!(texts).to_string();
        replace(&self.served, text.as_bytes()).map_err(|source| TlsError::write(&self.served, source))
    }
}

/// Reads a whole file.
pub(super) fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { what, file: file.to_owned(), source };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(failed)?;
    opened.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(TlsError::unusable(what, file, "it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// Makes a private file (0600) that must not be there yet; its directory is made too (0700).
pub(super) fn publish(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_beside(file, bytes)?;
    let linked = std::fs::hard_link(&temporary, file);
    std::fs::remove_file(&temporary)?;
    linked?;
    sync_directory(file)
}

/// Replaces a private file, or makes it.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_beside(file, bytes)?;
    std::fs::rename(&temporary, file)?;
    sync_directory(file)
}

fn write_beside(file: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let name =
        file.file_name().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path names no file"))?;
    let dir = directory_of(file);
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let temporary = dir.join(format!(".{}.{}.tmp", name.to_string_lossy(), model::new_id()));
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    Ok(temporary)
}

/// Makes a new name outlive a power cut.
pub(super) fn sync_directory(file: &Path) -> io::Result<()> {
    File::open(directory_of(file))?.sync_all()
}

fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
