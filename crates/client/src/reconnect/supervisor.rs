//! The loop that keeps a connection open.

use super::hooks::{Hooks, Waiting};
use super::step::{Step, after_end, next_step};
use crate::{ConnectError, ConnectOptions, Connection, TokenStore};
use model::SecretString;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A connection that stood so long was a good one: the back-off starts anew.
const GOOD: Duration = Duration::from_secs(60);

/// What ended a connection shows in the state of the way there within this time.
const SETTLED: Duration = Duration::from_millis(250);

/// The URL at which the gateway is at this moment; nothing while there is no way there.
pub type Way = watch::Receiver<Option<String>>;

/// Keeps one connection open. Device tokens are used and stored where there is a [`TokenStore`].
#[derive(Debug)]
pub struct Supervisor {
    options: ConnectOptions,
    tokens: Option<TokenStore>,
    way: Option<Way>,
    /// The shared secret was refused, and the device token is used in its place.
    prefers_device_token: bool,
    /// Failures and short connections in a row.
    attempt: u32,
    /// The pairing request that was reported last.
    reported: Option<String>,
}

/// As [`Supervisor::run`], without a [`TokenStore`].
///
/// # Errors
/// The error after which trying again is of no use.
pub async fn keep_connected(
    options: ConnectOptions,
    hooks: &dyn Hooks,
    cancel: &CancellationToken,
) -> Result<(), ConnectError> {
    Supervisor::new(options).run(hooks, cancel).await
}

impl Supervisor {
    /// Keeps connected with these options; `options.device_token` is the token to fall back on where no store has one.
    pub fn new(options: ConnectOptions) -> Self {
        Self { options, tokens: None, way: None, prefers_device_token: false, attempt: 0, reported: None }
    }

    /// Takes device tokens from this store, and puts into it what `hello-ok` gives.
    #[must_use]
    pub fn with_tokens(mut self, tokens: TokenStore) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Connects only while there is a way, and to where that leads: whoever else listens there meanwhile hears nothing.
    #[must_use]
    pub fn by_way(mut self, way: Option<Way>) -> Self {
        self.way = way;
        self
    }

    /// Connects, and connects again, until `cancel` (then `Ok`) or an error that needs somebody to change something.
    /// Between attempts it waits 1 s … 30 s, doubling, with full jitter, or as long as the gateway asks.
    ///
    /// # Errors
    /// The error after which trying again is of no use.
    pub async fn run(mut self, hooks: &dyn Hooks, cancel: &CancellationToken) -> Result<(), ConnectError> {
        loop {
            tokio::select! {
                () = self.find_way() => {}
                () = cancel.cancelled() => return Ok(()),
            }
            let (options, stored) = self.options_now().await;
            let opened = tokio::select! {
                opened = Connection::open(&options) => opened,
                () = cancel.cancelled() => return Ok(()),
            };
            let delay = match opened {
                Ok(connection) => {
                    self.reported = None;
                    self.keep_token(&connection).await;
                    let Some(delay) = self.serve(connection, hooks, cancel).await else { return Ok(()) };
                    delay
                }
                Err(error) => {
                    let unused = stored && !self.prefers_device_token && has_secret(&self.options);
                    let Some(delay) = self.failed(&error, unused, hooks) else { return Err(error) };
                    delay
                }
            };
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = cancel.cancelled() => return Ok(()),
            }
        }
    }

    /// Waits until there is a way, and takes it.
    async fn find_way(&mut self) {
        let Some(way) = &mut self.way else { return };
        if self.attempt > 0 {
            tokio::time::sleep(SETTLED).await;
        }
        match way.wait_for(Option::is_some).await.map(|url| url.clone()) {
            Ok(Some(url)) => self.options.url = url,
            // Whoever kept the way is gone, and there is none without: the end comes from elsewhere.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// The options of the next attempt, and whether there is a device token at all.
    async fn options_now(&self) -> (ConnectOptions, bool) {
        let mut options = self.options.clone();
        if let Some(token) = self.stored_token().await {
            options.device_token = Some(token);
        }
        let stored = options.device_token.is_some();
        if stored && self.prefers_device_token {
            options.token = None;
            options.password = None;
        }
        (options, stored)
    }

    /// How long to wait after a failed attempt; `None` if it was the last.
    fn failed(
        &mut self,
        error: &ConnectError,
        has_device_token: bool,
        hooks: &dyn Hooks,
    ) -> Option<Duration> {
        self.attempt = self.attempt.saturating_add(1);
        let step = next_step(error, self.attempt, has_device_token);
        if let (Some(id), true) =
            (error.pairing_request_id(), self.reported.as_deref() != error.pairing_request_id())
        {
            self.reported = Some(id.to_owned());
            hooks.on_pairing(id, error);
        }
        let delay = match step {
            Step::Stop => return None,
            Step::RetryWithDeviceToken => {
                self.prefers_device_token = true;
                Duration::ZERO
            }
            Step::Retry { at_least, at_most } => between(at_least, at_most),
        };
        hooks.on_waiting(&Waiting::Failed(error), delay);
        Some(delay)
    }

    /// Serves one connection to its end; how long to wait then, `None` if cancelled.
    async fn serve(
        &mut self,
        mut connection: Connection,
        hooks: &dyn Hooks,
        cancel: &CancellationToken,
    ) -> Option<Duration> {
        let begun = Instant::now();
        let cancelled = tokio::select! {
            () = hooks.on_connected(&mut connection) => false,
            () = cancel.cancelled() => true,
        };
        let close = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            close = connection.closed(), if !cancelled => Some(close),
        };
        let Some(close) = close else {
            connection.close().await;
            return None;
        };
        self.attempt = if begun.elapsed() >= GOOD { 1 } else { self.attempt.saturating_add(1) };
        let delay = match after_end(self.attempt) {
            Step::Retry { at_least, at_most } => between(at_least, at_most),
            Step::RetryWithDeviceToken | Step::Stop => Duration::ZERO,
        };
        hooks.on_waiting(&Waiting::Ended(&close), delay);
        Some(delay)
    }

    async fn stored_token(&self) -> Option<SecretString> {
        let store = self.tokens.clone()?;
        let (name, role) = (self.options.name(), self.options.role.clone());
        let read = tokio::task::spawn_blocking(move || store.get(&name, &role)).await;
        match read {
            Ok(Ok(token)) => token,
            Ok(Err(error)) => {
                tracing::warn!(%error, "going on without the stored device token");
                None
            }
            // The runtime is shutting down.
            Err(_) => None,
        }
    }

    async fn keep_token(&self, connection: &Connection) {
        let token = connection.hello().get("auth").and_then(|a| a.get("deviceToken")).and_then(Value::as_str);
        let (Some(store), Some(token)) = (self.tokens.clone(), token) else { return };
        let token = SecretString::from(token);
        let (name, role) = (self.options.name(), self.options.role.clone());
        let written = tokio::task::spawn_blocking(move || store.put(&name, &role, &token)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "the device token of this gateway is not kept");
        }
    }
}

fn has_secret(options: &ConnectOptions) -> bool {
    options.token.is_some() || options.password.is_some()
}

/// A random time between the two; their middle where the system has no randomness.
fn between(at_least: Duration, at_most: Duration) -> Duration {
    let span = at_most.saturating_sub(at_least);
    let share = getrandom::u32().map_or(0.5, |r| f64::from(r) / f64::from(u32::MAX));
    at_least + span.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_random_wait_stays_within_its_bounds(a in 0u64..100_000, b in 0u64..100_000) {
            let (low, high) = (Duration::from_millis(a.min(b)), Duration::from_millis(a.max(b)));
            let wait = between(low, high);
            prop_assert!(low <= wait && wait <= high);
        }
    }
}
