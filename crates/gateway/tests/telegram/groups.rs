//! Groups on Telegram: what was said before, topics, what the agent may do there, reactions, and groups that move.

use crate::flow::{self, BOT_TOKEN, Operator, PATIENCE, asked, gateway_at};
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::{BOT_USERNAME, FakeTelegram};
use testkit::gateway::{TestGateway, config_with_model};

const FRIEND: i64 = 777;
const STRANGER: i64 = 999;
const GROUP: i64 = -1005;

struct World {
    dir: tempfile::TempDir,
    config: String,
    model: FakeModel,
    fake: FakeTelegram,
    gateway: TestGateway,
}

impl World {
    async fn start(account: &str) -> Self {
        Self::with(account, "main: { default: true }, second: {}", "").await
    }

    /// With these agents, and more properties of the configuration.
    async fn with(account: &str, agents: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
        let account = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}], {account}"));
        let agents = format!("agents: {{ entries: {{ {agents} }},");
        let config = format!("{account} {more}");
        let config = config_with_model(&model.url(), &config).replacen("agents: {", &agents, 1);
        let gateway = gateway_at(dir.path(), config.clone()).await;
        Self { dir, config, model, fake, gateway }
    }

    async fn again(self) -> Self {
        let Self { dir, config, model, fake, gateway } = self;
        gateway.stop().await;
        let gateway = gateway_at(dir.path(), config.clone()).await;
        Self { dir, config, model, fake, gateway }
    }

    async fn answers(&self, count: usize) {
        self.fake.wait_for_sent(count, PATIENCE).await.unwrap();
    }

    /// Says something to the bot in a group, perhaps in a topic.
    fn mention(&self, text: &str, more: &Value) {
        let text = format!("@{BOT_USERNAME} {text}");
        let entity = json!({"type": "mention", "offset": 0, "length": BOT_USERNAME.len() + 1});
        let mut message = json!({"text": text, "entities": [entity]});
        message.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.fake.push_message(GROUP, FRIEND, message);
    }

    /// What the model was asked last.
    fn last(&self) -> Value {
        self.model.requests().pop().unwrap()
    }
}

#[tokio::test]
async fn who_asks_in_a_group_asks_with_what_was_said_before() {
    let world = World::start(r#"groups: { "*": {} }, historyLimit: 2,"#).await;
    for text in ["too long ago", "the build is red", "since\nnoon"] {
        world.fake.push_text(GROUP, FRIEND, text);
    }
    // Who may not speak here is not told of either.
    world.fake.push_text(GROUP, STRANGER, "obey me");
    world.mention("why?", &json!({}));
    world.answers(1).await;
    let told = asked(&world.last());
    let before = "[said here before, and not to you:]\n> User 777 (@user777): the build is red\n> User 777 (@user777): since\n>   noon\n";
    assert!(told.contains(before) && !told.contains("obey") && !told.contains("too long ago"), "{told}");
    assert!(told.contains(&format!("[User 777 (@user777)] @{BOT_USERNAME} why?")), "{told}");
    // What was told is not told again, whatever happens between.
    let world = world.again().await;
    world.fake.push_text(GROUP, FRIEND, "green now");
    world.mention("and now?", &json!({}));
    world.answers(2).await;
    let told = asked(&world.last());
    assert!(told.contains("green now") && !told.contains("red"), "{told}");
    assert_eq!(world.fake.sent().len(), 2, "and nobody else was answered");
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_group_and_its_topics_have_what_is_configured_for_them() {
    let groups = format!(
        r#"groups: {{ "{GROUP}": {{ tools: {{ deny: ["exec"] }}, systemPrompt: "Here it is about tea.", requireMention: false,
            topics: {{ "*": {{ requireMention: true }}, "7": {{ requireMention: false, systemPrompt: "Here it is about coffee.", tools: {{ allow: ["read"] }}, agentId: "second" }} }} }} }},"#
    );
    let world = World::start(&groups).await;
    let names = |request: &Value| -> Vec<String> {
        let tools = request["tools"].as_array().cloned().unwrap_or_default();
        let name = |tool: &Value| {
            tool["name"].as_str().or(tool["function"]["name"].as_str()).unwrap_or_default().to_owned()
        };
        tools.iter().map(name).collect()
    };
    world.fake.push_text(GROUP, FRIEND, "hi");
    world.answers(1).await;
    let request = world.last();
    assert!(request.to_string().contains("about tea"), "{request}");
    let tools = names(&request);
    assert!(tools.contains(&"read".to_owned()) && !tools.contains(&"exec".to_owned()), "{tools:?}");
    // A job would run later, and without these bounds.
    assert!(!tools.contains(&"cron".to_owned()), "{tools:?}");
    let topic = |id: i64| json!({"message_thread_id": id, "is_topic_message": true, "text": "hi"});
    // Not for the agent: all topics but one want a mention.
    world.fake.push_message(GROUP, FRIEND, topic(8));
    world.fake.push_message(GROUP, FRIEND, topic(7));
    world.answers(2).await;
    let request = world.last();
    assert!(
        request.to_string().contains("about coffee") && !request.to_string().contains("about tea"),
        "{request}"
    );
    assert_eq!(names(&request), ["read"]);
    assert!(request.to_string().contains("agent:second:telegram:group:-1005:topic:7"), "{request}");
    assert_eq!(world.fake.sent().iter().map(|s| s.thread_id).collect::<Vec<_>>(), [None, Some(7)]);
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_group_that_moves_keeps_its_session_and_its_place_in_the_configuration() {
    const NOW: i64 = -1_009;
    let world = World::start(&format!(r#"groups: {{ "{GROUP}": {{ requireMention: false }} }},"#)).await;
    world.fake.push_text(GROUP, FRIEND, "remember the tea");
    world.answers(1).await;
    let file = world.dir.path().join("openclaw.json");
    let before = std::fs::read_to_string(&file).unwrap();
    let mut operator = Operator::connect(&world.gateway).await;
    world.fake.move_group(GROUP, NOW);
    world.fake.push_text(NOW, FRIEND, "what was it?");
    world.answers(2).await;
    // The file says it, too, and nothing else is another than before.
    while !operator.call("status", json!({})).await["configReload"]["appliedAtMs"].is_i64() {
        operator.events.next("the new configuration", |e| e.event == "health").await;
    }
    let renamed = before.replace(&format!("\"{GROUP}\""), &format!("\"{NOW}\""));
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), renamed.trim());
    let world = World { config: renamed, ..world };
    let told = world.last().to_string();
    assert!(told.contains("remember the tea") && told.contains("what was it?"), "{told}");
    // It is known after a restart, and another group is still not listed.
    let world = world.again().await;
    world.fake.push_text(-1_010, FRIEND, "me too");
    world.fake.push_text(NOW, FRIEND, "still there?");
    world.answers(3).await;
    let told = world.last().to_string();
    assert!(told.contains("remember the tea") && told.contains("still there?"), "{told}");
    assert!(world.fake.sent()[1..].iter().all(|sent| sent.chat_id == NOW));
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_reaction_to_what_was_sent_is_read_with_the_next_message() {
    let world = World::start("").await;
    world.fake.push_text(FRIEND, FRIEND, "hi");
    world.answers(1).await;
    let ours = world.fake.sent()[0].message_id;
    let react = |chat: i64, from: i64, message: i64, emoji: &str| {
        let user = json!({"id": from, "is_bot": false, "first_name": "Ada"});
        let new = json!([{"type": "emoji", "emoji": emoji}]);
        world
            .fake
            .push_update(json!({"message_reaction": {"chat": {"id": chat, "type": "private"}, "user": user,
            "message_id": message, "date": 1, "old_reaction": [], "new_reaction": new}}));
    };
    react(FRIEND, FRIEND, ours, "👍");
    // Not to what was sent; and by somebody who is not heard, who gets no pairing code for that either.
    react(FRIEND, FRIEND, 1, "🔥");
    react(STRANGER, STRANGER, ours, "👎");
    world.fake.push_text(FRIEND, FRIEND, "well?");
    world.answers(2).await;
    let told = world.last().to_string();
    let note = format!("Telegram reaction added: 👍 by Ada on msg {ours}");
    assert!(told.contains(&note) && !told.contains('🔥') && !told.contains('👎'), "{told}");
    assert_eq!(world.fake.sent().len(), 2);
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_reaction_in_a_topic_is_told_where_a_message_there_would_be_heard() {
    let groups = format!(
        r#"groups: {{ "{GROUP}": {{ enabled: false, requireMention: false,
            topics: {{ "8": {{ enabled: true, allowFrom: [{STRANGER}] }}, "9": {{ enabled: true }} }} }} }}, reactionNotifications: "all","#
    );
    let world = World::start(&groups).await;
    let operator = Operator::connect(&world.gateway).await;
    world.fake.know_chat(GROUP);
    let mut messages = vec![("nowhere".to_owned(), 5_555)];
    for topic in [7, 8, 9] {
        let to = format!("{GROUP}:topic:{topic}");
        let send = json!({"to": to, "message": "a note", "channel": "telegram", "idempotencyKey": to});
        let id = operator.call("send", send).await["messageId"].as_str().unwrap().parse().unwrap();
        messages.push((to, id));
    }
    for (_, message) in &messages {
        let user = json!({"id": FRIEND, "is_bot": false, "first_name": "Ada"});
        let chat = json!({"id": GROUP, "type": "supergroup", "is_forum": true});
        let new = json!([{"type": "emoji", "emoji": "🔥"}]);
        world
            .fake
            .push_update(json!({"message_reaction": {"chat": chat, "user": user, "message_id": message,
            "date": 1, "old_reaction": [], "new_reaction": new}}));
    }
    let sent = world.fake.sent().len();
    let in_topic = json!({"message_thread_id": 9, "is_topic_message": true, "text": "hi"});
    world.fake.push_message(GROUP, FRIEND, in_topic);
    world.answers(sent + 1).await;
    // That one has come last: what was to be told has been left where it is read.
    assert!(world.last().to_string().contains("reaction added: 🔥 by Ada"), "{}", world.last());
    for (key, place) in ["", ":topic:1", ":topic:7", ":topic:8"].iter().enumerate() {
        let session = format!("agent:main:telegram:group:{GROUP}{place}");
        let say = json!({"message": "well?", "sessionKey": session, "idempotencyKey": format!("k{key}")});
        operator.agent_with(say).await.unwrap();
        assert!(!world.last().to_string().contains('🔥'), "{session}");
    }
    world.gateway.stop().await;
}

/// What Telegram says when somebody changes a message.
fn changed(chat: i64, from: i64, message: i64, more: &Value) -> Value {
    let kind = if chat > 0 { "private" } else { "supergroup" };
    let mut edited = json!({"message_id": message, "date": 1, "edit_date": 2, "chat": {"id": chat, "type": kind},
        "from": {"id": from, "is_bot": false, "first_name": "Ada"}});
    edited.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"edited_message": edited})
}

#[tokio::test]
async fn a_changed_message_is_read_with_the_next_one_and_is_neither_a_turn_nor_a_command() {
    let world = World::start("").await;
    let change = |from: i64, message: i64, text: &str| {
        world.fake.push_update(changed(from, from, message, &json!({"text": text})))
    };
    world.fake.push_text(FRIEND, FRIEND, "remember the tea");
    world.answers(1).await;
    world.fake.push_text(FRIEND, FRIEND, "/status");
    world.answers(2).await;
    let heard = world.fake.sent()[0].message_id - 1;
    let command = world.fake.sent()[1].message_id - 1;
    // A preview of a link, say: nothing of what it says.
    change(FRIEND, heard, "remember the tea");
    change(FRIEND, heard, "/new");
    change(FRIEND, heard, "/new");
    change(FRIEND, heard, "remember the\ncoffee");
    change(FRIEND, command, "/reset");
    change(FRIEND, 5_555, "of before the bot was there");
    // Who is not let in gets no pairing code for it either.
    change(STRANGER, 1, "let me in");
    world.fake.push_text(FRIEND, FRIEND, "well?");
    world.answers(3).await;
    let told = world.last().to_string();
    for (part, is_told) in [
        ("remember the tea", true),
        (&*format!("Telegram message {heard} was changed by Ada; it says now:\\n> /new"), true),
        ("it says now:\\n> remember the\\n> coffee", true),
        ("/reset", false),
        ("of before", false),
        ("let me in", false),
    ] {
        assert_eq!(told.contains(part), is_told, "{part}: {told}");
    }
    assert_eq!(told.matches("was changed by Ada").count(), 2, "{told}");
    assert_eq!(world.fake.sent().len(), 3);
    world.gateway.stop().await;
}

#[tokio::test]
async fn what_was_overheard_is_told_as_it_was_changed_and_a_mention_comes_too_late() {
    let world = World::start(r#"groups: { "*": {} },"#).await;
    world.fake.push_text(GROUP, FRIEND, "the build is red");
    world.fake.push_text(GROUP, FRIEND, "since noon");
    let text = format!("@{BOT_USERNAME} the build is green");
    let entity = json!({"type": "mention", "offset": 0, "length": BOT_USERNAME.len() + 1});
    world.fake.push_update(changed(GROUP, FRIEND, 1, &json!({"text": "the build is blue"})));
    world.fake.push_update(changed(GROUP, FRIEND, 1, &json!({"text": text, "entities": [entity]})));
    world.mention("why?", &json!({}));
    world.answers(1).await;
    let told = asked(&world.last());
    let green = format!("since noon\n> Ada (changed): {text}\n");
    assert!(told.contains(&green) && !told.contains("red") && !told.contains("blue"), "{told}");
    assert_eq!(world.fake.sent().len(), 1);
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_direct_chat_has_its_own_tools_and_answers_are_replies_where_that_is_wanted() {
    let direct = format!(
        r#"direct: {{ "*": {{ tools: {{ deny: ["exec"] }} }}, "{FRIEND}": {{ tools: {{ allow: ["ls"] }} }} }}, replyToMode: "all","#
    );
    let world = World::start(&direct).await;
    world.fake.push_text(FRIEND, FRIEND, &"word ".repeat(1_500));
    world.answers(2).await;
    let request = world.last();
    let tools: Vec<Value> = request["tools"].as_array().cloned().unwrap_or_default();
    assert!(tools.len() == 1 && tools[0].to_string().contains("\"ls\""), "{tools:?}");
    let replies: Vec<_> = world.fake.sent().iter().map(|sent| sent.reply_to).collect();
    assert_eq!(replies, [Some(1), Some(1)]);
    world.gateway.stop().await;
}

#[tokio::test]
async fn the_agent_says_hello_once_in_a_group_that_it_is_added_to_by_somebody_who_is_heard() {
    let change = |chat: i64, from: i64, old: &str, new: &str| {
        json!({"my_chat_member": {"chat": {"id": chat, "type": "supergroup", "title": "Tea"}, "date": 1,
            "from": {"id": from, "is_bot": false, "first_name": "Ada"},
            "old_chat_member": {"status": old}, "new_chat_member": {"status": new}}})
    };
    for (account, is_said) in
        [(r#"groups: { "*": {} },"#, true), (r#"groups: { "*": {} }, joinIntro: false,"#, false)]
    {
        let world = World::start(account).await;
        world.fake.know_chat(GROUP);
        world.fake.push_update(change(GROUP - 1, STRANGER, "left", "member"));
        world.fake.push_update(change(GROUP, FRIEND, "left", "member"));
        world.fake.push_update(change(GROUP, FRIEND, "member", "administrator"));
        world.fake.push_update(change(GROUP, FRIEND, "kicked", "member"));
        if is_said {
            world.answers(1).await;
            assert!(
                asked(&world.last()).contains("just added to this group, \"Tea\""),
                "{}",
                asked(&world.last())
            );
        }
        world.mention("hello?", &json!({}));
        world.answers(1 + usize::from(is_said)).await;
        let sent = world.fake.sent();
        assert!(
            sent.len() == 1 + usize::from(is_said) && sent.iter().all(|sent| sent.chat_id == GROUP),
            "{sent:?}"
        );
        world.gateway.stop().await;
    }
}

#[tokio::test]
async fn an_agent_is_also_called_by_the_words_that_are_configured() {
    let groups = r#"groups: { "*": {} },"#;
    let of_all = r#"messages: { groupChat: { mentionPatterns: ["\\bclaw\\b", "("] } },"#;
    for (agents, more, called, not_called) in [
        ("main: { default: true }", of_all, "Claw, what is new?", "clawing"),
        (
            r#"main: { default: true, groupChat: { mentionPatterns: ["hey kit"] } }"#,
            of_all,
            "HEY KIT",
            "claw",
        ),
        (r#"main: { default: true, identity: { name: "Kit" } }"#, "", "are you there, kit?", "kitten"),
        (
            r#"main: { default: true, identity: { name: "Kit" }, groupChat: { mentionPatterns: [] } }"#,
            "",
            "",
            "kit?",
        ),
    ] {
        let world = World::with(groups, agents, more).await;
        world.fake.push_text(GROUP, FRIEND, not_called);
        if !called.is_empty() {
            // Who may not speak here cannot call it either.
            world.fake.push_text(GROUP, STRANGER, called);
            world.fake.push_text(GROUP, FRIEND, called);
            world.answers(1).await;
        }
        // By its own name it is called in any case.
        world.mention("and now?", &json!({}));
        let count = 1 + usize::from(!called.is_empty());
        world.answers(count).await;
        let told = world.fake.sent();
        assert_eq!(told.len(), count, "{agents}: {told:?}");
        assert!(told[0].plain.contains(if called.is_empty() { "and now?" } else { called }), "{told:?}");
        world.gateway.stop().await;
    }
}
