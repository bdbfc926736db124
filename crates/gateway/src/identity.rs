//! The gateway's own key: who it is to clients, and what device tokens are derived from.

use crate::auth::secret::same;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use store::DeviceToken;

/// The gateway's Ed25519 key, from `<state>/identity/gateway.key` (base64url of the 32-byte seed, mode 0600).
pub(crate) struct GatewayIdentity {
    device_id: String,
    public_key: String,
    signing: SigningKey,
    token_key: [u8; 32],
    config_key: [u8; 32],
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// The file could not be read or written.
    #[error("{}: {source}; the gateway's key lives there and must be readable and writable by this user", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// The file holds something else.
    #[error("{}: not a gateway key; restore it from a backup, or move it away to begin with a new identity (devices must then pair again)", .0.display())]
    Malformed(PathBuf),
    /// No randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

impl GatewayIdentity {
    /// Reads the key, or makes it on first start.
    pub(crate) fn load_or_create(state_dir: &Path) -> Result<Self, IdentityError> {
        let path = state_dir.join("identity").join("gateway.key");
        let io = |source| IdentityError::Io { path: path.clone(), source };
        let seed = match std::fs::read_to_string(&path) {
            Ok(text) => decode_seed(text.trim()).ok_or_else(|| IdentityError::Malformed(path.clone()))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut seed = [0u8; 32];
                getrandom::fill(&mut seed).map_err(IdentityError::Random)?;
                write_private(&path, &URL_SAFE_NO_PAD.encode(seed)).map_err(io)?;
                seed
            }
            Err(e) => return Err(io(e)),
        };
        Ok(Self::from_seed(seed))
    }

    fn from_seed(seed: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(&seed);
        let public = signing.verifying_key().to_bytes();
        Self {
            device_id: hex::encode(Sha256::digest(public)),
            public_key: URL_SAFE_NO_PAD.encode(public),
            signing,
            token_key: mac(&seed, &["device-tokens", "1"]),
            config_key: mac(&seed, &["config-hashes", "1"]),
        }
    }

    /// Hex SHA-256 of the raw public key.
    pub(crate) fn device_id(&self) -> &str {
        &self.device_id
    }

    /// base64url of the raw public key.
    pub(crate) fn public_key(&self) -> &str {
        &self.public_key
    }

    /// base64url of the signature over `text`. What is signed begins with what it is for.
    pub(crate) fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.signing.sign(text.as_bytes()).to_bytes())
    }

    /// What clients are told of a configuration file instead of its hash, with which they could try out guesses of the
    /// secrets in it.
    pub(crate) fn config_hash(&self, sha256: &str) -> String {
        format!("hmac-sha256:v1:{}", URL_SAFE_NO_PAD.encode(mac(&self.config_key, &[sha256])))
    }

    /// The newest token of a device for a role. It is derived and not stored: a stolen database holds no credential.
    pub(crate) fn device_token(&self, device_id: &str, token: &DeviceToken) -> String {
        self.token_of(device_id, &token.role, token.generation)
    }

    /// The generation of the device's token that one of these is, where it is one that is good.
    pub(crate) fn good_generation(
        &self,
        device_id: &str,
        token: &DeviceToken,
        given: &[&str],
    ) -> Option<i64> {
        token.good().find(|generation| {
            let expected = self.token_of(device_id, &token.role, *generation);
            given.iter().any(|given| same(given, &expected))
        })
    }

    fn token_of(&self, device_id: &str, role: &str, generation: i64) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.token_key, &[device_id, role, &generation.to_string()]))
    }

    /// The credential in a setup code. No device id and role make the same: those have three parts.
    pub(crate) fn setup_token(&self, setup_id: &str) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.token_key, &["setup", setup_id]))
    }

    /// What a join URL ends with: 132 bits.
    pub(crate) fn join_code(&self, setup_id: &str) -> String {
        let mut code = URL_SAFE_NO_PAD.encode(mac(&self.token_key, &["join", setup_id]));
        code.truncate(22);
        code
    }
}

fn decode_seed(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// HMAC-SHA-256 over length-prefixed parts, so that no two lists of parts give the same input.
fn mac(key: &[u8; 32], parts: &[&str]) -> [u8; 32] {
    // HMAC itself fills a shorter key up with zeros to the hash's block.
    let mut block = [0u8; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

/// Written beside and renamed: a crash in between leaves no half a key. The state lock keeps a second writer away.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let temporary = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_identity_stays_the_same_and_its_file_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = GatewayIdentity::load_or_create(dir.path()).unwrap();
        let second = GatewayIdentity::load_or_create(dir.path()).unwrap();
        assert_eq!(first.device_id(), second.device_id());
        let mode = std::fs::metadata(dir.path().join("identity/gateway.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mode = std::fs::metadata(dir.path().join("identity")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_token_is_bound_to_device_role_and_generation() {
        let identity = GatewayIdentity::from_seed([7; 32]);
        let token = |role: &str, generation| DeviceToken {
            role: role.into(),
            scopes: vec![],
            generation,
            good_from: generation,
            created_at_ms: 0,
            rotated_at_ms: None,
            revoked_at_ms: None,
        };
        let base = identity.device_token("d", &token("node", 1));
        assert_eq!(base, identity.device_token("d", &token("node", 1)));
        for other in [
            identity.device_token("e", &token("node", 1)),
            identity.device_token("d", &token("operator", 1)),
            identity.device_token("d", &token("node", 2)),
            GatewayIdentity::from_seed([8; 32]).device_token("d", &token("node", 1)),
        ] {
            assert_ne!(base, other);
        }
    }
}
