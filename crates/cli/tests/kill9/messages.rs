//! kill -9 loses nothing (B5): while 200 messages of three people and two groups come in, the gateway is killed at
//! random points and started again each time. Every message is answered, in order; what is answered twice is shown to
//! be what nobody can know; no effect of a tool happens twice; what was cut is marked in its transcript.

mod files;
mod files_in;
mod webhook;

use crate::cut_run;
use crate::live::{Gateway, PATIENCE, Places, Program, config};
use crate::support::Home;
use crate::verdict::{self, tag_in};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::{FakeTelegram, Sent};
use tokio::task::JoinSet;
use tokio::time::Instant;

const MESSAGES: usize = 200;
const KILLS: usize = 14;
/// Most messages that wait for an answer; more than a session's queue holds.
const OUTSTANDING: usize = 40;
/// Three people, who share the main session, and two groups, which have one each.
const CHATS: [i64; 5] = [101, 102, 103, -201, -202];
/// Sets other random points.
const SEED_VARIABLE: &str = "OPENCLAW_TEST_KILL9_SEED";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_random_points_loses_no_message_and_repeats_no_effect() {
    let seed = std::env::var(SEED_VARIABLE).ok().and_then(|s| s.parse().ok()).unwrap_or(2026);
    eprintln!("{SEED_VARIABLE}={seed}");
    let mut random = Random(seed);
    let telegram = Arc::new(FakeTelegram::start("123:abc").await);
    let model = FakeModel::start().await;
    model.take_time(Duration::from_millis(4));
    let home = Home::with_config("{}");
    let lives = Lives { home: &home, telegram: &telegram, model: &model };
    let effects = home.path().join("effects");
    model.answer_by(answer(&effects));

    let mut pushing = JoinSet::new();
    pushing.spawn(push_all(Arc::clone(&telegram), random.fork()));
    let (program, kills, mut cut) = kill_often(&lives, &mut random).await;
    let pushed = pushing.join_next().await.unwrap().unwrap();
    let gateway = Gateway::answering(program);
    all_answered(&telegram).await;

    cut.extend(gateway.program.lines().iter().filter_map(|line| cut_run(line)));
    for (session, run) in &cut {
        let history = history(&gateway, &home, session);
        let of_run = |m: &&Value| m["__openclaw"]["runId"] == run.as_str();
        assert!(
            history.iter().filter(of_run).any(|m| m["role"] == "note" && m["kind"] == "restart"),
            "{run} was cut and {session} does not say so"
        );
    }
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
    nothing_more_to_say(&lives).await;

    let counts = pushed.iter().map(|(chat, texts)| (*chat, texts.len())).collect();
    let doubts = verdict::check(&telegram.sent(), &kills, &counts);
    let wanted = pushed.values().flatten().filter(|text| text.starts_with("do ")).count();
    let done = verdict::check_effects(&std::fs::read_to_string(&effects).unwrap());
    assert!(
        done + cut.len() >= wanted,
        "{wanted} effects were wanted, {done} happened, {} runs were cut",
        cut.len()
    );
    eprintln!(
        "{} kills, {} runs cut, {doubts} answers sent twice, {done} of {wanted} effects",
        kills.len(),
        cut.len()
    );
    assert!(!cut.is_empty(), "no kill hit a run: the test proves nothing");
}

/// Sends everything, in bursts, without letting too much pile up. Gives the texts by chat.
async fn push_all(telegram: Arc<FakeTelegram>, mut random: Random) -> BTreeMap<i64, Vec<String>> {
    let mut pushed: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for total in 0..MESSAGES {
        if random.below(4) == 0 {
            telegram.wait_for_sent(total.saturating_sub(OUTSTANDING), PATIENCE).await.unwrap();
        }
        let chat = CHATS[random.below(CHATS.len())];
        let person = if chat > 0 { chat } else { 300 + i64::try_from(random.below(3)).unwrap() };
        let texts = pushed.entry(chat).or_default();
        let verb = if random.below(4) == 0 { "do" } else { "say" };
        let text = format!("{verb} #{chat}:{}#", texts.len());
        telegram.push_text(chat, person, &text);
        texts.push(text);
    }
    pushed
}

/// The gateways of this test, one after the other on the same state.
struct Lives<'a> {
    home: &'a Home,
    telegram: &'a FakeTelegram,
    model: &'a FakeModel,
}

impl Lives<'_> {
    /// Starts the gateway for the `life`th time. Each reaches the platform by a way of its own, so that the platform
    /// knows which of them sent what.
    fn start(&self, life: usize) -> Program {
        let text = config(&Places {
            model: &self.model.url(),
            api: "openai-completions",
            telegram: &format!("{}/{life}", self.telegram.url()),
            dm: r#"dmPolicy: "open", allowFrom: ["*"], groupPolicy: "open", groups: { "*": { requireMention: false } }"#,
            more: r#"messages: { queue: { mode: "followup" } },"#,
        });
        std::fs::write(self.home.state().join("openclaw.json"), text).unwrap();
        Gateway::spawn(self.home, &["--port", "0", "--log-level", "info"])
    }
}

/// Kills and restarts. Gives the last program, the moment before each kill, and the runs that were cut: (session, run).
async fn kill_often(
    lives: &Lives<'_>,
    random: &mut Random,
) -> (Program, Vec<Instant>, BTreeSet<(String, String)>) {
    let (mut kills, mut cut) = (Vec::new(), BTreeSet::new());
    let mut program = lives.start(0);
    while kills.len() < KILLS {
        // Every other life is long enough to get something done: a run that is cut too often is given up, and rightly.
        something_happens(lives, random, kills.len() % 2 == 0).await;
        kills.push(Instant::now());
        cut.extend(program.kill().iter().filter_map(|line| cut_run(line)));
        program = lives.start(kills.len());
    }
    (program, kills, cut)
}

/// Waits for a random event and then for a random time; a `short` life may end at any point of its start.
async fn something_happens(lives: &Lives<'_>, random: &mut Random, short: bool) {
    let Lives { telegram, model, .. } = lives;
    let count = 1 + random.below(8);
    let mut longest = 15_000;
    match random.below(if short { 4 } else { 2 }) {
        0 => drop(telegram.wait_for_sent(telegram.sent().len() + count, PATIENCE).await.unwrap()),
        1 => model.wait_for_requests(model.request_count() + 3 + count).await,
        2 => {
            let polls = telegram.calls("getUpdates") + 1 + (count / 4) as u64;
            telegram.wait_for_calls("getUpdates", polls, PATIENCE).await.unwrap();
        }
        _ => longest = 250_000,
    }
    tokio::time::sleep(Duration::from_micros(random.below(longest) as u64)).await;
}

/// Waits until every message has an answer.
async fn all_answered(telegram: &FakeTelegram) {
    let mut enough = MESSAGES;
    loop {
        let sent = telegram.wait_for_sent(enough, PATIENCE).await.unwrap();
        let tag = |s: &Sent| tag_in(&s.plain).unwrap_or_else(|| panic!("no answer to anything: {s:?}"));
        if sent.iter().map(tag).collect::<BTreeSet<_>>().len() >= MESSAGES {
            return;
        }
        enough = sent.len() + 1;
    }
}

/// Whoever starts the gateway once more hears nothing that was said before.
async fn nothing_more_to_say(lives: &Lives<'_>) {
    let telegram = lives.telegram;
    let (said, polls) = (telegram.sent().len(), telegram.calls("getUpdates"));
    let gateway = Gateway::answering(lives.start(KILLS + 1));
    telegram.wait_for_calls("getUpdates", polls + 2, PATIENCE).await.unwrap();
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
    assert_eq!(telegram.sent().len(), said);
}

fn history(gateway: &Gateway, home: &Home, session: &str) -> Vec<Value> {
    let params = json!({"sessionKey": session, "limit": 1000}).to_string();
    let answer = gateway.json(home, &["gateway", "call", "chat.history", "--params", &params]);
    answer["messages"].as_array().unwrap().clone()
}

/// The model: `say` is answered at once, `do` after a command that leaves a line in `effects`.
fn answer(effects: &Path) -> impl Fn(&Value) -> Option<Step> + Send + Sync + 'static {
    let effects = effects.display().to_string();
    move |request| {
        let messages = request["messages"].as_array()?;
        let asked = |m: &Value| m["role"] == "user" && m.to_string().contains('#');
        let at = messages.iter().rposition(asked)?;
        let text = messages.get(at)?.to_string();
        let tag = tag_in(&text)?;
        let (chat, nth) = tag;
        let done = messages.iter().skip(at).any(|m| m["role"] == "tool");
        if done || !text.contains("do #") {
            return Some(Step::Text(format!("answer to #{chat}:{nth}#")));
        }
        let command = format!("echo '{chat}:{nth}' >> '{effects}'; sleep 0.01; echo done");
        Some(Step::ToolCalls(vec![("exec".into(), json!({"command": command, "host": "gateway"}))]))
    }
}

/// A small generator of numbers that are random enough (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        for (left, by) in [(true, 13), (false, 7), (true, 17)] {
            self.0 ^= if left { self.0 << by } else { self.0 >> by };
        }
        usize::try_from(self.0 >> 16).unwrap() % bound
    }

    fn fork(&mut self) -> Self {
        Self(self.below(1 << 40) as u64 | 1)
    }
}
