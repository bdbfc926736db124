//! A certificate of an authority that clients know by its root alone: what lies between is shown with it.

use super::{config, gateway_of};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The certificates that somebody is shown who knows this authority and no other, or what is wrong with them.
async fn shown(url: &str, root: &str) -> Result<usize, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(url.trim_start_matches("wss://")).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(connected.get_ref().1.peer_certificates().unwrap_or_default().len())
}

#[tokio::test]
async fn what_lies_between_a_certificate_and_its_root_is_taken_from_the_authorities_file() {
    let keys = [(); 3].map(|()| KeyPair::generate().unwrap());
    let (root, between) = (authority("a root"), authority("between"));
    let root_pem = root.self_signed(&keys[0]).unwrap().pem();
    let between_pem = between.signed_by(&keys[1], &Issuer::from_params(&root, &keys[0])).unwrap().pem();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf_pem = leaf.signed_by(&keys[2], &Issuer::from_params(&between, &keys[1])).unwrap().pem();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let own = format!(
        "enabled: true, certPath: '{}', keyPath: '{}'",
        file("cert.pem", &leaf_pem),
        file("key.pem", &keys[2].serialize_pem())
    );
    // As authorities give it: the root among it, which clients have themselves.
    let ca = file("ca.pem", &format!("{root_pem}{between_pem}"));
    let gateway = gateway_of(config(&format!("{own}, caPath: '{ca}'"))).await;
    assert_eq!(shown(&gateway.url(), &root_pem).await.unwrap(), 2);
    gateway.stop().await;
    let gateway = gateway_of(config(&own)).await;
    let error = shown(&gateway.url(), &root_pem).await.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
    gateway.stop().await;
}
