//! Pins: the certificate that a gateway must show (S10), and those that it announced for later (B3).
//!
//! Which pins count for a gateway is decided by whoever connects ([`Pinned`]); here they are enforced, in the TLS handshake,
//! before anything is sent. What a gateway vouches for on such a connection is kept in a [`PinStore`] for the next ones.

mod offer;
mod store;
mod verifier;

pub use store::{PinStore, PinStoreError};
pub use verifier::{Seen, pinned_tls, seen_instead};

pub(crate) use verifier::{client_config, mismatch};

use crate::ConnectError;
use crate::transport::{self, Trust};
use model::{Clock, Pin, SystemClock};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The pins of one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Any of these will do. None at all lets nobody through.
    pub base: Vec<Pin>,
    /// Where later ones are kept, if they are.
    pub store: Option<PinStore>,
}

impl Pinned {
    /// What is accepted at this moment from the gateway of this name: the pins, and those that were learned by them.
    pub(crate) async fn accepted(&self, name: &str) -> Vec<Pin> {
        let Some(store) = self.store.clone() else { return self.base.clone() };
        let (key, base) = (name.to_owned(), self.base.clone());
        match tokio::task::spawn_blocking(move || store.accepted(&key, &base)).await {
            Ok(Ok(pins)) => pins,
            Ok(Err(error)) => {
                tracing::warn!(%error, "going on with the pins that were given alone");
                self.base.clone()
            }
            // The runtime is shutting down.
            Err(_) => self.base.clone(),
        }
    }

    /// Keeps what the gateway of this name and URL vouches for in its `hello-ok`, on a connection on which it showed `seen`.
    pub(crate) async fn learn(&self, (name, url): (&str, &str), seen: &Seen, hello: &Value) {
        let Some(store) = self.store.clone() else { return };
        let offer = match offer::read(hello) {
            Some(Ok(offer)) => offer,
            Some(Err(problem)) => {
                tracing::warn!(problem, "the gateway's announcement of certificates is not believed");
                return;
            }
            None => return,
        };
        let (key, base, seen) = (name.to_owned(), self.base.clone(), *seen);
        match tokio::task::spawn_blocking(move || {
            store.learn(&key, (&base, SystemClock.now_ms()), &seen, &offer)
        })
        .await
        {
            Ok(Ok(true)) => tracing::info!(name, "the certificates that this gateway announces are kept"),
            Ok(Err(error)) => {
                let error = match error {
                    PinStoreError::OtherIdentity { .. } => {
                        PinStoreError::OtherIdentity { url: url.to_owned() }
                    }
                    PinStoreError::Older { .. } => PinStoreError::Older { url: url.to_owned() },
                    other => other,
                };
                tracing::warn!(%error, "the certificates that this gateway announces are not kept");
            }
            Ok(Ok(false)) | Err(_) => {}
        }
    }
}

/// What a server shows, without a word to it: the connection ends in the handshake.
///
/// # Errors
/// It cannot be reached, or speaks no TLS.
pub async fn look(url: &str, within: Duration) -> Result<Seen, ConnectError> {
    let late = || ConnectError::Timeout { url: url.to_owned(), stage: "the connection", after: within };
    match tokio::time::timeout(within, transport::open(url, Trust::Pins(&[]))).await {
        Ok(Err(ConnectError::Pin { seen, .. })) => Ok(seen),
        Ok(Err(error)) => Err(error),
        // Nobody is let through without a pin.
        Ok(Ok(_)) => {
            Err(ConnectError::Tls { url: url.to_owned(), problem: "it showed no certificate".to_owned() })
        }
        Err(_) => Err(late()),
    }
}

/// The fingerprints of the first certificate in a PEM file.
///
/// # Errors
/// It cannot be read, or holds no certificate.
pub fn certificate_of_file(file: &Path) -> Result<Seen, String> {
    let cert = CertificateDer::from_pem_file(file).map_err(|e| e.to_string())?;
    Seen::of(&cert).map_err(|e| e.to_string())
}
