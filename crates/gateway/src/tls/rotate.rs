//! From one key to the next: a key is prepared and told to clients in advance, then taken into use. Works on the files; a
//! running gateway notices.
//!
//! Switching is two renames, and what a crash leaves between them is finished by switching again, and by the gateway's start: the
//! certificate for the next key is on disk before the key moves.

use super::files::{TlsFiles, publish, read, sync_directory};
use super::material::{Certificate, next_pin, pin_of_key};
use super::{TlsError, generate};
use model::Pin;
use rcgen::KeyPair;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Where a rotation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The certificate in use.
    pub current: Certificate,
    /// The key that comes next.
    pub next: Option<Pin>,
    /// Whether something was made or moved just now.
    pub changed: bool,
}

/// Prepares a next key unless there is one.
///
/// # Errors
/// There is no certificate, or the key cannot be written.
pub fn prepare(files: &TlsFiles) -> Result<Rotation, TlsError> {
    let _lock = files.lock()?;
    let current = Certificate::read(&files.cert)?;
    let changed = generate::next_key(files)?;
    Ok(Rotation { current, next: next_pin(files)?, changed })
}

/// Takes the prepared key into use, and prepares another. A new certificate is for this host and `more`.
///
/// # Errors
/// None is prepared, somebody else has to make the certificate, or the files cannot be moved.
pub fn switch(files: &TlsFiles, more: &[IpAddr], now_ms: i64) -> Result<Rotation, TlsError> {
    let _lock = files.lock()?;
    let current = Certificate::read(&files.cert)?;
    if !finish(files)? {
        let next = next_pin(files)?.ok_or(TlsError::NotPrepared)?;
        provide_certificate(files, &current, next, (more, now_ms))?;
        keep_former(&files.cert)?;
        keep_former(&files.key)?;
        rename(&files.next_key, &files.key)?;
        rename(&files.next_cert, &files.cert)?;
    }
    generate::next_key(files)?;
    Ok(Rotation { current: Certificate::read(&files.cert)?, next: next_pin(files)?, changed: true })
}

/// Finishes what a crash cut; whether there was something to finish. The caller holds the lock.
pub(super) fn finish(files: &TlsFiles) -> Result<bool, TlsError> {
    if !is_half_done(files) {
        return Ok(false);
    }
    if files.cert.exists() {
        keep_former(&files.cert)?;
    }
    rename(&files.next_cert, &files.cert)?;
    Ok(true)
}

/// Whether a crash cut the making of a pair or a switch: the key is in its place, and the certificate for it still waits beside its
/// own. The next start finishes that. What cannot be read is left to those who need it.
pub fn is_half_done(files: &TlsFiles) -> bool {
    let Ok(Some(key)) = pin_of_key(&files.key) else { return false };
    let is_of_key = |cert: &Path| Certificate::read(cert).map(|cert| cert.spki == key);
    let is_apart = !files.cert.exists() || is_of_key(&files.cert).is_ok_and(|fits| !fits);
    is_apart && is_of_key(&files.next_cert).unwrap_or(false)
}

/// A certificate for the next key at its place: one that was put there, or one that signs itself where the one in use was made
/// here. What an authority or the owner made is not replaced by one of ours.
fn provide_certificate(
    files: &TlsFiles,
    current: &Certificate,
    next: Pin,
    (more, now_ms): (&[IpAddr], i64),
) -> Result<(), TlsError> {
    if files.next_cert.exists() {
        let waiting = Certificate::read(&files.next_cert)?;
        if waiting.spki != next {
            return Err(TlsError::Apart { cert: files.next_cert.clone(), key: files.next_key.clone() });
        }
        return Ok(());
    }
    if !current.made_here {
        return Err(TlsError::MadeElsewhere {
            cert: files.cert.clone(),
            next_key: files.next_key.clone(),
            next_cert: files.next_cert.clone(),
        });
    }
    let pem = String::from_utf8_lossy(&read("the next private key", &files.next_key)?).into_owned();
    let key = KeyPair::from_pem(&pem)
        .map_err(|e| TlsError::unusable("the next private key", &files.next_key, e.to_string()))?;
    let cert = generate::self_signed(&key, more, now_ms)?;
    publish(&files.next_cert, cert.as_bytes()).map_err(|e| TlsError::write(&files.next_cert, e))
}

/// Keeps what is replaced as `FILE.previous`, for who has to go back.
pub(super) fn keep_former(file: &Path) -> Result<(), TlsError> {
    let former = former(file);
    let failed = |e| TlsError::write(&former, e);
    match std::fs::remove_file(&former) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    std::fs::hard_link(file, &former).map_err(failed)
}

fn former(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".previous");
    name.into()
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), TlsError> {
    std::fs::rename(from, to).and_then(|()| sync_directory(to)).map_err(|e| TlsError::write(to, e))
}
