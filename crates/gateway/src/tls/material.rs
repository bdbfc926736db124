//! A certificate with its key, read and judged: what is wrong is found here, before anybody is served with it.

use super::TlsError;
use super::files::{TlsFiles, read};
use super::generate::NAME;
use super::validity::validity;
use model::Pin;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use webpki::EndEntityCert;

/// Certificates that are shown at most: real chains have two to four.
const MAX_CHAIN: usize = 10;
const CERT: &str = "the certificate";
const KEY: &str = "the private key";

/// What a certificate is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate.
    pub leaf: Pin,
    /// SHA-256 of its public key.
    pub spki: Pin,
    /// It signed itself: no authority stands behind it.
    pub self_signed: bool,
    /// It was made by a gateway for itself: nobody chose it, and a gateway may make the next one.
    pub made_here: bool,
    /// From when to when it is good, in milliseconds since 1970, where that can be read.
    pub valid_ms: Option<(i64, i64)>,
}

impl Certificate {
    /// Reads the first certificate of a PEM file.
    ///
    /// # Errors
    /// The file cannot be read or holds none.
    pub fn read(file: &Path) -> Result<Self, TlsError> {
        let chain = chain(CERT, file)?;
        chain
            .first()
            .map_or_else(|| Err(TlsError::unusable(CERT, file, "it holds none")), |leaf| Self::of(leaf, file))
    }

    fn of(leaf: &CertificateDer<'_>, file: &Path) -> Result<Self, TlsError> {
        let parsed = EndEntityCert::try_from(leaf).map_err(|e| {
            TlsError::unusable(CERT, file, format!("its first certificate is no X.509 ({e})"))
        })?;
        let self_signed = parsed.issuer() == parsed.subject();
        Ok(Self {
            leaf: Pin::leaf(Sha256::digest(leaf).into()),
            spki: Pin::spki(Sha256::digest(parsed.subject_public_key_info()).into()),
            self_signed,
            made_here: self_signed && is_named_as_ours(parsed.subject()),
            valid_ms: validity(leaf),
        })
    }
}

/// Whether a subject (DER) is our common name and nothing else: `SET { SEQUENCE { OID 2.5.4.3, string } }`.
fn is_named_as_ours(subject: &[u8]) -> bool {
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    let (Some(front), Ok(length)) = (subject.strip_suffix(NAME.as_bytes()), u8::try_from(NAME.len())) else {
        return false;
    };
    // The string is a UTF8String or a PrintableString.
    front.len() == 4 + COMMON_NAME.len() + 2
        && front[4..].starts_with(&COMMON_NAME)
        && (front.ends_with(&[0x0c, length]) || front.ends_with(&[0x13, length]))
}

/// A pair that can be served.
pub(super) struct Material {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) certificate: Certificate,
    /// The public key that comes next, where one is prepared.
    pub(super) next: Option<Pin>,
}

impl Material {
    /// Reads and judges all files.
    pub(super) fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let mut chain = chain(CERT, &files.cert)?;
        let certificate = match chain.first() {
            Some(leaf) => Certificate::of(leaf, &files.cert)?,
            None => return Err(TlsError::unusable(CERT, &files.cert, "it holds none")),
        };
        if let Some(ca) = &files.ca {
            complete(&mut chain, ca)?;
        }
        let key = signing_key(KEY, &files.key)?;
        if key_pin(&*key).as_ref() != Some(&certificate.spki) {
            return Err(TlsError::Apart { cert: files.cert.clone(), key: files.key.clone() });
        }
        let certified = Arc::new(CertifiedKey::new(chain, key));
        Ok(Self { certified, certificate, next: next_pin(files)? })
    }

    /// All that is good from now on.
    pub(super) fn vouched_for(&self) -> Vec<Pin> {
        let mut pins = self.pins();
        pins.extend(self.next);
        pins
    }

    /// What a running gateway shows.
    pub(super) fn pins(&self) -> Vec<Pin> {
        vec![self.certificate.leaf, self.certificate.spki]
    }
}

/// The pin of the key that is prepared, if one is.
pub(super) fn next_pin(files: &TlsFiles) -> Result<Option<Pin>, TlsError> {
    if !files.next_key.exists() {
        return Ok(None);
    }
    let key = signing_key("the next private key", &files.next_key)?;
    let unusable =
        || TlsError::unusable("the next private key", &files.next_key, "its public key cannot be told");
    key_pin(&*key).map(Some).ok_or_else(unusable)
}

/// The pin of a private key's public half.
pub(super) fn pin_of_key(file: &Path) -> Result<Option<Pin>, TlsError> {
    Ok(key_pin(&*signing_key(KEY, file)?))
}

fn key_pin(key: &dyn rustls::sign::SigningKey) -> Option<Pin> {
    Some(Pin::spki(Sha256::digest(key.public_key()?).into()))
}

fn signing_key(what: &'static str, file: &Path) -> Result<Arc<dyn rustls::sign::SigningKey>, TlsError> {
    let pem = read(what, file)?;
    // The reader's own message may quote the file; what kind of file it is is all that helps.
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        TlsError::unusable(
            what,
            file,
            "it is no private key in PEM form without a passphrase (PKCS#8, EC or RSA)",
        )
    })?;
    any_supported_type(&key).map_err(|_| {
        TlsError::unusable(
            what,
            file,
            "its kind is not supported; use ECDSA P-256 or P-384, Ed25519 or RSA from 2048 bits",
        )
    })
}

fn chain(what: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(what, file)?;
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certs = certs.map_err(|e| TlsError::unusable(what, file, format!("it is damaged ({e})")))?;
    if certs.is_empty() {
        return Err(TlsError::unusable(
            what,
            file,
            "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
        ));
    }
    Ok(certs.into_iter().take(MAX_CHAIN).collect())
}

/// Adds the issuers that are missing in the chain, as far as `ca` has them; a root is not shown, clients have their own.
fn complete(chain: &mut Vec<CertificateDer<'static>>, ca: &Path) -> Result<(), TlsError> {
    const CA: &str = "the authorities' file";
    let authorities = self::chain(CA, ca)?;
    let name = |cert: &CertificateDer<'_>| -> Option<(Vec<u8>, Vec<u8>)> {
        let parsed = EndEntityCert::try_from(cert).ok()?;
        Some((parsed.subject().to_vec(), parsed.issuer().to_vec()))
    };
    let mut named = Vec::new();
    for authority in authorities {
        let names =
            name(&authority).ok_or_else(|| TlsError::unusable(CA, ca, "a certificate in it is no X.509"))?;
        named.push((names, authority));
    }
    while chain.len() < MAX_CHAIN {
        let Some((_, issuer)) = chain.last().and_then(name) else { break };
        let next = named
            .iter()
            .find(|((subject, by), cert)| *subject == issuer && subject != by && !chain.contains(cert));
        match next {
            Some((_, cert)) => chain.push(cert.clone()),
            None => break,
        }
    }
    Ok(())
}
