//! Taking up the configuration while the gateway runs: after a change over the wire, and when the file or one that it
//! includes has changed. What cannot change in a running gateway is reported; a file that cannot be read changes nothing.
//!
//! The files are looked at twice a second. That is the way that works with every editor (most write another file and
//! rename it), every file system and every container, and it costs a few microseconds.

use crate::current::Current;
use crate::shared::Shared;
use config::{Loaded, ReloadKind};
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
/// Reading may hang on a file system that does not answer.
pub(crate) const READ_WITHIN: Duration = Duration::from_secs(10);
/// From the file to what hangs on it: programs may be asked for secrets.
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

    /// Makes `loaded` the configuration that counts. The gate is held by who calls. It may ask programs for secrets, so
    /// it is not for a thread that others wait for; see [`take_up`].
    fn take_up(&self, shared: &Arc<Shared>, loaded: Loaded) -> Applied {
        let current = shared.current();
        let changed = config::changed_paths(&current.loaded.source, &loaded.source);
        let mut restart = needing(config::changed_paths(&self.boot, &loaded.source), ReloadKind::Restart);
        let mut applied = Applied {
            live: needing(changed.clone(), ReloadKind::Hot),
            restart: needing(changed.clone(), ReloadKind::Restart),
            changed,
        };
        let settings = current.settings.reloaded(&loaded, &shared.base.env, &shared.paths);
        let off = settings.reload_off && current.settings.reload_off;
        if off {
            // Everything waits for the next start.
            applied.restart.append(&mut applied.live);
            restart.extend(needing(config::changed_paths(&self.boot, &loaded.source), ReloadKind::Hot));
        } else {
            self.exchange(shared, Current::new(&shared.base, loaded, settings));
        }
        restart.truncate(MAX_PATHS);
        self.say(&applied);
        let mut state = self.state();
        *state = State { applied_at_ms: Some(shared.clock.now_ms()), restart, problem: None };
        drop(state);
        shared.health.changed(shared);
        applied
    }

    fn exchange(&self, shared: &Arc<Shared>, next: Current) {
        let config = next.loaded.config.clone();
        let settings = next.settings.clone();
        // Here, and not in a turn, keys are fetched from files and programs.
        for agent in &settings.agents {
            if let Err(problem) = next.models.for_agent(&agent.id) {
                tracing::warn!(agent = %agent.id, %problem, "the agent has no model");
            }
        }
        shared.holder.set(next);
        shared.rate_limit.set(settings.rate_limit.clone());
        shared.runs.set_limits(&shared.lifecycle, settings.max_concurrent, settings.queue_cap);
        shared.channels.configure(shared, &config, &config.environment(&shared.base.env));
        shared.cron.wake();
        if let Some(hook) = &self.hook {
            hook(&config);
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

/// Makes `loaded` the configuration that counts. The gate is held by who calls.
///
/// # Errors
/// It takes longer than it may; it may yet come to its end.
pub(crate) async fn take_up(shared: &Arc<Shared>, loaded: Loaded) -> Result<Applied, String> {
    let working = shared.clone();
    let taking = tokio::task::spawn_blocking(move || working.reload.take_up(&working, loaded));
    match tokio::time::timeout(CHANGE_WITHIN, taking).await {
        Ok(Ok(applied)) => Ok(applied),
        Ok(Err(error)) => Err(format!("the configuration was not taken up: {error}")),
        Err(_) => Err(format!("the configuration was not taken up within {} s", CHANGE_WITHIN.as_secs())),
    }
}

/// The paths whose change needs this.
fn needing(mut paths: Vec<String>, kind: ReloadKind) -> Vec<String> {
    paths.retain(|path| config::reload_kind(path) == kind);
    paths
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

/// Reads the files and takes up what changed. Gives the files that were read.
async fn check(shared: &Arc<Shared>) -> Option<Vec<PathBuf>> {
    // Whoever hangs has been reported; the next look tries again.
    let _gate = gate(shared).await.ok()?;
    let loaded = match read(shared).await {
        Ok(loaded) => loaded,
        Err(problem) => {
            shared.reload.failed(shared, problem);
            return None;
        }
    };
    let current = shared.current();
    if !loaded.exists && current.loaded.exists {
        shared.reload.failed(shared, format!("{} is gone", loaded.file.display()));
        return None;
    }
    let files = files_of(&loaded);
    if loaded.revision != current.loaded.revision || shared.reload.is_failing() {
        for warning in loaded.warnings.iter().filter(|w| !current.loaded.warnings.contains(w)) {
            tracing::warn!(target: "config", "{warning}");
        }
        if let Err(problem) = take_up(shared, loaded).await {
            shared.reload.failed(shared, problem);
            return None;
        }
    }
    Some(files)
}

fn files_of(loaded: &Loaded) -> Vec<PathBuf> {
    std::iter::once(&loaded.file).chain(&loaded.included).cloned().collect()
}

/// What tells two states of a file apart without reading it.
type Mark = Option<(Option<SystemTime>, u64, u64)>;

async fn marks(files: &[PathBuf]) -> Vec<Mark> {
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
    let mut files = files_of(&shared.current().loaded);
    // What changed between the start's reading and now is seen at once.
    let mut seen: Option<Vec<Mark>> = None;
    let mut tried = Instant::now();
    loop {
        let now = tokio::time::timeout(READ_WITHIN, marks(&files)).await.ok();
        let retry = shared.reload.is_failing() && tried.elapsed() >= RETRY;
        if (now.is_some() && now != seen) || retry {
            let settled = if seen.is_some() { settle(&files).await } else { now };
            if let Some(read) = check(&shared).await {
                files = read;
                // Other files may belong to it now; one that changed since it was read is seen at the next look.
                seen = if settled.as_ref().is_some_and(|s| s.len() == files.len()) { settled } else { None };
            } else {
                seen = settled;
            }
            tried = Instant::now();
        }
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Waits until the files stay the same, a few seconds at most.
async fn settle(files: &[PathBuf]) -> Option<Vec<Mark>> {
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
