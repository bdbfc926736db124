//! Making a certificate that signs itself. OpenClaw's apps pin the certificate itself, so one lives for ten years and is
//! made once: where there is neither certificate nor key.

use super::TlsError;
use super::files::{TlsFiles, publish, replace};
use super::rotate::{keep_former, rename};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use std::net::IpAddr;

/// Its subject and issuer, by which it is known as one that was made here; OpenClaw's gateway calls its own the same.
pub(super) const NAME: &str = "openclaw-gateway";
/// Ten years, and three days for its leap years.
const LIFE_MS: i64 = (3650 + 3) * DAY_MS;
/// Clocks of clients may be behind.
const HEADSTART_MS: i64 = DAY_MS;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// The pair, and a next key beside it, where there is nothing; whether they were made. The certificate waits beside its place
/// until its key is there, so that what a crash leaves is either begun anew or finished ([`super::rotate::finish`]).
pub(super) fn where_missing(files: &TlsFiles, more: &[IpAddr], now_ms: i64) -> Result<bool, TlsError> {
    if is_there(files)? {
        return Ok(false);
    }
    next_key(files)?;
    let key = new_key()?;
    let cert = self_signed(&key, more, now_ms)?;
    if files.next_cert.exists() {
        keep_former(&files.next_cert)?;
    }
    replace(&files.next_cert, cert.as_bytes()).map_err(|e| TlsError::write(&files.next_cert, e))?;
    publish(&files.key, key.serialize_pem().as_bytes()).map_err(|e| TlsError::write(&files.key, e))?;
    rename(&files.next_cert, &files.cert)?;
    Ok(true)
}

/// Whether the pair is there.
pub(super) fn is_there(files: &TlsFiles) -> Result<bool, TlsError> {
    let (missing, file, other) = match (files.cert.exists(), files.key.exists()) {
        (true, true) => return Ok(true),
        (false, false) => return Ok(false),
        (true, false) => ("the private key", &files.key, &files.cert),
        (false, true) => ("the certificate", &files.cert, &files.key),
    };
    Err(TlsError::Half { missing, file: file.clone(), other: other.clone() })
}

/// Prepares the key that comes next, unless one is prepared; whether it was made.
pub(super) fn next_key(files: &TlsFiles) -> Result<bool, TlsError> {
    if files.next_key.exists() {
        return Ok(false);
    }
    let key = new_key()?;
    publish(&files.next_key, key.serialize_pem().as_bytes())
        .map_err(|e| TlsError::write(&files.next_key, e))?;
    Ok(true)
}

fn new_key() -> Result<KeyPair, TlsError> {
    // Ed25519 would do as well, but not for all that may come.
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|e| TlsError::Generate(e.to_string()))
}

/// A certificate in PEM form for the names of this host and these addresses.
pub(super) fn self_signed(key: &KeyPair, more: &[IpAddr], now_ms: i64) -> Result<String, TlsError> {
    let failed = |e: rcgen::Error| TlsError::Generate(e.to_string());
    let mut params = CertificateParams::new(names(more)).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let day = |ms: i64| -> Result<_, TlsError> {
        let date = Timestamp::from_millisecond(ms).map_err(|e| TlsError::Generate(e.to_string()))?;
        let date = date.to_zoned(TimeZone::UTC).date();
        let part = |n: i8| u8::try_from(n).unwrap_or(1);
        Ok(rcgen::date_time_ymd(date.year().into(), part(date.month()), part(date.day())))
    };
    params.not_before = day(now_ms - HEADSTART_MS)?;
    params.not_after = day(now_ms + LIFE_MS)?;
    Ok(params.self_signed(key).map_err(failed)?.pem())
}

/// What the certificate is for. Clients that pin it do not look; browsers and `curl --cacert` do.
fn names(more: &[IpAddr]) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !host.is_empty() && host.len() <= 200 && host.chars().all(plain) {
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.push(host);
    }
    names.extend(more.iter().filter(|ip| !ip.is_unspecified()).map(IpAddr::to_string));
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}
