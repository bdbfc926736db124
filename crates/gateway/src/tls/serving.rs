//! What the listeners serve with: one certificate at a time, exchanged while connections go on.

use super::files::TlsFiles;
use super::material::{Certificate, Material};
use super::{TlsError, announced, generate, offer, plain, rotate};
use crate::identity::GatewayIdentity;
use config::TlsConfig;
use model::Pin;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The handshake must be done within this time; it holds a stranger's place meanwhile.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A pair that does not fit is looked at so often before a start gives up: two seconds, in which any program has renamed its second
/// file.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// TLS as this gateway does it.
pub(crate) struct Tls {
    pub(super) files: TlsFiles,
    acceptor: TlsAcceptor,
    live: Arc<Live>,
    made: bool,
    state: Mutex<State>,
}

struct State {
    certificate: Certificate,
    next: Option<Pin>,
    since_ms: i64,
    /// The signed pins, as clients are told them.
    offer: String,
    /// Why the files do not count.
    problem: Option<String>,
}

/// Why a connection got no further.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It spoke without TLS, and was told.
    Plain,
    /// It said nothing in time, or nothing that could be understood.
    Failed(String),
}

/// The certificate of the moment.
#[derive(Debug)]
struct Live(Mutex<Arc<CertifiedKey>>);

impl ResolvesServerCert for Live {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Tls {
    /// Reads the files, and makes them first where that is wanted and neither is there. Nothing is listened on yet.
    pub(crate) fn open(
        config: &TlsConfig,
        files: TlsFiles,
        more: &[IpAddr],
        identity: &GatewayIdentity,
        now_ms: i64,
    ) -> Result<Self, TlsError> {
        let lock = files.lock()?;
        if rotate::finish(&files)? {
            tracing::info!(certificate = %files.cert.display(), "TLS: the certificate of the key in use was put in its place");
        }
        if !config.auto_generate && !files.cert.exists() && !files.key.exists() {
            return Err(TlsError::None { cert: files.cert, key: files.key });
        }
        let made = generate::where_missing(&files, more, now_ms)?;
        let material = load_once_they_fit(&files)?;
        files.note_served(&material.pins())?;
        drop(lock);
        let live = Arc::new(Live(Mutex::new(material.certified.clone())));
        let acceptor = TlsAcceptor::from(Arc::new(server_config(live.clone())?));
        let issued_at_ms = announced::since(&files, &material.vouched_for(), now_ms)?;
        let state = Mutex::new(State::of(&material, identity, (issued_at_ms, now_ms)));
        Ok(Self { files, acceptor, live, made, state })
    }

    /// Does the handshake. One that speaks no TLS is told so.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Refused> {
        let shaking = async {
            match plain::is_tls(&stream).await.map_err(|e| Refused::Failed(e.to_string()))? {
                Some(true) => {}
                Some(false) => {
                    plain::refuse(stream).await.map_err(|e| Refused::Failed(e.to_string()))?;
                    return Err(Refused::Plain);
                }
                None => return Err(Refused::Failed("it went without a word".to_owned())),
            }
            self.acceptor.accept(stream).await.map_err(|e| Refused::Failed(e.to_string()))
        };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, shaking).await {
            Ok(done) => done,
            Err(_) => Err(Refused::Failed("the TLS handshake took too long".to_owned())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificate that is shown now.
    pub(crate) fn certificate(&self) -> Certificate {
        self.state().certificate.clone()
    }

    /// The entry for `hello-ok`.
    pub(crate) fn offer(&self) -> String {
        self.state().offer.clone()
    }

    /// What an operator should know of the start.
    pub(crate) fn notice(&self) -> Option<String> {
        self.made.then(|| {
            format!(
                "made a certificate for ten years, {}; keep it and {} safe, clients pin it",
                self.files.cert.display(),
                self.files.key.display()
            )
        })
    }

    /// As `status` shows it.
    pub(crate) fn report(&self) -> Value {
        let state = self.state();
        json!({
            "enabled": true,
            "fingerprint": state.certificate.leaf.to_string(),
            "spki": state.certificate.spki.to_string(),
            "next": state.next.map(|pin| pin.to_string()),
            "validUntilMs": state.certificate.valid_ms.map(|(_, until)| until),
            "sinceMs": state.since_ms,
            "problem": state.problem,
        })
    }

    /// Serves with this from now on. Connections that stand go on.
    ///
    /// # Errors
    /// Since when it is announced cannot be kept; nothing changes then.
    pub(super) fn exchange(
        &self,
        material: &Material,
        identity: &GatewayIdentity,
        now_ms: i64,
    ) -> Result<(), TlsError> {
        let issued_at_ms = announced::since(&self.files, &material.vouched_for(), now_ms)?;
        // The chain may be another one where the certificate is the same.
        *self.live.0.lock().unwrap_or_else(PoisonError::into_inner) = material.certified.clone();
        let mut state = self.state();
        if state.certificate != material.certificate || state.next != material.next {
            tracing::info!(fingerprint = %material.certificate.leaf, before = %state.certificate.leaf,
                next = ?material.next.map(|pin| pin.to_string()), "TLS: the files have changed and are taken up");
            *state = State::of(material, identity, (issued_at_ms, now_ms));
        } else if state.problem.take().is_some() {
            tracing::info!("TLS: the files can be used again");
        }
        Ok(())
    }

    /// The files cannot be used; what was served with goes on.
    pub(super) fn failed(&self, problem: String) {
        let mut state = self.state();
        if state.problem.as_ref() != Some(&problem) {
            tracing::error!(%problem, serving = %state.certificate.leaf,
                "TLS: the files on disk do not count; the certificate before goes on");
            state.problem = Some(problem);
        }
    }

    pub(super) fn is_failing(&self) -> bool {
        self.state().problem.is_some()
    }
}

/// Who renews a certificate exchanges two files, and takes no lock of ours; between the two they do not fit.
fn load_once_they_fit(files: &TlsFiles) -> Result<Material, TlsError> {
    for _ in 0..LOOKS {
        match Material::load(files) {
            Err(TlsError::Apart { .. }) => std::thread::sleep(BETWEEN_LOOKS),
            loaded => return loaded,
        }
    }
    Material::load(files)
}

impl State {
    fn of(material: &Material, identity: &GatewayIdentity, (issued_at_ms, since_ms): (i64, i64)) -> Self {
        Self {
            certificate: material.certificate.clone(),
            next: material.next,
            since_ms,
            offer: offer::signed(identity, &material.vouched_for(), issued_at_ms),
            problem: None,
        }
    }
}

/// TLS 1.3 alone, as in OpenClaw's gateway. Sessions are not resumed: every connection shows the certificate, so that every
/// pin is looked at, and nothing is kept for clients that are gone.
fn server_config(live: Arc<Live>) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| TlsError::Generate(e.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(live);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
