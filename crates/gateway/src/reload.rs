//! Taking up the configuration while the gateway runs: after a change over the wire, and when the file or one that it
//! includes has changed. What cannot change in a running gateway is reported. A file that cannot be read changes nothing, and
//! neither does one whose secrets cannot be had: all that a configuration needs is there before it counts.
//!
//! The files are looked at twice a second. That is the way that works with every editor (most write another file and
//! rename it), every file system and every container, and it costs a few microseconds.

use crate::current::Current;
use crate::delivery::channels::{self, Channels};
use crate::hub::nodes::reconsider::reconsider;
use crate::secrets::{self, Secrets};
use crate::shared::Shared;
use config::{Env, Loaded, ReloadKind};
use model::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_millis(500);
/// A file has settled when it stayed the same for this long: editors write in several steps.
const SETTLED: Duration = Duration::from_millis(150);
/// A file that never settles is read all the same after this time.
const SETTLE_WITHIN: Duration = Duration::from_secs(3);
/// After a file could not be read, it is tried again this often: it may include one that is not there yet.
const RETRY: Duration = Duration::from_secs(5);
/// Secrets that could not be had are looked up again after this time, then after twice as long, and so on.
const SECRETS_FIRST: Duration = Duration::from_secs(15);
const SECRETS_LAST: Duration = Duration::from_secs(600);
/// Reading may hang on a file system that does not answer.
pub(crate) const READ_WITHIN: Duration = Duration::from_secs(10);
/// The longest that a change takes, from the file to what hangs on it: longer than looking up secrets and reading together.
pub(crate) const CHANGE_WITHIN: Duration = Duration::from_secs(30);
/// Paths that are named in a report.
const MAX_PATHS: usize = 50;

/// Called with each configuration that counts from then on, for what lies outside of the gateway: the log's levels.
pub type ConfigHook = Arc<dyn Fn(&config::Config) + Send + Sync>;

/// What there is to say about reloading.
pub(crate) struct Reload {
    /// What the configuration said when the gateway started.
    boot: Value,
    hook: Option<ConfigHook>,
    /// One change at a time: from the file to what hangs on it.
    gate: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    applied_at_ms: Option<i64>,
    /// What differs from the start and waits for another.
    restart: Vec<String>,
    /// Why the file does not count.
    problem: Option<String>,
}

/// What became of a changed configuration.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Every value that changed.
    pub(crate) changed: Vec<String>,
    /// Those of them that count from now on.
    pub(crate) live: Vec<String>,
    /// Those of them that wait for another start.
    pub(crate) restart: Vec<String>,
}

impl Reload {
    pub(crate) fn new(boot: Value, hook: Option<ConfigHook>) -> Self {
        Self { boot, hook, gate: tokio::sync::Mutex::default(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As `status` and `config.get` show it.
    pub(crate) fn report(&self) -> Value {
        let state = self.state();
        json!({
            "ok": state.problem.is_none(),
            "appliedAtMs": state.applied_at_ms,
            "restartRequired": state.restart,
            "problem": state.problem,
        })
    }

    /// What changed from the configuration that counts, and what differs from the start.
    fn compare(&self, current: &Current, loaded: &Loaded, env: &Env) -> Compared {
        let needing = |paths: &[String], wanted| -> Vec<String> {
            paths.iter().filter(|path| loaded.config.reload_kind(path, env) == wanted).cloned().collect()
        };
        let changed = config::changed_paths(&current.loaded.source, &loaded.source);
        let differs = config::changed_paths(&self.boot, &loaded.source);
        let mut compared = Compared {
            off: current.settings.reload_off && loaded.config.gateway.reload == config::ReloadMode::Off,
            restart: needing(&differs, ReloadKind::Restart),
            applied: Applied {
                live: needing(&changed, ReloadKind::Hot),
                restart: needing(&changed, ReloadKind::Restart),
                changed,
            },
        };
        if compared.off {
            // Everything waits for the next start.
            compared.applied.restart.append(&mut compared.applied.live);
            compared.restart.extend(needing(&differs, ReloadKind::Hot));
        }
        compared.restart.truncate(MAX_PATHS);
        compared
    }

    fn exchange(&self, shared: &Arc<Shared>, next: Next) {
        let Next { current, channels } = next;
        let loaded = current.loaded.clone();
        let settings = current.settings.clone();
        current.secrets.report();
        for agent in &settings.agents {
            if let Err(problem) = current.models.for_agent(&agent.id) {
                tracing::warn!(agent = %agent.id, %problem, "the agent has no model");
            }
        }
        let rules_changed = shared.settings().rules != settings.rules;
        let commands_changed = shared.settings().node_commands != settings.node_commands;
        shared.holder.set(current);
        if rules_changed {
            shared.hub.close_identities("who may come in by name has changed; connect again");
        }
        if commands_changed {
            let nodes = shared.clone();
            shared.lifecycle.spawn(async move { reconsider(&nodes).await });
        }
        shared.rate_limit.set(settings.rate_limit.clone());
        shared.joining.set(settings.rate_limit.clone());
        shared.runs.set_limits(&shared.lifecycle, settings.max_concurrent, settings.queue_cap);
        shared.channels.configure(shared, channels);
        shared.discovery.configure(shared, &loaded);
        shared.cron.wake();
        if let Some(hook) = &self.hook {
            hook(&loaded.config);
        }
        let seeding = shared.clone();
        shared.lifecycle.spawn(async move { crate::start::seed_workspaces(&seeding).await });
    }

    fn say(&self, applied: &Applied) {
        if !applied.live.is_empty() {
            tracing::info!(changed = ?shortened(&applied.live), "the configuration is taken up");
        }
        if !applied.restart.is_empty() {
            tracing::warn!(changed = ?shortened(&applied.restart),
                "the configuration has changed in what only another start takes up: stop the gateway and start it again");
        }
    }

    fn failed(&self, shared: &Shared, problem: String) {
        let mut state = self.state();
        if state.problem.as_ref() == Some(&problem) {
            return;
        }
        tracing::error!(%problem, "the configuration on disk does not count; the one before goes on");
        state.problem = Some(problem);
        drop(state);
        shared.health.changed(shared);
    }

    fn is_failing(&self) -> bool {
        self.state().problem.is_some()
    }
}

/// Waits for the gate, through which changes go one at a time.
///
/// # Errors
/// A change before this one hangs.
pub(crate) async fn gate(shared: &Shared) -> Result<tokio::sync::MutexGuard<'_, ()>, String> {
    let waiting = tokio::time::timeout(CHANGE_WITHIN, shared.reload.gate.lock()).await;
    waiting.map_err(|_| "another change of the configuration has not come to its end; try again".to_owned())
}

/// A configuration that is ready to count.
pub(crate) struct Ready {
    /// Which files it was read from; see [`Loaded::revision`].
    pub(crate) revision: String,
    compared: Compared,
    /// `None`: everything waits for the next start.
    next: Option<Next>,
}

struct Compared {
    off: bool,
    restart: Vec<String>,
    applied: Applied,
}

struct Next {
    current: Current,
    channels: channels::Wanted,
}

/// Why a configuration does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unready {
    /// Its secrets cannot be had: place and reason of each.
    #[error("{}", .0.iter().take(5).map(|(_, problem)| problem.as_str()).collect::<Vec<_>>().join("; "))]
    Secrets(Vec<(String, String)>),
    /// What hangs on it could not be made.
    #[error("{0}")]
    Failed(String),
}

/// Makes what hangs on `loaded`, and looks up its secrets; nothing counts yet. The gate is held by who calls. What comes
/// too late goes nowhere.
///
/// # Errors
/// A secret cannot be had that was to be had before or was not needed; or it takes longer than it may.
pub(crate) async fn prepare(shared: &Arc<Shared>, loaded: Loaded) -> Result<Ready, Unready> {
    let (before, revision) = (shared.current(), loaded.revision.clone());
    let env = loaded.config.environment(&shared.base.env);
    let compared = shared.reload.compare(&before, &loaded, &shared.base.env);
    if compared.off {
        return Ok(Ready { revision, compared, next: None });
    }
    // Its own secret is not for now, but a start that would fail is better known now.
    let own =
        if compared.applied.restart.is_empty() { Vec::new() } else { loaded.config.gateway.auth.inputs() };
    let secrets = Secrets::look_up(&loaded.config, &env, &shared.paths, &own).await;
    // What could not be had before either is no worse than it was.
    let known = before.secrets.failures();
    let mut failures = secrets.failures();
    failures.retain(|(place, _)| !known.iter().any(|(known, _)| known == place));
    if !failures.is_empty() {
        return Err(Unready::Secrets(failures));
    }
    let (base, paths) = (shared.base.clone(), shared.paths.clone());
    let making = tokio::task::spawn_blocking(move || {
        let channels = Channels::wanted(&loaded.config, &secrets, &base.clock, &base.paths.state_dir);
        let settings = before.settings.reloaded(&loaded, &base.env, &paths);
        Next { current: Current::new(&base, loaded, settings, Arc::new(secrets)), channels }
    });
    match tokio::time::timeout(READ_WITHIN, making).await {
        Ok(Ok(next)) => Ok(Ready { revision, compared, next: Some(next) }),
        Ok(Err(error)) => Err(Unready::Failed(format!("the configuration was not taken up: {error}"))),
        Err(_) => Err(Unready::Failed(format!(
            "the configuration was not taken up within {} s",
            READ_WITHIN.as_secs()
        ))),
    }
}

/// Makes it the configuration that counts. The gate has been held since it was prepared.
pub(crate) fn take_up(shared: &Arc<Shared>, ready: Ready) -> Applied {
    let Ready { compared: Compared { restart, applied, .. }, next, .. } = ready;
    if let Some(next) = next {
        shared.reload.exchange(shared, next);
    }
    shared.reload.say(&applied);
    let state = State { applied_at_ms: Some(shared.clock.now_ms()), restart, problem: None };
    *shared.reload.state() = state;
    shared.health.changed(shared);
    applied
}

fn shortened(paths: &[String]) -> &[String] {
    paths.get(..MAX_PATHS).unwrap_or(paths)
}

/// Reads the file as it is now.
///
/// # Errors
/// Why it cannot be used, with file, line and column.
pub(crate) async fn read(shared: &Shared) -> Result<Loaded, String> {
    let (paths, env) = (shared.paths.clone(), shared.base.env.clone());
    let reading = tokio::task::spawn_blocking(move || config::load(&paths, &env));
    match tokio::time::timeout(READ_WITHIN, reading).await {
        Ok(Ok(Ok(loaded))) => Ok(loaded),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(error)) => Err(format!("the configuration could not be read: {error}")),
        Err(_) => Err(format!("the configuration could not be read within {} s", READ_WITHIN.as_secs())),
    }
}

/// Why the files do not count, and whether that is because of secrets.
struct Refused {
    secrets: bool,
}

/// Reads the files and takes up what changed. Gives the files that were read.
async fn check(shared: &Arc<Shared>) -> Result<Vec<PathBuf>, Refused> {
    let failed = |problem: String, secrets: bool| {
        shared.reload.failed(shared, problem);
        Refused { secrets }
    };
    // Whoever hangs has been reported; the next look tries again.
    let _gate = gate(shared).await.map_err(|_| Refused { secrets: false })?;
    let loaded = read(shared).await.map_err(|problem| failed(problem, false))?;
    let current = shared.current();
    if !loaded.exists && current.loaded.exists {
        return Err(failed(format!("{} is gone", loaded.file.display()), false));
    }
    let files = files_of(shared, &loaded);
    let keys_changed = keys_changed(shared).await;
    if loaded.revision != current.loaded.revision || keys_changed || shared.reload.is_failing() {
        for warning in loaded.warnings.iter().filter(|w| !current.loaded.warnings.contains(w)) {
            tracing::warn!(target: "config", "{warning}");
        }
        match prepare(shared, loaded).await {
            Ok(ready) => {
                let counts = ready.next.is_some();
                drop(take_up(shared, ready));
                if keys_changed && counts {
                    tracing::info!("the keys of model providers have changed, and are taken up");
                }
            }
            Err(error) => return Err(failed(error.to_string(), matches!(error, Unready::Secrets(_)))),
        }
    }
    Ok(files)
}

/// Looks up again the secrets that could not be had. A channel that waits for one begins then.
pub(crate) async fn secrets_again(shared: &Arc<Shared>) {
    let current = shared.current();
    let before = current.secrets.failures();
    current.secrets.again().await;
    if current.secrets.failures() == before {
        return;
    }
    let Ok(_gate) = gate(shared).await else { return };
    // Whatever came meanwhile has looked up its own.
    if Arc::ptr_eq(&current, &shared.current()) {
        let (clock, state_dir) = (shared.clock.clone(), shared.paths.state_dir.clone());
        let making = tokio::task::spawn_blocking(move || {
            Channels::wanted(&current.loaded.config, &current.secrets, &clock, &state_dir)
        });
        if let Ok(Ok(wanted)) = tokio::time::timeout(READ_WITHIN, making).await {
            shared.channels.configure(shared, wanted);
        }
        shared.health.changed(shared);
    }
}

/// Whether the file of keys says something else than what counts. One that cannot be read is reported where a key is needed.
async fn keys_changed(shared: &Arc<Shared>) -> bool {
    let current = shared.current();
    let before = current.secrets.get(secrets::PROFILES);
    let paths = shared.paths.clone();
    let reading = tokio::task::spawn_blocking(move || secrets::profiles(&current.loaded.config, &paths));
    let Ok(Ok(Ok(now))) = tokio::time::timeout(READ_WITHIN, reading).await else { return false };
    let text = |keys: Option<SecretString>| keys.map(|keys| keys.expose_secret().to_owned());
    !before.is_ok_and(|before| text(before) == text(now))
}

fn files_of(shared: &Shared, loaded: &Loaded) -> Vec<PathBuf> {
    let config = std::iter::once(&loaded.file).chain(&loaded.included).cloned();
    config.chain([secrets::profiles_file(&loaded.config, &shared.paths)]).collect()
}

/// What tells two states of a file apart without reading it.
pub(crate) type Mark = Option<(Option<SystemTime>, u64, u64)>;

pub(crate) async fn marks(files: &[PathBuf]) -> Vec<Mark> {
    let mut marks = Vec::with_capacity(files.len());
    for file in files {
        marks.push(tokio::fs::metadata(file).await.ok().map(|m| (m.modified().ok(), m.len(), inode(&m))));
    }
    marks
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &std::fs::Metadata) -> u64 {
    0
}

/// Watches the files until shutdown.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut files = files_of(&shared, &shared.current().loaded);
    // What changed between the start's reading and now is seen at once.
    let mut seen: Option<Vec<Mark>> = None;
    let (mut tried, mut pause) = (Instant::now(), RETRY);
    let (mut looked, mut patience) = (Instant::now(), SECRETS_FIRST);
    loop {
        let now = tokio::time::timeout(READ_WITHIN, marks(&files)).await.ok();
        let changed = now.is_some() && now != seen;
        if changed || shared.reload.is_failing() && tried.elapsed() >= pause {
            let settled = if seen.is_some() { settle(&files).await } else { now };
            match check(&shared).await {
                Ok(read) => {
                    files = read;
                    // Other files may belong to it now; one that changed since it was read is seen at the next look.
                    seen =
                        if settled.as_ref().is_some_and(|s| s.len() == files.len()) { settled } else { None };
                    (pause, patience) = (RETRY, SECRETS_FIRST);
                }
                Err(refused) => {
                    seen = settled;
                    // Programs are asked for secrets, and maybe people by them: less and less often.
                    let again = if changed { RETRY } else { (pause * 2).min(SECRETS_LAST) };
                    pause = if refused.secrets { again } else { RETRY };
                }
            }
            tried = Instant::now();
        }
        if looked.elapsed() >= patience && !shared.current().secrets.failures().is_empty() {
            secrets_again(&shared).await;
            (looked, patience) = (Instant::now(), (patience * 2).min(SECRETS_LAST));
        }
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Waits until the files stay the same, a few seconds at most.
pub(crate) async fn settle(files: &[PathBuf]) -> Option<Vec<Mark>> {
    let within = Instant::now() + SETTLE_WITHIN;
    let mut last = marks(files).await;
    while Instant::now() < within {
        tokio::time::sleep(SETTLED).await;
        let now = marks(files).await;
        if now == last && now.first().is_some_and(Option::is_some) {
            break;
        }
        last = now;
    }
    Some(last)
}
