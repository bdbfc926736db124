//! The fake model and the fake Telegram as one process, for tests that are not written in Rust.
//!
//! Both listen on free ports of 127.0.0.1. The first line of standard output says where: `{"model", "telegram", "botToken"}`.
//! Every message that the platform accepts is a line `{"sent": {"chat", "text"}}`. A line `{"chat", "from", "text"}` on
//! standard input is a message that somebody writes to the bot. It ends when standard input does.

// What cannot be set up ends it with the reason.
#![allow(clippy::expect_used)]

use serde_json::{Value, json};
use std::time::Duration;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;

const BOT_TOKEN: &str = "424242:fakes";
/// A wait for the next message that is in vain for so long begins anew.
const WAIT: Duration = Duration::from_secs(60);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (model, telegram) = runtime.block_on(start());
    println!("{}", json!({"model": model.url(), "telegram": telegram.url(), "botToken": BOT_TOKEN}));
    std::thread::scope(|threads| {
        threads.spawn(|| runtime.block_on(tell_sent(&telegram)));
        hear(&telegram);
        // Without this the scope would wait for ever for the other half.
        std::process::exit(0);
    });
}

async fn start() -> (FakeModel, FakeTelegram) {
    (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await)
}

async fn tell_sent(telegram: &FakeTelegram) {
    let mut told = 0;
    loop {
        // In vain is no failure: nobody may have anything to say for long.
        let Ok(sent) = telegram.wait_for_sent(told + 1, WAIT).await else { continue };
        for message in &sent[told..] {
            println!("{}", json!({"sent": {"chat": message.chat_id, "text": message.plain}}));
        }
        told = sent.len();
    }
}

fn hear(telegram: &FakeTelegram) {
    for line in std::io::stdin().lines() {
        let message: Value =
            serde_json::from_str(&line.expect("standard input")).expect("a JSON object a line");
        let id = |name: &str| message[name].as_i64().expect("the id of a chat or person");
        telegram.push_text(id("chat"), id("from"), message["text"].as_str().expect("a text"));
    }
}
