//! Switching where the certificate is not the gateway's own making: it is not replaced by one that is.

use super::{Certificate, Clock, Pin, SystemClock, TlsFiles, pair, prepare, switch};
use std::path::Path;

fn files(dir: &Path) -> TlsFiles {
    let of = |name: &str| dir.join(name);
    TlsFiles {
        cert: of("cert.pem"),
        key: of("key.pem"),
        ca: None,
        next_key: of("key.pem.next"),
        next_cert: of("cert.pem.next"),
        served: of("served.json"),
    }
}

/// Switches to a key for which `made` makes the certificate, which is asked for first.
fn led_on(files: &TlsFiles, made: impl Fn(&rcgen::KeyPair) -> String) {
    let now = SystemClock.now_ms();
    let before = Certificate::read(&files.cert).unwrap();
    assert!(!before.made_here);
    assert!(switch(files, &[], now).unwrap_err().to_string().contains("openclaw gateway tls rotate"));
    prepare(files).unwrap();
    let error = switch(files, &[], now).unwrap_err().to_string();
    assert!(error.contains("cert.pem.next") && error.contains("key.pem.next"), "{error}");
    assert_eq!(Certificate::read(&files.cert).unwrap(), before);
    let next = rcgen::KeyPair::from_pem(&std::fs::read_to_string(&files.next_key).unwrap()).unwrap();
    std::fs::write(&files.next_cert, made(&next)).unwrap();
    let waiting: Pin = Certificate::read(&files.next_cert).unwrap().leaf;
    let after = switch(files, &[], now).unwrap();
    assert!(after.current.leaf == waiting && after.current.spki != before.spki);
}

#[test]
fn an_authoritys_certificate_is_not_replaced_by_one_of_our_own() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    let issuer = rcgen::Issuer::from_params(&ca, &ca_key);
    let made = |key: &rcgen::KeyPair| {
        let leaf = rcgen::CertificateParams::new(vec!["gw.example".to_owned()]).unwrap();
        leaf.signed_by(key, &issuer).unwrap().pem()
    };
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    std::fs::write(&files.cert, made(&key)).unwrap();
    led_on(&files, made);
}

#[test]
fn nor_is_one_that_its_owner_had_sign_itself() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let (cert, key) = pair("gw.example");
    std::fs::write(&files.key, key).unwrap();
    std::fs::write(&files.cert, cert).unwrap();
    assert!(Certificate::read(&files.cert).unwrap().self_signed);
    led_on(&files, |key| {
        let leaf = rcgen::CertificateParams::new(vec!["gw.example".to_owned()]).unwrap();
        leaf.self_signed(key).unwrap().pem()
    });
}
