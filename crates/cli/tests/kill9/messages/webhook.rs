//! What Telegram has delivered and was told to be safe is safe: the gateway is killed in the moment in which its answer is read.

use crate::live::{Gateway, PATIENCE, Places, Program, config};
use crate::support::Home;
use crate::verdict::tag_in;
use serde_json::json;
use std::collections::BTreeSet;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::{FakeTelegram, deliver};

const PERSON: i64 = 101;
const LIVES: usize = 10;
/// Deliveries of a life, the last of which is not waited for.
const DELIVERIES: usize = 4;
const DM: &str = r#"dmPolicy: "open", allowFrom: ["*"], webhookUrl: "https://bot.example/hook", webhookSecret: "s", webhookPath: "/hook", webhookPort: 0"#;

/// Starts the program and waits until it takes deliveries; gives its port for them.
async fn start(home: &Home, telegram: &FakeTelegram) -> (Program, u16) {
    let told = telegram.calls("setWebhook");
    let program = Gateway::spawn(home, &["--port", "0", "--log-level", "info"]);
    let port = program.wait_for("where deliveries arrive", |line| {
        let (_, fields) = line.split_once("listening for Telegram's deliveries")?;
        fields.split_once("at=127.0.0.1:")?.1.split_whitespace().next()?.parse().ok()
    });
    telegram.wait_for_calls("setWebhook", told + 1, PATIENCE).await.unwrap();
    (program, port)
}

/// The same each time, as the platform delivers it until it is told that it need not.
async fn post(port: u16, number: usize) -> bool {
    let message = json!({"message_id": number + 1, "date": 1, "text": format!("say #{PERSON}:{number}#"),
        "chat": {"id": PERSON, "type": "private"}, "from": {"id": PERSON, "is_bot": false, "first_name": "P"}});
    let update = json!({"update_id": number + 1, "message": message}).to_string();
    let answer = deliver(port, "/hook", Some("s"), &update).await;
    answer.is_ok_and(|answer| answer.starts_with("http/1.1 200"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_was_acknowledged_is_answered_whenever_the_gateway_is_killed() {
    let telegram = FakeTelegram::start("123:abc").await;
    let model = FakeModel::start().await;
    telegram.know_chat(PERSON);
    model.answer_by(|request| {
        let messages = request["messages"].as_array()?;
        let asked = messages.iter().rfind(|m| m["role"] == "user" && m.to_string().contains('#'))?;
        let (chat, nth) = tag_in(&asked.to_string())?;
        Some(Step::Text(format!("answer to #{chat}:{nth}#")))
    });
    let places = Places {
        model: &model.url(),
        api: "openai-completions",
        telegram: &telegram.url(),
        dm: DM,
        more: r#"messages: { queue: { mode: "followup" } },"#,
    };
    let home = Home::with_config(&config(&places));
    let (mut acknowledged, mut next) = (BTreeSet::new(), 0);
    for life in 0..LIVES {
        let (program, port) = start(&home, &telegram).await;
        for _ in 1..DELIVERIES {
            assert!(post(port, next).await, "delivery {next} in life {life}");
            acknowledged.insert(next);
            next += 1;
        }
        // Nothing lies between the answer and the end of the program; in every other life one more is on its way.
        if life % 2 == 0 {
            drop(program.kill());
        } else {
            let (taken, _) = tokio::join!(post(port, next), async { drop(program.kill()) });
            if taken {
                acknowledged.insert(next);
            }
            // What was not acknowledged comes again, first of all.
            next += usize::from(taken);
        }
    }
    let (program, port) = start(&home, &telegram).await;
    assert!(post(port, next).await);
    acknowledged.insert(next);
    let mut enough = acknowledged.len();
    loop {
        let sent = telegram.wait_for_sent(enough, PATIENCE).await.unwrap();
        let answered: BTreeSet<usize> =
            sent.iter().filter_map(|s| tag_in(&s.plain)).map(|(_, nth)| nth).collect();
        if answered.is_superset(&acknowledged) {
            break;
        }
        enough = sent.len() + 1;
    }
    assert_eq!(program.stop("-TERM"), Some(0));
}
