//! `gateway.tls`: TLS on the gateway's own port (S10).

use std::path::{Path, PathBuf};

use crate::Paths;
use crate::doc::Section;

/// `gateway.tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// `enabled`: whether the port speaks TLS, and nothing else.
    pub enabled: bool,
    /// `autoGenerate`: a certificate is made where there is neither certificate nor key. True by default.
    pub auto_generate: bool,
    /// `certPath`: PEM, the gateway's certificate first; see [`TlsConfig::cert_file`].
    pub cert_path: Option<PathBuf>,
    /// `keyPath`: the private key, PEM; see [`TlsConfig::key_file`].
    pub key_path: Option<PathBuf>,
    /// `caPath`: certificates of authorities that complete the chain which is shown.
    pub ca_path: Option<PathBuf>,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self { enabled: false, auto_generate: true, cert_path: None, key_path: None, ca_path: None }
    }
}

impl TlsConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        Self {
            enabled: s.boolean("enabled").unwrap_or(false),
            auto_generate: s.boolean("autoGenerate").unwrap_or(true),
            cert_path: s.path("certPath"),
            key_path: s.path("keyPath"),
            ca_path: s.path("caPath"),
        }
    }

    /// The certificate's file.
    pub fn cert_file(&self, paths: &Paths) -> PathBuf {
        self.cert_path.clone().unwrap_or_else(|| paths.tls_dir().join("gateway-cert.pem"))
    }

    /// The key's file.
    pub fn key_file(&self, paths: &Paths) -> PathBuf {
        self.key_path.clone().unwrap_or_else(|| paths.tls_dir().join("gateway-key.pem"))
    }

    /// Where the next key waits for the one that is used: beside it.
    pub fn next_key_file(&self, paths: &Paths) -> PathBuf {
        beside(&self.key_file(paths), "next")
    }

    /// Where a certificate for the next key waits, if an authority has to make it.
    pub fn next_cert_file(&self, paths: &Paths) -> PathBuf {
        beside(&self.cert_file(paths), "next")
    }
}

/// `FILE.WORD`.
fn beside(file: &Path, word: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(word);
    name.into()
}
