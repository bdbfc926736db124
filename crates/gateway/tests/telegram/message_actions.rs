//! Polls, reactions, and changing what was sent: `poll` and the actions of `message.action`.

use crate::flow::{BOT_TOKEN, Bench, Operator, PATIENCE, gateway_at, telegram};
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::config_with_model;

const CHAT: i64 = 777;

async fn bench() -> (Bench, FakeTelegram) {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&telegram(&fake, &format!("allowFrom: [{CHAT}],"))).await;
    fake.know_chat(CHAT);
    (bench, fake)
}

fn poll(key: &str, more: Value) -> Value {
    let mut params = json!({
        "channel": "telegram", "to": "telegram:777", "question": "Tea?", "options": ["yes", "no"], "idempotencyKey": key,
    });
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    params
}

fn action(action: &str, key: &str, params: Value) -> Value {
    json!({"channel": "telegram", "action": action, "params": params, "idempotencyKey": key})
}

/// The parameters of the calls of one of the platform's methods.
fn asked(fake: &FakeTelegram, method: &str) -> Vec<Value> {
    fake.requests().into_iter().filter(|(name, _)| name == method).map(|(_, params)| params).collect()
}

async fn sent(operator: &Operator, key: &str) -> i64 {
    let send = json!({"channel": "telegram", "to": "777", "message": "a note", "idempotencyKey": key});
    operator.call("send", send).await["messageId"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_poll_is_sent_once_for_each_key_and_as_it_was_asked_for() {
    let (bench, fake) = bench().await;
    let operator = bench.operator().await;
    let first = operator.call("poll", poll("a", json!({}))).await;
    assert_eq!((&first["runId"], &first["channel"]), (&json!("a"), &json!("telegram")));
    assert_eq!(operator.call("poll", poll("a", json!({}))).await, first);
    let more = json!({"maxSelections": 2, "isAnonymous": false, "durationSeconds": 604_800, "silent": true, "threadId": "7"});
    let second = operator.call("poll", poll("b", more)).await;
    assert_ne!(second["messageId"], first["messageId"]);
    let options = json!([{"text": "yes"}, {"text": "no"}]);
    assert_eq!(
        asked(&fake, "sendpoll"),
        [
            json!({"chat_id": CHAT, "question": "Tea?", "options": options, "allows_multiple_answers": false,
                "is_anonymous": true}),
            json!({"chat_id": CHAT, "message_thread_id": 7, "question": "Tea?", "options": options,
                "allows_multiple_answers": true, "is_anonymous": false, "open_period": 604_800,
                "disable_notification": true}),
        ]
    );
    let by_action = json!({"to": "777", "pollQuestion": "Cake?", "pollOption": ["a", "b", "c"], "pollMulti": true,
        "pollPublic": true, "pollDurationSeconds": "30"});
    let done = operator.call("message.action", action("poll", "c", by_action)).await;
    let id = done["messageId"].as_str().unwrap().parse().unwrap();
    assert_eq!(fake.shown(CHAT, id).unwrap().text, "Cake?");
    let last = asked(&fake, "sendpoll").pop().unwrap();
    assert_eq!((&last["open_period"], &last["is_anonymous"]), (&json!(30), &json!(false)));
}

#[tokio::test]
async fn what_the_platform_would_refuse_is_refused_before_it_is_asked() {
    let (bench, fake) = bench().await;
    let operator = bench.operator().await;
    let long = "x".repeat(101);
    for (more, says) in [
        (json!({"options": ["one"]}), "2 to 12 options"),
        (json!({"options": vec!["x"; 13]}), "2 to 12 options"),
        (json!({"options": ["yes", long]}), "1 to 100 characters"),
        (json!({"options": ["yes", " "]}), "1 to 100 characters"),
        (json!({"question": "q".repeat(301)}), "1 to 300 characters"),
        (json!({"durationSeconds": 4}), "5 to 604800 seconds"),
        (json!({"durationHours": 169}), "5 to 604800 seconds"),
        (json!({"durationHours": 1, "durationSeconds": 60}), "not both"),
        (json!({"options": ["a", "b", "c"], "maxSelections": 2}), "cannot be held"),
        (json!({"channel": "pigeon"}), "telegram"),
    ] {
        let refused = operator.refused("poll", poll("k", more.clone())).await;
        assert!(refused.message.contains(says), "{more}: {}", refused.message);
    }
    for (name, params, says) in [
        ("react", json!({"to": "777", "messageId": "1"}), "'emoji'"),
        ("react", json!({"to": "777", "emoji": "👍"}), "'messageId'"),
        ("delete", json!({"messageId": "1"}), "'to'"),
        ("delete", json!({"to": "777", "messageId": "first"}), "\"first\" is no id"),
        ("delete", json!({"to": "777", "messageId": "1", "dryRun": true}), "dryRun"),
        ("edit", json!({"to": "777", "messageId": "1"}), "text is empty"),
        (
            "edit",
            json!({"to": "777", "messageId": "1", "message": "x".repeat(4097)}),
            "longer than one message",
        ),
        ("topic-create", json!({"to": "777"}), "needs a name"),
        ("topic-edit", json!({"to": "777", "threadId": "5"}), "nothing to change"),
        ("sticker", json!({"to": "777", "fileId": "x"}), "actions.sticker"),
        ("send", json!({"to": "777", "location": {"latitude": 91, "longitude": 0}}), "-90 to 90"),
        (
            "send",
            json!({"to": "777", "message": "here", "location": {"latitude": 1, "longitude": 0}}),
            "goes alone",
        ),
        ("send", json!({"to": "777", "presentation": {"blocks": [{"type": "dance"}]}}), "dance"),
        ("send", json!({"to": "777", "message": "x", "delivery": {"fax": true}}), "delivery.fax"),
        ("fly", json!({"to": "777"}), "\"fly\" here; there are: send, read, poll, react"),
    ] {
        let refused = operator.refused("message.action", action(name, "k", params.clone())).await;
        assert!(refused.message.contains(says), "{name} {params}: {}", refused.message);
    }
    assert!(fake.requests().iter().all(|(name, _)| !name.contains("message") && !name.contains("poll")));
}

#[tokio::test]
async fn messages_are_reacted_to_changed_pinned_and_deleted() {
    let (bench, fake) = bench().await;
    let operator = bench.operator().await;
    let id = sent(&operator, "s").await;
    let shown = || fake.shown(CHAT, id);
    let about = |more: Value| {
        let mut params = json!({"to": "777", "messageId": id});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let done = operator.call("message.action", action("react", "1", about(json!({"emoji": "👍"})))).await;
    let want = json!({"ok": true, "chatId": "777", "channel": "telegram", "messageId": id.to_string(), "added": "👍"});
    assert_eq!((&done, shown().unwrap().reaction.as_deref()), (&want, Some("👍")));
    let done = operator.call("message.action", action("react", "2", about(json!({"remove": true})))).await;
    assert_eq!((&done["removed"], shown().unwrap().reaction), (&json!(true), None));
    operator.call("message.action", action("edit", "3", about(json!({"message": "**new** text"})))).await;
    assert_eq!(shown().unwrap().text, "new text");
    // The same text again changes nothing, and is no failure.
    operator.call("message.action", action("edit", "4", about(json!({"message": "**new** text"})))).await;
    operator.call("message.action", action("pin", "5", about(json!({"silent": true})))).await;
    assert_eq!(asked(&fake, "pinchatmessage")[0]["disable_notification"], true);
    assert!(shown().unwrap().pinned);
    operator.call("message.action", action("unpin", "6", about(json!({})))).await;
    assert!(!shown().unwrap().pinned);
    let done = operator.call("message.action", action("delete", "7", about(json!({})))).await;
    assert_eq!((&done["deleted"], shown()), (&json!(true), None));
    // The same key is the same deed; another one says what the platform says.
    assert_eq!(operator.call("message.action", action("delete", "7", about(json!({})))).await, done);
    let refused = operator.refused("message.action", action("delete", "8", about(json!({})))).await;
    assert!(refused.message.contains("message to delete not found"), "{}", refused.message);
    let wrong = json!({"to": "777", "messageId": 1, "emoji": "🦞"});
    let refused = operator.refused("message.action", action("react", "9", wrong)).await;
    assert!(refused.message.contains("REACTION_INVALID"), "{}", refused.message);
}

#[tokio::test]
async fn what_was_accepted_is_done_after_a_restart_and_in_the_order_of_its_chat() {
    let model = FakeModel::start().await;
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    fake.know_chat(CHAT);
    let dir = tempfile::tempdir().unwrap();
    let config = config_with_model(&model.url(), &telegram(&fake, &format!("allowFrom: [{CHAT}],")));
    let gateway = gateway_at(dir.path(), config.clone()).await;
    let operator = Operator::connect(&gateway).await;
    // The platform asks to wait: the poll stays on disk.
    fake.fail_next(
        "sendPoll",
        429,
        json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1}}),
    );
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(async move { operator.connection.call("poll", poll("a", json!({})), PATIENCE).await });
    fake.wait_for_calls("sendPoll", 1, PATIENCE).await.unwrap();
    gateway.stop().await;
    waiting.abort_all();
    let gateway = gateway_at(dir.path(), config).await;
    fake.wait_for_calls("sendPoll", 2, PATIENCE).await.unwrap();
    let operator = Operator::connect(&gateway).await;
    let again = operator.call("poll", poll("a", json!({}))).await;
    assert_eq!(fake.calls("sendPoll"), 2, "the key is known: {again}");
    let id = again["messageId"].as_str().unwrap().parse().unwrap();
    assert_eq!(fake.shown(CHAT, id).unwrap().text, "Tea?");
    gateway.stop().await;
}
