//! By which names a gateway with TLS is called.

use super::{PATIENCE, files, with_tls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use testkit::gateway::TestGateway;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The status of the answer to a request with these headers.
async fn status(gateway: &TestGateway, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(files(gateway).cert).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let asking = async {
        let address = gateway.url().replace("wss://", "");
        let tcp = TcpStream::connect(address.trim_end_matches('/')).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut tls = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        tls.write_all(format!("GET {path} HTTP/1.1\r\n{lines}\r\n").as_bytes()).await.unwrap();
        let mut head = [0; 12];
        tls.read_exact(&mut head).await.unwrap();
        String::from_utf8_lossy(&head[9..]).parse().unwrap()
    };
    timeout(PATIENCE, asking).await.unwrap()
}

#[tokio::test]
async fn a_browser_whose_user_waved_a_warning_through_is_refused_under_a_foreign_name() {
    let gateway = with_tls().await;
    let close = ("connection", "close");
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let browser = ("sec-fetch-site", "none");
    let page = ("origin", "https://evil.example");
    for (host, beside, want) in [
        ("localhost", vec![close, browser], 200),
        ("127.0.0.1", vec![close, browser], 200),
        ("evil.example", vec![close, browser], 403),
        ("evil.example", vec![close, page], 403),
        ("evil.example", [&upgrade[..], &[page]].concat(), 403),
        // Who pinned the certificate calls this host as its own names go.
        ("vps.example", vec![close], 200),
        ("vps.example", upgrade.to_vec(), 101),
    ] {
        let headers = [&[("host", host)], &beside[..]].concat();
        assert_eq!(status(&gateway, "/", &headers).await, want, "{headers:?}");
    }
    gateway.stop().await;
}
