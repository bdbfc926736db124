//! Telegram, by its Bot API: long polling in, `sendMessage` out.

mod act;
mod album;
mod api;
mod backoff;
mod bounds;
mod chunk;
mod content;
mod context;
mod draft;
mod file;
mod format;
mod html;
mod local;
mod media;
mod menu;
mod outline;
mod poll;
mod reactions;
mod send;
mod table;
mod table_text;
mod target;
mod tries;
mod types;
mod update;
mod webhook;

#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod update_tests;

pub use file::{MAX_CAPTION, MAX_FILE};
pub use media::Sound;
pub use reactions::Reactions;
pub use table_text::{Tables, with_tables};
pub use webhook::Webhook;

use crate::http::Addresses;
use crate::status::StatusBoard;
use crate::{ChannelStatus, Inbox, SendError};
use model::{Act, ExposeSecret, Inbound, Outbound, SecretString, SharedClock};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Telegram's bound for one message, in UTF-16 units of visible text.
const MAX_TEXT: usize = 4096;
/// Telegram's own bound for a long poll.
const MAX_POLL: Duration = Duration::from_secs(50);
/// Shorter ones would be a flood of calls.
const MIN_POLL: Duration = Duration::from_secs(1);

/// What Telegram says of the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotInfo {
    /// Its id.
    pub id: i64,
    /// Its handle, without `@`.
    pub username: Option<String>,
    /// Whether it gets what is said in groups without a mention of it; its privacy mode keeps that away.
    pub hears_groups: Option<bool>,
}

/// What one Telegram account needs.
#[derive(Debug, Clone)]
pub struct TelegramConfig {
    /// The account's name here, `default` where there is one alone.
    pub account: String,
    /// The token from @BotFather.
    pub token: SecretString,
    /// Where the Bot API is: `https://api.telegram.org`, or a server of one's own; without the `/bot…` behind it.
    pub api_root: String,
    /// How long one call for messages may wait for some (Telegram allows 50 s).
    pub poll_timeout: Duration,
    /// Files beyond this many bytes are not downloaded.
    pub media_max_bytes: u64,
    /// Images beyond this many bytes are not shown to the agent: as documents they are files, as photos a smaller size is
    /// taken.
    pub image_max_bytes: u64,
    /// Where files are kept; it is made when the first comes.
    pub media_dir: PathBuf,
    /// Directories of this host in which a Bot API server of one's own keeps files: those that it names are read there.
    pub local_roots: Vec<PathBuf>,
    /// The menu of commands that people see, by name and description; with none, it is taken away. `None` leaves it as it is.
    pub commands: Option<Vec<(String, String)>>,
    /// Where Telegram delivers; `None`: messages are fetched.
    pub webhook: Option<Webhook>,
    /// Whether links in messages have a preview.
    pub link_preview: bool,
    /// The way to Telegram; `None`: what the environment says.
    pub proxy: Option<SecretString>,
    /// Which of the addresses of Telegram are tried.
    pub addresses: Addresses,
}

/// Why an account cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum TelegramError {
    /// The token is empty or has characters that no token has.
    #[error(
        "the bot token of Telegram account {account:?} does not look like one (123456:ABC…); \
         put the token that @BotFather gave you into channels.telegram.botToken"
    )]
    Token {
        /// The account.
        account: String,
    },
    /// The API root is no HTTP address.
    #[error(
        "{api_root:?} is no address of a Bot API for Telegram account {account:?} ({why}); \
         set channels.telegram.apiRoot to something like https://api.telegram.org"
    )]
    ApiRoot {
        /// The account.
        account: String,
        /// What stands in the configuration.
        api_root: String,
        /// What is wrong with it.
        why: String,
    },
    /// The HTTP client could not be built.
    #[error("no HTTP client for Telegram account {account:?}: {why}; this is a fault of the installation")]
    Client {
        /// The account.
        account: String,
        /// What the HTTP library says.
        why: String,
    },
}

/// One Telegram account. Clones are cheap and are the same account.
#[derive(Clone)]
pub struct Telegram {
    inner: Arc<Inner>,
}

struct Inner {
    account: String,
    api: api::Api,
    bounds: content::Bounds,
    media_dir: PathBuf,
    local_roots: Vec<PathBuf>,
    commands: Option<Vec<(String, String)>>,
    status: StatusBoard,
    /// One file goes out at a time.
    uploads: Semaphore,
    /// Who the bot is, once Telegram has said it to whoever has it deliver.
    bot: OnceLock<update::Bot>,
    webhook: Option<Webhook>,
    link_preview: bool,
    /// What Telegram has delivered.
    deliveries: AtomicU64,
}

impl Telegram {
    /// Prepares an account; nothing is sent yet.
    ///
    /// # Errors
    /// The token or the API root cannot be right, or there is no HTTP client to be had.
    pub fn new(config: TelegramConfig, clock: SharedClock) -> Result<Self, TelegramError> {
        let TelegramConfig { account, token, api_root, poll_timeout, .. } = config;
        if !looks_like_token(token.expose_secret()) {
            return Err(TelegramError::Token { account });
        }
        let root = match read_root(&api_root) {
            Ok(root) => root,
            Err(why) => return Err(TelegramError::ApiRoot { account, api_root, why }),
        };
        let way = config.proxy.as_ref();
        let poll_timeout = poll_timeout.clamp(MIN_POLL, MAX_POLL);
        let api = match api::Api::new(root, token, poll_timeout, way, config.addresses) {
            Ok(api) => api,
            Err(why) => return Err(TelegramError::Client { account, why }),
        };
        let mode = if config.webhook.is_some() { "webhook" } else { "polling" };
        let status = StatusBoard::new(account.clone(), mode, clock);
        let TelegramConfig {
            media_max_bytes,
            image_max_bytes,
            media_dir,
            local_roots,
            commands,
            webhook,
            link_preview,
            ..
        } = config;
        let bounds = content::Bounds { image: image_max_bytes.min(media_max_bytes), file: media_max_bytes };
        Ok(Self {
            inner: Arc::new(Inner {
                account,
                api,
                bounds,
                media_dir,
                local_roots,
                commands,
                status,
                uploads: Semaphore::new(1),
                bot: OnceLock::new(),
                webhook,
                link_preview,
                deliveries: AtomicU64::new(0),
            }),
        })
    }

    /// Receives messages until `cancel`. Each batch is accepted by `inbox` before the next call moves Telegram's offset
    /// past it. Trouble of any kind ends in the status and in another try, after 1 to 60 s with jitter. `start` is the
    /// cursor that the inbox stored last. An account has one poll at a time. May be dropped at any point: what was not
    /// accepted comes again.
    pub async fn poll(&self, inbox: &dyn Inbox, start: Option<String>, cancel: &CancellationToken) {
        poll::run(&self.inner, inbox, start, cancel).await;
    }

    /// Has Telegram deliver to its webhook until `cancel`; without one it ends at once. Trouble ends in the status and in another
    /// try. What is delivered goes to [`Telegram::take`].
    pub async fn await_deliveries(&self, cancel: &CancellationToken) {
        if let Some(hook) = &self.inner.webhook {
            webhook::run(&self.inner, hook, cancel).await;
        }
    }

    /// Says in the status on which port of this host deliveries arrive.
    pub fn listens_on(&self, port: u16) {
        self.inner.status.listens_on(port);
    }

    /// Takes one update that Telegram delivered, as it stands. Ends within 15 s.
    ///
    /// # Errors
    /// It is not stored, and Telegram is to deliver it again.
    pub async fn take(&self, inbox: &dyn Inbox, update: &str) -> Result<(), String> {
        webhook::take(&self.inner, inbox, update).await
    }

    /// Fetches what comes with a message of this account, [`Inbound::coming`]: images into the message, unless there is no room for
    /// them, files to where they are kept. What cannot be had, or is not here within a minute, is named in the message. Dropping it
    /// leaves nothing behind. Also given is what of it can be heard.
    pub async fn fetch(&self, inbound: Inbound, has_room: bool) -> (Inbound, Vec<Sound>) {
        media::complete(&self.inner, inbound, has_room).await
    }

    /// Sends one message, which must fit (see [`Telegram::split`]), or does what its act says, and gives Telegram's id
    /// for the message that it made or is about. Markup that
    /// Telegram cannot parse goes out as plain text. Ends within a minute and a half, with a file within half an hour. Dropping it leaves open whether
    /// the message went out.
    ///
    /// # Errors
    /// As [`crate::SendErrorKind`] says.
    pub async fn send(&self, out: &Outbound) -> Result<String, SendError> {
        match &out.act {
            Some(Act::File { file, seen_as }) => file::send(&self.inner, out, file, *seen_as).await,
            Some(Act::Album { files }) => album::send(&self.inner, out, files).await,
            Some(Act::EndDraft { message_id }) => draft::end(&self.inner, out, message_id).await,
            Some(what) => act::act(&self.inner, out, what).await,
            None => send::send(&self.inner, out).await,
        }
    }

    /// What is wrong with an act, as far as that can be said before Telegram is asked: its bounds, and ids that are none.
    pub fn problem(out: &Outbound, act: &Act) -> Option<String> {
        bounds::problem(out, act)
    }

    /// Shows "typing…" in a chat for about 5 s.
    ///
    /// # Errors
    /// As for [`Telegram::send`].
    pub async fn typing(&self, to: &str) -> Result<(), SendError> {
        send::typing(&self.inner, to).await
    }

    /// Asks Telegram now which reactions a chat allows. Ends within 30 s.
    ///
    /// # Errors
    /// As for [`Telegram::send`].
    pub async fn reactions(&self, to: &str) -> Result<Reactions, SendError> {
        reactions::allowed(&self.inner, to).await
    }

    /// Asks Telegram now who the bot is: the token is good, and the platform answers. Ends within 30 s.
    ///
    /// # Errors
    /// What went wrong, in words and without the token.
    pub async fn probe(&self) -> Result<BotInfo, String> {
        let bot: types::User =
            self.inner.api.call("getMe", &serde_json::json!({})).await.map_err(|e| e.to_string())?;
        let hears_groups = bot.can_read_all_group_messages;
        Ok(BotInfo { id: bot.id, username: bot.username, hears_groups })
    }

    /// Asks Telegram now what the bot is in a group, in its own word: `member`, `administrator`, `left` … Ends within 30 s.
    ///
    /// # Errors
    /// What went wrong, in words and without the token.
    pub async fn membership(&self, group: &str, bot_id: i64) -> Result<String, String> {
        let asked = serde_json::json!({"chat_id": group, "user_id": bot_id});
        let member: types::Member =
            self.inner.api.call("getChatMember", &asked).await.map_err(|e| e.to_string())?;
        Ok(member.status)
    }

    /// Splits Markdown into messages that Telegram accepts: each is at most 4,096 UTF-16 units of visible text. It
    /// cuts between paragraphs where it can, else between lines, sentences, words; never within a character.
    /// Code that is cut is closed and opened again, a table's head is repeated. Nothing but white space is lost.
    pub fn split(text: &str) -> Vec<String> {
        chunk::split(text, MAX_TEXT)
    }

    /// As [`Telegram::split`], into messages of at most `limit` such units.
    pub fn split_within(text: &str, limit: usize) -> Vec<String> {
        chunk::split(text, limit)
    }

    /// Whether the text of a message fits under a file.
    pub fn fits_under_file(out: &Outbound) -> bool {
        format::units(&format::of(out).plain) <= MAX_CAPTION
    }

    /// What is wrong with the text of a message: as HTML it is not split, and has to fit.
    pub fn too_long(out: &Outbound) -> Option<String> {
        let units = format::units(&format::of(out).plain);
        let is_too_long = out.is_html && units > MAX_TEXT;
        is_too_long.then(|| {
            format!("HTML is not split, and {units} characters are more than the {MAX_TEXT} of one message")
        })
    }

    /// How the account is doing.
    pub fn status(&self) -> ChannelStatus {
        self.inner.status.read()
    }

    /// As [`Telegram::status`], for waiting on changes.
    pub fn watch(&self) -> watch::Receiver<ChannelStatus> {
        self.inner.status.watch()
    }
}

/// The token becomes part of every URL, so nothing may stand in it that means something there.
fn looks_like_token(token: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
    !token.is_empty() && token.len() <= 256 && token.chars().all(plain)
}

fn read_root(text: &str) -> Result<String, String> {
    let root = text.trim().trim_end_matches('/');
    let url = reqwest::Url::parse(root).map_err(|e| e.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{} is neither http nor https", url.scheme()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment".to_owned());
    }
    Ok(root.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ManualClock;

    fn new(token: &str, api_root: &str) -> Result<Telegram, TelegramError> {
        let config = TelegramConfig {
            account: "default".into(),
            token: token.to_owned().into(),
            api_root: api_root.into(),
            poll_timeout: Duration::from_secs(30),
            media_max_bytes: 1,
            image_max_bytes: 1,
            media_dir: PathBuf::new(),
            local_roots: vec![],
            commands: None,
            webhook: None,
            link_preview: true,
            proxy: None,
            addresses: Addresses::default(),
        };
        Telegram::new(config, Arc::new(ManualClock::at(0)))
    }

    #[test]
    fn a_token_that_cannot_be_one_is_refused_without_being_shown() {
        for token in ["", "123:a/../b", "123:abc def", "tok?en"] {
            let error = new(token, "https://api.telegram.org").err().unwrap().to_string();
            assert!(error.contains("channels.telegram.botToken"), "{error}");
            assert!(token.is_empty() || !error.contains(token), "{error}");
        }
    }

    #[test]
    fn an_api_root_that_cannot_be_one_is_refused_by_name() {
        for root in ["", "api.telegram.org", "ftp://x", "https://x/?a=1"] {
            let error = new("123:abc", root).err().unwrap().to_string();
            assert!(error.contains("channels.telegram.apiRoot"), "{error}");
        }
        assert!(new("123:abc", "https://api.telegram.org/").is_ok());
    }
}
