//! What jobs may not do: an agent to another's, a schedule to the machine, old runs to the list of sessions.

use crate::flow::{self, Operator, reply};
use model::ManualClock;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::fake_model::FakeModel;
use testkit::gateway::{TestGateway, TestOptions, default_config};

/// 2027-01-01T00:00:00Z.
const START: i64 = 1_798_761_600_000;
const HOUR: i64 = 3_600_000;

/// A gateway with the agents `main` and `helper` under a clock that the test moves.
struct Bench {
    clock: Arc<ManualClock>,
    _model: FakeModel,
    gateway: TestGateway,
    operator: Operator,
}

impl Bench {
    async fn start(more: &str) -> Self {
        let (clock, model) = (Arc::new(ManualClock::at(START)), FakeModel::start().await);
        let config = default_config(&format!(
            r#"models: {{ providers: {{ fake: {{ baseUrl: "{}", apiKey: "none", api: "openai-completions",
                 models: [ {{ id: "test-model", name: "Test", contextWindow: 128000, maxTokens: 8192 }} ] }} }} }},
               agents: {{ defaults: {{ model: {{ primary: "fake/test-model" }}, heartbeat: {{ every: "0m" }} }},
                 list: [ {{ id: "main", default: true }}, {{ id: "helper" }} ] }}, {more}"#,
            model.url()
        ));
        let options = TestOptions { config, clock: clock.clone(), ..TestOptions::default() };
        let gateway = TestGateway::with(options).await;
        let operator = Operator::connect(&gateway).await;
        Self { clock, _model: model, gateway, operator }
    }

    /// Lets time pass and has the scheduler look: whoever adds a job wakes it.
    async fn pass(&self, ms: i64) {
        self.clock.advance_ms(ms);
        let id = self.add(job("nothing", json!({"enabled": false}))).await;
        self.operator.call("cron.remove", json!({"id": id})).await;
    }

    async fn add(&self, job: Value) -> String {
        let added = self.operator.call("cron.add", job).await;
        let job = added.get("job").unwrap_or(&added);
        job["id"].as_str().unwrap().to_owned()
    }

    async fn get(&self, id: &str) -> Value {
        self.operator.call("cron.get", json!({"id": id})).await
    }

    async fn finished(&mut self, id: &str) -> Value {
        let fits = |e: &client::EventFrame| {
            e.event == "cron" && e.payload["action"] == "finished" && e.payload["jobId"] == id
        };
        self.operator.events.next("end of a scheduled run", fits).await
    }

    /// What the main agent's `cron` tool answers.
    async fn tool(&self, key: &str, arguments: Value) -> String {
        let answer = self.operator.agent(key, &format!("TOOL:cron {arguments}")).await.unwrap();
        reply(&answer).to_owned()
    }

    async fn keys(&self) -> Vec<Value> {
        let list = self.operator.call("sessions.list", json!({})).await;
        list["sessions"].as_array().unwrap().iter().map(|s| s["key"].clone()).collect()
    }
}

/// A job that asks the agent each hour and tells nobody, with `more` over it.
fn job(name: &str, more: Value) -> Value {
    let mut job = json!({
        "name": name, "schedule": {"kind": "every", "everyMs": HOUR}, "sessionTarget": "isolated",
        "wakeMode": "now", "payload": {"kind": "agentTurn", "message": "how are things"}, "delivery": {"mode": "none"},
    });
    let Value::Object(more) = more else { panic!("an object") };
    job.as_object_mut().unwrap().extend(more);
    job
}

#[tokio::test]
async fn an_agent_does_nothing_to_the_jobs_of_another() {
    let bench = Bench::start("").await;
    let theirs =
        bench.add(job("theirs", json!({"agentId": "helper", "declarationKey": "shared:rounds"}))).await;
    let before = bench.get(&theirs).await;
    let mine = json!({"declarationKey": "mine"});
    let added = bench.tool("own", json!({"action": "add", "job": job("mine", mine.clone())})).await;
    assert!(added.contains("\"agentId\":\"main\""), "{added}");

    let add = |more: Value| json!({"action": "add", "job": job("taken", more)});
    for (run, arguments, why) in [
        ("declared", add(json!({"declarationKey": "shared:rounds"})), "at /declarationKey:"),
        // Its own job, written over the other one.
        ("overlaid", add(json!({"declarationKey": "mine", "id": theirs})), "at /id:"),
        ("named", add(json!({"id": theirs})), "at /id:"),
        // A job in the place of a heartbeat that there may be one day.
        ("heartbeat", add(json!({"declarationKey": "heartbeat:somebody"})), "at /declarationKey:"),
        ("run", json!({"action": "run", "id": theirs}), "there is no scheduled job"),
        ("remove", json!({"action": "remove", "id": theirs}), "there is no scheduled job"),
    ] {
        let said = bench.tool(run, arguments).await;
        assert!(said.contains(why), "{run}: {said}");
        assert_eq!(bench.get(&theirs).await, before, "{run}");
    }
    // What is declared again by the same agent is still the same job.
    let again = bench.tool("again", add(mine)).await;
    assert!(again.contains("taken"), "{again}");
    let listed = bench.operator.call("cron.list", json!({"query": "mine"})).await;
    assert_eq!(listed["total"], 0, "{listed}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn however_close_its_times_a_job_begins_once_in_two_seconds() {
    let mut bench = Bench::start("").await;
    let often = json!({
        "name": "often", "schedule": {"kind": "every", "everyMs": 1}, "sessionTarget": "main",
        "wakeMode": "next-heartbeat", "payload": {"kind": "systemEvent", "text": "again"},
    });
    let id = bench.add(often).await;
    for nth in 0..3 {
        bench.pass(if nth == 0 { 1 } else { 2000 }).await;
        let end = bench.finished(&id).await;
        assert_eq!(end["runAtMs"], START + 1 + 2000 * nth, "{end}");
        assert_eq!(end["nextRunAtMs"], START + 1 + 2000 * (nth + 1), "{end}");
    }
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_sessions_of_old_runs_go_and_what_they_came_to_stays() {
    let mut bench = Bench::start("").await;
    bench.operator.call("sessions.subscribe", json!({})).await;
    let id = bench.add(job("rounds", json!({"enabled": false}))).await;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        bench.operator.call("cron.run", json!({"id": id})).await;
        sessions.push(bench.finished(&id).await["sessionKey"].clone());
    }
    let (gone, pinned) = (sessions[0].clone(), sessions[1].clone());
    bench.operator.call("sessions.patch", json!({"key": pinned, "pinned": true})).await;
    bench.operator.send("hello", "hello").await;
    bench.operator.events.chat("hello", "final").await;

    bench.pass(23 * HOUR).await;
    bench.operator.call("cron.run", json!({"id": id})).await;
    let young = bench.finished(&id).await["sessionKey"].clone();
    assert!(bench.keys().await.contains(&gone), "it is not a day old");
    bench.pass(HOUR + 1).await;
    let fits = |e: &client::EventFrame| e.event == "sessions.changed" && e.payload["reason"] == "delete";
    assert_eq!(bench.operator.events.next("a session that goes", fits).await["sessionKey"], gone);
    let keys = bench.keys().await;
    assert!(!keys.contains(&gone), "{keys:?}");
    for stays in [&pinned, &young, &json!(flow::MAIN)] {
        assert!(keys.contains(stays), "{stays}: {keys:?}");
    }
    let runs = bench.operator.call("cron.runs", json!({"id": id})).await;
    assert_eq!(runs["total"], 3, "{runs}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn the_sessions_of_runs_stay_where_the_configuration_says_so() {
    let mut bench = Bench::start("cron: { sessionRetention: false },").await;
    let id = bench.add(job("rounds", json!({"enabled": false}))).await;
    let mut run = async || {
        bench.operator.call("cron.run", json!({"id": id})).await;
        let key = bench.finished(&id).await["sessionKey"].clone();
        bench.pass(365 * 24 * HOUR).await;
        key
    };
    let old = run().await;
    // The scheduler has looked since: it has reported another run.
    run().await;
    assert!(bench.keys().await.contains(&old));
    bench.gateway.stop().await;
}
