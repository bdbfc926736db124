//! The Ed25519 key that a device is known by.

use crate::files;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The version of the file's format.
const VERSION: u32 = 1;
/// A larger file is none of ours.
const MAX_FILE: u64 = 64 * 1024;

/// A device's key. `Debug` shows the device id and nothing else.
pub struct Identity {
    key: SigningKey,
    device_id: String,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is there and cannot be read.
    #[error("cannot read the device identity {}: {source}; check its owner and permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be made.
    #[error("cannot store the device identity {}: {source}; check that its directory may be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds no identity. It is never overwritten: the key in it may be the one that is paired.
    #[error("the device identity {} is damaged: {problem}; restore it from a backup, or move it away to get a new one and pair again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system gave no randomness.
    #[error("the system gave no randomness for a new device identity: {0}")]
    Randomness(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    device_id: String,
    public_key: String,
    private_key: String,
}

impl Identity {
    /// A new identity that is stored nowhere.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`].
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).map_err(|e| IdentityError::Randomness(e.to_string()))?;
        Ok(Self::from_seed(&seed))
    }

    /// The identity in `path`; a new one is made and stored there (mode 0600) if there is no such file. Programs that
    /// start at once agree on one. The file is JSON: `{version, deviceId, publicKey, privateKey}`, keys in base64url.
    ///
    /// # Errors
    /// The file cannot be read, made or understood.
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityError> {
        if let Some(identity) = Self::load(path)? {
            return Ok(identity);
        }
        let identity = Self::generate()?;
        let write_error = |source| IdentityError::Write { path: path.to_owned(), source };
        let text = serde_json::to_string_pretty(&identity.stored()).map_err(|e| write_error(e.into()))?;
        if files::create(path, text.as_bytes()).map_err(write_error)? {
            return Ok(identity);
        }
        // Somebody else was faster: theirs counts.
        Self::load(path)?.ok_or_else(|| write_error(ErrorKind::NotFound.into()))
    }

    /// The identity in `path`; `None` if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub fn load(path: &Path) -> Result<Option<Self>, IdentityError> {
        let read_error = |source| IdentityError::Read { path: path.to_owned(), source };
        let damaged =
            |problem: &str| IdentityError::Damaged { path: path.to_owned(), problem: problem.to_owned() };
        match std::fs::metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(read_error(e)),
            Ok(m) if m.len() > MAX_FILE => return Err(damaged("it is far too large")),
            Ok(_) => {}
        }
        let bytes = std::fs::read(path).map_err(read_error)?;
        Self::from_json(&bytes).map(Some).map_err(|problem| damaged(&problem))
    }

    fn from_json(bytes: &[u8]) -> Result<Self, String> {
        // The parser's own message may quote the text, which holds the key.
        let stored: Stored = serde_json::from_slice(bytes)
            .map_err(|e| format!("it is not the JSON of an identity (line {})", e.line()))?;
        if stored.version != VERSION {
            return Err(format!(
                "it has version {} and this program knows version {VERSION}",
                stored.version
            ));
        }
        let seed = URL_SAFE_NO_PAD.decode(stored.private_key.trim_end_matches('='));
        let seed: [u8; 32] = seed
            .ok()
            .and_then(|s| s.try_into().ok())
            .ok_or("its privateKey is not the base64url of 32 bytes")?;
        let identity = Self::from_seed(&seed);
        if identity.device_id != stored.device_id || identity.public_key() != stored.public_key {
            return Err("its deviceId or publicKey does not belong to its privateKey".to_owned());
        }
        Ok(identity)
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let device_id = hex::encode(Sha256::digest(key.verifying_key().as_bytes()));
        Self { key, device_id }
    }

    fn stored(&self) -> Stored {
        Stored {
            version: VERSION,
            device_id: self.device_id.clone(),
            public_key: self.public_key(),
            private_key: URL_SAFE_NO_PAD.encode(self.key.as_bytes()),
        }
    }

    /// Hex SHA-256 of the raw public key.
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// base64url of the raw public key.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes())
    }

    /// base64url of the signature over `text`.
    pub fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes()).to_bytes())
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("device_id", &self.device_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
