//! Two accounts, and files that go out: the gateway is killed at random points. Every message is answered, by the bot that it was
//! said to; a file arrives whole or not at all, and not at all only where the turn that sent it was cut and says so.

use super::{Random, cut_run};
use crate::live::{Gateway, PATIENCE, Places, config};
use crate::support::Home;
use crate::verdict::tag_in;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;

const MESSAGES: usize = 40;
const KILLS: usize = 6;
/// Who writes to which account: the chats tell which bot an answer belongs to.
const PEOPLE: [i64; 2] = [101, 102];

/// What the file of a message holds: more than goes out in one piece.
fn content(chat: i64, nth: usize) -> String {
    format!("{chat}:{nth} ").repeat(30_000)
}

/// The model: it sends the message's file and says then what it has done.
fn answer(workspace: &Path) -> impl Fn(&Value) -> Option<Step> + Send + Sync + 'static {
    let workspace = workspace.to_owned();
    move |request| {
        let messages = request["messages"].as_array()?;
        let at = messages.iter().rposition(|m| m["role"] == "user" && m.to_string().contains('#'))?;
        let (chat, nth) = tag_in(&messages.get(at)?.to_string())?;
        if messages.iter().skip(at).any(|m| m["role"] == "tool") {
            return Some(Step::Text(format!("answer to #{chat}:{nth}#")));
        }
        let media = workspace.join(format!("{chat}-{nth}.txt"));
        Some(Step::ToolCalls(vec![(
            "message".into(),
            json!({"action": "send", "media": media, "text": "here"}),
        )]))
    }
}

/// Waits until every message of a person is answered.
async fn all_answered(bot: &FakeTelegram, chat: i64) {
    let wanted = MESSAGES / PEOPLE.len();
    let mut enough = wanted;
    loop {
        let sent = bot.wait_for_sent(enough, PATIENCE).await.unwrap();
        let tags: Vec<(i64, usize)> = sent.iter().filter_map(|s| tag_in(&s.plain)).collect();
        assert!(tags.iter().all(|(of, _)| *of == chat), "of another account: {tags:?}");
        if tags.into_iter().collect::<BTreeSet<_>>().len() >= wanted {
            return;
        }
        enough = sent.len() + 1;
    }
}

/// The files that arrived, each of them whole.
fn arrived(bot: &FakeTelegram, chat: i64) -> BTreeSet<String> {
    let documents = bot.requests().into_iter().filter(|(method, _)| method == "senddocument");
    let mut names = BTreeSet::new();
    for (_, params) in documents {
        let (name, bytes) = (&params["document"]["name"], &params["document"]["bytes"]);
        let name = name.as_str().unwrap().to_owned();
        let (of, nth) = name.trim_end_matches(".txt").split_once('-').unwrap();
        let (of, nth): (i64, usize) = (of.parse().unwrap(), nth.parse().unwrap());
        assert_eq!(of, chat, "{name}");
        assert!(
            STANDARD.decode(bytes.as_str().unwrap()).unwrap() == content(of, nth).as_bytes(),
            "{name} is cut"
        );
        names.insert(name);
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_several_accounts_arrive_whole_whenever_the_gateway_is_killed() {
    let bots = [FakeTelegram::start("123:abc").await, FakeTelegram::start("456:def").await];
    let model = FakeModel::start().await;
    let accounts =
        format!(r#"accounts: {{ alerts: {{ botToken: "456:def", apiRoot: "{}" }} }}"#, bots[1].url());
    let places = Places {
        model: &model.url(),
        api: "openai-completions",
        telegram: &bots[0].url(),
        dm: &format!(r#"dmPolicy: "open", allowFrom: ["*"], {accounts}"#),
        more: r#"messages: { queue: { mode: "followup" } },"#,
    };
    let home = Home::with_config(&config(&places));
    let workspace = home.state().join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    for nth in 0..MESSAGES / PEOPLE.len() {
        for (bot, chat) in bots.iter().zip(PEOPLE) {
            std::fs::write(workspace.join(format!("{chat}-{nth}.txt")), content(chat, nth)).unwrap();
            bot.push_text(chat, chat, &format!("send #{chat}:{nth}#"));
        }
    }
    model.answer_by(answer(&workspace));
    let start = || Gateway::spawn(&home, &["--port", "0", "--log-level", "info"]);
    let (mut random, mut cut, mut program) = (Random(2027), BTreeSet::new(), start());
    for _ in 0..KILLS {
        let bot = &bots[random.below(2)];
        // Once all of them are there, it is killed while it has nothing to do.
        let uploads = (bot.calls("sendDocument") + 1 + random.below(2) as u64).min(MESSAGES as u64 / 2);
        bot.wait_for_calls("sendDocument", uploads, PATIENCE).await.unwrap();
        tokio::time::sleep(Duration::from_micros(random.below(15_000) as u64)).await;
        cut.extend(program.kill().iter().filter_map(|line| cut_run(line)));
        program = start();
    }
    for (bot, chat) in bots.iter().zip(PEOPLE) {
        all_answered(bot, chat).await;
    }
    cut.extend(program.lines().iter().filter_map(|line| cut_run(line)));
    assert_eq!(program.stop("-TERM"), Some(0));
    let files: usize = bots.iter().zip(PEOPLE).map(|(bot, chat)| arrived(bot, chat).len()).sum();
    assert!(files + cut.len() >= MESSAGES, "{files} files of {MESSAGES}, {} runs were cut", cut.len());
}
