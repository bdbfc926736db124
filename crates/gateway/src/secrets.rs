//! The secrets that one reading of the configuration needs, looked up once, before anybody needs them: files and programs
//! are asked on threads that nobody waits for, and only for so long. What could not be had is kept as a failure, and
//! looked up again where somebody needs it, though not each time.

use config::{Config, Env, Paths, SecretInput};
use model::SecretString;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// All secrets together are had within this time.
pub(crate) const LOOK_UP_WITHIN: Duration = Duration::from_secs(20);
/// What failed is not looked up again sooner than this.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Programs that are asked at the same time.
const AT_ONCE: usize = 8;

/// The place of the keys in the default agent's `auth-profiles.json`: the file's text.
pub(crate) const PROFILES: &str = config::PROFILES_FILE;

/// A secret, `None` where none is configured, or why it cannot be had.
pub(crate) type Answer = Result<Option<SecretString>, String>;

type Look = Arc<dyn Fn() -> Answer + Send + Sync>;

/// See the module.
pub(crate) struct Secrets {
    /// How each is had, by its place in the configuration.
    looks: BTreeMap<String, Look>,
    found: Mutex<BTreeMap<String, Answer>>,
    /// One at a time looks again; when that was.
    again: tokio::sync::Mutex<Option<Instant>>,
}

impl Secrets {
    /// Looks up what the configuration needs, and `also`. Takes [`LOOK_UP_WITHIN`] at most; what is not there by then has
    /// failed.
    pub(crate) async fn look_up(config: &Config, env: &Env, paths: &Paths, also: &[&SecretInput]) -> Self {
        let mut looks: BTreeMap<String, Look> = BTreeMap::new();
        let providers = config.models.providers.values();
        let of_providers = providers.flat_map(|entry| entry.api_key.iter().chain(entry.headers.values()));
        for input in of_providers.chain(also.iter().copied()) {
            let (own, env) = (input.clone(), env.clone());
            let look = move || own.resolve(&env).map_err(|e| e.to_string());
            looks.insert(input.place().to_owned(), Arc::new(look));
        }
        let telegram = config.channels.telegram.as_ref();
        for account in telegram.into_iter().flat_map(|telegram| telegram.enabled_accounts()) {
            // The token may stand at several keys: its place is the account's.
            let (account, env) = (account.clone(), env.clone());
            let place = account.place();
            let look = move || account.token(&env).map_err(|e| e.to_string());
            looks.insert(place, Arc::new(look));
        }
        for hook in telegram.into_iter().flat_map(|t| t.enabled_accounts()).filter_map(|a| a.webhook.as_ref())
        {
            let (own, env) = (hook.secret.clone(), env.clone());
            let look = move || own.resolve(&env).map_err(|e| e.to_string());
            looks.insert(hook.secret.place().to_owned(), Arc::new(look));
        }
        let (own, paths) = (config.clone(), paths.clone());
        looks.insert(PROFILES.to_owned(), Arc::new(move || profiles(&own, &paths)));
        let looks: BTreeMap<_, _> =
            looks.into_iter().map(|(place, look)| (place.clone(), alone(place, look))).collect();
        let found = Mutex::new(look(looks.clone()).await);
        Self { looks, found, again: tokio::sync::Mutex::default() }
    }

    /// None: nothing was looked up.
    pub(crate) fn none() -> Self {
        Self { looks: BTreeMap::new(), found: Mutex::default(), again: tokio::sync::Mutex::default() }
    }

    fn found(&self) -> MutexGuard<'_, BTreeMap<String, Answer>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secret at this place of the configuration.
    ///
    /// # Errors
    /// Why it could not be had, with its place.
    pub(crate) fn get(&self, place: &str) -> Answer {
        self.found().get(place).cloned().unwrap_or_else(|| Err(format!("{place} was not looked up")))
    }

    /// What could not be had: place and reason.
    pub(crate) fn failures(&self) -> Vec<(String, String)> {
        let found = self.found();
        let failed = found.iter().filter_map(|(place, answer)| Some((place, answer.as_ref().err()?)));
        failed.map(|(place, problem)| (place.clone(), problem.clone())).collect()
    }

    /// Says in the log what could not be had.
    pub(crate) fn report(&self) {
        for (place, problem) in self.failures() {
            tracing::error!(%place, %problem, "a secret cannot be had");
        }
    }

    /// Looks up again what failed, and the file of keys, to which one may have been added; not if that was done just now.
    /// Whoever comes meanwhile waits for the same.
    pub(crate) async fn again(&self) {
        let Ok(mut last) = timeout_at(Instant::now() + LOOK_UP_WITHIN, self.again.lock()).await else {
            return;
        };
        if last.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
            return;
        }
        let failed: Vec<String> = self.failures().into_iter().map(|(place, _)| place).collect();
        let mut looks = self.looks.clone();
        looks.retain(|place, _| place == PROFILES || failed.contains(place));
        let answers = look(looks).await;
        self.found().extend(answers);
        *last = Some(Instant::now());
    }
}

/// Asks only once at a time: one that was given up may still hold its thread, on a disk that does not answer, and must not be
/// joined by more and more of them.
fn alone(place: String, look: Look) -> Look {
    let busy = AtomicBool::new(false);
    Arc::new(move || {
        if busy.swap(true, Ordering::AcqRel) {
            return Err(format!("{place}: an earlier look-up has not come to its end yet"));
        }
        let answer = look();
        busy.store(false, Ordering::Release);
        answer
    })
}

/// Asks for all of them, some at the same time, until time is up.
async fn look(looks: BTreeMap<String, Look>) -> BTreeMap<String, Answer> {
    let late = |place: &String| {
        let seconds = LOOK_UP_WITHIN.as_secs();
        (
            place.clone(),
            Err(format!("{place} was not had within {seconds} s; see what its file or program does")),
        )
    };
    let deadline = Instant::now() + LOOK_UP_WITHIN;
    let mut answers: BTreeMap<String, Answer> = looks.keys().map(late).collect();
    let mut left = looks.into_iter();
    let mut asked: JoinSet<(String, Answer)> = JoinSet::new();
    loop {
        while asked.len() < AT_ONCE
            && let Some((place, look)) = left.next()
        {
            asked.spawn_blocking(move || (place, look()));
        }
        match timeout_at(deadline, asked.join_next()).await {
            Ok(Some(Ok((place, answer)))) => {
                answers.insert(place, answer);
            }
            Ok(Some(Err(error))) => tracing::error!(%error, "looking up a secret"),
            // All are there, or time is up: what still asks is not waited for, and its answer goes nowhere.
            Ok(None) | Err(_) => return answers,
        }
    }
}

/// The default agent's file of keys.
pub(crate) fn profiles_file(config: &Config, paths: &Paths) -> PathBuf {
    paths.agent_dir(config.agents.default_id()).join(PROFILES)
}

/// The text of the default agent's file of keys, once it is known to be JSON; `None` where there is none. Reads the file.
///
/// # Errors
/// It cannot be read, or is no JSON.
pub(crate) fn profiles(config: &Config, paths: &Paths) -> Answer {
    let file = profiles_file(config, paths);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("{}: {e}; it holds the keys of model providers", file.display())),
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(Some(text.into())),
        Err(e) => Err(format!("{}: not JSON ({e}); restore it or move it away", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[tokio::test(start_paused = true)]
    async fn what_comes_too_late_has_failed_and_its_answer_goes_nowhere() {
        let (open, gate) = channel::<()>();
        let gate = Mutex::new(gate);
        let slow: Look = Arc::new(move || {
            // Ends with the test at the latest, which drops the other end.
            let _ = gate.lock().unwrap_or_else(PoisonError::into_inner).recv();
            Ok(Some("late".to_owned().into()))
        });
        let looking = look(BTreeMap::from([("a.b".to_owned(), slow)]));
        let (answers, ()) = tokio::join!(looking, tokio::time::advance(LOOK_UP_WITHIN));
        let problem = answers["a.b"].as_ref().expect_err("no answer");
        assert_eq!(problem, "a.b was not had within 20 s; see what its file or program does");
        drop(open);
    }
}
