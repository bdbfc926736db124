//! The channel against a server that speaks the Bot API.
// Helpers of tests may end a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "telegram/bounds.rs"]
mod bounds;
#[path = "telegram/webhook.rs"]
mod webhook;

use channels::{Inbox, SendError, SendErrorKind, Telegram, TelegramConfig};
use model::{Act, Inbound, ManualClock, Outbound, Part};
use serde_json::json;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::fake_telegram::{BOT_USERNAME, FakeTelegram};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "123:abc-DEF_secret";
const DEADLINE: Duration = Duration::from_secs(20);

/// Remembers what it took, and can be told to refuse.
struct Memory {
    batches: mpsc::UnboundedSender<(Vec<Inbound>, String)>,
    refusals: Mutex<u32>,
}

impl Inbox for Memory {
    fn accept<'a>(
        &'a self,
        batch: Vec<Inbound>,
        cursor: Option<String>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        let mut refusals = self.refusals.lock().unwrap();
        let refused = *refusals > 0;
        *refusals = refusals.saturating_sub(1);
        Box::pin(async move {
            if refused {
                return Err("database or disk is full".to_owned());
            }
            self.batches.send((batch, cursor.unwrap_or_default())).map_err(|e| e.to_string())
        })
    }
}

struct Running {
    telegram: Telegram,
    batches: mpsc::UnboundedReceiver<(Vec<Inbound>, String)>,
    cancel: CancellationToken,
    task: JoinSet<()>,
}

impl Running {
    /// The next batch.
    async fn batch(&mut self) -> (Vec<Inbound>, String) {
        tokio::time::timeout(DEADLINE, self.batches.recv()).await.unwrap().unwrap()
    }

    /// The messages of the next batch, with what comes with them.
    async fn complete(&mut self) -> Vec<Inbound> {
        let mut complete = Vec::new();
        for inbound in self.batch().await.0 {
            complete.push(self.telegram.fetch(inbound, true).await.0);
        }
        complete
    }

    async fn until(&self, lifecycle: &str) -> channels::ChannelStatus {
        let mut watch = self.telegram.watch();
        let status = tokio::time::timeout(DEADLINE, watch.wait_for(|s| s.lifecycle == lifecycle)).await;
        status.unwrap_or_else(|_| panic!("{lifecycle}: {:?}", self.telegram.status())).unwrap().clone()
    }

    async fn stop(mut self) {
        self.cancel.cancel();
        tokio::time::timeout(DEADLINE, self.task.join_next()).await.unwrap();
        assert_eq!(self.telegram.status().lifecycle, "stopped");
    }
}

/// For tests that keep no files.
fn telegram(api_root: String) -> Telegram {
    telegram_in(Path::new("/nonexistent"), api_root)
}

fn telegram_in(dir: &Path, api_root: String) -> Telegram {
    Telegram::new(config_in(dir, api_root), Arc::new(ManualClock::at(5_000))).unwrap()
}

fn config_in(dir: &Path, api_root: String) -> TelegramConfig {
    TelegramConfig {
        account: "default".into(),
        token: TOKEN.to_owned().into(),
        api_root,
        poll_timeout: Duration::from_secs(30),
        media_max_bytes: 1_000,
        image_max_bytes: 1_000,
        media_dir: dir.join("media"),
        local_roots: vec![],
        commands: Some(vec![("status".into(), "Show how it stands.".into())]),
        webhook: None,
        link_preview: true,
        proxy: None,
        addresses: channels::Addresses::default(),
    }
}

fn run(fake: &FakeTelegram, start: Option<&str>, refusals: u32) -> Running {
    run_with(telegram(fake.url()), start, refusals)
}

fn run_with(telegram: Telegram, start: Option<&str>, refusals: u32) -> Running {
    let (sender, batches) = mpsc::unbounded_channel();
    let inbox = Memory { batches: sender, refusals: Mutex::new(refusals) };
    let cancel = CancellationToken::new();
    let mut task = JoinSet::new();
    let (poller, token, start) = (telegram.clone(), cancel.clone(), start.map(str::to_owned));
    task.spawn(async move { poller.poll(&inbox, start, &token).await });
    Running { telegram, batches, cancel, task }
}

fn out(to: &str, text: &str) -> Outbound {
    Outbound {
        channel: "telegram".into(),
        account: "default".into(),
        to: to.into(),
        text: text.into(),
        act: None,
        ..Outbound::default()
    }
}

#[tokio::test]
async fn messages_come_in_and_the_offset_follows_what_was_accepted() {
    let fake = FakeTelegram::start(TOKEN).await;
    let mut running = run(&fake, None, 0);
    running.until("ready").await;
    let id = fake.push_text(7, 7, "hello");
    let (batch, cursor) = running.batch().await;
    assert_eq!((batch[0].text.as_str(), cursor), ("hello", (id + 1).to_string()));
    fake.wait_for_offset(id + 1, DEADLINE).await.unwrap();
    assert_eq!(fake.pending_updates(), 0);
    let status = running.telegram.status();
    assert_eq!(status.bot_username.as_deref(), Some(BOT_USERNAME));
    assert_eq!((status.last_inbound_at, status.last_error), (Some(5_000), None));
    running.stop().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_stays_at_telegram() {
    let fake = FakeTelegram::start(TOKEN).await;
    let id = fake.push_text(7, 7, "keep me");
    let mut running = run(&fake, None, 1);
    let status = running.until("backing-off").await;
    assert!(status.last_error.unwrap().contains("disk is full"));
    assert_eq!((fake.confirmed_offset(), fake.pending_updates()), (0, 1));
    assert_eq!(running.batch().await.0[0].text, "keep me");
    fake.wait_for_offset(id + 1, DEADLINE).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_stored_cursor_is_where_it_goes_on() {
    let fake = FakeTelegram::start(TOKEN).await;
    let first = fake.push_text(7, 7, "seen before the restart");
    fake.push_text(7, 7, "new");
    let mut running = run(&fake, Some(&(first + 1).to_string()), 0);
    let (batch, _) = running.batch().await;
    assert_eq!(batch.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["new"]);
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_passed_over_and_blocks_nothing() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.push_update(json!({ "message": { "message_id": "not a number", "chat": 5 } }));
    fake.push_message(7, 7, json!({ "pinned_message": {} }));
    fake.push_update(json!({ "poll_answer": {} }));
    let id = fake.push_text(7, 7, "after it");
    let mut running = run(&fake, Some("no number"), 0);
    let (batch, cursor) = running.batch().await;
    assert_eq!((batch.len(), batch[0].text.as_str(), cursor), (1, "after it", (id + 1).to_string()));
    running.stop().await;
}

#[tokio::test]
async fn a_batch_of_ignored_updates_moves_the_cursor() {
    let fake = FakeTelegram::start(TOKEN).await;
    let id = fake.push_message(7, 7, json!({ "pinned_message": {} }));
    let mut running = run(&fake, None, 0);
    assert_eq!(running.batch().await, (Vec::new(), (id + 1).to_string()));
    fake.wait_for_offset(id + 1, DEADLINE).await.unwrap();
    assert_eq!(running.telegram.status().last_inbound_at, None);
    running.stop().await;
}

#[tokio::test]
async fn photos_come_as_images_and_what_fails_is_told() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.put_file("good", b"\xff\xd8\xffjpeg".to_vec());
    fake.put_file("text", b"no image".to_vec());
    fake.put_file("big", vec![0xff; 2_000]);
    for id in ["good", "text", "big", "gone"] {
        let photo = json!([{ "file_id": id, "width": 10, "height": 10 }]);
        fake.push_message(7, 7, json!({ "caption": id, "photo": photo }));
    }
    let mut running = run(&fake, None, 0);
    let batch = running.complete().await;
    assert_eq!(batch.len(), 4);
    let jpeg = Part::Image { data: "/9j/anBlZw==".into(), mime_type: "image/jpeg".into() };
    assert_eq!((batch[0].text.as_str(), batch[0].images.as_slice()), ("good", [jpeg].as_slice()));
    for (message, why) in batch[1..].iter().zip(["it is no JPEG", "the limit is 1000", "invalid file_id"]) {
        assert!(
            message.text.contains("\n[photo: could not be downloaded: ") && message.text.contains(why),
            "{}",
            message.text
        );
        assert!(message.images.is_empty());
    }
    running.stop().await;
}

#[tokio::test]
async fn files_are_kept_for_the_agent_and_never_larger_than_they_may_be() {
    let (fake, dir) = (FakeTelegram::start(TOKEN).await, tempfile::tempdir().unwrap());
    fake.put_file("report", b"%PDF".to_vec());
    fake.put_file("liar", vec![7; 5_000]);
    fake.announce_size("liar", 10);
    let document = |id: &str, size: u64| json!({ "document": { "file_id": id, "file_unique_id": format!("u-{id}"), "file_name": "../a b.pdf", "file_size": size } });
    fake.push_message(7, 7, document("report", 4));
    fake.push_message(7, 7, document("liar", 10));
    fake.push_message(
        7,
        7,
        json!({ "voice": { "file_id": "long", "duration": 1200, "file_size": 50_000_000 } }),
    );
    let mut running = run_with(telegram_in(dir.path(), fake.url()), None, 0);
    let batch = running.complete().await;
    let path = dir.path().join("media/u-report-_a_b.pdf");
    assert_eq!(batch[0].text, format!("[document ../a b.pdf, 4 bytes: saved as {}]", path.display()));
    assert_eq!(std::fs::read(&path).unwrap(), b"%PDF");
    assert!(
        batch[1].text.contains("could not be downloaded: it is larger than 1000 bytes"),
        "{}",
        batch[1].text
    );
    assert!(batch[2].text.contains("50.0 MB: larger than the limit"), "{}", batch[2].text);
    let left = std::fs::read_dir(dir.path().join("media")).unwrap().count();
    assert_eq!(left, 1, "nothing is left of the one that was too large");
    assert_eq!(fake.calls("getFile"), 2, "what announces too much is not even asked for");
    running.stop().await;
}

#[tokio::test]
async fn what_is_asked_in_reply_to_a_picture_comes_with_it() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.put_file("good", b"\xff\xd8\xffjpeg".to_vec());
    let to = json!({ "message_id": 3, "date": 1, "chat": { "id": 7, "type": "private" }, "caption": "my cat",
        "from": { "id": 7, "is_bot": false, "first_name": "Ada" },
        "photo": [{ "file_id": "good", "width": 10, "height": 10 }] });
    fake.push_message(7, 7, json!({ "text": "what is this?", "reply_to_message": to }));
    let mut running = run(&fake, None, 0);
    let batch = running.complete().await;
    assert_eq!(batch[0].text, "what is this?");
    assert_eq!(batch[0].context.as_deref(), Some("[in reply to Ada (message 3):]\n> my cat"));
    assert_eq!(batch[0].images.len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_press_is_acknowledged_once_it_is_stored_and_not_before() {
    let fake = FakeTelegram::start(TOKEN).await;
    let press = fake.press(7, 7, 12, "/status");
    let mut running = run(&fake, None, 1);
    running.until("backing-off").await;
    assert_eq!(fake.calls("answerCallbackQuery"), 0);
    let (batch, _) = running.batch().await;
    assert_eq!((batch[0].text.as_str(), batch[0].platform_message()), ("/status", "12"));
    assert!(batch[0].addressed);
    fake.wait_for_calls("answerCallbackQuery", 1, DEADLINE).await.unwrap();
    let acknowledged = |(method, params): &(String, serde_json::Value)| {
        method == "answercallbackquery" && params["callback_query_id"] == press.as_str()
    };
    assert!(fake.requests().iter().any(acknowledged));
    running.stop().await;
}

#[tokio::test]
async fn the_menu_of_commands_is_shown_and_its_failure_costs_nothing_else() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.fail_next(
        "setMyCommands",
        500,
        json!({ "ok": false, "error_code": 500, "description": "Internal" }),
    );
    fake.push_text(7, 7, "hi");
    let mut running = run(&fake, None, 0);
    running.batch().await;
    running.stop().await;
    let running = run(&fake, None, 0);
    fake.wait_for_calls("setMyCommands", 2, DEADLINE).await.unwrap();
    let menus: Vec<_> = fake.requests().into_iter().filter(|(method, _)| method == "setmycommands").collect();
    let menu = json!([{ "command": "status", "description": "Show how it stands." }]);
    assert_eq!((menus.len(), &menus[1].1["commands"]), (2, &menu));
    running.stop().await;
}

#[tokio::test]
async fn trouble_is_shown_with_the_next_step_and_goes_away() {
    let fake = FakeTelegram::start(TOKEN).await;
    let refusal = |code: u16, why: &str| json!({ "ok": false, "error_code": code, "description": why });
    for (method, code, why, expected) in [
        ("getMe", 401, "Unauthorized", "channels.telegram.botToken"),
        (
            "getUpdates",
            409,
            "Conflict: terminated by other getUpdates request",
            "another program polls this bot",
        ),
        (
            "getUpdates",
            409,
            "Conflict: can't use getUpdates method while webhook is active",
            "webhook has been removed",
        ),
        ("getUpdates", 502, "Bad Gateway", "502"),
    ] {
        fake.fail_next(method, code, refusal(code, why));
        let running = run(&fake, None, 0);
        let status = running.until("backing-off").await;
        let error = status.last_error.unwrap();
        assert!(error.contains(expected) && !error.contains(TOKEN), "{error}");
        assert_eq!((status.connected, status.running, status.reconnect_attempts), (false, true, 1));
        let status = running.until("ready").await;
        assert_eq!((status.connected, status.last_error, status.reconnect_attempts), (true, None, 0));
        running.stop().await;
    }
    assert_eq!(fake.calls("deleteWebhook"), 1);
}

#[tokio::test]
async fn a_platform_that_is_away_is_waited_for() {
    let fake = FakeTelegram::start(TOKEN).await;
    let port = fake.port();
    let telegram = telegram(fake.url());
    fake.stop().await;
    let error = telegram.send(&out("7", "hi")).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Transient);
    assert!(!error.message.contains(TOKEN), "{}", error.message);
    let fake = FakeTelegram::start_at(TOKEN, port).await.unwrap();
    fake.know_chat(7);
    telegram.send(&out("7", "hi")).await.unwrap();
}

#[tokio::test]
async fn a_message_goes_out_as_html_with_topic_and_reply() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.know_chat(-100);
    let telegram = telegram(fake.url());
    let message = Outbound { reply_to: Some("9".into()), ..out("-100:topic:7", "**hi** <you>") };
    let id = telegram.send(&message).await.unwrap();
    let sent = fake.wait_for_sent(1, DEADLINE).await.unwrap().remove(0);
    assert_eq!((sent.text.as_str(), sent.plain.as_str()), ("<b>hi</b> &lt;you&gt;", "hi <you>"));
    assert_eq!((sent.thread_id, sent.reply_to, sent.message_id.to_string()), (Some(7), Some(9), id));
    assert_eq!(telegram.status().last_outbound_at, Some(5_000));
    telegram.typing("-100:topic:7").await.unwrap();
    assert_eq!(fake.calls("sendChatAction"), 1);
}

#[tokio::test]
async fn markup_that_telegram_cannot_parse_goes_out_as_plain_text() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.know_chat(7);
    let why = "Bad Request: can't parse entities: Unsupported start tag";
    fake.fail_next("sendMessage", 400, json!({ "ok": false, "error_code": 400, "description": why }));
    telegram(fake.url()).send(&out("7", "**hi**")).await.unwrap();
    let sent = fake.sent();
    assert_eq!((sent.len(), sent[0].text.as_str(), sent[0].parse_mode.as_deref()), (1, "**hi**", None));
}

#[tokio::test]
async fn a_group_that_moved_is_followed() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.know_chat(-1005);
    let moved = json!({ "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": { "migrate_to_chat_id": -1005 } });
    fake.fail_next("sendMessage", 400, moved);
    telegram(fake.url()).send(&out("-5", "hi")).await.unwrap();
    assert_eq!(fake.sent()[0].chat_id, -1005);
}

#[tokio::test]
async fn failures_say_what_may_be_done() {
    use SendErrorKind::{Auth, Permanent, RetryAfter, Transient};
    let fake = FakeTelegram::start(TOKEN).await;
    fake.know_chat(7);
    let telegram = telegram(fake.url());
    let wait = json!({ "retry_after": 3 });
    for (code, why, parameters, kind) in [
        (429, "Too Many Requests: retry after 3", wait, RetryAfter(Duration::from_secs(3))),
        (403, "Forbidden: bot was blocked by the user", json!({}), Permanent),
        (401, "Unauthorized", json!({}), Auth),
        (400, "Bad Request: message is too long", json!({}), Permanent),
        (500, "Internal Server Error", json!({}), Transient),
    ] {
        let body = json!({ "ok": false, "error_code": code, "description": why, "parameters": parameters });
        fake.fail_next("sendMessage", code, body);
        fake.know_chat(code.into());
        let chat = code.to_string();
        let SendError { kind: found, message } = telegram.send(&out(&chat, "hi")).await.unwrap_err();
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(why) && message.contains(&format!("chat {chat}")), "{message}");
    }
    fake.fail_next("sendMessage", 502, json!("<html>not the Bot API</html>"));
    assert_eq!(telegram.send(&out("7", "hi")).await.unwrap_err().kind, Transient);
    for (to, text) in [("99", "unknown chat"), ("nobody", "hi"), ("7", " ")] {
        assert_eq!(telegram.send(&out(to, text)).await.unwrap_err().kind, Permanent, "{to}");
    }
    assert_eq!(fake.sent().len(), 0);
}

#[tokio::test]
async fn a_long_answer_arrives_whole_in_several_messages() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.know_chat(7);
    let telegram = telegram(fake.url());
    let text: String = (0..900).map(|i| format!("- item **{i}** & <more>\n")).collect();
    let pieces = Telegram::split(&text);
    for piece in &pieces {
        telegram.send(&out("7", piece)).await.unwrap();
    }
    let sent = fake.sent();
    assert!(sent.len() == pieces.len() && sent.len() > 1);
    let together: Vec<String> =
        sent.iter().flat_map(|s| s.plain.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let expected: Vec<String> = (0..900).map(|i| format!("• item {i} & <more>")).collect();
    assert_eq!(together, expected);
}

#[tokio::test]
async fn what_is_done_to_messages_that_are_gone_says_so_or_is_done() {
    let fake = FakeTelegram::start(TOKEN).await;
    fake.know_chat(7);
    let telegram = telegram(fake.url());
    let settle = Act::Settle { message_id: "99".into() };
    let id = telegram.send(&Outbound { act: Some(settle), ..out("7", "") }).await;
    assert_eq!(id.as_deref(), Ok("99"), "its buttons went with it");
    let edit = Act::Edit { message_id: "99".into(), rows: None };
    let error = telegram.send(&Outbound { act: Some(edit), ..out("7", "new") }).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Permanent);
    assert!(error.message.contains("message to edit not found"), "{}", error.message);
}
