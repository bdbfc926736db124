//! What Telegram bounds: how soon it is asked again, and how large a file may be.

use super::{DEADLINE, TOKEN, config_in, run, run_with};
use channels::{Telegram, TelegramConfig};
use model::ManualClock;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use testkit::fake_telegram::FakeTelegram;

#[tokio::test]
async fn a_platform_that_asks_to_wait_is_not_asked_sooner() {
    for method in ["getMe", "getUpdates"] {
        let fake = FakeTelegram::start(TOKEN).await;
        fake.busy_next(method, 600);
        let running = run(&fake, None, 0);
        running.until("backing-off").await;
        // From here on time passes where nobody has anything to do.
        tokio::time::pause();
        let mut watch = running.telegram.watch();
        let ready =
            tokio::time::timeout(Duration::from_secs(700), watch.wait_for(|s| s.lifecycle == "ready"));
        ready.await.unwrap().unwrap();
        tokio::time::resume();
        assert!(fake.calls(method) >= 2);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_voice_note_of_50_megabytes_is_told_of_and_is_fetched_where_the_server_gives_it() {
    const SIZE: usize = 50_000_000;
    let (fake, dir) = (FakeTelegram::start(TOKEN).await, tempfile::tempdir().unwrap());
    fake.put_file("long", vec![7; SIZE]);
    let voice = json!({ "file_id": "long", "file_unique_id": "u", "duration": 9_000, "file_size": SIZE });
    let with_default_bounds = || {
        let config = TelegramConfig { media_max_bytes: 100_000_000, ..config_in(dir.path(), fake.url()) };
        Telegram::new(config, Arc::new(ManualClock::at(5_000))).unwrap()
    };
    let id = fake.push_message(7, 7, json!({ "caption": "hear this", "voice": voice }));
    let mut running = run_with(with_default_bounds(), None, 0);
    let text = running.batch().await.0.remove(0).text;
    assert!(text.contains("hear this") && text.contains("file is too big"), "{text}");
    assert!(!dir.path().join("media").exists(), "nothing was begun");
    fake.wait_for_offset(id + 1, DEADLINE).await.unwrap();
    running.stop().await;

    fake.be_local();
    fake.push_message(7, 7, json!({ "voice": voice }));
    let mut running = run_with(with_default_bounds(), Some(&(id + 1).to_string()), 0);
    let text = running.batch().await.0.remove(0).text;
    let path = text.split("saved as ").nth(1).unwrap_or_else(|| panic!("{text}")).trim_end_matches(']');
    assert_eq!(std::fs::metadata(path).unwrap().len(), SIZE as u64, "{text}");
    running.stop().await;
}
