//! The check in the TLS handshake: the certificate is one of those that were pinned, and its key has signed. Names and dates do
//! not matter then: a pin says more than an authority.

use crate::transport::Trust;
use model::Pin;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// SHA-256 of its certificate.
    pub leaf: Pin,
    /// SHA-256 of the public key in it.
    pub spki: Pin,
}

impl Seen {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        Ok(Self {
            leaf: Pin::leaf(Sha256::digest(certificate).into()),
            spki: Pin::spki(Sha256::digest(parsed.subject_public_key_info()).into()),
        })
    }

    /// Whether one of these is of it.
    pub fn is_one_of(&self, pins: &[Pin]) -> bool {
        pins.iter().any(|pin| *pin == self.leaf || *pin == self.spki)
    }
}

/// It shows something else. Carried through the TLS library as the reason of its refusal.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is not the pinned one")]
struct Mismatch(Seen);

#[derive(Debug)]
struct Verifier {
    /// `None`: any certificate whose key signs.
    accepted: Option<Vec<Pin>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = Seen::of(end_entity)?;
        if self.accepted.as_ref().is_none_or(|pins| seen.is_one_of(pins)) {
            return Ok(ServerCertVerified::assertion());
        }
        let reason = OtherError(Arc::new(Mismatch(seen)));
        Err(Error::InvalidCertificate(CertificateError::Other(reason)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS that lets only those through. Sessions are not resumed, so that each connection shows one.
pub(crate) fn client_config(trust: Trust<'_>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let accepted = match trust {
        Trust::Pins(pins) => Some(pins.to_vec()),
        Trust::Anybody => None,
        // Whoever wants authorities asks the TLS library for them, and not this.
        Trust::Authorities => Some(Vec::new()),
    };
    let verifier = Verifier { accepted, provider: provider.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// TLS that lets through whoever shows one of these, for other protocols than the gateway's.
///
/// # Errors
/// The TLS library refuses its own defaults.
pub fn pinned_tls(pins: &[Pin]) -> Result<ClientConfig, Error> {
    client_config(Trust::Pins(pins))
}

/// What was shown, where the handshake ended because of it: whichever of its causes says so.
pub fn seen_instead(error: &(dyn std::error::Error + 'static)) -> Option<Seen> {
    if let Some(error) = error.downcast_ref() {
        return mismatch_of(error);
    }
    // What such an error holds is not among its causes.
    let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let held = held.and_then(|held| seen_instead(held));
    held.or_else(|| seen_instead(error.source()?))
}

/// As [`seen_instead`], for an error of the socket itself.
pub(crate) fn mismatch(error: &std::io::Error) -> Option<Seen> {
    mismatch_of(error.get_ref()?.downcast_ref()?)
}

fn mismatch_of(error: &Error) -> Option<Seen> {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(reason))) => {
            reason.downcast_ref::<Mismatch>().map(|mismatch| mismatch.0)
        }
        _ => None,
    }
}
