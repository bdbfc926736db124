//! Looking at the files without serving with them.

use super::material::{Certificate, Material};
use super::{TlsError, TlsFiles, generate};
use config::TlsConfig;

/// What a start would serve with now; `None` where it would make a pair first. Reads the files in the calling thread, and
/// changes nothing.
///
/// # Errors
/// Why it would not start, or why a running gateway would not take the files up.
pub fn inspect(config: &TlsConfig, files: &TlsFiles) -> Result<Option<Certificate>, TlsError> {
    if !generate::is_there(files)? {
        return match config.auto_generate {
            true => Ok(None),
            false => Err(TlsError::None { cert: files.cert.clone(), key: files.key.clone() }),
        };
    }
    Material::load(files).map(|material| Some(material.certificate))
}
