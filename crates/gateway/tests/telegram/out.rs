//! What goes out on Telegram beside plain answers, and files that come.

mod acks;
mod approvals;
mod coming;
mod drafts;
mod files;
mod routing;
mod sending;
mod transcripts;

use crate::flow::{self, BOT_TOKEN, Bench, PATIENCE};
use serde_json::{Value, json};
use std::path::PathBuf;
use testkit::fake_telegram::FakeTelegram;

/// Somebody whom the configuration lets in.
const FRIEND: i64 = 777;

/// A gateway with a Telegram account that lets [`FRIEND`] in; `account` and `more` are further properties of the account
/// and of the configuration.
async fn bench(account: &str, more: &str) -> (Bench, FakeTelegram) {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let account = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}], {account}"));
    (Bench::start(&format!("{account} {more}")).await, fake)
}

/// The bot's messages with the friend come to be these.
async fn chat(fake: &FakeTelegram, texts: &[&str]) {
    if let Err(error) = fake.wait_for_chat(FRIEND, texts, PATIENCE).await {
        panic!("{error}");
    }
}

/// An answer of the platform that says no.
fn refusal(code: u16, description: &str) -> Value {
    json!({"ok": false, "error_code": code, "description": description})
}

/// A command that runs until its file is there.
struct Gate(PathBuf);

impl Gate {
    fn new(bench: &Bench) -> Self {
        Self(bench.gateway.state_dir().join("gate"))
    }

    fn command(&self) -> Value {
        json!({"command": format!("while [ ! -e {} ]; do sleep 0.01; done", self.0.display())})
    }

    fn open(&self) {
        std::fs::write(&self.0, "").expect("the gate opens");
    }
}
