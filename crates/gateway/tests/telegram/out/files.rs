//! What an answer says of its own delivery, and files: from the agent and from operators.

use super::{FRIEND, bench, chat};
use crate::flow::{BOT_TOKEN, Bench, PATIENCE};
use serde_json::{Value, json};
use testkit::fake_model::Step;
use testkit::fake_telegram::FakeTelegram;

const PNG: &[u8] = b"\x89PNG picture";

/// Puts files into the agent's workspace.
fn put(bench: &Bench, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        std::fs::write(bench.gateway.state_dir().join("workspace").join(name), bytes).unwrap();
    }
}

/// The parameters of the calls of one of the platform's methods.
fn asked(fake: &FakeTelegram, method: &str) -> Vec<Value> {
    fake.requests().into_iter().filter(|(name, _)| name == method).map(|(_, params)| params).collect()
}

/// What is on its way or was left behind.
fn copies(bench: &Bench) -> usize {
    std::fs::read_dir(bench.gateway.state_dir().join("media/outbound")).map_or(0, Iterator::count)
}

/// Has the model answer so.
async fn answer(bench: &Bench, fake: &FakeTelegram, text: &str) {
    bench.model.script(vec![Step::Text(text.into())]);
    fake.push_text(FRIEND, FRIEND, "go on");
}

#[tokio::test]
async fn an_answer_says_what_it_is_a_reply_to() {
    let (bench, fake) = bench(r#"replyToMode: "off","#, "").await;
    answer(&bench, &fake, "[[reply_to_current]] To you.").await;
    chat(&fake, &["To you."]).await;
    answer(&bench, &fake, "To the first one.\n[[reply_to: 1]]").await;
    fake.wait_for_sent(2, PATIENCE).await.unwrap();
    answer(&bench, &fake, "Write `[[reply_to_current]]` for that.").await;
    let sent = fake.wait_for_sent(3, PATIENCE).await.unwrap();
    let shown: Vec<_> = sent.iter().map(|s| (s.plain.as_str(), s.reply_to)).collect();
    // The friend's messages are 1, 3 and 5.
    let expected = [
        ("To you.", Some(1)),
        ("To the first one.", Some(1)),
        ("Write [[reply_to_current]] for that.", None),
    ];
    assert_eq!(shown, expected);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_answer_brings_files_from_the_workspace_and_says_what_it_could_not_bring() {
    let (bench, fake) = bench("", "").await;
    put(&bench, &[("a.png", PNG), ("b.png", PNG), ("c.txt", b"text"), ("v.ogg", b"OggS sound")]);
    let text = "Here.\n\nMEDIA:a.png\nMEDIA: b.png\nMEDIA:\"c.txt\"\nMEDIA:/etc/hostname";
    answer(&bench, &fake, text).await;
    let sent = fake.wait_for_sent(4, PATIENCE).await.unwrap();
    assert!(sent[0].plain.starts_with("Here.\n\n⚠️ Cannot send /etc/hostname"), "{}", sent[0].plain);
    let album: Value =
        serde_json::from_str(asked(&fake, "sendmediagroup")[0]["media"].as_str().unwrap()).unwrap();
    assert_eq!(
        album,
        json!([{"type": "photo", "media": "attach://file0"}, {"type": "photo", "media": "attach://file1"}])
    );
    assert_eq!(asked(&fake, "senddocument")[0]["document"]["name"], "c.txt");
    answer(&bench, &fake, "[[audio_as_voice]]\nMEDIA:v.ogg").await;
    fake.wait_for_calls("sendVoice", 1, PATIENCE).await.unwrap();
    fake.wait_for_sent(5, PATIENCE).await.unwrap();
    // What Telegram does not show as an album of photos is one of documents.
    fake.fail_next("sendMediaGroup", 400, super::refusal(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"));
    answer(&bench, &fake, "MEDIA:a.png\nMEDIA:b.png").await;
    fake.wait_for_sent(7, PATIENCE).await.unwrap();
    assert!(asked(&fake, "sendmediagroup")[2]["media"].as_str().unwrap().contains("document"));
    assert!(fake.wait_until(|| copies(&bench) == 0, PATIENCE).await);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn who_has_no_tool_to_send_files_sends_none_by_an_answer() {
    let (bench, fake) = bench(r#"direct: { "*": { tools: { deny: ["message"] } } },"#, "").await;
    put(&bench, &[("a.png", PNG)]);
    answer(&bench, &fake, "MEDIA:a.png").await;
    chat(&fake, &["MEDIA:a.png"]).await;
    bench.gateway.stop().await;

    // And who fetches nothing sends nothing from an address.
    let (bench, fake) = super::bench("", r#"tools: { deny: ["web_fetch"] },"#).await;
    answer(&bench, &fake, "MEDIA:https://example.org/a.png").await;
    fake.wait_for_sent(1, PATIENCE).await.unwrap();
    assert!(fake.chat(FRIEND)[0].contains("nothing is fetched"), "{:?}", fake.chat(FRIEND));
    let call = json!({"action": "send", "media": "https://example.org/a.png"});
    fake.push_text(FRIEND, FRIEND, &format!("TOOL:message {call}"));
    fake.wait_for_sent(2, PATIENCE).await.unwrap();
    assert!(fake.chat(FRIEND)[1].contains("Nothing is fetched in this chat"), "{:?}", fake.chat(FRIEND));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_agent_sends_several_files_in_one_message() {
    let (bench, fake) = bench("", "").await;
    put(&bench, &[("a.png", PNG), ("b.png", PNG), ("v.ogg", b"OggS")]);
    let call = json!({"action": "send", "text": "**Look**", "attachments": [{"media": "a.png"}, {"media": "b.png"}]});
    fake.push_text(FRIEND, FRIEND, &format!("TOOL:message {call}"));
    let sent = fake.wait_for_sent(3, PATIENCE).await.unwrap();
    assert_eq!((sent[0].plain.as_str(), sent[1].plain.as_str()), ("Look", ""));
    for (more, method) in [
        (json!({"media": "v.ogg", "asVoice": true}), "sendVoice"),
        (json!({"media": "a.png", "forceDocument": true}), "sendDocument"),
    ] {
        let mut call = more;
        call["action"] = json!("send");
        fake.push_text(FRIEND, FRIEND, &format!("TOOL:message {call}"));
        fake.wait_for_calls(method, 1, PATIENCE).await.unwrap();
    }
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_operator_sends_files_by_path_address_or_as_they_are() {
    let private = r#"tools: { web: { fetch: { ssrfPolicy: { dangerouslyAllowPrivateNetwork: true } } } },"#;
    let (bench, fake) = bench("", private).await;
    let operator = bench.operator().await;
    fake.know_chat(FRIEND);
    put(&bench, &[("a.png", PNG), ("b.png", PNG)]);
    fake.put_file("far.png", PNG.to_vec());
    let workspace = bench.gateway.state_dir().join("workspace");
    let url = format!("{}/file/bot{BOT_TOKEN}/files/far.png", fake.url());
    let send = |key: &str, more: Value| {
        let mut params = json!({"channel": "telegram", "to": "777", "idempotencyKey": key});
        params.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        params
    };
    let data = "data:text/plain;name=note.txt;base64,aGVsbG8=";
    let all = json!({"message": "all", "mediaUrls": [workspace.join("a.png"), url, data]});
    let first = operator.call("send", send("a", all.clone())).await;
    assert_eq!(operator.call("send", send("a", all)).await, first, "once for each key");
    assert_eq!((asked(&fake, "sendmediagroup").len(), fake.sent()[0].plain.as_str()), (1, "all"));
    let note = asked(&fake, "senddocument").remove(0)["document"].clone();
    assert_eq!(note, json!({"name": "note.txt", "bytes": "aGVsbG8="}));
    operator.call("send", send("b", json!({"buffer": "aGVsbG8=", "filename": "b.txt"}))).await;
    let picture = json!({"mediaUrl": workspace.join("b.png"), "forceDocument": true});
    operator.call("send", send("c", picture)).await;
    let action = json!({"channel": "telegram", "action": "send", "idempotencyKey": "d",
        "params": {"to": "777", "media": workspace.join("b.png")}});
    operator.call("message.action", action).await;
    assert_eq!((asked(&fake, "senddocument").len(), asked(&fake, "sendphoto").len()), (3, 1));

    for (more, says) in [
        (json!({"mediaUrl": "/etc/hostname"}), "is not below"),
        (json!({"mediaUrl": "a.png"}), "no whole path"),
        (json!({"mediaUrl": workspace.join("../openclaw.json")}), "is not below"),
        (json!({"mediaUrl": workspace.join("missing.png")}), "No such file"),
        (json!({"mediaUrl": format!("{url}.gone")}), "HTTP 404"),
        (json!({"buffer": "no base64!"}), "base64"),
        (json!({"mediaUrls": vec!["https://x.org/a"; 21]}), "at most 20"),
        (json!({"buffer": "aGVsbG8=", "asVoice": true, "forceDocument": true}), "not both"),
    ] {
        let refused = operator.refused("send", send("e", more.clone())).await;
        assert!(refused.message.contains(says), "{more}: {}", refused.message);
    }
    bench.gateway.stop().await;

    // Addresses that are not public are not asked unless that is configured.
    let (bench, fake) = super::bench("", "").await;
    let operator = bench.operator().await;
    fake.know_chat(FRIEND);
    let refused = operator.refused("send", send("f", json!({"mediaUrl": url}))).await;
    assert!(refused.message.contains("only public addresses"), "{}", refused.message);
    bench.gateway.stop().await;
}
