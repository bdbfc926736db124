//! The token that a gateway makes for itself when no credential is configured anywhere.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use model::{ExposeSecret, SecretString};

use crate::Paths;

/// Largest file that is taken for a token.
const MAX_BYTES: u64 = 4096;
/// Shortest stored token that is believed; ours have 43 characters.
const MIN_CHARS: usize = 16;

/// Why there is no generated token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file or its directory cannot be read or written.
    #[error("cannot {action} {}: {source}; check the permissions and the free space there", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// What is in the file is no token.
    #[error("{} does not hold a gateway token ({reason}); remove it and start the gateway again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The system gives no randomness.
    #[error("the system gives no random bytes, so no gateway token was made: {0}")]
    Random(String),
}

/// The generated gateway token, its file, and whether it was made just now. Starts at the same time agree on one.
///
/// The file is `<state>/credentials/gateway-token`, mode 0600 in a directory of mode 0700.
///
/// # Errors
/// It cannot be stored or read back, or what is there is no token.
pub fn ensure_gateway_token(paths: &Paths) -> Result<(SecretString, PathBuf, bool), TokenError> {
    let file = paths.gateway_token_file();
    if let Some(token) = read_gateway_token(paths)? {
        restrict(&file, 0o600)?;
        return Ok((token, file, false));
    }
    let dir = paths.credentials_dir();
    crate::private_dir::make(&dir).map_err(failed("create", &dir))?;
    restrict(&dir, 0o700)?;
    let token: SecretString =
        model::random_token().map_err(|error| TokenError::Random(error.to_string()))?.into();
    let temporary = dir.join(format!(".gateway-token.{}", model::new_id()));
    let stored = store(&token, &temporary, &file);
    // The temporary name is gone after a rename and left over after a link or a failure.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("remove", &temporary)(error)),
        _ => {}
    }
    let created = stored?;
    sync_dir(&dir)?;
    match read_gateway_token(paths)? {
        Some(kept) => Ok((kept, file, created)),
        None => Err(TokenError::Damaged { path: file, reason: "it vanished while it was being made" }),
    }
}

/// The generated gateway token, if there is one: for clients on the same host.
///
/// # Errors
/// The file is there and cannot be read, or is no token.
pub fn read_gateway_token(paths: &Paths) -> Result<Option<SecretString>, TokenError> {
    let path = paths.gateway_token_file();
    let kind = match fs::metadata(&path) {
        Ok(kind) => kind,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", &path)(error)),
    };
    let damaged = |reason| Err(TokenError::Damaged { path: path.clone(), reason });
    if !kind.is_file() {
        return damaged("it is not a regular file");
    }
    let mut text = String::new();
    let open = File::open(&path).map_err(failed("read", &path))?;
    match open.take(MAX_BYTES).read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::InvalidData => return damaged("it is not text"),
        Err(error) => return Err(failed("read", &path)(error)),
    }
    let token = text.trim();
    if token.len() < MIN_CHARS {
        return damaged("it is empty or too short");
    }
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return damaged("it has characters that no token has");
    }
    Ok(Some(token.to_owned().into()))
}

/// Writes the token under the temporary name and gives it its own, unless somebody else was first.
/// True when this token is the one that stays.
fn store(token: &SecretString, temporary: &Path, file: &Path) -> Result<bool, TokenError> {
    let mut open = private().open(temporary).map_err(failed("create", temporary))?;
    open.write_all(token.expose_secret().as_bytes())
        .and_then(|()| open.write_all(b"\n"))
        .and_then(|()| open.sync_all())
        .map_err(failed("write", temporary))?;
    // A link fails if the name is taken, so the first of several starts wins and no reader sees half a file.
    match fs::hard_link(temporary, file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // File systems without links: the state directory's lock keeps a second gateway away there.
        Err(_) => fs::rename(temporary, file).map(|()| true).map_err(failed("create", file)),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> TokenError + use<> {
    let path = path.to_path_buf();
    move |source| TokenError::File { action, path, source }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes away what others may do with `path` beyond `mode`.
#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> Result<(), TokenError> {
    use std::os::unix::fs::PermissionsExt;
    let now = fs::metadata(path).map_err(failed("read", path))?.permissions().mode();
    if now & 0o777 & !mode == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(now & mode)).map_err(failed("restrict", path))
}

#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> Result<(), TokenError> {
    // The user's profile directory is private to the user there.
    Ok(())
}

/// Makes the new name survive a power cut.
#[cfg(unix)]
fn sync_dir(dir: &Path) -> Result<(), TokenError> {
    File::open(dir).and_then(|open| open.sync_all()).map_err(failed("sync", dir))
}

#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> Result<(), TokenError> {
    Ok(())
}
