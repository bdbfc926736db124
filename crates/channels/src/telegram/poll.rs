//! Receiving: long polling in which Telegram's offset moves only past what the inbox has taken (B5).

use super::Inbox;
use super::Inner;
use super::api::ApiError;
use super::backoff::Backoff;
use super::menu::Menu;
use super::types::{UpdateId, User};
use super::update::{Bot, Reader};
use model::{ChatEvent, Inbound};
use serde_json::json;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An inbox that takes longer is treated as one that failed.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(30);

/// What is asked for.
pub(super) const UPDATES: [&str; 5] =
    ["message", "edited_message", "callback_query", "message_reaction", "my_chat_member"];
/// Telling people that their presses have arrived is a courtesy: the next poll waits no longer for it.
const ACKNOWLEDGE: Duration = Duration::from_secs(5);

pub(crate) async fn run(inner: &Inner, inbox: &dyn Inbox, start: Option<String>, cancel: &CancellationToken) {
    inner.status.started();
    // Whoever drops this future stops it as well.
    let _stopped = OnDrop(inner);
    let mut poller = Poller {
        inner,
        inbox,
        offset: offset(inner, start),
        bot: None,
        menu: Menu::default(),
        settled: false,
        told: 0,
    };
    // `None` is the only end: the token was cancelled.
    let None = cancel.run_until_cancelled(poller.work()).await;
}

pub(super) struct OnDrop<'a>(pub(super) &'a Inner);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.status.stopped();
    }
}

fn offset(inner: &Inner, start: Option<String>) -> Option<i64> {
    let cursor = start?;
    let offset = cursor.parse().ok();
    if offset.is_none() {
        // Telegram then delivers everything it still has, and the inbox knows what it has seen.
        tracing::warn!(
            account = inner.account,
            cursor,
            "the stored Telegram cursor is not a number and is not used"
        );
    }
    offset
}

/// Why a step failed.
struct Trouble {
    message: String,
    /// Whether Telegram itself answered.
    answered: bool,
    /// What Telegram asks to wait.
    wait: Option<Duration>,
}

struct Poller<'a> {
    inner: &'a Inner,
    inbox: &'a dyn Inbox,
    offset: Option<i64>,
    bot: Option<Bot>,
    menu: Menu,
    /// Whether the last step worked. If not, the next call waits for nothing, so that the status is soon right again.
    settled: bool,
    /// The highest update id about which the log was told that it cannot be read.
    told: i64,
}

impl Poller<'_> {
    async fn work(&mut self) -> std::convert::Infallible {
        let mut backoff = Backoff::default();
        let mut last_error = String::new();
        loop {
            match self.step().await {
                Ok(messages) => {
                    backoff.reset();
                    last_error.clear();
                    self.settled = true;
                    self.inner.status.polled(messages);
                }
                Err(trouble) => {
                    self.settled = false;
                    let wait = backoff.next_after(trouble.wait);
                    if trouble.message != last_error {
                        tracing::warn!(
                            account = self.inner.account,
                            error = trouble.message,
                            "Telegram: trying again"
                        );
                    }
                    self.inner.status.backing_off(&trouble.message, trouble.answered);
                    last_error = trouble.message;
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// One call for updates, safely delivered. Gives the number of messages.
    async fn step(&mut self) -> Result<usize, Trouble> {
        let bot = self.identify().await?;
        self.menu.show(self.inner).await;
        let wait = if self.settled { self.inner.api.poll_timeout() } else { Duration::ZERO };
        let mut request = json!({ "timeout": wait.as_secs(), "limit": 100, "allowed_updates": UPDATES });
        if let (Some(offset), Some(fields)) = (self.offset, request.as_object_mut()) {
            fields.insert("offset".to_owned(), json!(offset));
        }
        let updates = match self.inner.api.updates(&request, wait).await {
            Ok(updates) => updates,
            Err(error) => return Err(self.trouble(error).await),
        };
        if updates.is_empty() {
            return Ok(0);
        }
        self.deliver(&bot, &updates).await
    }

    async fn identify(&mut self) -> Result<Bot, Trouble> {
        if let Some(bot) = &self.bot {
            return Ok(bot.clone());
        }
        let user: User = match self.inner.api.call("getMe", &json!({})).await {
            Ok(user) => user,
            Err(error) => return Err(self.trouble(error).await),
        };
        let hears_groups = user.can_read_all_group_messages;
        let bot = Bot::from(user);
        self.inner.status.identified(bot.username.clone(), hears_groups);
        self.bot = Some(bot.clone());
        Ok(bot)
    }

    async fn deliver(&mut self, bot: &Bot, updates: &[Box<RawValue>]) -> Result<usize, Trouble> {
        let (account, now_ms) = (&self.inner.account, self.inner.status.now_ms());
        let reader = Reader { account, bot, bounds: self.inner.bounds, now_ms };
        let mut batch = Vec::new();
        let mut next = None;
        for update in updates {
            let id = serde_json::from_str::<UpdateId>(update.get()).ok().map(|u| u.update_id);
            next = next.max(id.map(|id| id.saturating_add(1)));
            // An update that brings the reader down would come again for ever.
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reader.read(update.get()))) {
                Ok(Ok(inbound)) => batch.extend(inbound),
                Ok(Err(error)) => tell_unreadable(&self.inner.account, &mut self.told, id, &error),
                Err(_) => tell_unreadable(&self.inner.account, &mut self.told, id, &"reading it panicked"),
            }
        }
        let Some(next) = next else {
            return Err(Trouble {
                message: "Telegram sent updates without ids; is channels.telegram.apiRoot a Bot API?"
                    .to_owned(),
                answered: true,
                wait: None,
            });
        };
        let messages = batch.len();
        let presses: Vec<String> = batch.iter().filter_map(press_id).collect();
        let accepted =
            tokio::time::timeout(ACCEPT_TIMEOUT, self.inbox.accept(batch, Some(next.to_string()))).await;
        let accepted = accepted.unwrap_or_else(|_| Err(format!("no answer within {ACCEPT_TIMEOUT:?}")));
        accepted.map_err(|why| Trouble {
            message: format!("{messages} messages could not be stored and wait at Telegram: {why}"),
            answered: true,
            wait: None,
        })?;
        self.offset = Some(next);
        acknowledge(self.inner, presses).await;
        Ok(messages)
    }

    async fn trouble(&self, error: ApiError) -> Trouble {
        let account = &self.inner.account;
        let answered = !matches!(error, ApiError::Network { .. });
        let mut wait = error.retry_after();
        let next = match &error {
            ApiError::Refused { code: 401 | 404, .. } => format!(
                "; the bot token of account {account:?} is not valid: put the one from @BotFather into \
                 channels.telegram.botToken"
            ),
            ApiError::Refused { code: 409, description, .. } if description.contains("webhook") => {
                let (said, asked) = self.remove_webhook().await;
                wait = asked;
                said
            }
            ApiError::Refused { code: 409, .. } => {
                "; another program polls this bot: stop it, or give this gateway a bot of its own".to_owned()
            }
            ApiError::Network { .. } => "; it is tried again until the network is back".to_owned(),
            ApiError::Unreadable { .. } => "; is channels.telegram.apiRoot right?".to_owned(),
            ApiError::Refused { .. } => String::new(),
        };
        Trouble { message: format!("{error}{next}"), answered, wait }
    }

    /// A webhook that is set somewhere else keeps polling from working; this gateway is told to poll. Gives what became of it, and how
    /// long Telegram asks to wait.
    async fn remove_webhook(&self) -> (String, Option<Duration>) {
        match self.inner.api.call::<bool>("deleteWebhook", &json!({})).await {
            Ok(_) => ("; the webhook has been removed".to_owned(), None),
            Err(error) => (format!("; removing the webhook failed too: {error}"), error.retry_after()),
        }
    }
}

/// The buttons that were pressed stop turning: what they say is on disk.
pub(super) async fn acknowledge(inner: &Inner, presses: Vec<String>) {
    let telling = async {
        for press in presses {
            let body = json!({ "callback_query_id": press });
            // One that is too old cannot be told any more, and need not be.
            if let Err(error) = inner.api.call::<bool>("answerCallbackQuery", &body).await {
                tracing::debug!(account = inner.account, %error, "a press is not acknowledged");
            }
        }
    };
    if tokio::time::timeout(ACKNOWLEDGE, telling).await.is_err() {
        tracing::debug!(account = inner.account, "presses are not acknowledged: Telegram is slow");
    }
}

pub(super) fn press_id(inbound: &Inbound) -> Option<String> {
    match &inbound.event {
        Some(ChatEvent::Pressed { press_id, .. }) => Some(press_id.clone()),
        _ => None,
    }
}

/// Says once that an update is skipped: the same one comes again as long as its batch is not accepted.
fn tell_unreadable(account: &str, told: &mut i64, id: Option<i64>, error: &dyn std::fmt::Display) {
    if id.is_some_and(|id| id <= *told) {
        return;
    }
    *told = id.unwrap_or(*told);
    tracing::warn!(account, update_id = id, error = %error, "a Telegram update cannot be read and is skipped");
}
