//! kill -9 and scheduled jobs: the built gateway is killed before, at, within and after the times of jobs of every kind of
//! schedule. Each time is begun once and none is lost, its run is reported once and as it was, what was cut is marked.
//!
//! What nobody can know is whether an answer arrived that was on its way when the gateway died: it is sent once more
//! (ARCHITECTURE.md), so that of each kill one message may be there twice. A command that was cut is not repeated; whether
//! it had its effect, its run says that nobody knows. A time that came while no gateway was there is made up for once: a line
//! at once, a turn two minutes after the start (`gateway/tests/jobs/cron.rs` sees it happen, under a clock that it moves).

use crate::cut_run;
use crate::live::{Gateway, PATIENCE, Places, Program, TOKEN, config};
use crate::support::Home;
use client::{ClientDescription, ConnectOptions, Connection};
use model::{Clock, SystemClock};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use testkit::fake_model::{FakeModel, Step};
use testkit::fake_telegram::FakeTelegram;

const CHAT: i64 = 101;
const HOUR: i64 = 3_600_000;
/// Time to set the jobs before they are due, on a busy machine too.
const AHEAD_MS: i64 = 3_000;
const KINDS: [&str; 3] = ["at", "every", "cron"];

/// Where the gateway is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    BeforeItsTime,
    AtItsTime,
    InTheModel,
    InATool,
    WhenAnAnswerIsSent,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_around_the_times_of_jobs_loses_none_and_does_none_twice() {
    let bench = Bench::new().await;
    let mut gateway = bench.start(0).await;
    for (life, point) in
        [Point::BeforeItsTime, Point::InTheModel, Point::InATool, Point::WhenAnAnswerIsSent, Point::AtItsTime]
            .into_iter()
            .enumerate()
    {
        gateway = match point {
            Point::BeforeItsTime => bench.missed(gateway, life).await,
            _ => bench.cut(gateway, life, point).await,
        };
    }
    let (runs, sent) = (gateway.all_runs().await, bench.telegram.sent().len());
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
    // Another start has nothing to add. Its first two calls for messages wait for nothing and for long.
    let polls = bench.telegram.calls("getUpdates");
    let gateway = bench.start(99).await;
    bench.telegram.wait_for_calls("getUpdates", polls + 2, PATIENCE).await.unwrap();
    assert_eq!((gateway.all_runs().await, bench.telegram.sent().len()), (runs, sent));
    assert_eq!(gateway.program.stop("-TERM"), Some(0));
}

/// The gateways of this test, one after the other on the same state.
struct Bench {
    home: Home,
    telegram: FakeTelegram,
    model: FakeModel,
    effects: PathBuf,
}

/// One of them, and an operator who is connected to it.
struct Life {
    program: Program,
    operator: Connection,
}

/// A job of a round: its id, what its message has of it, and when it is due.
struct Due {
    id: String,
    tag: String,
    kind: &'static str,
    at_ms: i64,
}

impl Bench {
    async fn new() -> Self {
        let (telegram, model) = (FakeTelegram::start("123:abc").await, FakeModel::start().await);
        telegram.know_chat(CHAT);
        let home = Home::with_config("{}");
        let effects = home.path().join("effects");
        std::fs::write(&effects, "").unwrap();
        let file = effects.display().to_string();
        model.answer_by(move |request| answer(request, &file));
        Self { home, telegram, model, effects }
    }

    /// Starts the gateway for the `life`th time, with a way of its own to the platform.
    async fn start(&self, life: usize) -> Life {
        let text = config(&Places {
            model: &self.model.url(),
            api: "openai-completions",
            telegram: &format!("{}/{life}", self.telegram.url()),
            dm: r#"allowFrom: ["101"]"#,
            more: "",
        });
        std::fs::write(self.home.state().join("openclaw.json"), text).unwrap();
        let gateway = Gateway::start_with(&self.home, &["--port", "0", "--log-level", "info"]);
        let url = gateway.said["url"].as_str().unwrap();
        let mut options = ConnectOptions::new(url, ClientDescription::new("cli", "cli", "1.0.0"));
        options.token = Some(TOKEN.to_owned().into());
        options.scopes = vec!["operator.admin".into()];
        Life { operator: Connection::open(&options).await.unwrap(), program: gateway.program }
    }

    /// One job of each kind, all due at the same moment: questions for the agent, or lines.
    async fn set(&self, gateway: &Life, what: &str, round: usize) -> Vec<Due> {
        // Expressions know whole seconds.
        let at_ms = (now() + AHEAD_MS) / 1000 * 1000;
        let mut set = Vec::new();
        for kind in KINDS {
            let tag = format!("#{what}-{kind}-{round}#");
            let mut job = json!({
                "name": format!("{what} {tag}"), "schedule": schedule(kind, at_ms), "deleteAfterRun": false,
                "wakeMode": "next-heartbeat", "sessionTarget": "isolated",
                "payload": {"kind": "agentTurn", "message": format!("{what} {tag}")},
                "delivery": {"mode": "announce", "channel": "telegram", "to": CHAT.to_string()},
            });
            if what == "line" {
                job["sessionTarget"] = json!("main");
                job["payload"] = json!({"kind": "systemEvent", "text": tag});
                job["delivery"] = json!({"mode": "none"});
            }
            let id = gateway.call("cron.add", job).await["id"].as_str().unwrap().to_owned();
            set.push(Due { id, tag, kind, at_ms });
        }
        set
    }

    /// Times that come while no gateway is there.
    async fn missed(&self, gateway: Life, life: usize) -> Life {
        let lines = self.set(&gateway, "line", life).await;
        let turns = self.set(&gateway, "say", life).await;
        gateway.program.kill();
        until_ms(turns[0].at_ms + 100).await;
        let gateway = self.start(life + 1).await;
        for line in &lines {
            let run = gateway.ended(line).await.expect("lines are not put off");
            assert_eq!((&run["status"], &run["summary"]), (&json!("ok"), &json!(line.tag)));
        }
        let first = gateway.all_put_off(&turns).await;
        gateway.program.kill();
        let gateway = self.start(life + 1).await;
        assert_eq!(gateway.all_put_off(&turns).await, first, "the next start does not begin the wait anew");
        // Their rest is not this test's.
        for due in &turns {
            gateway.call("cron.remove", json!({"id": due.id})).await;
        }
        gateway
    }

    /// Times whose runs are cut.
    async fn cut(&self, gateway: Life, life: usize, point: Point) -> Life {
        let (asked, sent) = (self.model.request_count(), self.telegram.sent().len());
        if point == Point::InTheModel {
            self.model.script(vec![Step::Hang; KINDS.len()]);
        }
        let due = self.set(&gateway, if point == Point::InATool { "do" } else { "say" }, life).await;
        match point {
            Point::InTheModel => self.model.wait_for_requests(asked + KINDS.len()).await,
            Point::InATool => until("an effect", || (!self.effects().is_empty()).then_some(())).await,
            Point::WhenAnAnswerIsSent => drop(self.telegram.wait_for_sent(sent + 1, PATIENCE).await.unwrap()),
            Point::AtItsTime | Point::BeforeItsTime => until_ms(due[0].at_ms + 4).await,
        }
        gateway.program.kill();
        let gateway = self.start(life + 1).await;
        let mut answered = 0;
        for due in &due {
            match gateway.ended(due).await {
                Some(run) => {
                    answered += 1;
                    gateway.check(due, &run).await;
                }
                None => assert_eq!(point, Point::AtItsTime, "{point:?}: {} was not begun", due.tag),
            }
        }
        self.telegram.wait_for_sent(sent + answered, PATIENCE).await.unwrap();
        self.check_sent(&due);
        self.check_cut(&gateway, &due, point).await;
        for due in &due {
            gateway.call("cron.update", json!({"id": due.id, "patch": {"enabled": false}})).await;
        }
        gateway
    }

    /// Every answer arrived; of those of one kill, one may have been on its way.
    fn check_sent(&self, due: &[Due]) {
        let sent = self.telegram.sent();
        let mut twice = 0;
        for due in due {
            let mine: Vec<_> = sent.iter().filter(|s| s.plain.contains(&due.tag)).collect();
            if let [first, second] = mine.as_slice() {
                assert_ne!(first.via, second.via, "{} was sent twice by the same gateway", due.tag);
                twice += 1;
            }
            assert!(mine.len() <= 2, "{mine:?}");
        }
        assert!(twice <= 1, "{twice} answers were sent twice");
    }

    /// What was cut says so in its transcript, and no command ran twice.
    async fn check_cut(&self, gateway: &Life, due: &[Due], point: Point) {
        let cut: Vec<_> = gateway.program.lines().iter().filter_map(|line| cut_run(line)).collect();
        for (session, run) in &cut {
            let history = gateway.call("chat.history", json!({"sessionKey": session, "limit": 100})).await;
            let of_run = |m: &&Value| m["__openclaw"]["runId"] == run.as_str();
            let is_mark = |m: &Value| m["role"] == "note" && m["kind"] == "restart";
            let messages = history["messages"].as_array().unwrap();
            assert!(messages.iter().filter(of_run).any(is_mark), "{run} was cut: {history}");
        }
        let lines = self.effects();
        assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "{lines:?}");
        match point {
            Point::InTheModel => assert_eq!(cut.len(), due.len(), "all were being asked"),
            Point::InATool => assert!(!cut.is_empty(), "none was cut: {lines:?}"),
            _ => {}
        }
    }

    fn effects(&self) -> Vec<String> {
        std::fs::read_to_string(&self.effects).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Life {
    async fn call(&self, method: &str, params: Value) -> Value {
        self.operator.call(method, params, PATIENCE).await.unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    /// The one run of a job, once it has ended; `None` where its time was missed and is put off.
    async fn ended(&self, due: &Due) -> Option<Value> {
        for _ in 0..PATIENCE.as_millis() / 100 {
            let page = self.call("cron.runs", json!({"id": due.id})).await;
            match page["entries"].as_array().unwrap().as_slice() {
                [] if self.put_off(due).await.is_some() => return None,
                [] => tokio::time::sleep(Duration::from_millis(100)).await,
                [run] => return Some(run.clone()),
                more => panic!("{} ran {} times: {more:?}", due.tag, more.len()),
            }
        }
        panic!("{} was lost: {}", due.tag, self.call("cron.get", json!({"id": due.id})).await);
    }

    /// Until when a job was put off that has not been begun.
    async fn put_off(&self, due: &Due) -> Option<i64> {
        let state = self.call("cron.get", json!({"id": due.id})).await["state"].clone();
        let next = state["nextRunAtMs"].as_i64()?;
        let is_off = state.get("runningAtMs").is_none() && state.get("lastRunAtMs").is_none();
        // The next time of what recurs is an hour away and more.
        (is_off && next > due.at_ms && next < due.at_ms + HOUR).then_some(next)
    }

    /// What is known of a run after it, and of its job.
    async fn check(&self, due: &Due, run: &Value) {
        assert_eq!(run["status"], "ok", "{run}");
        assert!(run["runAtMs"].as_i64().unwrap() >= due.at_ms, "{run}");
        assert_eq!(run["summary"], format!("answer to {}", due.tag));
        let job = self.call("cron.get", json!({"id": due.id})).await;
        assert_eq!(job["state"].get("runningAtMs"), None, "{job}");
        let next = job["state"]["nextRunAtMs"].as_i64();
        match due.kind {
            "at" => assert_eq!((next, &job["enabled"]), (None, &json!(false))),
            "every" => assert_eq!(next, Some(due.at_ms + HOUR)),
            _ => assert!(next.unwrap() > due.at_ms + HOUR, "{job}"),
        }
    }

    async fn all_put_off(&self, due: &[Due]) -> Vec<i64> {
        let mut all = Vec::new();
        for due in due {
            all.push(self.put_off(due).await.expect("it waits until things have settled"));
        }
        all
    }

    async fn all_runs(&self) -> Value {
        self.call("cron.runs", json!({"scope": "all", "limit": 200})).await["total"].clone()
    }
}

/// The model: `say` is answered at once, `do` after a command that leaves a line in `effects`.
fn answer(request: &Value, effects: &str) -> Option<Step> {
    let messages = request["messages"].as_array()?;
    let at = messages.iter().rposition(|m| m["role"] == "user" && m.to_string().contains('#'))?;
    let text = messages.get(at)?.to_string();
    // The job's name has it too.
    let tag = format!("#{}#", text.rsplit('#').nth(1)?);
    if text.contains("do #") && !messages.iter().skip(at).any(|m| m["role"] == "tool") {
        let command = format!("echo '{tag}' >> '{effects}'; sleep 1; echo done");
        return Some(Step::ToolCalls(vec![("exec".into(), json!({"command": command, "host": "gateway"}))]));
    }
    Some(Step::Text(format!("answer to {tag}")))
}

fn schedule(kind: &str, at_ms: i64) -> Value {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap();
    match kind {
        "at" => json!({"kind": "at", "at": at.to_string()}),
        "every" => json!({"kind": "every", "everyMs": HOUR, "anchorMs": at_ms}),
        _ => {
            let expr = at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%-S %-M %-H %-d %-m *").to_string();
            json!({"kind": "cron", "expr": expr, "tz": "UTC", "staggerMs": 0})
        }
    }
}

fn now() -> i64 {
    SystemClock.now_ms()
}

/// The wall clock is what the jobs go by.
async fn until_ms(at_ms: i64) {
    tokio::time::sleep(Duration::from_millis(u64::try_from(at_ms - now()).unwrap_or(0))).await;
}

/// Looks again and again.
async fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let found = async {
        loop {
            match look() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what} never came"))
}
