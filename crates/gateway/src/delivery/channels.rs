//! The configured channels: one object per account, and the tasks that receive. Accounts come, change and go with the
//! configuration, and an operator may stop and start them; who may speak is a matter of the settings.

mod receive;
pub(crate) mod telegram;

use crate::lifecycle::Lifecycle;
use crate::secrets::Secrets;
use crate::shared::Shared;
use channels::{ChannelStatus, SendError, SendErrorKind};
use config::Config;
use model::{Outbound, SharedClock};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Route;
use telegram::TelegramAccount;
use tokio_util::sync::CancellationToken;

/// The channel's id.
pub(crate) const TELEGRAM: &str = "telegram";
/// The one account that there is for now.
pub(crate) const DEFAULT_ACCOUNT: &str = "default";
/// What people call a channel.
pub(crate) fn label(channel: &str) -> &str {
    if channel == TELEGRAM { "Telegram" } else { channel }
}

/// All channels.
pub(crate) struct Channels {
    state: Mutex<State>,
}

/// Accounts as a configuration wants them, made and not used yet.
pub(crate) struct Wanted(State);

#[derive(Default)]
struct State {
    telegram: Option<Arc<TelegramAccount>>,
    /// Channels that are configured and cannot start, with what is wrong.
    broken: Vec<(&'static str, String)>,
    /// The task that receives.
    receiving: Option<Receiving>,
    /// What tells that the tasks before it have ended, which were told to and may not have.
    ending: Vec<CancellationToken>,
    /// An operator has stopped it: only an operator starts it again.
    held: bool,
}

/// A task that receives: what ends it, and what tells that it has ended.
#[derive(Clone)]
struct Receiving {
    cancel: CancellationToken,
    ended: CancellationToken,
}

impl State {
    fn configured(config: &Config, secrets: &Secrets, clock: &SharedClock, state_dir: &Path) -> Self {
        let Some(telegram) = config.channels.telegram.as_ref().filter(|t| t.enabled) else {
            return Self::default();
        };
        match telegram::account(telegram, secrets, clock, state_dir) {
            Ok(account) => Self { telegram: Some(Arc::new(account)), ..Self::default() },
            Err(problem) => {
                tracing::error!(channel = TELEGRAM, %problem, "the channel is off");
                Self { broken: vec![(TELEGRAM, problem)], ..Self::default() }
            }
        }
    }

    /// Stops receiving; gives what tells that it has ended, be it for this call or for one before.
    fn stop(&mut self) -> Vec<CancellationToken> {
        if let Some(receiving) = self.receiving.take() {
            receiving.cancel.cancel();
            self.ending.push(receiving.ended);
        }
        self.still_ending()
    }

    fn still_ending(&mut self) -> Vec<CancellationToken> {
        self.ending.retain(|ended| !ended.is_cancelled());
        self.ending.clone()
    }
}

impl Channels {
    /// Makes what is configured. A channel that cannot be made is reported and left out; the rest works.
    pub(crate) fn wanted(
        config: &Config,
        secrets: &Secrets,
        clock: &SharedClock,
        state_dir: &Path,
    ) -> Wanted {
        Wanted(State::configured(config, secrets, clock, state_dir))
    }

    /// The channels at the start.
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self { state: Mutex::new(wanted.0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn telegram(&self) -> Option<Arc<TelegramAccount>> {
        self.state().telegram.clone()
    }

    /// Whether messages can go out on a channel.
    pub(crate) fn has(&self, channel: &str) -> bool {
        self.names().contains(&channel)
    }

    /// The channels that work.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.state().telegram.iter().map(|_| TELEGRAM).collect()
    }

    /// Channels that are configured and do not work, with what is wrong.
    pub(crate) fn broken(&self) -> Vec<(&'static str, String)> {
        self.state().broken.clone()
    }

    /// How a channel's account is doing, and where its token came from.
    pub(crate) fn statuses(&self) -> Vec<(&'static str, ChannelStatus, &'static str)> {
        self.telegram().iter().map(|t| (TELEGRAM, t.bot.status(), t.token_source)).collect()
    }

    /// Asks each platform now whether it answers and knows the account, for at most `patience`. Gives what `health`
    /// shows of it, by channel.
    pub(crate) async fn probe(&self, patience: Duration) -> Vec<(&'static str, Value)> {
        let Some(t) = self.telegram() else { return vec![] };
        let begun = tokio::time::Instant::now();
        let answer = tokio::time::timeout(patience, t.bot.probe()).await;
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let probe = match answer {
            Ok(Ok((id, username))) => {
                json!({"ok": true, "error": null, "elapsedMs": elapsed, "bot": {"id": id, "username": username}})
            }
            Ok(Err(error)) => json!({"ok": false, "error": error, "elapsedMs": elapsed}),
            Err(_) => {
                let error = format!("Telegram did not answer within {} ms", patience.as_millis());
                json!({"ok": false, "error": error, "elapsedMs": elapsed})
            }
        };
        vec![(TELEGRAM, probe)]
    }

    /// Sends one message.
    pub(crate) async fn send(&self, out: &Outbound) -> Result<String, SendError> {
        match self.telegram() {
            Some(t) if out.channel == TELEGRAM => t.bot.send(out).await,
            _ => Err(SendError {
                kind: SendErrorKind::Transient,
                message: format!("channel {} is not configured now; the message waits", out.channel),
            }),
        }
    }

    /// Shows in a chat that an answer is being written. Nobody waits for it, and a failure changes nothing.
    pub(crate) fn typing(&self, lifecycle: &Lifecycle, route: Option<&Route>) {
        let (Some(t), Some(route)) = (self.telegram(), route) else { return };
        if route.channel != TELEGRAM || t.typing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (to, soft) = (route.to.clone(), lifecycle.soft().clone());
        lifecycle.spawn(async move {
            tokio::select! {
                () = soft.cancelled() => {}
                sent = t.bot.typing(&to) => if let Err(error) = sent {
                    tracing::debug!(error = %error.message, "no typing notice");
                }
            }
            t.typing.store(false, Ordering::Release);
        });
    }

    /// Starts receiving on all channels, at the start of the gateway.
    pub(crate) fn start_all(&self, shared: &Arc<Shared>) {
        receive_again(shared, &mut self.state());
    }

    /// Takes up another configuration. An account that is the same goes on as it was; another one takes its place, and
    /// one that an operator has stopped stays so.
    pub(crate) fn configure(&self, shared: &Arc<Shared>, Wanted(wanted): Wanted) {
        let mut state = self.state();
        let same = match (&state.telegram, &wanted.telegram) {
            (Some(now), Some(wanted)) => now.is(wanted),
            (None, None) => true,
            _ => false,
        };
        state.broken = wanted.broken;
        if same {
            return;
        }
        // Kept in the state: what comes next waits for it.
        let _ended = state.stop();
        state.telegram = wanted.telegram;
        receive_again(shared, &mut state);
    }

    /// An operator starts a channel; one that receives already goes on. False: there is no such account.
    pub(crate) fn start(&self, shared: &Arc<Shared>) -> bool {
        let mut state = self.state();
        state.held = false;
        if state.receiving.is_none() {
            receive_again(shared, &mut state);
        }
        state.telegram.is_some()
    }

    /// An operator stops a channel, until one starts it again: nothing is received any more. Sending goes on. Gives
    /// what tells that it has stopped; empty where it has.
    pub(crate) fn stop(&self) -> Vec<CancellationToken> {
        let mut state = self.state();
        state.held = true;
        state.stop()
    }
}

/// Starts receiving where there is an account that nobody holds, once the tasks before have ended, whoever has told them to:
/// an account has one poll at a time.
fn receive_again(shared: &Arc<Shared>, state: &mut State) {
    let Some(account) = state.telegram.clone().filter(|_| !state.held) else { return };
    let before = state.still_ending();
    let cancel = shared.lifecycle.soft().child_token();
    let (task, token) = (shared.clone(), cancel.clone());
    let ended = shared.lifecycle.supervise_until("telegram", cancel.clone(), move || {
        receive::run(task.clone(), account.clone(), token.clone(), before.clone())
    });
    state.receiving = Some(Receiving { cancel, ended });
    // What waited for the channel is looked at again.
    shared.inbox.take_up_left();
    shared.outbox.wake();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_to_end_is_waited_for_until_it_has() {
        let ended = CancellationToken::new();
        let receiving = Receiving { cancel: CancellationToken::new(), ended: ended.clone() };
        let mut state = State { receiving: Some(receiving), ..State::default() };
        assert_eq!(state.stop().len(), 1);
        assert_eq!(state.stop().len(), 1, "by whoever stops it again");
        assert_eq!(state.still_ending().len(), 1, "and by whoever starts it meanwhile");
        ended.cancel();
        assert!(state.still_ending().is_empty() && state.stop().is_empty());
    }
}
