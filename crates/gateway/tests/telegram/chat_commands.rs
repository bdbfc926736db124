//! Commands in chats: reached whatever else the session does, meant for us, and worth no more than who writes them.

use crate::flow::{self, BOT_TOKEN, Bench, MAIN, Operator, PATIENCE, gateway_at};
use serde_json::{Value, json};
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, config_with_model};

const FRIEND: i64 = 777;
const GROUP: i64 = -1005;
const ALWAYS: &str = r#"tools: { exec: { security: "full", ask: "always" } },"#;

/// A gateway with a chat.
struct World {
    dir: tempfile::TempDir,
    _model: FakeModel,
    fake: FakeTelegram,
    gateway: TestGateway,
}

impl World {
    async fn start(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, fake) = (FakeModel::start().await, FakeTelegram::start(BOT_TOKEN).await);
        let account = format!(
            r#"allowFrom: [{FRIEND}], groupPolicy: "open", groups: {{ "*": {{ requireMention: false }} }},"#
        );
        let config = format!("{} {ALWAYS} {more}", flow::telegram(&fake, &account));
        let gateway = gateway_at(dir.path(), config_with_model(&model.url(), &config)).await;
        Self { dir, _model: model, fake, gateway }
    }

    /// What was sent, once it is so much.
    async fn sent(&self, count: usize) -> Vec<String> {
        match self.fake.wait_for_sent(count, PATIENCE).await {
            Ok(sent) => sent.into_iter().map(|s| s.plain).collect(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Has the agent want a command, and gives the id that the chat is told.
    async fn asked(&self, chat: i64) -> String {
        let touch = json!({"command": format!("touch {}", self.dir.path().join("ran").display())});
        self.fake.push_text(chat, FRIEND, &format!("TOOL:exec {touch}"));
        let sent = self.sent(1).await.remove(0);
        sent.split("/approve ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_full_session_hears_what_would_empty_it() {
    let world = World::start("messages: { queue: { cap: 1 } },").await;
    let id = world.asked(FRIEND).await;
    for text in ["one", "two", "three"] {
        world.fake.push_text(FRIEND, FRIEND, text);
    }
    // The queue has one place: what the others wait for is this.
    world.fake.push_text(FRIEND, FRIEND, &format!("/approve {id} deny"));
    let told = |sent: &[String], what: &str| sent.iter().any(|s| s.contains(what));
    assert!(told(&world.sent(2).await, "Denied"));
    let sent = world.sent(5).await;
    assert!(told(&sent, "three"), "and then they are answered: {sent:?}");
    assert!(!world.dir.path().join("ran").exists());

    world.gateway.stop().await;
}

#[tokio::test]
async fn a_full_session_can_be_stopped() {
    let world = World::start("messages: { queue: { cap: 1, mode: \"followup\" } },").await;
    world.asked(FRIEND).await;
    for text in ["one", "two", "/stop"] {
        world.fake.push_text(FRIEND, FRIEND, text);
    }
    let sent = world.sent(2).await;
    assert!(sent.iter().any(|s| s.contains("Stopped")), "{sent:?}");
    world.gateway.stop().await;
}

#[tokio::test]
async fn what_is_said_to_another_bot_is_no_command() {
    let world = World::start("").await;
    let operator = Operator::connect(&world.gateway).await;
    let id = world.asked(GROUP).await;
    world.fake.push_text(GROUP, FRIEND, "/stop@other_bot");
    world.fake.push_text(GROUP, FRIEND, &format!("/approve@other_bot {id} allow-once"));
    // What comes later in the same chat comes after these.
    world.fake.push_text(GROUP, FRIEND, &format!("/approve {id} deny"));
    assert!(world.sent(2).await[1].contains("Denied"));
    let history = operator.call("approval.history", json!({})).await;
    assert_eq!(history["items"][0]["status"], "denied", "{history}");
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_question_is_decided_by_a_press_and_its_buttons_go() {
    const OTHER: i64 = 778;
    let world = World::start("").await;
    world.asked(GROUP).await;
    let prompt = world.fake.sent()[0].message_id;
    let buttons = world.fake.shown(GROUP, prompt).unwrap().buttons.concat();
    assert_eq!(buttons.len(), 2, "{buttons:?}");
    // The group is open to all, and not everybody in it decides.
    world.fake.press(GROUP, OTHER, prompt, &buttons[0]);
    assert!(world.sent(2).await[1].contains("may not decide"));
    world.fake.press(GROUP, FRIEND, prompt, &buttons[0]);
    assert!(world.sent(3).await[2].contains("Allowed once"));
    world.fake.wait_for_calls("editMessageReplyMarkup", 1, PATIENCE).await.unwrap();
    assert!(world.fake.shown(GROUP, prompt).unwrap().buttons.is_empty());
    // The command runs, and the turn goes on.
    world.sent(4).await;
    assert!(world.dir.path().join("ran").exists());
    assert_eq!(world.fake.calls("answerCallbackQuery"), 2);
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_chat_decides_about_what_the_agent_asks_and_not_about_what_names_its_session() {
    let world = World::start("").await;
    let operator = Operator::connect(&world.gateway).await;
    let ask = json!({"id": "from-a-client", "command": "ls", "sessionKey": MAIN, "twoPhase": true,
        "requireDeliveryRoute": false});
    assert_eq!(operator.call("exec.approval.request", ask).await["status"], "accepted");
    world.fake.push_text(FRIEND, FRIEND, "/approve from-a-client allow-once");
    assert!(world.sent(1).await[0].contains("no approval"));
    let waiting = operator.call("exec.approval.list", json!({})).await;
    assert_eq!(waiting[0]["id"], "from-a-client");

    // In a client's chat, a client sees what it sees elsewhere.
    let mut other = approver(&world.gateway).await;
    let command = "/approve from-a-client allow-once";
    other.send("a", command).await;
    let answer = other.events.chat("a", "final").await;
    assert!(flow::text_of(&answer["message"]).contains("no approval"), "{answer}");
    let mut operator = operator;
    operator.send("b", command).await;
    let answer = operator.events.chat("b", "final").await;
    assert!(flow::text_of(&answer["message"]).contains("Allowed once"), "{answer}");
    world.gateway.stop().await;
}

/// An operator who may decide about what agents ask, and is no administrator.
async fn approver(gateway: &TestGateway) -> Operator {
    let mut options =
        client::ConnectOptions::new(gateway.url(), client::ClientDescription::new("cli", "cli", "1.0.0"));
    options.token = Some(testkit::gateway::TOKEN.to_owned().into());
    options.scopes = vec!["operator.approvals".into(), "operator.write".into()];
    let mut connection = client::Connection::open(&options).await.expect("the gateway lets it in");
    let events = flow::Feed(connection.take_events());
    Operator { connection, events }
}

#[tokio::test]
async fn a_new_conversation_does_not_begin_beside_what_has_the_session() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    for i in 0..4 {
        let text = format!("older {i} {}", "words ".repeat(100));
        operator.agent(&format!("k{i}"), &text).await.expect("an answer");
    }
    let before = operator.session().await["sessionId"].clone();
    bench.model.script(vec![Step::Hang]);
    let compact = operator.connection.call("sessions.compact", json!({"key": MAIN}), PATIENCE);
    let meanwhile = async {
        bench.model.wait_for_requests(5).await;
        let other = bench.operator().await;
        (other.send("new", "/new").await, other)
    };
    let other = tokio::select! {
        done = compact => panic!("the model does not answer: {done:?}"),
        (_, other) = meanwhile => other,
    };
    let answer: Value = operator.events.chat("new", "final").await;
    assert!(flow::text_of(&answer["message"]).contains("/stop first"), "{answer}");
    assert_eq!(other.session().await["sessionId"], before);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_waits_is_not_the_first_of_a_new_conversation() {
    let bench = Bench::start("").await;
    let (operator, other) = (bench.operator().await, bench.operator().await);
    bench.model.script(vec![Step::Hang]);
    operator.send("k1", "one").await;
    bench.model.wait_for_requests(1).await;
    operator.send("k2", "two").await;
    operator.send("k3", "three").await;
    // Whichever comes first: what was said before is not said after it.
    let abort = other.call("chat.abort", json!({"sessionKey": MAIN, "runId": "k1"}));
    tokio::join!(operator.send("new", "/new"), abort);
    operator.wait_for("k1").await;
    for run in ["k2", "k3"] {
        // One that never began is not known.
        let params = json!({"runId": run, "timeoutMs": 20_000});
        let ended = operator.connection.call("agent.wait", params, PATIENCE).await;
        assert!(ended.is_ok() || format!("{ended:?}").contains("unknown run"), "{ended:?}");
    }
    assert_eq!(operator.history().await, Vec::<Value>::new());
    operator.agent("k4", "four").await.expect("an answer");
    assert_eq!(operator.history().await.len(), 2);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_chat_chooses_its_model_and_goes_back() {
    let world = World::start("").await;
    let operator = Operator::connect(&world.gateway).await;
    let mut sent = 0;
    let mut say = async |text: &str| {
        world.fake.push_text(FRIEND, FRIEND, text);
        sent += 1;
        world.sent(sent).await.remove(sent - 1)
    };
    assert!(say("/model nobody/nothing").await.contains("nobody"));
    assert!(say("/model fake/other").await.contains("there are: fake/test-model"));
    let chosen = say("/model test-model").await;
    assert!(chosen.starts_with("fake/test-model answers in this conversation"), "{chosen}");
    let session = operator.session().await;
    assert_eq!((&session["modelOverrideSource"], &session["model"]), (&json!("user"), &json!("test-model")));
    assert!(say("/model").await.contains("Model: fake/test-model"));
    assert!(say("/model default").await.contains("again"));
    assert!(operator.session().await.get("modelOverrideSource").is_none_or(Value::is_null));
    world.gateway.stop().await;
}
