//! What is sent by operators and by agents beside answers, and what the configuration lets be sent.

use super::{FRIEND, bench, chat, flow, refusal};
use serde_json::{Value, json};
use testkit::fake_model::{Pen, Step};
use testkit::fake_telegram::FakeTelegram;

const STICKERS: &str = "actions: { sticker: true },";

fn send(key: &str, params: Value) -> Value {
    json!({"channel": "telegram", "action": "send", "params": params, "idempotencyKey": key})
}

/// The parameters of the last call of one of the platform's methods.
fn last(fake: &FakeTelegram, method: &str) -> Value {
    let mut all = fake.requests().into_iter().filter(|(name, _)| name == method);
    all.next_back().map(|(_, params)| params).unwrap_or_default()
}

#[tokio::test]
async fn a_message_may_be_quiet_quote_have_buttons_and_be_pinned() {
    let (bench, fake) = bench("", "").await;
    fake.know_chat(FRIEND);
    let operator = bench.operator().await;
    let quiet = json!({"to": "777", "message": "one", "silent": true, "replyTo": "4", "quoteText": "a part"});
    operator.call("message.action", send("1", quiet)).await;
    let sent = last(&fake, "sendmessage");
    assert_eq!(
        (&sent["disable_notification"], &sent["reply_parameters"]["quote"]),
        (&json!(true), &json!("a part"))
    );
    operator
        .call("send", json!({"to": "777", "message": "two", "silent": true, "idempotencyKey": "2"}))
        .await;
    assert_eq!(last(&fake, "sendmessage")["disable_notification"], true);

    // A quote that is not in the message is left out.
    fake.fail_next("sendMessage", 400, refusal(400, "Bad Request: QUOTE_TEXT_INVALID"));
    let wrong = json!({"to": "777", "message": "three", "replyTo": "4", "quoteText": "of another"});
    operator.call("message.action", send("3", wrong)).await;
    let sent = last(&fake, "sendmessage");
    assert_eq!((&sent["text"], &sent["reply_parameters"]["quote"]), (&json!("three"), &Value::Null));

    let blocks = json!([{"type": "text", "text": "Canary is ready."}, {"type": "buttons", "buttons": [
        {"label": "Yes", "action": {"type": "callback", "value": "yes"}, "style": "success"},
        {"label": "Notes", "action": {"type": "url", "url": "https://x.org/n"}}]}]);
    let card = json!({"to": "777", "presentation": {"title": "Deploy", "blocks": blocks}, "delivery": {"pin": true}});
    let done = operator.call("message.action", send("4", card)).await;
    let shown = fake.shown(FRIEND, done["messageId"].as_str().unwrap().parse().unwrap()).unwrap();
    assert_eq!((shown.text.as_str(), shown.pinned), ("Deploy\n\nCanary is ready.", true));
    assert_eq!(shown.buttons, [["yes", "https://x.org/n"]]);
    assert_eq!(last(&fake, "sendmessage")["reply_markup"]["inline_keyboard"][0][0]["style"], "success");
    assert_eq!(last(&fake, "pinchatmessage")["disable_notification"], true);

    // What the button says reaches the agent.
    fake.press(FRIEND, FRIEND, done["messageId"].as_str().unwrap().parse().unwrap(), "yes");
    chat(&fake, &["one", "two", "three", "Deploy\n\nCanary is ready.", "echo: callback_data: yes"]).await;

    // A pin that was asked for as required is an error where the platform refuses it; the message is there.
    fake.fail_next("pinChatMessage", 400, refusal(400, "Bad Request: not enough rights"));
    let required =
        json!({"to": "777", "message": "five", "delivery": {"pin": {"enabled": true, "required": true}}});
    let refused = operator.refused("message.action", send("5", required)).await;
    assert!(
        refused.message.contains("is sent and not pinned: ") && refused.message.contains("rights"),
        "{refused:?}"
    );
    assert!(fake.chat(FRIEND).contains(&"five".to_owned()));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn where_buttons_are_off_they_are_text() {
    let (bench, fake) = bench(r#"capabilities: { inlineButtons: "off" },"#, "").await;
    fake.know_chat(FRIEND);
    let buttons =
        json!({"blocks": [{"type": "buttons", "buttons": [{"label": "Notes", "url": "https://x.org/n"}]}]});
    let card = json!({"to": "777", "message": "Read", "presentation": buttons});
    bench.operator().await.call("message.action", send("1", card)).await;
    chat(&fake, &["Read\n\n• Notes: https://x.org/n"]).await;
    assert_eq!(last(&fake, "sendmessage")["reply_markup"], Value::Null);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn places_stickers_and_topics_are_sent_as_such() {
    let (bench, fake) = bench(STICKERS, "").await;
    let operator = bench.operator().await;
    // A sticker that somebody has sent can be found and sent again.
    fake.put_file("CAAC", b"RIFF\0\0\0\0WEBPVP8 ".to_vec());
    let cat = json!({"sticker": {"file_id": "CAAC", "file_unique_id": "u", "emoji": "😺", "set_name": "WavingCats"}});
    fake.push_message(FRIEND, FRIEND, cat);
    fake.wait_for_sent(1, flow::PATIENCE).await.unwrap();
    let act = |action: &str, params: Value| json!({"channel": "telegram", "action": action, "params": params, "idempotencyKey": format!("{action}{params}")});
    for (query, count) in [("cat waving", 1), ("😺", 1), ("dog", 0)] {
        let found = operator.call("message.action", act("sticker-search", json!({"query": query}))).await;
        assert_eq!(found["count"], count, "{query}");
    }
    let found = operator.call("message.action", act("sticker-search", json!({"query": "cats"}))).await;
    assert_eq!(found["stickers"][0], json!({"fileId": "CAAC", "emoji": "😺", "setName": "WavingCats"}));
    operator.call("message.action", act("sticker", json!({"to": "777", "fileId": "CAAC"}))).await;
    let place = json!({"latitude": 48.5, "longitude": 2.25, "accuracy": 12});
    operator.call("message.action", act("send", json!({"to": "777", "location": place}))).await;
    assert_eq!(last(&fake, "sendlocation")["horizontal_accuracy"], 12.0);
    let venue = json!({"latitude": 48.5, "longitude": 2.25, "name": "Tower", "address": "Paris"});
    operator.call("message.action", act("send", json!({"to": "777", "location": venue}))).await;
    let chat = fake.chat(FRIEND);
    assert_eq!(chat[1..], ["sticker CAAC", "place at 48.5, 2.25", "Tower at 48.5, 2.25"]);
    let made =
        operator.call("message.action", act("topic-create", json!({"to": "777", "name": "News"}))).await;
    let topic = made["topicId"].as_str().unwrap();
    let changed = act("topic-edit", json!({"to": "777", "threadId": topic, "name": "Old news"}));
    assert_eq!(operator.call("message.action", changed).await["topicId"], topic);
    assert_eq!(last(&fake, "editforumtopic")["message_thread_id"].to_string(), topic);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_the_configuration_denies_neither_operators_nor_agents_do_and_answers_go_out_all_the_same() {
    let denied =
        "actions: { sendMessage: false, reactions: false, editMessage: false, deleteMessage: false },";
    let (bench, fake) = bench(denied, "").await;
    fake.know_chat(FRIEND);
    let operator = bench.operator().await;
    let act = |action: &str, params: Value| json!({"channel": "telegram", "action": action, "params": params, "idempotencyKey": action});
    let poll = json!({"to": "777", "pollQuestion": "?", "pollOption": ["a", "b"]});
    let about = json!({"to": "777", "messageId": "1", "emoji": "👍", "message": "new"});
    for (action, params, key) in [
        ("send", json!({"to": "777", "message": "x"}), "sendMessage"),
        ("poll", poll, "sendMessage"),
        ("react", about.clone(), "reactions"),
        ("edit", about.clone(), "editMessage"),
        ("delete", about, "deleteMessage"),
        ("sticker", json!({"to": "777", "fileId": "x"}), "sticker"),
    ] {
        let refused = operator.refused("message.action", act(action, params)).await;
        assert!(
            refused.message.contains(&format!("channels.telegram.actions.{key}")),
            "{action}: {refused:?}"
        );
    }
    let note = json!({"to": "777", "message": "x", "idempotencyKey": "n"});
    assert!(operator.refused("send", note).await.message.contains("actions.sendMessage"));
    let tool = json!({"action": "send", "channel": "telegram", "to": "777", "text": "x"});
    bench.model.script(vec![Step::ToolCalls(vec![("message".into(), tool)])]);
    fake.push_text(FRIEND, FRIEND, "write to somebody");
    let answer = fake.wait_for_sent(1, flow::PATIENCE).await.unwrap().remove(0).plain;
    assert!(answer.contains("channels.telegram.actions.sendMessage"), "{answer}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_agent_asks_by_polls_and_buttons_and_changes_what_it_sent_in_its_chat_alone() {
    let (bench, fake) = bench("", "").await;
    fake.know_chat(FRIEND);
    let calls = |all: Vec<Value>| {
        let calls = all.into_iter().map(|call| Step::ToolCalls(vec![("message".into(), call)]));
        calls.chain([Step::Text("Done.".into())]).collect::<Vec<_>>()
    };
    let buttons = json!({"blocks": [{"type": "buttons", "buttons": [{"label": "Yes", "value": "yes"}]}]});
    bench.model.script(calls(vec![
        json!({"action": "poll", "pollQuestion": "Tea?", "pollOption": ["yes", "no"]}),
        json!({"action": "send", "text": "Shall I?", "presentation": buttons}),
        json!({"action": "send", "location": {"latitude": 1.5, "longitude": 2}}),
    ]));
    fake.push_text(FRIEND, FRIEND, "ask me");
    chat(&fake, &["Tea?", "Shall I?", "place at 1.5, 2", "Done."]).await;
    let message = fake.sent()[0].message_id;
    assert_eq!(fake.shown(FRIEND, message).unwrap().buttons, [["yes"]]);
    bench.model.script(calls(vec![
        json!({"action": "edit", "messageId": message, "text": "Shall we?"}),
        json!({"action": "delete", "messageId": "1", "channel": "telegram", "to": "999"}),
    ]));
    fake.push_text(FRIEND, FRIEND, "change it");
    chat(&fake, &["Tea?", "Shall we?", "place at 1.5, 2", "Done.", "Done."]).await;
    assert_eq!(fake.calls("deleteMessage"), 0);
    let told = bench.model.requests().last().unwrap().to_string();
    assert!(told.contains("of the chat that they answer, and of no other"), "{told}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_an_answer_says_of_its_own_delivery_is_shown_to_nobody() {
    let (bench, fake) = bench("", "").await;
    let mut operator = bench.operator().await;
    let pen = Pen::default();
    bench.model.script(vec![Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write("[[reply_to");
    pen.write("_current]] Hello");
    pen.write(" there [[wiki]] [[audio");
    pen.write("_as_voice]]");
    pen.end();
    chat(&fake, &["Hello there [[wiki]]"]).await;
    assert_eq!(fake.sent()[0].reply_to, Some(1));
    let last = operator
        .events
        .until("the end", |event| event.event == "chat" && event.payload["state"] == "final")
        .await;
    assert!(!last.is_empty());
    for event in last.iter().filter(|event| ["chat", "agent"].contains(&event.event.as_str())) {
        let shown = event.payload.to_string();
        assert!(!shown.contains("reply_to") && !shown.contains("audio"), "{shown}");
    }
    let history = operator.history().await;
    assert_eq!(flow::text_of(history.last().unwrap()), "Hello there [[wiki]]");
    // The model itself reads what it wrote.
    fake.push_text(FRIEND, FRIEND, "again");
    chat(&fake, &["Hello there [[wiki]]", "echo: again"]).await;
    assert!(bench.model.requests().last().unwrap().to_string().contains("[[reply_to_current]]"));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn answers_are_as_long_as_the_account_wants_and_links_have_no_preview_where_it_wants_none() {
    let (bench, fake) = bench("textChunkLimit: 30, linkPreview: false,", "").await;
    bench.model.script(vec![Step::Text("See https://x.org for more.\n\nAnd this is another part.".into())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    chat(&fake, &["See https://x.org for more.", "And this is another part."]).await;
    let sent = fake.requests().into_iter().filter(|(name, _)| name == "sendmessage");
    assert!(sent.into_iter().all(|(_, params)| params["link_preview_options"]["is_disabled"] == true));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn errors_are_told_as_the_account_wants() {
    let bad_key = || Step::Status(401, vec![], r#"{"error":{"message":"bad key"}}"#.into());
    for (policy, told, is_quiet) in [
        (r#"errorPolicy: "once", silentErrorReplies: true,"#, 1, true),
        (r#"errorPolicy: "silent","#, 0, false),
        ("", 2, false),
    ] {
        let (bench, fake) = bench(policy, "").await;
        bench.model.script(vec![bad_key(), bad_key(), Step::Text("Now it works.".into())]);
        for text in ["one", "two", "three"] {
            let requests = bench.model.requests().len();
            fake.push_text(FRIEND, FRIEND, text);
            bench.model.wait_for_requests(requests + 1).await;
        }
        fake.wait_for_sent(told + 1, flow::PATIENCE).await.unwrap();
        let all = fake.chat(FRIEND);
        assert_eq!(all.iter().filter(|text| text.starts_with("⚠️")).count(), told, "{policy}: {all:?}");
        assert_eq!(all.last().map(String::as_str), Some("Now it works."));
        let quiet = fake.requests().iter().any(|(_, params)| params["disable_notification"] == true);
        assert_eq!(quiet, is_quiet, "{policy}");
        bench.gateway.stop().await;
    }
}

#[tokio::test]
async fn telegram_is_reached_by_the_proxy_that_is_configured() {
    let fake = FakeTelegram::start(flow::BOT_TOKEN).await;
    let proxied = format!(
        r#"channels: {{ telegram: {{ botToken: "{}", apiRoot: "http://telegram.invalid", proxy: "{}", allowFrom: [{FRIEND}] }} }},"#,
        flow::BOT_TOKEN,
        fake.url()
    );
    let bench = flow::Bench::start(&proxied).await;
    fake.push_text(FRIEND, FRIEND, "hi");
    chat(&fake, &["echo: hi"]).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn html_goes_out_as_it_is_and_in_one_message() {
    let (bench, fake) = bench("", "").await;
    fake.know_chat(FRIEND);
    let operator = bench.operator().await;
    let html = |text: &str, key: &str| json!({"to": FRIEND.to_string(), "channel": "telegram", "message": text, "parseMode": "HTML", "idempotencyKey": key});
    operator.call("send", html("<b>1</b> &lt; 2 *as it is*", "a")).await;
    let sent = fake.sent().remove(0);
    assert_eq!(
        (sent.text.as_str(), sent.parse_mode.as_deref()),
        ("<b>1</b> &lt; 2 *as it is*", Some("HTML"))
    );
    assert_eq!(sent.plain, "1 < 2 *as it is*");
    // What Telegram cannot parse is sent as what would be seen of it.
    let why = "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0";
    fake.fail_next("sendMessage", 400, refusal(400, why));
    operator.call("send", html("<x>2 &amp; 3</x>", "b")).await;
    let sent = fake.sent().remove(1);
    assert_eq!((sent.text.as_str(), sent.parse_mode), ("2 & 3", None));
    let refused = operator.refused("send", html(&"<i>long</i>".repeat(1_100), "c")).await;
    assert!(refused.message.contains("4400 characters are more than the 4096"), "{}", refused.message);
    assert_eq!(fake.sent().len(), 2);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn operators_and_agents_are_told_which_reactions_a_chat_allows() {
    let (bench, fake) = bench("", "").await;
    fake.know_chat(FRIEND);
    let operator = bench.operator().await;
    let list = |key: &str, params: Value| json!({"channel": "telegram", "action": "emoji-list", "params": params, "idempotencyKey": key});
    let all = operator.call("message.action", list("1", json!({"chatId": FRIEND}))).await;
    assert_eq!(all["emojis"].as_array().map(Vec::len), Some(73));
    assert_eq!(all["emojis"][0], json!({"name": "👍", "identifier": "👍"}));
    assert!(all["note"].as_str().is_some_and(|note| note.contains("all")), "{all}");
    let some = json!([{"type": "emoji", "emoji": "🔥"}, {"type": "custom_emoji", "custom_emoji_id": "5368"}]);
    fake.allow_reactions(FRIEND, some);
    let some = operator.call("message.action", list("2", json!({"to": "777", "limit": 5}))).await;
    let expected =
        json!([{"name": "🔥", "identifier": "🔥"}, {"identifier": "5368", "type": "custom_emoji"}]);
    assert_eq!((&some["emojis"], &some["note"]), (&expected, &Value::Null));
    let refused = operator.refused("message.action", list("3", json!({"to": "12"}))).await;
    assert!(refused.message.contains("chat not found"), "{}", refused.message);

    let asks = Step::ToolCalls(vec![("message".into(), json!({"action": "emoji-list"}))]);
    bench.model.script(vec![asks]);
    fake.push_text(FRIEND, FRIEND, "which?");
    chat(&fake, &["tool said: This chat allows: 🔥 5368"]).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn who_may_not_react_is_not_told_which_reactions_there_are() {
    let (bench, fake) = bench("actions: { reactions: false },", "").await;
    fake.know_chat(FRIEND);
    let list = json!({"channel": "telegram", "action": "emoji-list", "params": {"to": "777"}, "idempotencyKey": "1"});
    let refused = bench.operator().await.refused("message.action", list).await;
    assert!(refused.message.contains("channels.telegram.actions.reactions"), "{}", refused.message);
    assert_eq!(fake.calls("getChat"), 0);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_message_without_a_chat_goes_to_the_accounts_own() {
    let (bench, fake) = bench(&format!("defaultTo: {FRIEND},"), "").await;
    fake.know_chat(FRIEND);
    let operator = bench.operator().await;
    operator.call("message.action", send("1", json!({"message": "from an operator"}))).await;
    let say = Step::ToolCalls(vec![(
        "message".into(),
        json!({"action": "send", "channel": "telegram", "text": "from an agent"}),
    )]);
    bench.model.script(vec![say, Step::Text("Said.".into())]);
    operator.agent("a", "say it").await.unwrap();
    let job = json!({"name": "j", "schedule": {"kind": "at", "at": "2099-01-01T00:00:00Z"}, "sessionTarget": "isolated",
        "wakeMode": "now", "payload": {"kind": "agentTurn", "message": "from a job"}, "delivery": {"mode": "announce", "channel": "telegram"}});
    let job = operator.call("cron.add", job).await;
    operator.call("cron.run", json!({"id": job["id"], "mode": "force"})).await;
    let sent = fake.wait_for_sent(3, flow::PATIENCE).await.unwrap();
    assert!(sent.iter().all(|sent| sent.chat_id == FRIEND));
    let said: Vec<_> = sent.iter().map(|sent| sent.plain.as_str()).collect();
    assert_eq!(&said[..2], ["from an operator", "from an agent"]);
    assert!(said[2].contains("from a job"), "{said:?}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_message_without_a_chat_is_refused_where_the_account_names_none() {
    let (bench, fake) = bench("", "").await;
    let operator = bench.operator().await;
    let refused = operator.refused("message.action", send("1", json!({"message": "where to?"}))).await;
    assert!(refused.message.contains("required property 'to'"), "{}", refused.message);
    assert_eq!(fake.calls("sendMessage"), 0);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_was_given_up_is_not_sent_again_where_that_is_denied_by_now() {
    let (bench, fake) = bench("actions: { sendMessage: false },", "").await;
    let operator = bench.operator().await;
    // Answers go out all the same; this one somebody does not want.
    fake.fail_next("sendMessage", 403, super::refusal(403, "Forbidden: bot was blocked by the user"));
    fake.push_text(FRIEND, FRIEND, "hello");
    assert!(fake.wait_until(|| fake.calls("sendMessage") == 1, flow::PATIENCE).await);
    let letters = loop {
        let letters = operator.call("channels.deadLetters.list", json!({})).await;
        if letters["total"] == 1 {
            break letters;
        }
        tokio::task::yield_now().await;
    };
    let refused =
        operator.refused("channels.deadLetters.resubmit", json!({"id": letters["entries"][0]["id"]})).await;
    assert!(refused.message.contains("actions.sendMessage"), "{}", refused.message);
    bench.gateway.stop().await;
}
