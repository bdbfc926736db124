//! Starting and stopping: what is made in which order, and what ends when.
//!
//! lock → key → settings → certificate → port → store → secrets → parts → open approvals → cut runs → tasks → listener. The port is taken early, so that a second
//! gateway fails at once, and served last, so that whoever gets an answer has a gateway that works.

pub(crate) mod bind;
mod command_line;
mod error;
pub(crate) mod own_address;
mod refused;
mod tasks;

pub use error::StartError;

use crate::approvals::{self, Approvals};
use crate::auth::rate_limit::RateLimit;
use crate::auth::secret::AuthMode;
use crate::connection::hello::Fixed;
use crate::current::{Base, Current, Holder};
use crate::delivery::channels::Channels;
use crate::delivery::{inbox, outbox};
use crate::hub::presence::Presence;
use crate::hub::{Audience, Hub};
use crate::identity::GatewayIdentity;
use crate::lifecycle::Lifecycle;
use crate::reload::{ConfigHook, Reload};
use crate::runs::Runs;
use crate::secrets::{LOOK_UP_WITHIN, Secrets};
use crate::settings::Settings;
use crate::shared::{Shared, Toolbox};
use crate::tailscale::Tailscale;
use crate::tap::Tap;
use crate::terminals::Terminals;
use crate::tls::{Certificate, Tls, TlsError, TlsFiles};
use crate::voice_wake::VoiceWake;
use crate::{health, runs};
use config::{Env, Loaded, Paths};
use model::{SecretString, SharedClock};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{LockInfo, Opened, StateLock, Store, StoreError};
use tokio::time::Instant;

/// The program's version, as clients are told it.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Shutdown waits this long for tasks to end by themselves.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(4);
/// The start waits this long for the workspaces' disk.
const SEED_PATIENCE: Duration = Duration::from_secs(5);

/// What a gateway is started with.
pub struct GatewayOptions {
    /// Where its state is.
    pub paths: Paths,
    /// Its configuration.
    pub loaded: Loaded,
    /// The environment that secrets and keys may come from.
    pub env: Env,
    /// Wins over environment and configuration; 0 takes any free port.
    pub port: Option<u16>,
    /// Tells the time of day.
    pub clock: SharedClock,
    /// Answers for the agents for which the configuration names no model: the demo's.
    pub model_fallback: Option<Arc<dyn llm::Model>>,
    /// Takes a free port where the wanted one is taken.
    pub port_fallback: bool,
    /// The log file that `logs.tail` reads.
    pub log_file: Option<PathBuf>,
    /// Sees every frame of every connection; none costs nothing.
    pub tap: Option<Arc<dyn Tap>>,
    /// A browser beside the gateway, where there is to be one.
    pub browser: Option<Arc<dyn crate::OwnBrowser>>,
    /// Servers of tools beside the gateway, where there are to be any.
    pub tools: Option<Arc<dyn crate::OwnTools>>,
    /// Called with each configuration that is taken up while the gateway runs.
    pub on_config: Option<ConfigHook>,
}

/// A running gateway. Dropping it without [`Gateway::shutdown`] leaves its tasks to the runtime.
pub struct Gateway {
    shared: Arc<Shared>,
    addr: SocketAddr,
    notices: Vec<String>,
    _lock: StateLock,
}

impl Gateway {
    /// Starts a gateway; when this returns, it answers.
    ///
    /// # Errors
    /// Nothing is left running where this fails; see [`StartError`].
    pub async fn start(options: GatewayOptions) -> Result<Self, StartError> {
        let GatewayOptions {
            paths,
            loaded,
            env,
            port,
            clock,
            model_fallback,
            port_fallback,
            log_file,
            on_config,
            tap,
            browser,
            tools,
        } = options;
        let info = LockInfo {
            pid: std::process::id(),
            started_at_ms: clock.now_ms(),
            port: None,
            command: command_line::without_secrets(
                std::env::args_os().map(|a| a.to_string_lossy().into_owned()),
            ),
        };
        let lock = StateLock::acquire(&paths.state_dir, &info)?;
        let identity = GatewayIdentity::load_or_create(&paths.state_dir)
            .map_err(|e| StartError::Identity(e.to_string()))?;
        let settings = own_settings(&loaded, &env, &paths).await?;
        let tls = open_tls(&loaded, &paths, &identity, clock.now_ms())?;
        let wanted = config::gateway_port(port, &env, &loaded.config.gateway, &paths)?;
        refused::publishing(&loaded.config.gateway, &settings)?;
        let may_open = || refused::open(&loaded.config.gateway, &settings);
        let mut listeners = bind::listen(&loaded.config.gateway, wanted, port_fallback, may_open)?;
        let addr = listeners.addr;
        let (tailscale, own) = Tailscale::prepare(loaded.config.gateway.tailscale.mode, &env)
            .await
            .map_err(|source| StartError::Bind { addr: (std::net::Ipv4Addr::LOCALHOST, 0).into(), source })?;
        listeners.all.extend(own);
        // Only for those who look at a held directory; the gateway works without it.
        if let Err(error) = lock.note_port(addr.port()) {
            tracing::warn!(%error, "the lock file does not name the port");
        }
        let (opened, lock) = open_store(&paths, clock.clone(), lock).await?;
        let base = Base { env, paths, clock, model_fallback };
        let secrets = secrets_of(&base, &loaded).await;
        let parts = Parts {
            base,
            loaded,
            log_file,
            on_config,
            settings,
            secrets,
            identity,
            addr,
            tap,
            browser,
            tools,
            tailscale,
            tls,
        };
        let shared = parts.assemble(opened.store);
        seed_workspaces(&shared).await;
        shared.voice_wake.load(&shared.store).await?;
        shared.channels.load_moved(&shared.store).await?;
        approvals::ending::end_all_of_before(&shared).await?;
        runs::resume::all(&shared).await?;
        crate::cron::prepare(&shared).await;
        // Before the task that keeps the zone begins: it would take one away that is wanted.
        shared.discovery.configure(&shared, &shared.current().loaded);
        tasks::spawn(&shared, listeners.all);
        let mut notices = opened.notices;
        notices.extend(shared.tls.as_ref().and_then(|tls| tls.notice()));
        Ok(Self { shared, addr, notices, _lock: lock })
    }

    /// Where it listens: for others, if there is such an address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `ws://127.0.0.1:PORT`, or `wss://` with TLS, which is there whatever else is.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://127.0.0.1:{}", self.addr.port())
    }

    /// The certificate that it shows, where it speaks TLS.
    pub fn certificate(&self) -> Option<Certificate> {
        self.shared.tls.as_ref().map(|tls| tls.certificate())
    }

    /// The token that clients need, where the mode is `token`.
    pub fn token(&self) -> Option<SecretString> {
        match &self.shared.settings().auth {
            AuthMode::Token(token) => Some(token.clone()),
            _ => None,
        }
    }

    /// `none`, `token` or `password`.
    pub fn auth_mode(&self) -> &'static str {
        self.shared.settings().auth.as_str()
    }

    /// Where the credential lives.
    pub fn auth_origin(&self) -> Option<config::CredentialOrigin> {
        self.shared.settings().auth_origin.clone()
    }

    /// `provider/model` of the default agent; `None` where none is configured.
    pub fn model(&self) -> Option<String> {
        let current = self.shared.current();
        current.models.name_for(&current.settings.default_agent)
    }

    /// The channels that work, and those that are configured and do not, with the reason.
    pub fn channels(&self) -> (Vec<&'static str>, Vec<(&'static str, String)>) {
        (self.shared.channels.names(), self.shared.channels.broken())
    }

    /// What an operator should know about the start, such as a damaged file that was set aside.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Whether it does its work: its state takes and gives.
    ///
    /// # Errors
    /// The state does not; waits as long as that does.
    pub async fn alive(&self) -> Result<(), store::StoreError> {
        self.shared.store.answers().await
    }

    /// How many clients are connected, and how many sessions have work.
    pub fn load(&self) -> (usize, usize) {
        (self.shared.hub.len(), self.shared.runs.active_sessions())
    }

    /// Lets turns that run end, within this time; none begins any more. What arrives is kept, and answered after the next
    /// start. Gives in how many sessions a turn still runs. The next thing to do is [`Gateway::shutdown`].
    pub async fn drain(&self, within: Duration) -> usize {
        let begun = Instant::now();
        let left = self.shared.runs.drain(within).await;
        let rest = within.saturating_sub(begun.elapsed());
        if left == 0 && tokio::time::timeout(rest, outbox::settled(&self.shared)).await.is_err() {
            tracing::warn!("messages are still on their way; the next start sends what is left");
        }
        left
    }

    /// Stops: clients are told, running turns are left to be resumed, what is in hand is finished, within seconds.
    pub async fn shutdown(self) {
        self.shared.hub.broadcast(
            Audience::All,
            "shutdown",
            &json!({"reason": "gateway shutting down"}),
            true,
        );
        self.shared.lifecycle.shutdown(SHUTDOWN_PATIENCE).await;
        self.shared.store.clone().close().await;
    }
}

/// What the parts are made from.
struct Parts {
    base: Base,
    loaded: Loaded,
    log_file: Option<PathBuf>,
    on_config: Option<ConfigHook>,
    settings: Settings,
    secrets: Arc<Secrets>,
    identity: GatewayIdentity,
    addr: SocketAddr,
    tap: Option<Arc<dyn Tap>>,
    browser: Option<Arc<dyn crate::OwnBrowser>>,
    tools: Option<Arc<dyn crate::OwnTools>>,
    tailscale: Tailscale,
    tls: Option<Arc<Tls>>,
}

impl Parts {
    fn assemble(self, store: Store) -> Arc<Shared> {
        let Self {
            base,
            loaded,
            log_file,
            on_config,
            settings,
            secrets,
            identity,
            addr,
            tap,
            browser,
            tools,
            tailscale,
            tls,
        } = self;
        let clock = base.clock.clone();
        let channels =
            Channels::new(Channels::wanted(&loaded.config, &secrets, &clock, &base.paths.state_dir));
        let own = own_presence(&identity, clock.now_ms());
        Arc::new_cyclic(|weak| Shared {
            version: VERSION,
            boot_id: model::new_id(),
            started: Instant::now(),
            started_at_ms: clock.now_ms(),
            rate_limit: RateLimit::new(settings.rate_limit.clone()),
            discovery: crate::discovery::Discovery::default(),
            joining: RateLimit::new(settings.rate_limit.clone()),
            runs: Runs::new(settings.max_concurrent, settings.queue_cap),
            toolbox: Toolbox::new(weak.clone(), &base.paths.state_dir, browser.is_some()),
            browser,
            own_servers: tools,
            approvals: Approvals::new(&base.paths.state_dir),
            terminals: Terminals::default(),
            voice_wake: VoiceWake::default(),
            tailscale,
            tls,
            hub: Hub::new(Presence::new(own)),
            clock,
            paths: base.paths.clone(),
            reload: Reload::new(loaded.source.clone(), on_config),
            holder: Holder::new(Current::new(&base, loaded, settings, secrets)),
            base,
            log_file,
            tap,
            identity,
            lifecycle: Lifecycle::default(),
            store,
            fixed: Fixed::new(),
            health: health::Health::default(),
            channels,
            inbox: inbox::InboxSignal::default(),
            albums: crate::delivery::albums::Albums::default(),
            batches: crate::delivery::batches::Batches::default(),
            arriving: crate::delivery::arriving::Arriving::default(),
            outbox: outbox::OutboxSignal::default(),
            drafts: crate::runs::draft::Pace::default(),
            told_errors: crate::runs::errors::Told::default(),
            cron: crate::cron::Cron::default(),
            idempotency: crate::idempotency::Idempotency::default(),
            addr,
            decisions: crate::pairing::Decisions::default(),
        })
    }
}

/// The settings with the gateway's own secret, for which a file or program may be asked.
async fn own_settings(loaded: &Loaded, env: &Env, paths: &Paths) -> Result<Settings, StartError> {
    let (loaded, env, paths) = (loaded.clone(), env.clone(), paths.clone());
    let reading = tokio::task::spawn_blocking(move || Settings::from_config(&loaded, &env, &paths));
    match tokio::time::timeout(LOOK_UP_WITHIN, reading).await {
        Ok(Ok(settings)) => Ok(settings?),
        Ok(Err(error)) => Err(StartError::OwnSecret(format!("could not be had: {error}"))),
        Err(_) => Err(StartError::OwnSecret(format!("was not had within {} s", LOOK_UP_WITHIN.as_secs()))),
    }
}

/// The certificate, before anything is listened on.
fn open_tls(
    loaded: &Loaded,
    paths: &Paths,
    identity: &GatewayIdentity,
    now_ms: i64,
) -> Result<Option<Arc<Tls>>, TlsError> {
    let gateway = &loaded.config.gateway;
    if !gateway.tls.enabled {
        return Ok(None);
    }
    let files = TlsFiles::of(&gateway.tls, paths);
    let more: Vec<_> = gateway.custom_bind_host.into_iter().collect();
    Tls::open(&gateway.tls, files, &more, identity, now_ms).map(|tls| Some(Arc::new(tls)))
}

/// The store. Checking a large one and bringing it to our format may take minutes, so it has a thread of its own and no
/// deadline: given up on, it would only begin anew. The lock goes with it: even where nobody waits for the start any more,
/// the directory is held for as long as somebody writes there.
async fn open_store(
    paths: &Paths,
    clock: SharedClock,
    lock: StateLock,
) -> Result<(Opened, StateLock), StartError> {
    let dir = paths.state_dir.clone();
    let opening = tokio::task::spawn_blocking(move || (Store::open(&dir, clock), lock));
    let (opened, lock) = opening.await.map_err(|error| StoreError::Open {
        path: paths.state_dir.clone(),
        reason: format!("the thread that opened it ended: {error}"),
    })?;
    Ok((opened?, lock))
}

/// All other secrets. One that cannot be had is reported; what needs it fails, and the rest works.
async fn secrets_of(base: &Base, loaded: &Loaded) -> Arc<Secrets> {
    let env = loaded.config.environment(&base.env);
    let secrets = Secrets::look_up(&loaded.config, &env, &base.paths, &[]).await;
    secrets.report();
    Arc::new(secrets)
}

fn own_presence(identity: &GatewayIdentity, now_ms: i64) -> Value {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "gateway" } else { host.trim() };
    json!({
        "host": host, "version": VERSION, "platform": std::env::consts::OS, "mode": "gateway", "reason": "self",
        "instanceId": identity.device_id(), "text": format!("Gateway: {host} · app {VERSION} · mode gateway · reason self"),
        "ts": now_ms,
    })
}

/// First start: the files that make an agent its own, there before the first turn reads them. A workspace that cannot be
/// written is reported and stops nothing.
pub(crate) async fn seed_workspaces(shared: &Shared) {
    let seeding = async {
        for agent in &shared.settings().agents {
            let workspace = agent::workspace::Workspace::new(agent.workspace.clone());
            match workspace.seed().await {
                Ok(made) if made.is_empty() => {}
                Ok(made) => tracing::info!(agent = %agent.id, files = ?made, "workspace seeded"),
                Err(error) => tracing::error!(agent = %agent.id, %error, "workspace"),
            }
        }
    };
    if tokio::time::timeout(SEED_PATIENCE, seeding).await.is_err() {
        tracing::error!("the workspaces are not seeded: their disk does not answer");
    }
}
