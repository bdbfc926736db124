//! Telegram, from a person's message to the answer in the chat: who is let in, how answers look, what the platform may
//! do wrong meanwhile.

use crate::flow::{self, BOT_TOKEN, Bench, MAIN, PATIENCE, asked, text_of};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use testkit::fake_model::Step;
use testkit::fake_telegram::{BOT_USERNAME, FakeTelegram, Sent};

/// Somebody whom the configuration lets in.
const FRIEND: i64 = 777;
/// Somebody whom it does not.
const STRANGER: i64 = 999;

/// A gateway with a Telegram account that lets [`FRIEND`] in; `account` and `more` are further properties of the account
/// and of the configuration.
async fn bench(account: &str, more: &str) -> (Bench, FakeTelegram) {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let allowed = format!("allowFrom: [{FRIEND}],");
    let account =
        if account.contains("allowFrom") { account.to_owned() } else { format!("{allowed} {account}") };
    let bench = Bench::start(&format!("{} {more}", flow::telegram(&fake, &account))).await;
    (bench, fake)
}

async fn sent(fake: &FakeTelegram, count: usize) -> Vec<Sent> {
    match fake.wait_for_sent(count, PATIENCE).await {
        Ok(sent) => sent,
        Err(error) => panic!("{error}"),
    }
}

fn texts(sent: &[Sent], chat: i64) -> Vec<&str> {
    sent.iter().filter(|s| s.chat_id == chat).map(|s| s.plain.as_str()).collect()
}

/// A command that runs until its file is there: what a turn waits for, at a test's will.
struct Gate(PathBuf);

impl Gate {
    fn new(bench: &Bench) -> Self {
        Self(bench.gateway.state_dir().join("gate"))
    }

    /// What makes the fake model call a tool that waits.
    fn message(&self) -> String {
        let command = format!("while [ ! -e {} ]; do sleep 0.01; done", self.0.display());
        format!("TOOL:exec {}", json!({"command": command}))
    }

    fn open(&self) {
        std::fs::write(&self.0, "").expect("the gate opens");
    }
}

/// Waits until everything that was pushed before has been handed to its session: rows go in their order, and the stranger's
/// answer shows that theirs was reached.
async fn all_dispatched(fake: &FakeTelegram, before: usize) {
    fake.push_text(STRANGER, STRANGER, "let me in");
    sent(fake, before + 1).await;
}

#[tokio::test]
async fn a_bot_that_does_not_hear_its_groups_is_warned_of_and_so_are_groups_that_it_is_not_in() {
    let groups =
        r#"groups: { "-1005": { requireMention: false }, "-1006": { requireMention: false }, "-1007": {} },"#;
    let (bench, fake) = bench(groups, "").await;
    fake.know_chat(-1005);
    let operator = bench.operator().await;
    fake.wait_for_calls("getUpdates", 1, PATIENCE).await.unwrap();
    let status = operator.call("channels.status", json!({"probe": true})).await;
    let issues = status["statusIssues"].as_array().unwrap();
    let said: Vec<&str> = issues.iter().map(|issue| issue["message"].as_str().unwrap()).collect();
    assert_eq!(said.len(), 2, "{status}");
    assert!(said[0].contains("privacy mode") && issues[0]["fix"].as_str().unwrap().contains("/setprivacy"));
    assert!(said[1].contains("-1006"), "{said:?}");
    let audit = &status["channelAccounts"]["telegram"][0]["probe"]["audit"];
    assert_eq!((&audit["checkedGroups"], &audit["ok"]), (&json!(2), &json!(false)));
    assert_eq!(audit["unresolvedGroups"], 0);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_stranger_gets_one_code_and_is_heard_once_the_owner_approves_it() {
    let (bench, fake) = bench("", "").await;
    let operator = bench.operator().await;
    fake.push_text(STRANGER, STRANGER, "hello?");
    fake.push_text(STRANGER, STRANGER, "anybody?");
    let offered = sent(&fake, 1).await;
    let listed = operator.call("channels.pairing.list", json!({"channel": "telegram"})).await;
    let request = &listed["requests"][0];
    let code = request["requestId"].as_str().expect("a code");
    let sender = (request["senderId"].as_str(), request["senderLabel"].as_str());
    assert_eq!(sender, (Some("999"), Some("user999")));
    assert!(offered[0].plain.contains(code) && offered[0].plain.contains("999"), "{}", offered[0].plain);
    assert!(offered[0].plain.contains(&format!("openclaw pairing approve telegram {code}")));

    let approve = |code: &str| json!({"channel": "telegram", "accountId": "default", "requestId": code, "notify": true});
    let wrong = operator.refused("channels.pairing.approve", approve("AAAAAAAA")).await;
    assert!(wrong.message.contains("openclaw pairing list"), "{wrong}");
    let approved = operator.call("channels.pairing.approve", approve(&code.to_lowercase())).await;
    assert_eq!((&approved["notification"], &approved["senderId"]), (&json!("sent"), &json!("999")));
    operator.refused("channels.pairing.approve", approve(code)).await;

    fake.push_text(STRANGER, STRANGER, "thank you");
    let all = sent(&fake, 3).await;
    let heard = ["You may write to me now.", "echo: thank you"];
    assert_eq!(texts(&all, STRANGER)[1..], heard, "one code, that they are let in, and the answer");
    assert_eq!(bench.model.request_count(), 1, "what was said before never reached the model");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_allowlist_answers_its_members_and_nobody_else() {
    let (bench, fake) = bench(r#"dmPolicy: "allowlist","#, "").await;
    fake.push_text(STRANGER, STRANGER, "hello?");
    fake.push_text(FRIEND, FRIEND, "hello");
    assert_eq!(texts(&sent(&fake, 1).await, FRIEND), ["echo: hello"]);
    assert_eq!((fake.sent().len(), bench.model.request_count()), (1, 1));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_group_is_answered_where_the_bot_is_meant_and_has_a_session_of_its_own() {
    const GROUP: i64 = -100_123;
    let (bench, fake) = bench(r#"groups: { "-100123": {} },"#, "").await;
    let mention = |text: &str| {
        let name = format!("@{BOT_USERNAME}");
        let entity = json!([{"type": "mention", "offset": 0, "length": name.len()}]);
        json!({"text": format!("{name} {text}"), "entities": entity})
    };
    fake.push_text(GROUP, FRIEND, "not for you");
    fake.push_message(GROUP, STRANGER, mention("nor may I"));
    fake.push_message(-100_999, FRIEND, mention("nor from here"));
    fake.push_message(GROUP, FRIEND, mention("this is"));
    let answer = sent(&fake, 1).await.remove(0);
    assert_eq!((answer.chat_id, answer.reply_to), (GROUP, Some(3)));
    assert_eq!(bench.model.request_count(), 1);
    let request = bench.model.requests().remove(0);
    let asked = flow::asked(&request);
    assert!(asked.starts_with('[') && asked.contains("777") && asked.contains("this is"), "{asked}");

    let operator = bench.operator().await;
    let key = format!("agent:main:telegram:group:{GROUP}");
    let session = operator.call("sessions.describe", json!({"key": key})).await["session"].clone();
    assert_eq!((&session["chatType"], &session["displayName"]), (&json!("group"), &json!("Group -100123")));
    assert_eq!(operator.session().await, Value::Null, "the main session heard nothing");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_long_answer_arrives_whole_in_pieces_that_the_platform_takes() {
    let (bench, fake) = bench("", "").await;
    let words: Vec<String> = (0..1500).map(|i| format!("word{i:04}")).collect();
    let text: String = words.chunks(12).map(|line| line.join(" ") + ".\n\n").collect();
    assert!(text.len() > 10_000);
    bench.model.script(vec![Step::Text(text)]);
    // The platform asks for a pause in the middle: nothing is overtaken.
    fake.push_text(FRIEND, FRIEND, "tell me more");
    let pause = json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1}});
    fake.fail_next("sendMessage", 429, pause);
    let all = sent(&fake, 4).await;
    assert!(all.iter().all(|s| s.plain.encode_utf16().count() <= 4096));
    let said: Vec<&str> = all.iter().flat_map(|s| s.plain.split_whitespace()).collect();
    let said: Vec<&str> = said.into_iter().map(|word| word.trim_end_matches('.')).collect();
    assert_eq!(said, words);
    assert_eq!(fake.calls("sendMessage"), 5);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn markdown_is_sent_as_html_and_as_plain_text_where_the_platform_cannot_read_that() {
    let (bench, fake) = bench("", "").await;
    let text = "**bold** and `code` & <b>";
    bench.model.script(vec![Step::Text(text.into()), Step::Text(text.into())]);
    fake.push_text(FRIEND, FRIEND, "one");
    let first = sent(&fake, 1).await.remove(0);
    assert_eq!(first.parse_mode.as_deref(), Some("HTML"));
    assert_eq!(first.plain, "bold and code & <b>");
    let cannot =
        json!({"ok": false, "error_code": 400, "description": "Bad Request: can't parse entities: oh no"});
    fake.fail_next("sendMessage", 400, cannot);
    fake.push_text(FRIEND, FRIEND, "two");
    let second = sent(&fake, 2).await.remove(1);
    assert_eq!(second.parse_mode, None);
    assert!(second.text.contains("bold") && second.text.contains("<b>"), "{}", second.text);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_chat_sees_that_an_answer_is_being_written() {
    let (bench, fake) = bench("", "").await;
    bench.model.script(vec![Step::Hang]);
    fake.push_text(FRIEND, FRIEND, "think");
    fake.wait_for_calls("sendChatAction", 1, PATIENCE).await.expect("typing");
    let (_, action) = fake.requests().into_iter().find(|(m, _)| m == "sendchataction").expect("the call");
    assert_eq!(
        (&action["chat_id"].to_string().replace('"', ""), &action["action"]),
        (&"777".into(), &json!("typing"))
    );
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_turn_that_fails_says_so_in_the_chat() {
    let (bench, fake) = bench("", "").await;
    let refused = r#"{"error":{"message":"bad key"}}"#;
    bench.model.script(vec![Step::Status(401, vec![], refused.into())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    let said = sent(&fake, 1).await.remove(0).plain;
    assert!(said.starts_with("⚠️") && said.contains("key"), "{said}");
    fake.push_text(FRIEND, FRIEND, "and now?");
    assert_eq!(sent(&fake, 2).await[1].plain, "echo: and now?");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_message_during_a_turn_steers_it_at_the_next_tool() {
    let (bench, fake) = bench("", "").await;
    let mut operator = bench.operator().await;
    let gate = Gate::new(&bench);
    fake.push_text(FRIEND, FRIEND, &gate.message());
    operator.events.next("a tool", |e| e.payload["stream"] == "item").await;
    fake.push_text(FRIEND, FRIEND, "and one thing more");
    all_dispatched(&fake, 0).await;
    gate.open();
    assert_eq!(texts(&sent(&fake, 2).await, FRIEND), ["echo: and one thing more"], "one turn, one answer");
    assert_eq!(bench.model.request_count(), 2);
    let roles: Vec<Value> = operator.history().await.into_iter().map(|mut m| m["role"].take()).collect();
    assert_eq!(roles, ["user", "assistant", "toolResult", "user", "assistant"]);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn messages_that_wait_get_a_turn_each_or_one_together() {
    let cases = [("followup", vec!["echo: two", "echo: three"], 4), ("collect", vec!["echo: three"], 3)];
    for (mode, answers, requests) in cases {
        let (bench, fake) = bench("", &format!(r#"messages: {{ queue: {{ mode: "{mode}" }} }},"#)).await;
        let mut operator = bench.operator().await;
        let gate = Gate::new(&bench);
        fake.push_text(FRIEND, FRIEND, &gate.message());
        operator.events.next("a tool", |e| e.payload["stream"] == "item").await;
        fake.push_text(FRIEND, FRIEND, "two");
        fake.push_text(FRIEND, FRIEND, "three");
        all_dispatched(&fake, 0).await;
        gate.open();
        let all = sent(&fake, 2 + answers.len()).await;
        assert_eq!(texts(&all, FRIEND)[1..], answers, "{mode}");
        assert_eq!(bench.model.request_count(), requests, "{mode}");
        let last = bench.model.requests().pop().expect("a request").to_string();
        assert!(last.contains("two") && last.contains("three"), "{mode}");
        bench.gateway.stop().await;
    }
}

#[tokio::test]
async fn a_message_that_interrupts_ends_the_turn_and_is_answered() {
    let (bench, fake) = bench("", r#"messages: { queue: { byChannel: { telegram: "interrupt" } } },"#).await;
    let mut operator = bench.operator().await;
    bench.model.script(vec![Step::Hang]);
    fake.push_text(FRIEND, FRIEND, "think for ever");
    bench.model.wait_for_requests(1).await;
    fake.push_text(FRIEND, FRIEND, "stop that");
    let aborted = operator.events.next("an aborted chat", |e| e.payload["state"] == "aborted").await;
    assert_eq!(aborted["sessionKey"], MAIN);
    bench.model.wait_for_hang_ups(1).await;
    assert_eq!(texts(&sent(&fake, 1).await, FRIEND), ["echo: stop that"], "the first has no answer");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn send_delivers_once_for_each_key() {
    let (bench, fake) = bench("", "").await;
    let operator = bench.operator().await;
    fake.know_chat(FRIEND);
    let send = |key: &str, to: &str| json!({"channel": "telegram", "to": to, "message": "direct", "idempotencyKey": key});
    let first = operator.call("send", send("a", "777")).await;
    let found = flow::differences(&first, &flow::recorded_payload("send"), "send");
    assert!(found.is_empty(), "{found:?}");
    let again = operator.call("send", send("a", "777")).await;
    let other = operator.call("send", send("b", "telegram:777")).await;
    assert_eq!(first, again);
    assert_ne!(first["messageId"], other["messageId"]);
    assert_eq!(texts(&fake.sent(), FRIEND), ["direct", "direct"]);
    assert_eq!(bench.model.request_count(), 0);

    let nowhere = operator.refused("send", send("c", "555")).await;
    assert!(nowhere.message.contains("chat not found"), "{nowhere}");
    let unknown = json!({"channel": "pigeon", "to": "1", "message": "coo", "idempotencyKey": "d"});
    let unknown = operator.refused("send", unknown).await;
    assert!(unknown.message.contains("telegram"), "it says which there are: {unknown}");
    let mut reply = send("e", "777");
    reply["replyToId"] = json!("abc");
    let reply = operator.refused("send", reply).await;
    assert!(reply.message.contains("\"abc\" is no message"), "{reply}");
    assert_eq!(fake.sent().len(), 2);

    // Who sent it was told; an answer that nobody waits for is counted.
    let given_up = async || operator.call("status", json!({})).await["outbox"]["givenUp"].clone();
    assert_eq!(given_up().await, 0);
    let params = json!({"message": "tell them", "deliver": true, "channel": "telegram", "to": "555", "idempotencyKey": "f"});
    operator.agent_with(params).await.expect("an answer");
    // It goes out behind the answer.
    operator.refused("send", send("g", "555")).await;
    assert_eq!(given_up().await, 1);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_agent_call_delivers_its_answer_where_it_is_told_to() {
    let (bench, fake) = bench("", "").await;
    let operator = bench.operator().await;
    fake.know_chat(FRIEND);
    let params = json!({"message": "tell them", "deliver": true, "channel": "telegram", "to": "777", "idempotencyKey": "a"});
    let answer = operator.agent_with(params).await.expect("an answer");
    assert_eq!(flow::reply(&answer), "echo: tell them");
    assert_eq!(texts(&sent(&fake, 1).await, FRIEND), ["echo: tell them"]);
    // Without a place it goes to where the session was last spoken to.
    fake.push_text(FRIEND, FRIEND, "hi");
    sent(&fake, 2).await;
    let params = json!({"message": "and again", "deliver": true, "idempotencyKey": "b"});
    operator.agent_with(params).await.expect("an answer");
    assert_eq!(texts(&sent(&fake, 3).await, FRIEND)[2], "echo: and again");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn one_chat_that_fails_holds_up_no_other() {
    let (bench, fake) = bench(r#"dmPolicy: "open", allowFrom: ["*"],"#, "").await;
    let busy = json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 600}});
    fake.fail_next("sendMessage", 429, busy);
    fake.push_text(FRIEND, FRIEND, "held up");
    fake.wait_for_calls("sendMessage", 1, PATIENCE).await.expect("the first try");
    fake.push_text(FRIEND, FRIEND, "behind it");
    fake.push_text(STRANGER, STRANGER, "elsewhere");
    let all = sent(&fake, 1).await;
    assert_eq!(texts(&all, STRANGER), ["echo: elsewhere"]);
    assert!(texts(&all, FRIEND).is_empty(), "nothing overtakes within a chat");
    let history = bench.operator().await.history().await;
    assert!(history.iter().any(|m| text_of(m) == "echo: behind it"), "the turn itself went on");
    // A stop waits neither for what Telegram has put off nor for what stands behind it.
    let drained = bench.gateway.gateway().drain(Duration::from_secs(3600));
    assert_eq!(tokio::time::timeout(PATIENCE, drained).await.expect("nothing is left to wait for"), 0);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_file_of_the_agent_arrives_in_its_chat_and_no_copy_is_left() {
    let (bench, fake) = bench("", "").await;
    let write = |name: &str, bytes: &[u8]| {
        let path = bench.gateway.state_dir().join("workspace").join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let ask = |path: &std::path::Path, text: &str| {
        let call = json!({"action": "send", "media": path, "text": text});
        fake.push_text(FRIEND, FRIEND, &format!("TOOL:message {call}"));
    };
    ask(&write("the report.txt", b"four words in it"), "**here** it is");
    // The file, and what the agent says then.
    let file = sent(&fake, 2).await.remove(0);
    assert_eq!((file.chat_id, file.plain.as_str()), (FRIEND, "here it is"));
    let of = |method: &str| -> Vec<Value> {
        fake.requests().into_iter().filter(|(name, _)| name == method).map(|(_, params)| params).collect()
    };
    let document = of("senddocument").remove(0)["document"].clone();
    assert_eq!(document, json!({"name": "the report.txt", "bytes": "Zm91ciB3b3JkcyBpbiBpdA=="}));
    let outbound = bench.gateway.state_dir().join("media/outbound");
    assert_eq!(std::fs::read_dir(&outbound).unwrap().count(), 0);

    // What is no photo to Telegram is a document, and a long text stands below it.
    let refused = "Bad Request: PHOTO_INVALID_DIMENSIONS";
    fake.fail_next("sendPhoto", 400, json!({"ok": false, "error_code": 400, "description": refused}));
    ask(&write("thin.png", b"\x89PNG thin"), &"long ".repeat(300));
    let all = sent(&fake, 5).await;
    assert_eq!((of("sendphoto").len(), of("senddocument").len()), (1, 2));
    assert!(all[2].plain.is_empty() && all[3].plain.starts_with("long long"), "{all:?}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_file_waits_for_the_platform_and_is_the_one_that_it_was() {
    let (bench, fake) = bench("", "").await;
    let path = bench.gateway.state_dir().join("workspace/note.txt");
    std::fs::write(&path, "as it was").unwrap();
    let busy = json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 1}});
    fake.fail_next("sendDocument", 429, busy);
    let call = json!({"action": "send", "media": path, "channel": "telegram", "to": FRIEND.to_string()});
    fake.push_text(FRIEND, FRIEND, &format!("TOOL:message {call}"));
    fake.wait_for_calls("sendDocument", 1, PATIENCE).await.unwrap();
    std::fs::write(&path, "as it is now").unwrap();
    sent(&fake, 1).await;
    let documents: Vec<Value> =
        fake.requests().into_iter().filter(|(name, _)| name == "senddocument").map(|(_, p)| p).collect();
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[1]["document"]["bytes"], "YXMgaXQgd2Fz");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_file_that_hangs_holds_up_other_files_and_nobodys_words() {
    let followup = r#"messages: { queue: { mode: "followup" } },"#;
    let (bench, fake) = bench(r#"dmPolicy: "open", allowFrom: ["*"],"#, followup).await;
    std::fs::write(bench.gateway.state_dir().join("workspace/a.txt"), "a file").unwrap();
    bench.model.answer_by(|request| {
        let text = if asked(request).contains("a file") { "MEDIA:a.txt" } else { "words" };
        Some(Step::Text(text.into()))
    });
    fake.hang_next("sendDocument");
    // More than there are chats that are served at the same time.
    for person in 1001..=1020 {
        fake.push_text(person, person, "a file, please");
    }
    fake.push_text(FRIEND, FRIEND, "words, please");
    assert_eq!(texts(&sent(&fake, 1).await, FRIEND), ["words"]);
    assert_eq!(fake.calls("sendDocument"), 1);
    fake.stop().await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_stranger_who_guesses_codes_a_thousand_times_gets_one_answer_and_is_not_let_in() {
    let (bench, fake) = bench("", "").await;
    for guess in 0..1_000 {
        fake.push_text(STRANGER, STRANGER, &format!("ABCD{guess:04}"));
    }
    fake.push_text(FRIEND, FRIEND, "still there?");
    let all = sent(&fake, 2).await;
    assert_eq!((texts(&all, STRANGER).len(), texts(&all, FRIEND)), (1, vec!["echo: still there?"]));
    let waiting = bench.operator().await.call("channels.pairing.list", json!({})).await;
    assert_eq!(waiting["requests"].as_array().map(Vec::len), Some(1), "{waiting}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn updates_that_come_twice_out_of_order_or_cut_are_answered_once() {
    let (bench, fake) = bench("", "").await;
    let update = |update: i64, message: i64, text: &str| {
        let user = json!({"id": FRIEND, "is_bot": false, "first_name": "Ada"});
        let message = json!({"message_id": message, "date": 1, "chat": {"id": FRIEND, "type": "private"},
            "from": user, "text": text});
        fake.push_update(json!({"update_id": update, "message": message}));
    };
    fake.wait_for_calls("getUpdates", 1, PATIENCE).await.unwrap();
    // What a call for messages brought and was cut comes again.
    fake.cut_next("getUpdates");
    update(5_001, 11, "second");
    update(5_000, 10, "first");
    sent(&fake, 2).await;
    // The same message under another number, and one that was long answered under its own.
    update(5_010, 11, "second");
    update(5_009, 10, "first");
    update(5_011, 12, "third");
    let all = sent(&fake, 3).await;
    let said = |word: &str| all.iter().filter(|s| s.plain.contains(word)).count();
    assert_eq!((said("first"), said("second"), said("third"), all.len()), (1, 1, 1, 3), "{all:?}");
    bench.gateway.stop().await;
}
