//! The configured channels: one object per account, and the tasks that receive. Accounts come, change and go with the
//! configuration, and an operator may stop and start them; who may speak is a matter of the settings.

mod account;
pub(crate) mod audit;
mod receive;
pub(crate) mod renamed;
pub(crate) mod telegram;
mod webhook;

use crate::lifecycle::Lifecycle;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::shared::Shared;
use account::{Account, Receiving};
use channels::{ChannelStatus, SendError, SendErrorKind};
use config::{Config, DEFAULT_ACCOUNT};
use model::{Outbound, SharedClock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Route;
use telegram::TelegramAccount;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

/// The channel's id.
pub(crate) const TELEGRAM: &str = "telegram";
/// More than so many at a time would only queue up behind each other.
const MAX_HINTS: usize = 16;
/// What people call a channel.
pub(crate) fn label(channel: &str) -> &str {
    if channel == TELEGRAM { "Telegram" } else { channel }
}

/// All channels.
pub(crate) struct Channels {
    state: Mutex<State>,
    /// Reactions that are on their way and that nobody waits for.
    hints: Arc<Semaphore>,
    /// One file is fetched at a time.
    fetches: Semaphore,
}

/// Accounts as a configuration wants them, made and not used yet.
pub(crate) struct Wanted {
    accounts: Vec<(String, Result<TelegramAccount, String>)>,
    default_account: String,
}

#[derive(Default)]
struct State {
    /// By name.
    accounts: BTreeMap<String, Account>,
    default_account: String,
    moved: MovedGroups,
}

/// The id under which the configuration and the sessions know a group, by the id that it has now.
#[derive(Clone, Default)]
pub(crate) struct MovedGroups(Arc<BTreeMap<String, String>>);

impl MovedGroups {
    /// The id under which a chat is known, whatever id it has now; with its topic, where it has one.
    pub(crate) fn known_as(&self, chat_id: &str) -> String {
        let (group, topic) = chat_id.split_once(":topic:").map_or((chat_id, None), |(g, t)| (g, Some(t)));
        match (self.0.get(group), topic) {
            (Some(first), Some(topic)) => format!("{first}:topic:{topic}"),
            (Some(first), None) => first.clone(),
            (None, _) => chat_id.to_owned(),
        }
    }
}

/// Where it is noted that a group has moved; behind it stands the id that it has now.
const MOVED: &str = "moved-chat:";

impl Channels {
    /// Makes what is configured. An account that cannot be made is reported and left out; the rest works.
    pub(crate) fn wanted(
        config: &Config,
        secrets: &Secrets,
        clock: &SharedClock,
        state_dir: &Path,
    ) -> Wanted {
        let Some(telegram) = &config.channels.telegram else {
            return Wanted { accounts: vec![], default_account: DEFAULT_ACCOUNT.to_owned() };
        };
        let mut accounts: Vec<(String, Result<TelegramAccount, String>)> = Vec::new();
        for account in telegram.enabled_accounts() {
            let made = telegram::account(account, secrets, clock, state_dir)
                .and_then(|made| alone_with_its_bot(made, account, &accounts));
            if let Err(problem) = &made {
                tracing::error!(channel = TELEGRAM, account = account.account, %problem, "the account is off");
            }
            accounts.push((account.account.clone(), made));
        }
        Wanted { accounts, default_account: telegram.default_account().to_owned() }
    }

    /// The channels at the start.
    pub(crate) fn new(wanted: Wanted) -> Self {
        let mut state = State::default();
        state.take(wanted);
        Self {
            state: Mutex::new(state),
            hints: Arc::new(Semaphore::new(MAX_HINTS)),
            fetches: Semaphore::new(1),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn telegram(&self, channel: &str, account: &str) -> Option<Arc<TelegramAccount>> {
        self.state().accounts.get(account).filter(|_| channel == TELEGRAM)?.made.clone()
    }

    /// What an account speaks with, where it works.
    pub(crate) fn bot(&self, channel: &str, account: &str) -> Option<channels::Telegram> {
        self.telegram(channel, account).map(|account| account.bot.clone())
    }

    fn working(&self) -> Vec<Arc<TelegramAccount>> {
        self.state().accounts.values().filter_map(|account| account.made.clone()).collect()
    }

    /// Reads which groups have moved, before anything of them is looked at.
    ///
    /// # Errors
    /// The store cannot say.
    pub(crate) async fn load_moved(&self, store: &store::Store) -> Result<(), store::StoreError> {
        let moved = store.settings_below(MOVED).await?;
        let read = |(now, before): (String, Value)| Some((now, before.as_str()?.to_owned()));
        Arc::make_mut(&mut self.state().moved.0).extend(moved.into_iter().filter_map(read));
        Ok(())
    }

    /// A group goes on under another id: it keeps what is configured for it, and its sessions. Ends the message that says so.
    pub(crate) async fn moved(
        &self,
        store: &store::Store,
        row: i64,
        from: &str,
        to: &str,
    ) -> Result<(), store::StoreError> {
        let first = self.moved_groups().known_as(from);
        store.close_with_setting(row, "moved", &format!("{MOVED}{to}"), &json!(first)).await?;
        Arc::make_mut(&mut self.state().moved.0).insert(to.to_owned(), first);
        Ok(())
    }

    /// The groups that have moved until now.
    pub(crate) fn moved_groups(&self) -> MovedGroups {
        self.state().moved.clone()
    }

    /// Whether messages can go out on a channel, by whichever account.
    pub(crate) fn has(&self, channel: &str) -> bool {
        self.names().contains(&channel)
    }

    /// Whether an account works.
    pub(crate) fn has_account(&self, channel: &str, account: &str) -> bool {
        self.telegram(channel, account).is_some()
    }

    /// The channels that work.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.working().first().map(|_| TELEGRAM).into_iter().collect()
    }

    /// The names of the accounts that work.
    pub(crate) fn accounts(&self) -> Vec<String> {
        self.working().iter().map(|account| account.name().to_owned()).collect()
    }

    /// The account that sends where nobody says which.
    pub(crate) fn default_account(&self) -> String {
        self.state().default_account.clone()
    }

    /// Accounts that are configured and do not work, with what is wrong.
    pub(crate) fn broken_accounts(&self) -> Vec<(String, String)> {
        let state = self.state();
        let broken = state.accounts.iter().filter_map(|(name, of)| Some((name.clone(), of.problem.clone()?)));
        broken.collect()
    }

    /// As [`Channels::broken_accounts`], by channel.
    pub(crate) fn broken(&self) -> Vec<(&'static str, String)> {
        self.broken_accounts().into_iter().map(|(_, problem)| (TELEGRAM, problem)).collect()
    }

    /// How each account is doing, and where its token came from.
    pub(crate) fn statuses(&self) -> Vec<(&'static str, ChannelStatus, &'static str)> {
        self.working().iter().map(|t| (TELEGRAM, t.bot.status(), t.token_source)).collect()
    }

    /// Asks the platform now whether it answers and knows each account, for at most `patience` together. Gives what `health`
    /// shows of it, by account.
    ///
    /// With `settings`, whether each bot is in the groups in which it is to hear everything is asked, too.
    pub(crate) async fn probe(
        &self,
        patience: Duration,
        settings: Option<&Settings>,
    ) -> Vec<(String, Value)> {
        let accounts = self.working();
        let probes = accounts.iter().map(|account| audit::probe(account, patience, settings));
        futures_util::future::join_all(probes).await
    }

    /// Sends one message.
    pub(crate) async fn send(&self, out: &Outbound) -> Result<String, SendError> {
        match self.telegram(&out.channel, &out.account) {
            Some(t) => t.bot.send(out).await,
            None => Err(SendError {
                kind: SendErrorKind::Transient,
                message: format!(
                    "account {:?} of channel {} is not configured now; the message waits",
                    out.account, out.channel
                ),
            }),
        }
    }

    /// Shows in a chat that an answer is being written. Nobody waits for it, and a failure changes nothing.
    pub(crate) fn typing(&self, lifecycle: &Lifecycle, route: Option<&Route>) {
        let Some(route) = route else { return };
        let Some(t) = self.telegram(&route.channel, &route.account) else { return };
        if t.typing.swap(true, Ordering::AcqRel) {
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

    /// Waits until no other file is being fetched; the place is held until what is given is dropped.
    pub(crate) async fn fetches(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.fetches.acquire().await.ok()
    }

    /// Does something that nobody waits for and that is left out where much is under way. A failure changes nothing.
    pub(crate) fn hint(&self, lifecycle: &Lifecycle, out: Outbound) {
        let Some(t) = self.telegram(&out.channel, &out.account) else { return };
        let Ok(permit) = self.hints.clone().try_acquire_owned() else { return };
        let soft = lifecycle.soft().clone();
        lifecycle.spawn(async move {
            let _permit = permit;
            tokio::select! {
                () = soft.cancelled() => {}
                sent = t.bot.send(&out) => if let Err(error) = sent {
                    tracing::debug!(error = %error.message, "a message has no reaction");
                }
            }
        });
    }

    /// Starts receiving on all accounts, at the start of the gateway.
    pub(crate) fn start_all(&self, shared: &Arc<Shared>) {
        for account in self.state().accounts.values_mut() {
            receive_again(shared, account);
        }
    }

    /// Takes up another configuration. An account that is the same goes on as it was; another one takes its place, and
    /// one that an operator has stopped stays so.
    pub(crate) fn configure(&self, shared: &Arc<Shared>, wanted: Wanted) {
        let mut state = self.state();
        for name in state.take(wanted) {
            if let Some(account) = state.accounts.get_mut(&name) {
                receive_again(shared, account);
            }
        }
    }

    /// An operator starts an account; one that receives already goes on. False: there is no such account.
    pub(crate) fn start(&self, shared: &Arc<Shared>, account: &str) -> bool {
        let mut state = self.state();
        let Some(account) = state.accounts.get_mut(account) else { return false };
        account.held = false;
        if account.receiving.is_none() {
            receive_again(shared, account);
        }
        account.made.is_some()
    }

    /// An operator stops an account, until one starts it again: nothing is received any more. Sending goes on. Gives
    /// what tells that it has stopped; empty where it has.
    pub(crate) fn stop(&self, account: &str) -> Vec<CancellationToken> {
        let mut state = self.state();
        let Some(account) = state.accounts.get_mut(account) else { return vec![] };
        account.held = true;
        account.stop()
    }
}

impl State {
    /// Takes what is wanted. Gives the names of the accounts that are new or others than before: they are to receive.
    fn take(&mut self, wanted: Wanted) -> Vec<String> {
        self.default_account = wanted.default_account;
        let mut wanted: BTreeMap<_, _> = wanted.accounts.into_iter().collect();
        for (name, account) in &mut self.accounts {
            if !wanted.contains_key(name) {
                account.replace(None);
            }
        }
        // What still ends is waited for by whoever takes the name again.
        self.accounts.retain(|name, account| wanted.contains_key(name) || !account.still_ending().is_empty());
        let mut changed = Vec::new();
        while let Some((name, made)) = wanted.pop_first() {
            if self.accounts.entry(name.clone()).or_default().replace(Some(made)) {
                changed.push(name);
            }
        }
        changed
    }
}

/// An account whose bot is another's already is off: whichever asked last would get a message, and judge it by its own rules.
fn alone_with_its_bot(
    made: TelegramAccount,
    config: &config::TelegramConfig,
    others: &[(String, Result<TelegramAccount, String>)],
) -> Result<TelegramAccount, String> {
    let has_it = |(_, other): &&(_, Result<TelegramAccount, String>)| {
        other.as_ref().is_ok_and(|other| other.bot_id == made.bot_id)
    };
    match others.iter().find(has_it) {
        Some((first, _)) => Err(config.bot_is_taken(first)),
        None => Ok(made),
    }
}

/// Starts receiving where there is an account that nobody holds, once the tasks before have ended, whoever has told them to:
/// an account has one poll at a time.
fn receive_again(shared: &Arc<Shared>, state: &mut Account) {
    let Some(account) = state.made.clone().filter(|_| !state.held) else { return };
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
