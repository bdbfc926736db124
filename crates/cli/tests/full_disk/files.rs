//! Files that come with messages: one for which the disk has no room, and one that is larger than all that the gateway may have in
//! memory.

use crate::SmallDisk;
use crate::live::{Gateway, PATIENCE, Places, config};
use crate::support::Home;
use serde_json::json;
use std::path::PathBuf;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;

const PERSON: i64 = 4711;
const OTHER: i64 = 4712;
/// As large as Telegram's servers take.
const VOICE_NOTE: usize = 50_000_000;
/// What a gateway may need more while that comes, in bytes.
const MORE_MEMORY: usize = 20_000_000;

async fn world() -> (FakeTelegram, FakeModel, String) {
    let (telegram, model) = (FakeTelegram::start("123:abc").await, FakeModel::start().await);
    let (model_url, telegram_url) = (model.url(), telegram.url());
    let dm = r#"dmPolicy: "open", allowFrom: ["*"]"#;
    let more = r#"messages: { queue: { mode: "followup" } },"#;
    let places = Places { model: &model_url, api: "openai-completions", telegram: &telegram_url, dm, more };
    let config = config(&places);
    (telegram, model, config)
}

/// Where an answer says that a file lies.
fn saved_as(answer: &str) -> PathBuf {
    let path = answer.split("saved as ").nth(1).and_then(|rest| rest.split(']').next());
    path.unwrap_or_else(|| panic!("no file: {answer}")).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_does_not_fit_is_named_in_its_message_and_is_kept_when_it_is_sent_again() {
    let (telegram, _model, config) = world().await;
    let disk = SmallDisk::at("media", "256k", &config);
    telegram.put_file("f", vec![7; 100_000]);
    let document = json!({"file_id": "f", "file_unique_id": "u", "file_name": "a.bin"});
    let send =
        |caption| telegram.push_message(PERSON, PERSON, json!({"caption": caption, "document": document}));
    disk.fill();
    send("while it is full");
    let sent = telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    let answer = &sent[0].plain;
    let why = [
        "while it is full",
        "[document a.bin: could not be downloaded: it could not be written: ",
        "No space left",
    ];
    assert!(why.iter().all(|part| answer.contains(part)), "{answer}");
    telegram.push_text(OTHER, OTHER, "as ever");
    let sent = telegram.wait_for_sent(2, PATIENCE).await.unwrap();
    assert!(sent[1].plain.contains("as ever"), "{:?}", sent[1]);
    let kept = disk.seen(&disk.state().join("media/inbound"));
    let left = || std::fs::read_dir(&kept).map_or(0, Iterator::count);
    assert_eq!(left(), 0, "no part of it is left");

    disk.free();
    send("once more");
    let sent = telegram.wait_for_sent(3, PATIENCE).await.unwrap();
    let file = disk.seen(&saved_as(&sent[2].plain));
    assert_eq!((std::fs::read(file).unwrap(), left()), (vec![7; 100_000], 1));
    assert_eq!(disk.gateway.program.stop("-TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voice_note_of_50_megabytes_goes_to_the_disk_and_not_into_memory() {
    let (telegram, _model, config) = world().await;
    telegram.be_local();
    telegram.put_file("long", vec![7; VOICE_NOTE]);
    let home = Home::with_config(&config);
    let gateway = Gateway::start(&home);
    telegram.push_text(PERSON, PERSON, "hello");
    telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    let before = peak(&gateway);
    let voice = json!({"file_id": "long", "file_unique_id": "u", "duration": 9_000, "file_size": VOICE_NOTE});
    telegram.push_message(PERSON, PERSON, json!({"voice": voice}));
    let sent = telegram.wait_for_sent(2, PATIENCE).await.unwrap();
    let file = saved_as(&sent[1].plain);
    assert_eq!(std::fs::metadata(file).unwrap().len(), VOICE_NOTE as u64);
    let more = peak(&gateway).saturating_sub(before);
    assert!(more < MORE_MEMORY, "{more} bytes more than before");
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
}

/// The most that the gateway has had in memory, in bytes.
fn peak(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.program.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
