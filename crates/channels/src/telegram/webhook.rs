//! Receiving by webhook: Telegram is told where to deliver, and is answered once what it delivers is stored. Who listens there,
//! and whether it is Telegram that knocks, is the gateway's business.

use super::api::ApiError;
use super::backoff::Backoff;
use super::menu::Menu;
use super::poll::{OnDrop, UPDATES, acknowledge, press_id};
use super::types::User;
use super::update::{Bot, Reader};
use super::{Inbox, Inner};
use model::{ExposeSecret, FilePart, Inbound, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Telegram waits about a minute for an answer, and every later update waits behind this one: a delivery is taken within this
/// time, or comes again.
const TAKE_WITHIN: Duration = Duration::from_secs(15);

/// Bytes of a certificate's file; those of Telegram's kind have a few thousand.
const MAX_CERTIFICATE: u64 = 256 * 1024;

/// Where Telegram delivers, and what it proves itself with.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// An `https://` address that leads here.
    pub url: String,
    /// What stands in `X-Telegram-Bot-Api-Secret-Token`: 1 to 256 letters, digits, `_` and `-`.
    pub secret: SecretString,
    /// The certificate of that address, in PEM, where Telegram knows none of those who signed it.
    pub certificate: Option<PathBuf>,
    /// How often Telegram is asked whether it still delivers here, and can: another program may have told it otherwise.
    pub look_every: Duration,
}

#[derive(Deserialize)]
struct Info {
    url: String,
    #[serde(default)]
    pending_update_count: u64,
    #[serde(default)]
    last_error_date: i64,
    last_error_message: Option<String>,
}

/// Why nothing comes.
enum Trouble {
    /// Telegram cannot be asked, or refuses.
    Api(ApiError),
    /// It says that it cannot deliver.
    Delivery(String),
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// What is known of Telegram's side.
#[derive(Default)]
struct Known {
    /// It was told where to deliver, and nothing has happened since that puts that in doubt.
    told: bool,
    /// The date of the last failure that it has told of and that is dealt with: it goes on telling of it.
    dealt_with: i64,
    /// Deliveries that had come at the last look.
    deliveries: u64,
    /// Why deliveries fail, until one comes.
    trouble: Option<String>,
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
    let (mut backoff, mut last_error, mut known) = (Backoff::default(), String::new(), Known::default());
    let mut menu = Menu::default();
    loop {
        let wait = match look(inner, hook, &mut known, &mut menu).await {
            Ok(()) => {
                backoff.reset();
                last_error.clear();
                inner.status.polled(0);
                hook.look_every
            }
            Err(trouble) => {
                let (text, answered, wait) = match trouble {
                    Trouble::Delivery(text) => (text, true, None),
                    Trouble::Api(error) => {
                        // A token that is not valid for a while may have lost its webhook.
                        known.told &= !matches!(error, ApiError::Refused { code: 401, .. });
                        let answered = !matches!(error, ApiError::Network { .. });
                        (error.to_string(), answered, error.retry_after())
                    }
                };
                if text != last_error {
                    tracing::warn!(account = inner.account, error = text, "Telegram: trying again");
                }
                inner.status.backing_off(&text, answered);
                last_error = text;
                backoff.next_after(wait)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Tells Telegram where to deliver, unless it knows, and hears whether it can.
async fn look(inner: &Inner, hook: &Webhook, known: &mut Known, menu: &mut Menu) -> Result<(), Trouble> {
    if inner.bot.get().is_none() {
        let user: User = inner.api.call("getMe", &json!({})).await?;
        let hears_groups = user.can_read_all_group_messages;
        let bot = inner.bot.get_or_init(|| Bot::from(user));
        inner.status.identified(bot.username.clone(), hears_groups);
    }
    menu.show(inner).await;
    // Whatever Telegram knows at first, it may know another secret.
    let mut is_told_now = !known.told;
    if is_told_now {
        set(inner, hook).await?;
        known.told = true;
    }
    let info: Info = inner.api.call("getWebhookInfo", &json!({})).await?;
    if info.url != hook.url {
        tracing::warn!(account = inner.account, "Telegram was told to deliver elsewhere; it is told again");
        set(inner, hook).await?;
        is_told_now = true;
    }
    known.hear(&info, inner.deliveries.load(Ordering::Relaxed), is_told_now);
    known.trouble.clone().map_or(Ok(()), |trouble| Err(Trouble::Delivery(trouble)))
}

impl Known {
    fn hear(&mut self, info: &Info, deliveries: u64, is_told_now: bool) {
        let comes = deliveries != self.deliveries || info.pending_update_count == 0;
        self.deliveries = deliveries;
        if comes {
            self.trouble = None;
        }
        let is_new = info.last_error_date > self.dealt_with;
        self.dealt_with = self.dealt_with.max(info.last_error_date);
        let Some(why) = info.last_error_message.as_ref().filter(|_| is_new && !comes && !is_told_now) else {
            return;
        };
        // Refused here: somebody has told it another secret.
        let is_refused = why.contains("401");
        self.told &= !is_refused;
        let next = match is_refused {
            true => "it knows another secret, and is told again; or a proxy asks for one",
            false => "check that the address leads to this host's webhookHost, webhookPort and webhookPath",
        };
        let (url, waiting) = (&info.url, info.pending_update_count);
        self.trouble =
            Some(format!("Telegram cannot deliver to {url}, {waiting} updates wait: {why}; {next}"));
    }
}

async fn set(inner: &Inner, hook: &Webhook) -> Result<(), Trouble> {
    let secret = hook.secret.expose_secret();
    // One after the other: what is delivered beside another could be read before what was said first.
    let body =
        json!({ "url": hook.url, "secret_token": secret, "allowed_updates": UPDATES, "max_connections": 1 });
    let Some(path) = &hook.certificate else {
        return Ok(inner.api.call::<bool>("setWebhook", &body).await.map(|_| ())?);
    };
    let bytes = certificate(path).await.map_err(Trouble::Delivery)?;
    let file = FilePart { field: "certificate", name: "certificate.pem", bytes: &bytes };
    let fields = body.as_object().cloned().unwrap_or_default();
    Ok(inner.api.upload::<bool>("setWebhook", &fields, &[file]).await.map(|_| ())?)
}

/// The certificate, and nothing else of a file that may hold its key too.
async fn certificate(path: &Path) -> Result<Vec<u8>, String> {
    let place = format!("channels.telegram.webhookCertPath: {}", path.display());
    let file = tokio::fs::File::open(path).await.map_err(|e| format!("{place}: {e}"))?;
    let mut text = String::new();
    file.take(MAX_CERTIFICATE).read_to_string(&mut text).await.map_err(|e| format!("{place}: {e}"))?;
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let found = text.find(begin).and_then(|at| {
        let rest = text.get(at..)?;
        rest.get(..rest.find(end)? + end.len())
    });
    found
        .map(|pem| format!("{pem}\n").into_bytes())
        .ok_or_else(|| format!("{place}: it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"))
}

/// Takes one update. `Ok` says that it is on disk, or none of our business: Telegram need not deliver it again.
pub(super) async fn take(inner: &Inner, inbox: &dyn Inbox, update: &str) -> Result<(), String> {
    let begun = Instant::now();
    let bot = inner.bot.get().ok_or("the bot is not known yet")?;
    let inbound = read(inner, bot, update);
    let is_message = inbound.is_some();
    if let Some(inbound) = inbound {
        let batch = vec![inbound];
        let presses: Vec<String> = batch.iter().filter_map(press_id).collect();
        let accepted = timeout_at(begun + TAKE_WITHIN, inbox.accept(batch, None)).await;
        accepted.unwrap_or_else(|_| Err(format!("no answer within {TAKE_WITHIN:?}")))?;
        if timeout_at(begun + TAKE_WITHIN, acknowledge(inner, presses)).await.is_err() {
            tracing::debug!(account = inner.account, "a press is not acknowledged: its time is over");
        }
    }
    inner.deliveries.fetch_add(1, Ordering::Relaxed);
    inner.status.polled(usize::from(is_message));
    Ok(())
}

/// What it says, if that is of our business.
fn read(inner: &Inner, bot: &Bot, update: &str) -> Option<Inbound> {
    let (account, now_ms) = (&inner.account, inner.status.now_ms());
    let reader = Reader { account, bot, bounds: inner.bounds, now_ms };
    // An update that brings the reader down would come again for ever.
    match catch_unwind(AssertUnwindSafe(|| reader.read(update))) {
        Ok(Ok(inbound)) => inbound,
        Ok(Err(error)) => {
            tracing::warn!(account, %error, "a Telegram update cannot be read and is skipped");
            None
        }
        Err(_) => {
            tracing::error!(account, "reading a Telegram update panicked; it is skipped");
            None
        }
    }
}
