//! The configured channels: one object per account, the access rules above them, and their polling tasks.

use super::inbox::ChannelInbox;
use crate::shared::Shared;
use channels::policy::{AccessPolicy, DmPolicy, GroupPolicy, GroupRule};
use channels::{ChannelStatus, SendError, SendErrorKind, Telegram, TelegramConfig};
use config::{Config, Env};
use model::{ExposeSecret, Outbound, SharedClock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Route;

/// The channel's id.
pub(crate) const TELEGRAM: &str = "telegram";
/// The one account that there is for now.
pub(crate) const DEFAULT_ACCOUNT: &str = "default";
/// What people call a channel.
pub(crate) fn label(channel: &str) -> &str {
    if channel == TELEGRAM { "Telegram" } else { channel }
}

/// How long a poll waits for messages, where the configuration does not say.
const POLL_TIMEOUT: Duration = Duration::from_secs(30);

struct TelegramAccount {
    bot: Telegram,
    /// The part of the token before the colon: which bot it is.
    bot_id: String,
    policy: AccessPolicy,
    /// Where the token came from, for `channels.status`.
    token_source: &'static str,
    /// A typing notice is on its way; another would only queue up behind it.
    typing: AtomicBool,
}

/// All channels.
#[derive(Default)]
pub(crate) struct Channels {
    telegram: Option<TelegramAccount>,
    /// Channels that are configured and cannot start, with what is wrong.
    pub(crate) broken: Vec<(&'static str, String)>,
}

impl Channels {
    /// Builds what is configured. A channel that cannot be built is reported and left out; the rest works.
    pub(crate) fn from_config(config: &Config, env: &Env, clock: &SharedClock) -> Self {
        let Some(telegram) = config.channels.telegram.as_ref().filter(|t| t.enabled) else {
            return Self::default();
        };
        match telegram_account(telegram, env, clock) {
            Ok(account) => Self { telegram: Some(account), broken: vec![] },
            Err(problem) => {
                tracing::error!(channel = TELEGRAM, %problem, "the channel is off");
                Self { telegram: None, broken: vec![(TELEGRAM, problem)] }
            }
        }
    }

    /// Who may speak on a channel.
    pub(crate) fn policy(&self, channel: &str) -> Option<&AccessPolicy> {
        self.telegram.as_ref().filter(|_| channel == TELEGRAM).map(|t| &t.policy)
    }

    /// Whether messages can go out on a channel.
    pub(crate) fn has(&self, channel: &str) -> bool {
        self.names().contains(&channel)
    }

    /// The channels that work.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.telegram.iter().map(|_| TELEGRAM).collect()
    }

    /// How a channel's account is doing, and where its token came from.
    pub(crate) fn statuses(&self) -> Vec<(&'static str, ChannelStatus, &'static str)> {
        self.telegram.iter().map(|t| (TELEGRAM, t.bot.status(), t.token_source)).collect()
    }

    /// Sends one message.
    pub(crate) async fn send(&self, out: &Outbound) -> Result<String, SendError> {
        match &self.telegram {
            Some(t) if out.channel == TELEGRAM => t.bot.send(out).await,
            _ => Err(SendError {
                kind: SendErrorKind::Transient,
                message: format!("channel {} is not configured now; the message waits", out.channel),
            }),
        }
    }

    /// Shows in a chat that an answer is being written. Nobody waits for it, and a failure changes nothing.
    pub(crate) fn typing(&self, shared: &Arc<Shared>, route: Option<&Route>) {
        let (Some(t), Some(route)) = (&self.telegram, route) else { return };
        if route.channel != TELEGRAM || t.typing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (shared, to) = (shared.clone(), route.to.clone());
        let lifecycle = shared.lifecycle.clone();
        lifecycle.spawn(async move {
            let Some(t) = &shared.channels.telegram else { return };
            tokio::select! {
                () = shared.lifecycle.soft().cancelled() => {}
                sent = t.bot.typing(&to) => if let Err(error) = sent {
                    tracing::debug!(error = %error.message, "no typing notice");
                }
            }
            t.typing.store(false, Ordering::Release);
        });
    }

    /// Starts the polling tasks.
    pub(crate) fn start(shared: &Arc<Shared>) {
        let Some(t) = &shared.channels.telegram else { return };
        let (poller, status) = (shared.clone(), t.bot.watch());
        shared.lifecycle.supervise("telegram", move || poll(poller.clone()));
        let watcher = shared.clone();
        shared.lifecycle.supervise("telegram status", move || watch(watcher.clone(), status.clone()));
    }
}

async fn poll(shared: Arc<Shared>) {
    let Some(t) = &shared.channels.telegram else { return };
    let owner = format!("{DEFAULT_ACCOUNT}@{}", t.bot_id);
    let cursor = match shared.store.cursor(TELEGRAM, &owner).await {
        Ok(cursor) => cursor,
        // Ends this task; the supervisor starts it again.
        Err(error) => return tracing::error!(%error, "telegram cannot start: its position is unknown"),
    };
    let inbox = ChannelInbox { shared: shared.clone(), channel: TELEGRAM, owner };
    t.bot.poll(&inbox, cursor, shared.lifecycle.soft()).await;
}

/// Tells clients when the channel goes up or down.
async fn watch(shared: Arc<Shared>, mut status: tokio::sync::watch::Receiver<ChannelStatus>) {
    let mut last = None;
    loop {
        let now = {
            let s = status.borrow_and_update();
            (s.running, s.connected, s.lifecycle, s.last_error.clone())
        };
        if last.as_ref() != Some(&now) {
            last = Some(now);
            shared.health.changed(&shared);
        }
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            changed = status.changed() => if changed.is_err() { return },
        }
    }
}

fn telegram_account(
    config: &config::TelegramConfig,
    env: &Env,
    clock: &SharedClock,
) -> Result<TelegramAccount, String> {
    let token = config.token(env).map_err(|e| e.to_string())?.ok_or_else(|| {
        "channels.telegram is enabled and has no token; set channels.telegram.botToken (from @BotFather) or \
         TELEGRAM_BOT_TOKEN, or set channels.telegram.enabled to false"
            .to_owned()
    })?;
    let bot_id = token.expose_secret().split(':').next().unwrap_or_default().to_owned();
    let from_config = config.bot_token.is_some() || config.token_file.is_some();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // a size in MB, checked by the configuration
    let media_max_bytes = (config.media_max_mb.clamp(0.0, 2000.0) * 1_000_000.0) as u64;
    // Images are all that is fetched for now, and models take them up to this size.
    let media_max_bytes = media_max_bytes.min(protocol::limits::MAX_IMAGE_BYTES as u64);
    let bot = Telegram::new(
        TelegramConfig {
            account: DEFAULT_ACCOUNT.into(),
            token,
            api_root: config.api_root.clone(),
            poll_timeout: config.poll_timeout_seconds.map_or(POLL_TIMEOUT, Duration::from_secs),
            media_max_bytes,
        },
        clock.clone(),
    )
    .map_err(|e| e.to_string())?;
    let token_source = if from_config { "config" } else { "env" };
    Ok(TelegramAccount {
        bot,
        bot_id,
        policy: access_policy(config),
        token_source,
        typing: AtomicBool::new(false),
    })
}

fn access_policy(config: &config::TelegramConfig) -> AccessPolicy {
    AccessPolicy {
        dm: match config.dm_policy {
            config::DmPolicy::Pairing => DmPolicy::Pairing,
            config::DmPolicy::Allowlist => DmPolicy::Allowlist,
            config::DmPolicy::Open => DmPolicy::Open,
            config::DmPolicy::Disabled => DmPolicy::Disabled,
        },
        allow_from: config.allow_from.clone(),
        group: group_policy(config.group_policy),
        group_allow_from: config.group_allow_from.clone().unwrap_or_default(),
        groups: config
            .groups
            .keys()
            // With what the group leaves open taken from the entry for all.
            .filter_map(|id| config.group(id).map(|group| (id, group)))
            .map(|(id, group)| GroupRule {
                id: id.clone(),
                require_mention: group.requires_mention(),
                enabled: group.is_enabled(),
                policy: group.group_policy.map(group_policy),
                allow_from: group.allow_from,
            })
            .collect(),
    }
}

fn group_policy(policy: config::GroupPolicy) -> GroupPolicy {
    match policy {
        config::GroupPolicy::Open => GroupPolicy::Open,
        config::GroupPolicy::Allowlist => GroupPolicy::Allowlist,
        config::GroupPolicy::Disabled => GroupPolicy::Disabled,
    }
}
