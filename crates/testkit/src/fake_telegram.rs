//! A chat platform that speaks Telegram's Bot API on the wire: long polling with real confirmation by offset, message
//! validation as strict as the original's, files, failures on demand, and a record of what was accepted and when.
//!
//! It is not a user interface: tests push updates in and read what was sent.

mod delivery;
mod html;
mod methods;
mod state;

use crate::fake_telegram::state::{Inner, Planned};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use delivery::deliver;
pub use html::visible_text;
pub use state::{Sent, Shown};

/// The id that the fake's bot has.
pub const BOT_ID: i64 = 424_242;
/// The bot's handle, without `@`.
pub const BOT_USERNAME: &str = "fake_helper_bot";

/// A running fake; it ends when dropped.
pub struct FakeTelegram {
    inner: Arc<Inner>,
    address: SocketAddr,
    cancel: CancellationToken,
    server: JoinSet<()>,
}

impl FakeTelegram {
    /// Starts on a free port of 127.0.0.1; only calls that carry `token` are answered.
    // A test machine without a free loopback port can run none of these tests: ending at once says so best.
    #[allow(clippy::expect_used)]
    pub async fn start(token: &str) -> Self {
        Self::start_at(token, 0).await.expect("a free port on 127.0.0.1")
    }

    /// Starts on one port of 127.0.0.1 (0 picks a free one).
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_at(token: &str, port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner::new(token));
        let cancel = CancellationToken::new();
        let app = Router::new()
            .route("/{bot}/{method}", any(methods::call))
            .route("/{via}/{bot}/{method}", any(methods::call_via))
            .route("/file/{bot}/{*path}", get(methods::download))
            .layer(DefaultBodyLimit::max(60 * 1024 * 1024))
            .with_state((Arc::clone(&inner), cancel.clone()));
        let mut server = JoinSet::new();
        let stop = cancel.clone().cancelled_owned();
        server.spawn(async move {
            // Serving ends with the fake; whoever uses it sees connections refused, which is the point.
            let _ended = axum::serve(listener, app).with_graceful_shutdown(stop).await;
        });
        Ok(Self { inner, address, cancel, server })
    }

    /// What goes into `apiRoot`: `http://127.0.0.1:<port>`. With one more segment, such as `/second`, what is sent there
    /// tells by [`Sent::via`] which way it came.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends it and waits until the port is free again.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        self.server.abort_all();
        while self.server.join_next().await.is_some() {}
    }

    /// A person writes: a direct chat where `chat_id` is positive, a group where it is negative. Gives the update's id.
    pub fn push_text(&self, chat_id: i64, from_id: i64, text: &str) -> i64 {
        self.push_message(chat_id, from_id, json!({ "text": text }))
    }

    /// As [`FakeTelegram::push_text`], with the message's content given as fields of a Bot API `Message`.
    pub fn push_message(&self, chat_id: i64, from_id: i64, content: Value) -> i64 {
        self.inner.push_message(chat_id, from_id, content)
    }

    /// A group becomes a supergroup and has the id `to` from now on; what is sent to `from` is refused with it.
    pub fn move_group(&self, from: i64, to: i64) {
        self.inner.move_group(from, to);
    }

    /// Deliveries to the webhook fail from now on: `getWebhookInfo` says why, and how many updates wait.
    pub fn cannot_deliver(&self, why: &str, waiting: u64) {
        self.inner.fail_delivery(Some(why), waiting);
    }

    /// Nothing waits for delivery any more. `getWebhookInfo` goes on telling why it failed last.
    pub fn has_delivered(&self) {
        self.inner.fail_delivery(None, 0);
    }

    /// A person presses a button under a message of the bot, which gives `data`. Gives the press's id.
    pub fn press(&self, chat_id: i64, from_id: i64, message_id: i64, data: &str) -> String {
        self.inner.press(chat_id, from_id, message_id, data)
    }

    /// Queues an update as it stands; `update_id` is filled in where it is missing. Gives the update's id.
    pub fn push_update(&self, update: Value) -> i64 {
        self.inner.push_update(update)
    }

    /// Lets the bot write to a chat in which nobody has said anything yet.
    pub fn know_chat(&self, chat_id: i64) {
        self.inner.know_chat(chat_id);
    }

    /// A file that `getFile` has on the server's own disk, as a server of one's own does: it gives the path there, and no download.
    pub fn have_on_disk(&self, file_id: &str, path: &std::path::Path) {
        let size = std::fs::metadata(path).map(|about| about.len()).unwrap_or_default();
        self.inner.announce_size(file_id, size);
        self.inner.have_on_disk(file_id, &path.to_string_lossy());
    }

    /// Puts a file there for `getFile` and download, which is planned for as the method `download`.
    pub fn put_file(&self, file_id: &str, bytes: Vec<u8>) {
        self.inner.put_file(file_id, bytes);
    }

    /// From now on it is a server of one's own, which takes and gives files of any size; the original's takes 50 MB and gives 20.
    pub fn be_local(&self) {
        self.inner.be_local();
    }

    /// The next call of `method` (for its chat, where it is about one) is refused for `seconds`: one that comes sooner is refused, too,
    /// and fails the test when this ends. So does every pause that [`FakeTelegram::fail_next`] asks for.
    pub fn busy_next(&self, method: &str, seconds: u64) {
        self.inner.plan(method, Planned::Instead { status: 429, body: state::too_many(seconds) });
    }

    /// From now on `getFile` says that a file has this many bytes, whatever it has.
    pub fn announce_size(&self, file_id: &str, bytes: u64) {
        self.inner.announce_size(file_id, bytes);
    }

    /// A chat allows no other reactions than these, as the Bot API lists them.
    pub fn allow_reactions(&self, chat_id: i64, reactions: Value) {
        self.inner.allow(chat_id, reactions);
    }

    /// A message as people see it now; `None` where it was deleted, or never was.
    pub fn shown(&self, chat_id: i64, message_id: i64) -> Option<Shown> {
        self.inner.shown(chat_id, message_id)
    }

    /// The texts of the bot's messages as people see them now in a chat, in order.
    pub fn chat(&self, chat_id: i64) -> Vec<String> {
        self.inner.chat(chat_id)
    }

    /// Waits until the bot's messages in a chat are these.
    ///
    /// # Errors
    /// They are not within `deadline`; the text says what they are.
    pub async fn wait_for_chat(
        &self,
        chat_id: i64,
        texts: &[&str],
        deadline: Duration,
    ) -> Result<(), String> {
        if self.wait_until(|| self.inner.chat(chat_id) == texts, deadline).await {
            return Ok(());
        }
        let there_are = self.inner.chat(chat_id);
        Err(format!("{texts:?} were expected in chat {chat_id} within {deadline:?}, there are {there_are:?}"))
    }

    /// Waits until `is_so`, asking at each change; false where it is not within `deadline`.
    pub async fn wait_until(&self, is_so: impl Fn() -> bool, deadline: Duration) -> bool {
        let mut changed = self.inner.watch();
        let so = async {
            while !is_so() {
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(deadline, so).await.is_ok()
    }

    /// A person deletes a message.
    pub fn delete(&self, chat_id: i64, message_id: i64) {
        self.inner.change(chat_id, message_id, |_| false);
    }

    /// All messages that were accepted, in order.
    pub fn sent(&self) -> Vec<Sent> {
        self.inner.sent()
    }

    /// Waits until at least `count` messages were accepted and gives them all.
    ///
    /// # Errors
    /// They were not within `deadline`; the text says how many there are and what they say.
    pub async fn wait_for_sent(&self, count: usize, deadline: Duration) -> Result<Vec<Sent>, String> {
        let mut changed = self.inner.watch();
        let enough = async {
            loop {
                let sent = self.inner.sent();
                if sent.len() >= count {
                    return sent;
                }
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(deadline, enough).await.map_err(|_| {
            let texts: Vec<String> = self.inner.sent().into_iter().map(|s| s.text).collect();
            format!(
                "{count} sent messages were expected within {deadline:?}, there are {}: {texts:?}",
                texts.len()
            )
        })
    }

    /// Waits until `method` was called at least `count` times.
    ///
    /// # Errors
    /// It was not within `deadline`.
    pub async fn wait_for_calls(&self, method: &str, count: u64, deadline: Duration) -> Result<(), String> {
        let mut changed = self.inner.watch();
        let enough = async {
            while self.inner.calls(method) < count {
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(deadline, enough).await.map_err(|_| {
            let seen = self.inner.calls(method);
            format!("{count} calls of {method} were expected within {deadline:?}, there were {seen}")
        })
    }

    /// The highest offset that the bot has asked for: updates below it are forgotten. 0 before the first.
    pub fn confirmed_offset(&self) -> i64 {
        self.inner.confirmed_offset()
    }

    /// Waits until the bot has confirmed everything below `offset`.
    ///
    /// # Errors
    /// It has not within `deadline`.
    pub async fn wait_for_offset(&self, offset: i64, deadline: Duration) -> Result<(), String> {
        let mut changed = self.inner.watch();
        let enough = async {
            while self.inner.confirmed_offset() < offset {
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(deadline, enough).await.map_err(|_| {
            let at = self.inner.confirmed_offset();
            format!("offset {offset} was expected within {deadline:?}, it is at {at}")
        })
    }

    /// Updates that are not confirmed yet.
    pub fn pending_updates(&self) -> usize {
        self.inner.pending_updates()
    }

    /// The next call of `method` is answered with this status and body, and does nothing. Calls queue up.
    pub fn fail_next(&self, method: &str, status: u16, body: Value) {
        self.inner.plan(method, Planned::Instead { status, body });
    }

    /// The next call of `method` takes effect, and then its answer is this status and body: what a caller sees when
    /// the platform accepted a message and the answer went missing.
    pub fn lose_next_answer(&self, method: &str, status: u16, body: Value) {
        self.inner.plan(method, Planned::After { status, body });
    }

    /// The next call of `method` takes effect, and its answer breaks off in its middle.
    pub fn cut_next(&self, method: &str) {
        self.inner.plan(method, Planned::Cut);
    }

    /// The next call of `method` is not answered.
    pub fn hang_next(&self, method: &str) {
        self.inner.plan(method, Planned::Silence);
    }

    /// The next call of `method` takes effect and is answered once it is let go by what this gives.
    pub fn hold_next(&self, method: &str) -> Arc<Notify> {
        let go = Arc::new(Notify::new());
        self.inner.plan(method, Planned::Held(go.clone()));
        go
    }

    /// How often a method was called, failed calls included.
    pub fn calls(&self, method: &str) -> u64 {
        self.inner.calls(method)
    }

    /// The parameters of every call but `getUpdates`, in order: (method, parameters). The first 10,000 are kept.
    pub fn requests(&self) -> Vec<(String, Value)> {
        self.inner.requests()
    }
}

impl Drop for FakeTelegram {
    fn drop(&mut self) {
        // Waiting polls and idle connections end; the JoinSet then aborts the listener itself.
        self.cancel.cancel();
        let early = self.inner.early();
        assert!(early.is_empty() || std::thread::panicking(), "calls that came too soon: {early:#?}");
    }
}
