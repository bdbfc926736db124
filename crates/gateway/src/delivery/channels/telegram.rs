//! The Telegram account.

use crate::chat_commands::COMMANDS;
use crate::secrets::Secrets;
use channels::{Addresses, Telegram, TelegramConfig, Webhook};
use model::{ExposeSecret, SharedClock};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a poll waits for messages, where the configuration does not say.
const POLL_TIMEOUT: Duration = Duration::from_secs(30);

/// How often Telegram is asked whether it delivers: soon enough to be told of in the status before somebody misses an answer.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The account.
pub(super) struct TelegramAccount {
    pub(super) bot: Telegram,
    /// The part of the token before the colon: which bot it is.
    pub(super) bot_id: String,
    made_from: TelegramConfig,
    /// Where the token came from, for `channels.status`.
    pub(super) token_source: &'static str,
    /// Where Telegram's deliveries arrive, if it delivers.
    pub(super) listens: Option<Listens>,
    /// A typing notice is on its way; another would only queue up behind it.
    pub(super) typing: AtomicBool,
}

impl TelegramAccount {
    /// Whether `given` is what Telegram proves itself with here. Takes the same time whatever is wrong with it.
    pub(super) fn is_telegram(&self, given: &[u8]) -> bool {
        let secret = self.made_from.webhook.as_ref().map(|hook| hook.secret.expose_secret().as_bytes());
        secret.is_some_and(|secret| bool::from(given.ct_eq(secret)))
    }

    /// Its name in the configuration.
    pub(super) fn name(&self) -> &str {
        &self.made_from.account
    }

    /// Whether another one would be the same: then the old one goes on.
    pub(super) fn is(&self, other: &Self) -> bool {
        let (a, b) = (&self.made_from, &other.made_from);
        a.token.expose_secret() == b.token.expose_secret()
            && a.api_root == b.api_root
            && a.poll_timeout == b.poll_timeout
            && a.media_max_bytes == b.media_max_bytes
            && a.commands == b.commands
            && a.link_preview == b.link_preview
            && a.addresses == b.addresses
            && a.proxy.as_ref().map(|p| p.expose_secret()) == b.proxy.as_ref().map(|p| p.expose_secret())
            && self.token_source == other.token_source
            && self.listens == other.listens
            && a.local_roots == b.local_roots
            && a.webhook.as_ref().map(|w| (&w.url, w.secret.expose_secret(), &w.certificate))
                == b.webhook.as_ref().map(|w| (&w.url, w.secret.expose_secret(), &w.certificate))
    }
}

/// Builds the account.
///
/// # Errors
/// What is missing or wrong, and what to do.
pub(super) fn account(
    config: &config::TelegramConfig,
    secrets: &Secrets,
    clock: &SharedClock,
    state_dir: &Path,
) -> Result<TelegramAccount, String> {
    let place = config.place();
    let token = secrets.get(&place)?.ok_or_else(|| {
        let or_env = if config.account == config::DEFAULT_ACCOUNT { " or TELEGRAM_BOT_TOKEN" } else { "" };
        format!(
            "{place} is enabled and has no token; set {place}.botToken (from @BotFather){or_env}, or set \
             {place}.enabled to false"
        )
    })?;
    let bot_id = config::bot_id(&token).to_owned();
    let hook = config.webhook.as_ref().map(|hook| webhook(hook, secrets)).transpose()?;
    let from_config = config.bot_token.is_some() || config.token_file.is_some();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // a size in MB, checked by the configuration
    let media_max_bytes = (config.media_max_mb.clamp(0.0, 2000.0) * 1_000_000.0) as u64;
    let made_from = TelegramConfig {
        account: config.account.clone(),
        token,
        api_root: config.api_root.clone(),
        poll_timeout: config.poll_timeout_seconds.map_or(POLL_TIMEOUT, Duration::from_secs),
        media_max_bytes,
        // Models take images up to this size.
        image_max_bytes: protocol::limits::MAX_IMAGE_BYTES as u64,
        media_dir: media_dir(state_dir),
        local_roots: config.local_roots.clone(),
        commands: Some(menu(config)),
        webhook: hook.as_ref().map(|(_, webhook)| webhook.clone()),
        link_preview: config.link_preview,
        proxy: config.proxy.clone(),
        addresses: Addresses { ipv4_first: config.network.ipv4_first, one_family: config.network.one_family },
    };
    let bot = Telegram::new(made_from.clone(), clock.clone()).map_err(|e| e.to_string())?;
    let token_source = if from_config { "config" } else { "env" };
    Ok(TelegramAccount {
        bot,
        bot_id,
        made_from,
        token_source,
        typing: AtomicBool::new(false),
        listens: hook.map(|(listens, _)| listens),
    })
}

/// Where this host listens for Telegram's deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listens {
    pub(super) at: SocketAddr,
    pub(super) path: String,
}

fn webhook(hook: &config::WebhookConfig, secrets: &Secrets) -> Result<(Listens, Webhook), String> {
    let place = hook.secret.place();
    let secret = secrets.get(place)?.ok_or_else(|| format!("{place} is empty"))?;
    if !config::is_webhook_secret(secret.expose_secret()) {
        return Err(format!("{place} is not allowed: Telegram takes 1 to 256 letters, digits, _ and -"));
    }
    let listens = Listens { at: SocketAddr::new(hook.host, hook.port), path: hook.path.clone() };
    let (url, certificate) = (hook.url.clone(), hook.certificate.clone());
    Ok((listens, Webhook { url, secret, certificate, look_every: LOOK_EVERY }))
}

/// Where files that come with messages are kept.
pub(crate) fn media_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("media").join("inbound")
}

/// Where copies of files are kept until they were sent.
pub(crate) fn outgoing_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("media").join("outbound")
}

/// The menu that people see: the gateway's own commands, whose names nobody else takes, and those of the configuration.
fn menu(config: &config::TelegramConfig) -> Vec<(String, String)> {
    let own = COMMANDS.iter().map(|command| (command.name.to_owned(), command.description.to_owned()));
    let custom = config.custom_commands.iter().map(|c| (c.command.clone(), c.description.clone()));
    let is_free = |(name, _): &(String, String)| COMMANDS.iter().all(|own| own.name != name);
    own.filter(|_| config.native_commands).chain(custom.filter(is_free)).collect()
}
