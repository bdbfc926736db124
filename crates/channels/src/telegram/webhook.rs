//! Receiving by webhook: Telegram is told where to deliver, and is answered once what it delivers is stored. Who listens there,
//! and whether it is Telegram that knocks, is the gateway's business.

use super::api::ApiError;
use super::backoff::Backoff;
use super::poll::{ACCEPT_TIMEOUT, OnDrop, UPDATES, acknowledge, press_id};
use super::types::User;
use super::update::{Bot, Reader};
use super::{Inbox, Inner, media, menu};
use model::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Whether Telegram still delivers here is asked this often: another program may have told it otherwise.
const LOOK: Duration = Duration::from_secs(300);

/// Where Telegram delivers, and what it proves itself with.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// An `https://` address that leads here.
    pub url: String,
    /// What stands in `X-Telegram-Bot-Api-Secret-Token`: 1 to 256 letters, digits, `_` and `-`.
    pub secret: SecretString,
}

#[derive(Deserialize)]
struct Info {
    url: String,
}

/// Has Telegram deliver until `cancel`.
pub(super) async fn run(inner: &Inner, hook: &Webhook, cancel: &CancellationToken) {
    inner.status.started();
    // Whoever drops this future stops it as well.
    let _stopped = OnDrop(inner);
    // `None` is the only end: the token was cancelled.
    let None = cancel.run_until_cancelled(work(inner, hook)).await;
}

async fn work(inner: &Inner, hook: &Webhook) -> std::convert::Infallible {
    let (mut backoff, mut last_error) = (Backoff::default(), String::new());
    loop {
        let wait = match look(inner, hook).await {
            Ok(()) => {
                backoff.reset();
                last_error.clear();
                inner.status.polled(0);
                LOOK
            }
            Err(error) => {
                let text = error.to_string();
                if text != last_error {
                    tracing::warn!(account = inner.account, error = text, "Telegram: trying again");
                }
                let (answered, wait) = match &error {
                    ApiError::Refused { retry_after, .. } => (true, *retry_after),
                    ApiError::Unreadable { .. } => (true, None),
                    ApiError::Network { .. } => (false, None),
                };
                inner.status.backing_off(&text, answered);
                last_error = text;
                backoff.next().max(wait.unwrap_or_default())
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Tells Telegram where to deliver, unless it knows.
async fn look(inner: &Inner, hook: &Webhook) -> Result<(), ApiError> {
    if inner.bot.get().is_none() {
        let user: User = inner.api.call("getMe", &json!({})).await?;
        let bot = inner.bot.get_or_init(|| Bot { id: user.id, username: user.username });
        inner.status.identified(bot.username.clone());
        menu::show(inner).await;
        // Whatever Telegram knows, it may know another secret.
        return set(inner, hook).await;
    }
    let info: Info = inner.api.call("getWebhookInfo", &json!({})).await?;
    if info.url != hook.url {
        tracing::warn!(account = inner.account, "Telegram was told to deliver elsewhere; it is told again");
        return set(inner, hook).await;
    }
    Ok(())
}

async fn set(inner: &Inner, hook: &Webhook) -> Result<(), ApiError> {
    let secret = hook.secret.expose_secret();
    // One after the other: what is delivered beside another could be read before what was said first.
    let body =
        json!({ "url": hook.url, "secret_token": secret, "allowed_updates": UPDATES, "max_connections": 1 });
    inner.api.call::<bool>("setWebhook", &body).await.map(|_| ())
}

/// Takes one update. `Ok` says that it is on disk, or none of our business: Telegram need not deliver it again.
pub(super) async fn take(inner: &Inner, inbox: &dyn Inbox, update: &str) -> Result<(), String> {
    let bot = inner.bot.get().ok_or("the bot is not known yet")?;
    let (account, now_ms) = (&inner.account, inner.status.now_ms());
    let reader = Reader { account, bot, bounds: inner.bounds, now_ms };
    // An update that brings the reader down would come again for ever.
    let draft = match catch_unwind(AssertUnwindSafe(|| reader.read(update))) {
        Ok(Ok(draft)) => draft,
        Ok(Err(error)) => {
            tracing::warn!(account, %error, "a Telegram update cannot be read and is skipped");
            None
        }
        Err(_) => {
            tracing::error!(account, "reading a Telegram update panicked; it is skipped");
            None
        }
    };
    let Some(draft) = draft else { return Ok(()) };
    let batch = media::complete(inner, inbox, vec![draft]).await;
    let presses: Vec<String> = batch.iter().filter_map(press_id).collect();
    let accepted = tokio::time::timeout(ACCEPT_TIMEOUT, inbox.accept(batch, None)).await;
    accepted.unwrap_or_else(|_| Err(format!("no answer within {ACCEPT_TIMEOUT:?}")))?;
    inner.status.polled(1);
    acknowledge(inner, presses).await;
    Ok(())
}
