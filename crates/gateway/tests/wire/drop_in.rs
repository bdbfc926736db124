//! What OpenClaw's own command line asks for and looks up in the answers, where it would stop without it.

use crate::flow::{self, BOT_TOKEN, Bench, MAIN, PATIENCE};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::fake_telegram::FakeTelegram;

/// The chat that messages go to.
const CHAT: i64 = 777;

async fn bench() -> (Bench, FakeTelegram) {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&flow::telegram(&fake, &format!("allowFrom: [{CHAT}],"))).await;
    fake.know_chat(CHAT);
    (bench, fake)
}

/// `message.action` as `openclaw message send` asks for it: every flag that it knows, whether given or not.
fn send(key: &str, more: Value) -> Value {
    let mut params = json!({
        "channel": "telegram", "target": CHAT.to_string(), "to": format!("telegram:{CHAT}"), "message": "a note",
        "action": "send", "pin": false, "gifPlayback": false, "forceDocument": false, "silent": false,
        "json": true, "dryRun": false, "verbose": false, "__sessionKey": MAIN, "__agentId": "main",
    });
    for (name, value) in more.as_object().expect("an object") {
        params[name] = value.clone();
    }
    json!({
        "channel": "telegram", "action": "send", "params": params, "senderIsOwner": true, "agentId": "main",
        "conversationReadOrigin": "direct-operator", "idempotencyKey": key,
    })
}

#[tokio::test]
async fn message_action_sends_once_for_each_key() {
    let (bench, fake) = bench().await;
    let operator = bench.operator().await;
    let sent = operator.call("message.action", send("k", json!({"replyTo": 5}))).await;
    assert_eq!((&sent["ok"], &sent["chatId"]), (&json!(true), &json!(CHAT.to_string())));
    assert_eq!(operator.call("message.action", send("k", json!({"replyTo": 5}))).await, sent);
    operator.call("message.action", send("other", json!({}))).await;
    let all = fake.wait_for_sent(2, PATIENCE).await.expect("two messages");
    let seen: Vec<_> = all.iter().map(|m| (m.chat_id, m.plain.as_str(), m.reply_to)).collect();
    assert_eq!(seen, [(CHAT, "a note", Some(5)), (CHAT, "a note", None)]);
    assert_eq!(sent["messageId"], json!(all[0].message_id.to_string()));
}

#[tokio::test]
async fn what_cannot_be_sent_as_asked_is_refused_by_name() {
    let (bench, fake) = bench().await;
    let operator = bench.operator().await;
    for (more, named) in [
        (json!({"media": "/nowhere/cat.png"}), "/nowhere/cat.png"),
        (json!({"dryRun": true}), "dryRun"),
        (json!({"message": ""}), "'message'"),
        (json!({"to": "", "target": ""}), "'to'"),
    ] {
        let error = operator.refused("message.action", send("k", more)).await;
        assert!(error.message.contains(named), "{error}");
    }
    for (action, named) in [("broadcast", "there are: "), ("sticker", "channels.telegram.actions.sticker")] {
        let mut call = send("k", json!({}));
        call["action"] = json!(action);
        call["params"]["fileId"] = json!("CAAC");
        let error = operator.refused("message.action", call).await;
        assert!(error.message.contains(action) && error.message.contains(named), "{error}");
    }
    assert!(fake.sent().is_empty());
}

#[tokio::test]
async fn status_and_health_tell_each_agents_sessions() {
    let (bench, _fake) = bench().await;
    let operator = bench.operator().await;
    operator.agent("a", "hi").await.expect("an answer");
    // What health shows may be a moment old; the moment passes.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    let health = operator.call("health", json!({})).await;
    let own = &health["agents"][0]["sessions"];
    assert_eq!((&own["count"], &own["recent"][0]["key"]), (&json!(1), &json!(MAIN)), "{health}");
    assert!(own["path"].as_str().expect("a path").ends_with(".sqlite"));

    let asked = json!({"includeChannelSummary": false, "includeCliProjection": true});
    let status = operator.call("status", asked).await;
    let own = &status["sessions"]["byAgent"][0];
    assert_eq!((&own["agentId"], &own["count"]), (&json!("main"), &json!(1)), "{status}");
    assert_eq!(own["recent"][0]["contextTokens"], 128_000);
    assert_eq!(status["channelSummary"], json!([]));
    let agents = &status["cliProjection"]["agents"];
    assert_eq!((&agents["defaultId"], &agents["rows"]), (&json!("main"), &json!([{"id": "main"}])));
    let status = operator.call("status", json!({})).await;
    assert_eq!((status.get("cliProjection"), status["channelSummary"][0].is_string()), (None, true));
}
