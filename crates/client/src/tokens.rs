//! The tokens that gateways gave this device, in one small file beside its identity.

use crate::files;
use model::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The version of the file's format.
const VERSION: u32 = 1;
/// Gateways that are remembered. Beyond that the file is a sign of something gone wrong, and the first ones go.
const MAX_ENTRIES: usize = 256;

/// A file (mode 0600) with one token per gateway address and role: `{version, tokens: {"<url> <role>": token}}`.
#[derive(Debug, Clone)]
pub struct TokenStore {
    path: PathBuf,
}

/// Why a token could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum TokenStoreError {
    /// The file cannot be read or understood.
    #[error("cannot read the device tokens {}: {problem}; move the file away and pair again", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The file cannot be written.
    #[error("cannot store the device token in {}: {source}; check that its directory may be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    version: u32,
    #[serde(default)]
    tokens: BTreeMap<String, String>,
}

impl TokenStore {
    /// The store in `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token for a gateway and a role.
    ///
    /// # Errors
    /// The file is there and cannot be read or understood.
    pub fn get(&self, url: &str, role: &str) -> Result<Option<SecretString>, TokenStoreError> {
        Ok(self.read()?.tokens.remove(&key(url, role)).map(SecretString::from))
    }

    /// Remembers a token; whether the file changed.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn put(&self, url: &str, role: &str, token: &SecretString) -> Result<bool, TokenStoreError> {
        let _alone = self.lock()?;
        let mut stored = self.read()?;
        let old = stored.tokens.insert(key(url, role), token.expose_secret().to_owned());
        if old.as_deref() == Some(token.expose_secret()) {
            return Ok(false);
        }
        while stored.tokens.len() > MAX_ENTRIES {
            let first = stored.tokens.keys().find(|k| **k != key(url, role)).cloned();
            if first.and_then(|k| stored.tokens.remove(&k)).is_none() {
                break;
            }
        }
        self.write(&stored).map(|()| true)
    }

    /// Forgets a token; whether there was one.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn remove(&self, url: &str, role: &str) -> Result<bool, TokenStoreError> {
        let _alone = self.lock()?;
        let mut stored = self.read()?;
        if stored.tokens.remove(&key(url, role)).is_none() {
            return Ok(false);
        }
        self.write(&stored).map(|()| true)
    }

    fn lock(&self) -> Result<files::Lock, TokenStoreError> {
        files::lock(&self.path, files::LOCK_PATIENCE)
            .map_err(|source| TokenStoreError::Write { path: self.path.clone(), source })
    }

    fn read(&self) -> Result<Stored, TokenStoreError> {
        let error = |problem: String| TokenStoreError::Read { path: self.path.clone(), problem };
        match std::fs::read(&self.path) {
            // The parser's own message may quote the text, which holds tokens.
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| error(format!("it is not the JSON of a token store (line {})", e.line()))),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Stored::default()),
            Err(e) => Err(error(e.to_string())),
        }
    }

    fn write(&self, stored: &Stored) -> Result<(), TokenStoreError> {
        let error = |source| TokenStoreError::Write { path: self.path.clone(), source };
        let stored = Stored { version: VERSION, tokens: stored.tokens.clone() };
        let text = serde_json::to_string_pretty(&stored).map_err(|e| error(e.into()))?;
        files::replace(&self.path, text.as_bytes()).map_err(error)
    }
}

/// Addresses that differ in case or in a slash at the end are one gateway.
fn key(url: &str, role: &str) -> String {
    format!("{} {role}", url.trim().trim_end_matches('/').to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn text(token: Option<SecretString>) -> Option<String> {
        token.map(|t| t.expose_secret().to_owned())
    }

    #[test]
    fn a_token_belongs_to_a_gateway_and_a_role() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::new(dir.path().join("deep/tokens.json"));
        assert!(store.get("ws://a:1", "node").unwrap().is_none());
        assert!(store.put("ws://a:1", "node", &"one".into()).unwrap());
        assert!(!store.put("ws://A:1/", "node", &"one".into()).unwrap(), "nothing new");
        assert!(store.put("ws://a:1", "operator", &"two".into()).unwrap());
        assert_eq!(text(store.get("WS://a:1/", "node").unwrap()).as_deref(), Some("one"));
        assert_eq!(text(store.get("ws://a:1", "operator").unwrap()).as_deref(), Some("two"));
        assert!(store.get("ws://b:1", "node").unwrap().is_none());
        assert_eq!(std::fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(store.remove("ws://a:1", "node").unwrap());
        assert!(!store.remove("ws://a:1", "node").unwrap());
        assert!(store.get("ws://a:1", "node").unwrap().is_none());
    }

    #[test]
    fn programs_that_store_at_once_lose_nothing_of_each_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        std::thread::scope(|scope| {
            for n in 0..16 {
                let store = TokenStore::new(&path);
                scope.spawn(move || store.put(&format!("ws://{n}"), "node", &"t".into()).unwrap());
            }
        });
        let store = TokenStore::new(&path);
        for n in 0..16 {
            assert!(store.get(&format!("ws://{n}"), "node").unwrap().is_some(), "{n}");
        }
    }

    #[test]
    fn the_file_stays_bounded_and_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::new(dir.path().join("tokens.json"));
        let tokens = (0..MAX_ENTRIES).map(|i| (key(&format!("ws://h{i}"), "node"), "t".to_owned())).collect();
        store.write(&Stored { version: VERSION, tokens }).unwrap();
        store.put("ws://a", "node", &"new".into()).unwrap();
        assert_eq!(text(store.get("ws://a", "node").unwrap()).as_deref(), Some("new"));
        assert_eq!(store.read().unwrap().tokens.len(), MAX_ENTRIES);
    }

    #[test]
    fn a_damaged_file_is_named_and_none_of_it_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::new(dir.path().join("tokens.json"));
        std::fs::write(store.path(), r#"{"version":"secret-text"}"#).unwrap();
        let error = store.get("ws://a", "node").unwrap_err().to_string();
        assert!(error.contains("tokens.json") && !error.contains("secret-text"), "{error}");
    }
}
