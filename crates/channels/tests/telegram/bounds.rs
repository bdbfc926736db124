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

/// Waits, with time passing where nobody has anything to do, until the account works again and `method` has worked.
async fn until_it_works(fake: &FakeTelegram, telegram: &Telegram, method: &str) {
    tokio::time::pause();
    let mut watch = telegram.watch();
    let works = async {
        watch.wait_for(|s| s.lifecycle == "ready").await.unwrap();
        fake.wait_for_calls(method, 2, Duration::from_secs(700)).await.unwrap();
        watch.wait_for(|s| s.lifecycle == "ready").await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(800), works).await.unwrap();
    tokio::time::resume();
}

#[tokio::test]
async fn a_webhook_is_neither_set_nor_looked_after_sooner_than_the_platform_asks() {
    for method in ["setWebhook", "getWebhookInfo"] {
        let fake = FakeTelegram::start(TOKEN).await;
        fake.busy_next(method, 600);
        let telegram = super::webhook::hooked(&fake);
        let task = super::webhook::awaiting(&telegram);
        fake.wait_for_calls(method, 1, DEADLINE).await.unwrap();
        until_it_works(&fake, &telegram, method).await;
        drop(task);
    }
}

#[tokio::test]
async fn neither_the_menu_nor_the_end_of_a_webhook_is_asked_for_sooner_than_the_platform_asks() {
    for method in ["setMyCommands", "deleteWebhook"] {
        let fake = FakeTelegram::start(TOKEN).await;
        if method == "deleteWebhook" {
            let description = "Conflict: can't use getUpdates method while webhook is active";
            let body = json!({ "ok": false, "error_code": 409, "description": description });
            fake.fail_next("getUpdates", 409, body.clone());
            fake.fail_next("getUpdates", 409, body);
        }
        fake.busy_next(method, 600);
        let running = run(&fake, None, 0);
        fake.wait_for_calls(method, 1, DEADLINE).await.unwrap();
        until_it_works(&fake, &running.telegram, method).await;
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
    let text = running.complete().await.remove(0).text;
    assert!(text.contains("hear this") && text.contains("file is too big"), "{text}");
    assert!(!dir.path().join("media").exists(), "nothing was begun");
    fake.wait_for_offset(id + 1, DEADLINE).await.unwrap();
    running.stop().await;

    fake.be_local();
    fake.push_message(7, 7, json!({ "voice": voice }));
    let mut running = run_with(with_default_bounds(), Some(&(id + 1).to_string()), 0);
    let text = running.complete().await.remove(0).text;
    let path = text.split("saved as ").nth(1).unwrap_or_else(|| panic!("{text}")).trim_end_matches(']');
    assert_eq!(std::fs::metadata(path).unwrap().len(), SIZE as u64, "{text}");
    running.stop().await;
}

/// A document that has come, and is not fetched yet.
async fn document(fake: &FakeTelegram, dir: &std::path::Path) -> (Telegram, model::Inbound) {
    fake.put_file("slow", b"%PDF".to_vec());
    let document = json!({ "file_id": "slow", "file_unique_id": "u", "file_name": "a.pdf" });
    fake.push_message(7, 7, json!({ "caption": "look", "document": document }));
    let mut running = run_with(super::telegram_in(dir, fake.url()), None, 0);
    let (inbound, telegram) = (running.batch().await.0.remove(0), running.telegram.clone());
    running.stop().await;
    (telegram, inbound)
}

#[tokio::test]
async fn a_file_that_never_comes_is_named_in_its_message() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let (telegram, inbound) = document(&fake, dir.path()).await;
    for _ in 0..60 {
        fake.hang_next("getFile");
    }
    tokio::time::pause();
    let message = telegram.fetch(inbound, true).await.0;
    assert!(message.text.starts_with("look\n[document a.pdf: could not be downloaded: "), "{}", message.text);
    assert!(message.coming.is_empty());
}

#[tokio::test]
async fn a_platform_that_asks_to_wait_gives_its_file_afterwards_where_that_is_soon_enough() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let (telegram, inbound) = document(&fake, dir.path()).await;
    for (seconds, expected) in [(20, "saved as "), (600, "Too Many Requests")] {
        fake.busy_next("getFile", seconds);
        tokio::time::pause();
        let message = telegram.fetch(inbound.clone(), true).await.0;
        tokio::time::resume();
        assert!(message.text.contains(expected), "{seconds}: {}", message.text);
    }
}

#[tokio::test]
async fn images_for_which_there_is_no_room_are_named_and_not_fetched() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let photo = json!([{ "file_id": "p", "width": 10, "height": 10 }]);
    fake.push_message(7, 7, json!({ "photo": photo }));
    let mut running = run_with(super::telegram_in(dir.path(), fake.url()), None, 0);
    let inbound = running.batch().await.0.remove(0);
    let message = running.telegram.fetch(inbound, false).await.0;
    assert_eq!(message.text, "[photo: could not be downloaded: too many large images came at once]");
    assert_eq!(fake.calls("getFile"), 0);
    running.stop().await;
}

#[tokio::test]
async fn a_download_that_breaks_off_is_begun_again() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let (telegram, inbound) = document(&fake, dir.path()).await;
    fake.cut_next("download");
    fake.fail_next("download", 502, json!({}));
    fake.hang_next("download");
    tokio::time::pause();
    let message = telegram.fetch(inbound.clone(), true).await.0;
    assert!(message.text.contains("4 bytes: saved as "), "{}", message.text);
    assert_eq!(fake.calls("download"), 4);
    let kept = std::fs::read_dir(dir.path().join("media")).unwrap().count();
    assert_eq!(kept, 1, "nothing is left of what broke off");
    // What is refused is not asked for again, and what breaks off each time is given up.
    fake.fail_next("download", 403, json!({}));
    let message = telegram.fetch(inbound.clone(), true).await.0;
    assert!(message.text.ends_with(": could not be downloaded: HTTP 403]"), "{}", message.text);
    assert_eq!(fake.calls("download"), 5);
    fake.announce_size("slow", 9);
    let message = telegram.fetch(inbound, true).await.0;
    assert!(message.text.ends_with("only 4 of 9 bytes came]"), "{}", message.text);
    assert_eq!(fake.calls("download"), 10);
}

#[tokio::test]
async fn a_server_of_ones_own_has_its_files_read_from_the_disk_where_that_is_trusted() {
    let (dir, fake) = (tempfile::tempdir().unwrap(), FakeTelegram::start(TOKEN).await);
    let (trusted, other) = (dir.path().join("bot-api"), dir.path().join("other"));
    for root in [&trusted, &other] {
        std::fs::create_dir(root).unwrap();
        std::fs::write(root.join("a.pdf"), b"%PDF").unwrap();
        std::fs::write(root.join("large.pdf"), vec![0; 1_001]).unwrap();
    }
    std::os::unix::fs::symlink(other.join("a.pdf"), trusted.join("link.pdf")).unwrap();
    let (_, inbound) = document(&fake, dir.path()).await;
    let config = super::config_in(dir.path(), fake.url());
    let with = |roots: Vec<std::path::PathBuf>| {
        let config = channels::TelegramConfig { local_roots: roots, ..config.clone() };
        Telegram::new(config, std::sync::Arc::new(model::ManualClock::at(5_000))).unwrap()
    };
    let trusting = with(vec![dir.path().join("none"), trusted.clone()]);
    for (telegram, path, expected) in [
        (&trusting, trusted.join("a.pdf"), "saved as "),
        (&trusting, trusted.join("link.pdf"), "not below channels.telegram.trustedLocalFileRoots"),
        (&trusting, other.join("a.pdf"), "not below channels.telegram.trustedLocalFileRoots"),
        (&trusting, trusted.join("../other/a.pdf"), "not below channels.telegram.trustedLocalFileRoots"),
        (&trusting, trusted.join("large.pdf"), "the limit is 1000"),
        (&trusting, trusted.join("gone.pdf"), "cannot be read there"),
        (&with(vec![]), trusted.join("a.pdf"), "names no directory there"),
    ] {
        fake.have_on_disk("slow", &path);
        let message = telegram.fetch(inbound.clone(), true).await.0;
        assert!(message.text.contains(expected), "{}: {}", path.display(), message.text);
    }
    assert_eq!(fake.calls("download"), 0);
}
