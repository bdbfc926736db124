//! Files that come with messages: the gateway is killed while they come in. Every message is read with its file, and the file is whole.

use super::Random;
use crate::live::{Gateway, PATIENCE, Places, config};
use crate::support::Home;
use crate::verdict::tag_in;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;

const PERSON: i64 = 101;
/// Messages of a life.
const MESSAGES: usize = 8;
const KILLS: usize = 6;
const ALL: usize = MESSAGES * KILLS;

/// What the file of a message holds: more than comes in one piece.
fn content(nth: usize) -> String {
    format!("{nth} ").repeat(60_000)
}

/// The model: it looks at the file that it is told of, and says how that is.
fn answer(request: &Value) -> Option<Step> {
    let messages = request["messages"].as_array()?;
    let asked = messages.iter().rfind(|m| m["role"] == "user" && m.to_string().contains('#'))?.to_string();
    let (chat, nth) = tag_in(&asked)?;
    let path = asked.rsplit("saved as ").next()?.split(']').next()?;
    let file = std::fs::read_to_string(path);
    let state = if file.is_ok_and(|text| text == content(nth)) { "whole" } else { "not whole" };
    Some(Step::Text(format!("answer to #{chat}:{nth}#: the file is {state}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_come_with_messages_are_whole_whenever_the_gateway_is_killed() {
    let telegram = FakeTelegram::start("123:abc").await;
    let model = FakeModel::start().await;
    model.answer_by(answer);
    let places = Places {
        model: &model.url(),
        api: "openai-completions",
        telegram: &telegram.url(),
        dm: r#"dmPolicy: "open", allowFrom: ["*"]"#,
        more: r#"messages: { queue: { mode: "followup" } },"#,
    };
    let home = Home::with_config(&config(&places));
    let say = |nth: usize| {
        let file = format!("file-{nth}");
        telegram.put_file(&file, content(nth).into_bytes());
        let document = json!({"file_id": file, "file_unique_id": file, "file_name": format!("{nth}.txt")});
        let message = json!({"caption": format!("look at #{PERSON}:{nth}#"), "document": document});
        telegram.push_message(PERSON, PERSON, message);
    };
    let start = || Gateway::spawn(&home, &["--port", "0", "--log-level", "info"]);
    let (mut random, mut program) = (Random(2028), start());
    for life in 0..KILLS {
        let before = telegram.calls("getFile");
        (life * MESSAGES..(life + 1) * MESSAGES).for_each(say);
        let fetched = before + 1 + random.below(MESSAGES) as u64;
        telegram.wait_for_calls("getFile", fetched, PATIENCE).await.unwrap();
        tokio::time::sleep(Duration::from_micros(random.below(5_000) as u64)).await;
        drop(program.kill());
        program = start();
    }
    let mut enough = ALL;
    loop {
        let sent = telegram.wait_for_sent(enough, PATIENCE).await.unwrap();
        assert!(sent.iter().all(|s| s.plain.ends_with("the file is whole")), "{sent:?}");
        let answered: BTreeSet<usize> =
            sent.iter().filter_map(|s| tag_in(&s.plain)).map(|(_, nth)| nth).collect();
        if answered.len() == ALL {
            break;
        }
        enough = sent.len() + 1;
    }
    assert!(telegram.calls("getFile") > ALL as u64, "no kill hit: the test proves nothing");
    assert_eq!(program.stop("-TERM"), Some(0));
}
