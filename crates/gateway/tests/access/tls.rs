//! TLS on the gateway's port: certificates made, kept, renewed and rolled over; who pinned one talks to nobody else.
mod announced;
mod authorities;
mod half_done;
mod made_elsewhere;
mod names;

use crate::support::{PATIENCE, gateway_of, pass};
use client::{ClientDescription, ConnectError, ConnectOptions, Connection, PinStore, Pinned, look};
use config::{Env, Paths, TlsConfig};
use gateway::tls::{Certificate, TlsFiles, prepare, switch};
use gateway::{Gateway, GatewayOptions, StartError};
use model::{Clock, Pin, SharedClock, SystemClock};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::{CertificateError, RootCertStore};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::gateway::{TOKEN, TestGateway, TestOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

fn config(tls: &str) -> String {
    format!(r#"{{ gateway: {{ tls: {{ {tls} }}, auth: {{ mode: "token", token: "{TOKEN}" }} }} }}"#)
}

async fn with_tls() -> TestGateway {
    gateway_of(config("enabled: true")).await
}

fn files(gateway: &TestGateway) -> TlsFiles {
    let state_dir = gateway.state_dir().to_owned();
    let config_file = state_dir.join("openclaw.json");
    TlsFiles::of(&TlsConfig::default(), &Paths { state_dir, config_file, dev: false, profile: None })
}

fn options(url: &str, base: &[Pin]) -> ConnectOptions {
    let mut options = ConnectOptions::new(url, ClientDescription::new("cli", "cli", "1"));
    options.token = Some(TOKEN.into());
    options.scopes = vec!["operator.read".into()];
    options.pinned = Some(Pinned { base: base.to_vec(), store: None });
    options.connect_timeout = PATIENCE;
    options
}

async fn ask(connection: &Connection, method: &str) -> Value {
    connection.call(method, json!({}), PATIENCE).await.unwrap()
}

/// Looks until the gateway shows something else than this.
async fn renewed(url: &str, before: Pin) -> Pin {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let seen = look(url, PATIENCE).await.unwrap();
        if seen.leaf != before {
            return seen.leaf;
        }
        tokio::task::yield_now().await;
    }
    panic!("the gateway goes on with the former certificate");
}

/// A pair that signs itself, in PEM form.
fn pair(name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    (cert.pem(), key.serialize_pem())
}

/// Puts a pair where the gateway looks, each file whole.
fn put(files: &TlsFiles, (cert, key): &(String, String)) {
    for (file, text) in [(&files.key, key), (&files.cert, cert)] {
        let new = file.with_extension("tmp");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, file).unwrap();
    }
}

#[tokio::test]
async fn any_of_the_pins_will_do_and_another_certificate_will_not() {
    let gateway = with_tls().await;
    let shown = gateway.gateway().certificate().unwrap();
    let (wrong, other) = (Pin::leaf([1; 32]), Pin::spki([2; 32]));
    for pins in [&[shown.leaf][..], &[shown.spki], &[wrong, shown.leaf], &[wrong, other, shown.spki]] {
        let connection = Connection::open(&options(&gateway.url(), pins)).await.unwrap();
        assert_eq!(ask(&connection, "health").await["ok"], true);
        connection.close().await;
    }
    for pins in [&[wrong][..], &[other, wrong], &[]] {
        let error = Connection::open(&options(&gateway.url(), pins)).await.unwrap_err();
        let ConnectError::Pin { expected, seen, .. } = &error else { panic!("{error}") };
        assert_eq!((expected.as_slice(), seen.leaf, seen.spki), (pins, shown.leaf, shown.spki));
        assert!(error.to_string().contains(&shown.leaf.to_string()), "{error}");
    }
    // The digits of one kind do not stand for the other.
    let crossed = [Pin::spki(digits(&shown.leaf)), Pin::leaf(digits(&shown.spki))];
    assert!(matches!(
        Connection::open(&options(&gateway.url(), &crossed)).await,
        Err(ConnectError::Pin { .. })
    ));
    let plain = options(&gateway.url().replace("wss:", "ws:"), &[shown.leaf]);
    let error = Connection::open(&plain).await.unwrap_err();
    assert!(matches!(error, ConnectError::Url { .. }), "a pin and no TLS: {error}");
    gateway.stop().await;
}

fn digits(pin: &Pin) -> [u8; 32] {
    let hex = pin.hex();
    std::array::from_fn(|i| u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16).unwrap())
}

#[tokio::test]
async fn without_a_pin_a_certificate_of_its_own_is_not_believed() {
    let gateway = with_tls().await;
    let mut options = options(&gateway.url(), &[]);
    options.pinned = None;
    let error = Connection::open(&options).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Tls { problem, .. } if problem.contains("--tls-fingerprint")),
        "{error}"
    );
    gateway.stop().await;
}

/// Somebody between: shows a certificate of its own and writes down whatever it can read.
struct Between {
    url: String,
    read: Arc<Mutex<Vec<u8>>>,
    /// How often somebody came.
    came: Arc<Mutex<usize>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Between {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://{}", listener.local_addr().unwrap());
        let (cert, key) = pair("localhost");
        let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let (read, came) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<Mutex<usize>>::default());
        let stop = CancellationToken::new();
        let (seen, count, until) = (Arc::clone(&read), Arc::clone(&came), stop.clone());
        #[allow(clippy::disallowed_methods)]
        let task = tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = until.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                *count.lock().unwrap() += 1;
                // Whatever of the application gets through the handshake is kept.
                if let Ok(mut tls) = acceptor.accept(stream).await {
                    let mut bytes = Vec::new();
                    let _ended = tls.read_to_end(&mut bytes).await;
                    seen.lock().unwrap().extend(bytes);
                }
            }
        });
        Self { url, read, came, stop, task }
    }

    /// What it could read, and how often somebody came.
    async fn end(self) -> (Vec<u8>, usize) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
        let read = self.read.lock().unwrap().clone();
        let came = *self.came.lock().unwrap();
        (read, came)
    }
}

#[tokio::test]
async fn somebody_between_reads_not_one_byte_and_is_not_tried_again() {
    let gateway = with_tls().await;
    let pin = gateway.gateway().certificate().unwrap().leaf;
    let between = Between::start().await;
    for _ in 0..3 {
        let error = Connection::open(&options(&between.url, &[pin])).await.unwrap_err();
        assert!(matches!(error, ConnectError::Pin { .. }), "{error}");
    }
    // One that keeps connected stops, and leaves what comes next to people.
    struct Quiet;
    impl client::Hooks for Quiet {}
    let cancel = CancellationToken::new();
    let kept = client::keep_connected(options(&between.url, &[pin]), &Quiet, &cancel);
    let error = timeout(PATIENCE, kept).await.expect("it stops by itself").unwrap_err();
    assert!(matches!(error, ConnectError::Pin { .. }), "{error}");
    let (read, came) = between.end().await;
    assert_eq!((String::from_utf8_lossy(&read).as_ref(), came), ("", 4));
    gateway.stop().await;
}

#[tokio::test]
async fn the_recorder_would_have_seen_what_was_sent() {
    // The same client without the pin's protection: the test above can fail.
    let between = Between::start().await;
    let shown = look(&between.url, PATIENCE).await.unwrap();
    let mut options = options(&between.url, &[shown.leaf]);
    options.connect_timeout = Duration::from_millis(500);
    let error = Connection::open(&options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }), "it never answers: {error}");
    let (read, _) = between.end().await;
    assert!(read.starts_with(b"GET / HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&read));
}

#[tokio::test]
async fn a_certificate_is_made_once_for_ten_years_and_for_its_owner_alone() {
    let state = tempfile::tempdir().unwrap();
    let start = || async {
        let options = TestOptions {
            config: config("enabled: true"),
            state_dir: Some(state.path().to_owned()),
            ..TestOptions::default()
        };
        TestGateway::with(options).await
    };
    let gateway = start().await;
    let files = files(&gateway);
    let shown = gateway.gateway().certificate().unwrap();
    assert!(
        gateway.gateway().notices().iter().any(|n| n.contains("gateway-cert.pem")),
        "it says what it made"
    );
    assert_eq!(look(&gateway.url(), PATIENCE).await.unwrap().leaf, shown.leaf);
    gateway.stop().await;
    for file in [&files.cert, &files.key, &files.next_key, &files.served] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let again = start().await;
    assert_eq!(again.gateway().certificate().unwrap(), shown, "never made anew");
    assert!(!again.gateway().notices().iter().any(|n| n.contains("gateway-cert.pem")));
    again.stop().await;

    let cert = CertificateDer::from_pem_file(&files.cert).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let judged = |name: &str, days: i64| {
        let now = SystemClock.now_ms() / 1000 + days * 24 * 3600;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.try_into().unwrap()));
        verifier.verify_server_cert(&cert, &[], &name.to_owned().try_into().unwrap(), &[], now)
    };
    for name in ["localhost", "127.0.0.1", "::1"] {
        judged(name, 0).unwrap();
        judged(name, 3651).unwrap();
    }
    let late = judged("localhost", 3656).unwrap_err();
    assert!(matches!(
        late,
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. }
        )
    ));
    let (from, until) = shown.valid_ms.unwrap();
    assert!((until - from) / (24 * 3600 * 1000) >= 3650);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_before_anything_is_listened_on() {
    // The port is taken: whoever got as far as listening would say that.
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let (good, other) = (pair("localhost"), pair("localhost"));
    type Wrong<'a> = (&'a str, Option<&'a str>, Option<&'a str>, [&'a str; 2]);
    let rows: [Wrong<'_>; 8] = [
        ("", None, Some(&good.1), ["the certificate", "is missing"]),
        ("", Some(&good.0), None, ["the private key", "is missing"]),
        ("", Some("nonsense"), Some(&good.1), ["gateway-cert.pem", "no certificate in PEM form"]),
        ("", Some(&good.0), Some("nonsense"), ["gateway-key.pem", "no private key in PEM form"]),
        ("", Some(&good.0), Some(&other.1), ["gateway-cert.pem", "does not belong"]),
        ("autoGenerate: false,", None, None, ["gateway-cert.pem", "autoGenerate"]),
        ("certPath: 'mine.pem',", None, Some(&good.1), ["mine.pem", "is missing"]),
        ("caPath: 'ca.pem',", Some(&good.0), Some(&good.1), ["ca.pem", "cannot be read"]),
    ];
    for (more, cert, key, words) in rows {
        let dir = tempfile::tempdir().unwrap();
        let tls = dir.path().join("gateway/tls");
        std::fs::create_dir_all(&tls).unwrap();
        for (name, text) in [("gateway-cert.pem", cert), ("gateway-key.pem", key)] {
            if let Some(text) = text {
                std::fs::write(tls.join(name), text).unwrap();
            }
        }
        let error = start_at(dir.path(), &config(&format!("{more} enabled: true")), port).await;
        let error = error.err().expect("no start");
        assert!(matches!(error, StartError::Tls(_)), "{more}: {error}");
        assert_eq!(error.exit_code(), 6);
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{more}: {text}");
        assert!(!text.contains("nonsense") && !text.contains("PRIVATE KEY"), "{text}");
        let left: Vec<_> = std::fs::read_dir(&tls).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), [cert, key].iter().flatten().count(), "nothing is made: {left:?}");
    }
}

async fn start_at(state_dir: &Path, config: &str, port: u16) -> Result<Gateway, StartError> {
    start_by(Arc::new(SystemClock), state_dir, config, port).await
}

async fn start_by(
    clock: SharedClock,
    state_dir: &Path,
    config: &str,
    port: u16,
) -> Result<Gateway, StartError> {
    let config_file = state_dir.join("openclaw.json");
    std::fs::write(&config_file, config).unwrap();
    let env = Env::from([] as [(&str, &str); 0]);
    let paths = Paths { state_dir: state_dir.to_owned(), config_file, dev: false, profile: None };
    let loaded = config::load(&paths, &env).unwrap();
    Gateway::start(GatewayOptions {
        paths,
        loaded,
        env,
        port: Some(port),
        clock,
        model_fallback: None,
        port_fallback: false,
        log_file: None,
        tap: None,
        browser: None,
        tools: None,
        on_config: None,
    })
    .await
}

#[tokio::test]
async fn a_renewal_counts_at_once_and_connections_go_on() {
    let gateway = with_tls().await;
    let files = files(&gateway);
    let first = gateway.gateway().certificate().unwrap().leaf;
    let standing = Connection::open(&options(&gateway.url(), &[first])).await.unwrap();
    put(&files, &pair("renewed"));
    let second = renewed(&gateway.url(), first).await;
    assert_eq!(Certificate::read(&files.cert).unwrap().leaf, second);
    assert_eq!(ask(&standing, "health").await["ok"], true, "the connection that stood goes on");
    let fresh = Connection::open(&options(&gateway.url(), &[second])).await.unwrap();

    // A renewal that is none: the one before goes on, and who asks is told.
    std::fs::write(&files.cert, "half a certif").unwrap();
    let problem = loop {
        let status = ask(&fresh, "status").await;
        if let Some(problem) = status["tls"]["problem"].as_str() {
            break problem.to_owned();
        }
    };
    assert!(problem.contains("gateway-cert.pem") && problem.contains("PEM"), "{problem}");
    assert_eq!(look(&gateway.url(), PATIENCE).await.unwrap().leaf, second);

    put(&files, &pair("mended"));
    let third = renewed(&gateway.url(), second).await;
    let status = ask(&fresh, "status").await;
    assert_eq!(
        (&status["tls"]["problem"], &status["tls"]["fingerprint"]),
        (&Value::Null, &json!(third.to_string()))
    );
    for connection in [standing, fresh] {
        connection.close().await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn who_pinned_one_certificate_is_led_from_key_to_key_and_nobody_else_is() {
    let gateway = with_tls().await;
    let (files, url) = (files(&gateway), gateway.url());
    let first = gateway.gateway().certificate().unwrap().leaf;
    let home = tempfile::tempdir().unwrap();
    let kept = |name: &str| Some(PinStore::new(home.path().join(name)));
    let led = |name: &str, pin: Pin| {
        let mut options = options(&url, &[]);
        options.pinned = Some(Pinned { base: vec![pin], store: kept(name) });
        options
    };
    Connection::open(&led("told", first)).await.unwrap().close().await;
    let behind = |tunnel: &str| ConnectOptions { known_as: Some(tunnel.to_owned()), ..led("tunnels", first) };
    Connection::open(&behind("ssh:me@one:18789")).await.unwrap().close().await;

    // The backup key is prepared with the certificate; its pin is what clients were told.
    let prepared = prepare(&files).unwrap();
    assert!(!prepared.changed && prepared.next.is_some());
    let switched = switch(&files, &[], SystemClock.now_ms()).unwrap();
    assert_eq!(Some(switched.current.spki), prepared.next);
    let second = renewed(&url, first).await;
    assert_eq!(switched.current.leaf, second);
    Connection::open(&led("told", first)).await.expect("it was told of the key").close().await;
    let error = Connection::open(&led("not-told", first)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Pin { .. }), "{error}");
    // Behind another tunnel the same address is another gateway's.
    Connection::open(&behind("ssh:me@one:18789")).await.expect("it was told of the key").close().await;
    let error = Connection::open(&behind("ssh:me@two:18789")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Pin { .. }), "{error}");

    // And once more, from what it learned on the way.
    switch(&files, &[], SystemClock.now_ms()).unwrap();
    let third = renewed(&url, second).await;
    Connection::open(&led("told", first)).await.expect("it was told of the second key").close().await;
    // Whoever had the first key and no more has nothing by it: the store goes with the pin that it was learned by.
    assert!(Connection::open(&led("told", Pin::leaf([9; 32]))).await.is_err());
    assert_ne!(third, first);
    gateway.stop().await;
}

#[tokio::test]
async fn a_crash_in_the_middle_of_switching_is_finished_by_switching_again() {
    let gateway = with_tls().await;
    let files = files(&gateway);
    let first = gateway.gateway().certificate().unwrap();
    let next = prepare(&files).unwrap().next.unwrap();
    // As after the first of the two renames.
    let copies = tempfile::tempdir().unwrap();
    let saved = copies.path().join("cert");
    std::fs::copy(&files.cert, &saved).unwrap();
    switch(&files, &[], SystemClock.now_ms()).unwrap();
    std::fs::rename(&files.cert, &files.next_cert).unwrap();
    std::fs::copy(&saved, &files.cert).unwrap();
    let done = switch(&files, &[], SystemClock.now_ms()).unwrap();
    assert_eq!(done.current.spki, next);
    assert_ne!(done.current.leaf, first.leaf);
    renewed(&gateway.url(), first.leaf).await;
    gateway.stop().await;
}

#[tokio::test]
async fn who_speaks_without_tls_is_told() {
    let gateway = with_tls().await;
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("wss:// or https://"), "{answer}");
    let mut plain = options(&gateway.url().replace("wss:", "ws:"), &[]);
    plain.pinned = None;
    let error = Connection::open(&plain).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Http { status: 400, body, .. } if body.contains("wss://")),
        "{error}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn who_says_nothing_is_gone_after_the_handshakes_time() {
    let gateway = with_tls().await;
    let mut silent = TcpStream::connect(("127.0.0.1", gateway.port())).await.unwrap();
    let mut half = TcpStream::connect(("127.0.0.1", gateway.port())).await.unwrap();
    half.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
    // Both are with the gateway once a later one was served.
    look(&gateway.url(), PATIENCE).await.unwrap();
    pass(Duration::from_secs(11)).await;
    for stream in [&mut silent, &mut half] {
        let mut bytes = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it is closed");
        // Closed, or reset because of what it did not read.
        assert!(ended.is_ok() || bytes.is_empty());
    }
    gateway.stop().await;
}

#[tokio::test]
async fn without_tls_there_are_no_files_and_no_announcement() {
    let gateway = gateway_of(config("enabled: false")).await;
    let mut options = options(&gateway.url(), &[]);
    options.pinned = None;
    let connection = Connection::open(&options).await.unwrap();
    assert_eq!(connection.hello()["features"]["capabilities"], json!([]));
    assert!(ask(&connection, "status").await.get("tls").is_none());
    connection.close().await;
    assert!(!gateway.state_dir().join("gateway").exists());
    gateway.stop().await;
}
