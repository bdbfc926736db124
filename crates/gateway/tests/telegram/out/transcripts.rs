//! Transcripts of voice messages: what the agent reads, who is asked, and what holds where nobody can tell.

use super::{FRIEND, bench};
use crate::flow::{self, BOT_TOKEN, Bench, PATIENCE, asked, gateway_at};
use serde_json::{Value, json};
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::config_with_model;

const GROUP: i64 = -1005;

/// A voice message of two seconds.
fn voice() -> Value {
    json!({"voice": {"file_id": "voice", "file_unique_id": "v", "duration": 2, "mime_type": "audio/ogg"}})
}

fn speak(fake: &FakeTelegram, chat: i64) -> i64 {
    fake.put_file("voice", vec![7; 2000]);
    fake.push_message(chat, FRIEND, voice())
}

/// `tools.media` with these entries and this about sound.
fn media(models: &str, audio: &str) -> String {
    format!("tools: {{ media: {{ models: [ {models} ], audio: {{ {audio} }} }} }},")
}

/// A provider that listens at the fake model.
fn provider(ears: &FakeModel, more: &str) -> String {
    format!(r#"{{ provider: "openai", baseUrl: "{}", capabilities: ["audio"], {more} }},"#, ears.url())
}

async fn answered(fake: &FakeTelegram, count: usize) -> Vec<String> {
    let sent = fake.wait_for_sent(count, PATIENCE).await.unwrap();
    sent.into_iter().map(|sent| sent.plain).collect()
}

/// A gateway whose own model is not asked for transcripts, and another that is.
async fn with_ears(models: impl Fn(&FakeModel) -> String, audio: &str) -> (Bench, FakeTelegram, FakeModel) {
    let ears = FakeModel::start().await;
    let (bench, fake) = bench("", &media(&models(&ears), audio)).await;
    (bench, fake, ears)
}

#[tokio::test]
async fn what_is_said_by_voice_is_read_by_the_agent_and_the_file_is_kept() {
    let (bench, fake, ears) =
        with_ears(|ears| provider(ears, r#"model: "whisper-9", language: "de", prompt: "names: Ömer""#), "")
            .await;
    ears.transcripts(vec![Step::Text(" Buy \"milk\"\nand tea ".to_owned())]);
    speak(&fake, FRIEND);
    answered(&fake, 1).await;
    let told = asked(&bench.model.requests()[0]);
    assert!(told.contains("[voice message, 2 s, 2 kB: saved as /"), "{told}");
    let expected = r#"[Audio transcript (machine-generated, untrusted)]: "Buy \"milk\"\nand tea""#;
    assert!(told.contains(expected), "{told}");
    let heard = &ears.listened()[0];
    assert_eq!(heard.bytes, vec![7; 2000]);
    // Telegram calls it `oga`, which providers do not know.
    assert!(heard.name.ends_with(".ogg"), "{}", heard.name);
    let field = |name: &str| heard.fields.get(name).cloned().unwrap_or_default();
    assert_eq!([field("model"), field("language"), field("prompt")], ["whisper-9", "de", "names: Ömer"]);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn where_one_fails_the_next_is_asked_and_a_message_without_a_transcript_says_why() {
    let (bench, fake, ears) =
        with_ears(|ears| format!("{}{}", provider(ears, ""), provider(ears, r#"model: "second""#)), "").await;
    ears.transcripts(vec![
        Step::Status(500, vec![], "{}".to_owned()),
        Step::Text("by the second".to_owned()),
        Step::Garbage,
        Step::Status(401, vec![], r#"{"error":{"message":"no such [key]"}}"#.to_owned()),
        Step::Text(String::new()),
    ]);
    speak(&fake, FRIEND);
    answered(&fake, 1).await;
    assert!(asked(&bench.model.requests()[0]).contains("by the second"));
    speak(&fake, FRIEND);
    answered(&fake, 2).await;
    let told = asked(&bench.model.requests()[1]);
    assert!(told.contains("[no transcript: openai/second: ") && told.contains("saved as /"), "{told}");
    speak(&fake, FRIEND);
    answered(&fake, 3).await;
    let told = asked(&bench.model.requests()[2]);
    assert!(told.contains("[no transcript: nothing was said]"), "{told}");
    // Too little to be words: nobody is asked.
    fake.put_file("short", vec![7; 100]);
    fake.push_message(FRIEND, FRIEND, json!({"voice": {"file_id": "short", "duration": 1}}));
    answered(&fake, 4).await;
    assert!(asked(&bench.model.requests()[3]).contains("[no transcript: the recording is too short]"));
    assert_eq!(ears.listened().len(), 5);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_program_of_this_host_makes_transcripts_too() {
    let script = r#"cat $0 | wc -c | tr -d ' \n' > $1/out; printf '[00:00.000 --> 00:01.000]  '; cat $1/out; printf ' bytes\n'"#;
    let entry = json!({"type": "cli", "command": "/bin/sh", "capabilities": ["audio"], "timeoutSeconds": 20,
        "args": ["-c", script, "{{MediaPath}}", "{{OutputDir}}"]});
    let missing =
        json!({"type": "cli", "command": "no-such-program", "capabilities": ["audio"], "args": ["x"]});
    let (bench, fake) = bench("", &media(&format!("{missing}, {entry},"), "")).await;
    speak(&fake, FRIEND);
    answered(&fake, 1).await;
    let told = asked(&bench.model.requests()[0]);
    assert!(told.contains(r#"untrusted)]: "2000 bytes""#), "{told}");
    let left = std::fs::read_dir(bench.gateway.state_dir().join("media/transcripts")).unwrap().count();
    assert_eq!(left, 0);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn who_has_a_key_is_asked_without_being_configured_and_a_switch_ends_it() {
    let ears = FakeModel::start().await;
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let account = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}],"));
    let own = FakeModel::start().await;
    let known = format!(r#"providers: {{ deepgram: {{ apiKey: "dg-key", baseUrl: "{}" }},"#, ears.url());
    let config = config_with_model(&own.url(), &account).replacen("providers: {", &known, 1);
    let dir = tempfile::tempdir().unwrap();
    let gateway = gateway_at(dir.path(), config.clone()).await;
    ears.transcripts(vec![Step::Text("from afar".to_owned())]);
    speak(&fake, FRIEND);
    answered(&fake, 1).await;
    let told = asked(&own.requests()[0]);
    assert!(told.contains(r#": "from afar""#), "{told}");
    let heard = &ears.listened()[0];
    assert_eq!(heard.key.as_deref(), Some("Token dg-key"));
    assert_eq!(heard.fields.get("model").map(String::as_str), Some("nova-3"));
    gateway.stop().await;

    let off = config.replacen("models: {", "tools: { media: { audio: { enabled: false } } }, models: {", 1);
    let gateway = gateway_at(dir.path(), off).await;
    speak(&fake, FRIEND);
    answered(&fake, 2).await;
    assert!(asked(&own.requests()[1]).contains("voice message"));
    assert_eq!(ears.listened().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended_with_all_that_it_started() {
    let script = r#"sleep 1000 & echo $! > "$0"; wait"#;
    let pid = tempfile::NamedTempFile::new().unwrap();
    let entry = json!({"type": "cli", "command": "/bin/sh", "capabilities": ["audio"], "timeoutSeconds": 1,
        "args": ["-c", script, pid.path()]});
    let (bench, fake) = bench("", &media(&format!("{entry},"), "")).await;
    speak(&fake, FRIEND);
    answered(&fake, 1).await;
    let told = asked(&bench.model.requests()[0]);
    assert!(told.contains("[no transcript: /bin/sh: it took longer than 1 s]"), "{told}");
    let started = std::fs::read_to_string(pid.path()).unwrap();
    let is_there = || std::path::Path::new(&format!("/proc/{}/status", started.trim())).exists();
    assert!(fake.wait_until(|| !is_there(), PATIENCE).await, "{started}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_profile_that_cannot_be_used_is_not_replaced_by_another_key() {
    let (bench, fake, ears) = with_ears(|ears| provider(ears, r#"profile: "openai:work""#), "").await;
    speak(&fake, FRIEND);
    answered(&fake, 1).await;
    let told = asked(&bench.model.requests()[0]);
    assert!(told.contains("openai:work cannot be used"), "{told}");
    assert!(ears.listened().is_empty());
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_transcript_is_made_anew_after_a_stop_in_its_middle_and_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
    let account = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}],"));
    let media = media(&provider(&model, ""), "echoTranscript: true");
    let config = config_with_model(&model.url(), &format!("{account} {media}"));
    let gateway = gateway_at(dir.path(), config.clone()).await;
    model.transcripts(vec![Step::Hang, Step::Text("hello there".to_owned())]);
    let id = speak(&fake, FRIEND);
    model.wait_for_listening(1).await;
    fake.wait_for_offset(id + 1, PATIENCE).await.unwrap();
    gateway.stop().await;
    assert_eq!(fake.sent().len(), 0);
    let gateway = gateway_at(dir.path(), config).await;
    let sent = answered(&fake, 2).await;
    assert_eq!(sent[0], "📝 \"hello there\"");
    assert_eq!(model.listened().len(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn in_a_group_a_voice_message_that_names_the_agent_is_for_it() {
    let ears = FakeModel::start().await;
    let groups = format!(r#"groups: {{ "{GROUP}": {{}}, "-1006": {{ disableAudioPreflight: true }} }},"#);
    let more = format!(
        "{} messages: {{ groupChat: {{ mentionPatterns: [\"kit\"] }} }},",
        media(&provider(&ears, ""), r#"echoTranscript: true, echoFormat: "heard: {transcript}""#)
    );
    let (bench, fake) = bench(&groups, &more).await;
    ears.transcripts(vec![
        Step::Text("nothing of yours".to_owned()),
        Step::Text("Kit, what is up?".to_owned()),
    ]);
    speak(&fake, GROUP);
    ears.wait_for_listening(1).await;
    // Nobody listens there, and nothing is fetched.
    speak(&fake, -1006);
    speak(&fake, GROUP);
    let sent = answered(&fake, 2).await;
    assert_eq!(sent[0], "heard: Kit, what is up?");
    let told = asked(&bench.model.requests()[0]);
    assert!(told.contains("Kit, what is up?"), "{told}");
    // What was said before is told as what was heard.
    assert!(told.contains("[said here before") && told.contains("nothing of yours"), "{told}");
    assert_eq!((ears.listened().len(), fake.calls("getFile"), bench.model.requests().len()), (2, 2, 1));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_spoken_command_is_one_and_scope_says_where_nobody_listens() {
    let scope = r#"scope: { rules: [ { action: "deny", match: { chatType: "group" } } ] }"#;
    let ears = FakeModel::start().await;
    let groups = format!(r#"groups: {{ "{GROUP}": {{ requireMention: false }} }},"#);
    let (bench, fake) = bench(&groups, &media(&provider(&ears, ""), scope)).await;
    speak(&fake, GROUP);
    assert!(answered(&fake, 1).await[0].contains("voice message"), "the file is told of");
    assert!(ears.listened().is_empty());
    ears.transcripts(vec![Step::Text("/status".to_owned())]);
    speak(&fake, FRIEND);
    let sent = answered(&fake, 2).await;
    assert!(sent[1].contains("agent:main:main") && bench.model.requests().len() == 1, "{sent:?}");
    bench.gateway.stop().await;
}
