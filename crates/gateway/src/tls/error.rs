//! What can be wrong with certificates and keys: each names the file and the next step.

use std::path::{Path, PathBuf};

/// Why there is no TLS, or no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Neither certificate nor key, and none is to be made.
    #[error(
        "gateway.tls: there is no certificate {} and no key {}; put both there, or set gateway.tls.autoGenerate to true to have them made",
        cert.display(),
        key.display()
    )]
    None {
        /// The certificate's place.
        cert: PathBuf,
        /// The key's place.
        key: PathBuf,
    },
    /// One without the other. Nothing is made then: what is there may be what clients have pinned.
    #[error(
        "gateway.tls: {missing} {} is missing, and {} is there; put back the one that is missing, or move the other away to have both made anew (clients that pinned the certificate must then pin the new one)",
        file.display(),
        other.display()
    )]
    Half {
        /// `the certificate` or `the private key`.
        missing: &'static str,
        /// Where it should be.
        file: PathBuf,
        /// What is there.
        other: PathBuf,
    },
    /// A file cannot be read.
    #[error("gateway.tls: {what} {} cannot be read: {source}; check its owner and permissions", file.display())]
    Read {
        /// Such as `the certificate`.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("gateway.tls: {what} {} cannot be used: {problem}", file.display())]
    Unusable {
        /// Such as `the certificate`.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Certificate and key are of different pairs.
    #[error(
        "gateway.tls: the certificate {} does not belong to the private key {}; put the pair there that belongs together",
        cert.display(),
        key.display()
    )]
    Apart {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A file cannot be made.
    #[error("gateway.tls: {} cannot be written: {source}; check its directory", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No certificate could be made.
    #[error("gateway.tls: no certificate could be made: {0}")]
    Generate(String),
    /// There is nothing to switch to.
    #[error("gateway.tls: no next key is prepared; prepare one first: openclaw gateway tls rotate")]
    NotPrepared,
    /// An authority or the owner made the certificate, and has to make the next one.
    #[error(
        "gateway.tls: the certificate {} was not made by a gateway for itself; have one made for the key {} as that one was, put it at {}, then switch",
        cert.display(),
        next_key.display(),
        next_cert.display()
    )]
    MadeElsewhere {
        /// The certificate in use.
        cert: PathBuf,
        /// The key that waits.
        next_key: PathBuf,
        /// Where the certificate for it has to be.
        next_cert: PathBuf,
    },
}

impl TlsError {
    pub(super) fn unusable(what: &'static str, file: &Path, problem: impl Into<String>) -> Self {
        Self::Unusable { what, file: file.to_owned(), problem: problem.into() }
    }

    pub(super) fn write(file: &Path, source: std::io::Error) -> Self {
        Self::Write { file: file.to_owned(), source }
    }
}
