//! Jobs that run by themselves, through the real gateway: when they run, where their answers go, what is left of them when
//! the gateway is stopped in between.

use crate::bench::Bench;
use crate::flow::{self, Operator, PATIENCE, asked};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::fake_model::Step;
use testkit::gateway::TestGateway;

/// 2027-01-01T00:00:00Z.
const START: i64 = 1_798_761_600_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

impl Bench {
    async fn started() -> (Self, TestGateway, Operator) {
        let bench = Self::new(START).await;
        let (gateway, operator) = bench.start("").await;
        (bench, gateway, operator)
    }

    /// Starts a gateway on the bench's directory, as often as a test likes.
    async fn start(&self, more: &str) -> (TestGateway, Operator) {
        let config = self.config(r#"heartbeat: { every: "0m" }"#, more);
        let gateway = self.start_with(self.dir.path(), config).await;
        let operator = Operator::connect(&gateway).await;
        (gateway, operator)
    }
}

/// A job that asks the agent, each hour.
fn hourly(name: &str) -> Value {
    json!({
        "name": name, "schedule": {"kind": "every", "everyMs": HOUR}, "sessionTarget": "isolated",
        "wakeMode": "now", "payload": {"kind": "agentTurn", "message": "how are things"},
        "delivery": {"mode": "announce", "channel": "telegram", "to": "777"},
    })
}

/// As [`hourly`], with this over it.
fn with(mut job: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("an object") };
    job.as_object_mut().unwrap().extend(more);
    job
}

async fn add(operator: &Operator, job: Value) -> String {
    operator.call("cron.add", job).await["id"].as_str().unwrap().to_owned()
}

/// Waits for the `cron` event with which a run of this job ends.
async fn finished(operator: &mut Operator, id: &str) -> Value {
    let fits = |e: &client::EventFrame| {
        e.event == "cron" && e.payload["action"] == "finished" && e.payload["jobId"] == id
    };
    operator.events.next("end of a scheduled run", fits).await
}

async fn removed(operator: &mut Operator, id: &str) {
    let fits = |e: &client::EventFrame| {
        e.event == "cron" && e.payload["action"] == "removed" && e.payload["jobId"] == id
    };
    operator.events.next("end of a job", fits).await;
}

async fn runs(operator: &Operator, id: &str) -> Vec<Value> {
    let page = operator.call("cron.runs", json!({"id": id})).await;
    let entries = page["entries"].as_array().unwrap().clone();
    assert_eq!(page["total"], entries.len());
    entries
}

async fn state(operator: &Operator, id: &str) -> Value {
    operator.call("cron.get", json!({"id": id})).await["state"].clone()
}

/// The names of the jobs that a list has, but for the agent's heartbeat.
async fn names(operator: &Operator, params: Value) -> Vec<String> {
    let list = operator.call("cron.list", params).await;
    let names = list["jobs"].as_array().unwrap().iter().map(|j| j["name"].as_str().unwrap().to_owned());
    names.filter(|name| name != "heartbeat-main").collect()
}

#[tokio::test]
async fn a_job_that_is_due_asks_the_agent_and_its_answer_arrives_in_the_chat() {
    let (bench, gateway, mut operator) = Bench::started().await;
    let job = operator.call("cron.add", hourly("rounds")).await;
    let id = job["id"].as_str().unwrap().to_owned();
    assert_eq!(job["schedule"], json!({"kind": "every", "everyMs": HOUR, "anchorMs": START}));
    assert_eq!((&job["enabled"], &job["nextRunAtMs"]), (&json!(true), &json!(START + HOUR)));
    assert_eq!(job["deliveryPreview"]["label"], "announce -> telegram:777");

    bench.pass(&operator, HOUR - 1).await;
    assert_eq!(operator.call("cron.status", json!({})).await["nextWakeAtMs"], START + HOUR);
    assert_eq!(bench.model.request_count(), 0, "it is not due yet");
    bench.pass(&operator, 1).await;
    let end = finished(&mut operator, &id).await;
    assert_eq!((&end["status"], &end["nextRunAtMs"]), (&json!("ok"), &json!(START + 2 * HOUR)), "{end}");
    let sent = bench.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!(sent[0].chat_id, 777);
    assert!(sent[0].plain.contains("how are things"), "{}", sent[0].plain);
    assert!(asked(&bench.model.requests()[0]).contains(&format!("[cron:{id} rounds] how are things")));

    let entries = runs(&operator, &id).await;
    let entry = &entries[0];
    assert_eq!((entries.len(), &entry["status"]), (1, &json!("ok")));
    assert_eq!((&entry["jobName"], &entry["runAtMs"]), (&json!("rounds"), &json!(START + HOUR)));
    let key = entry["sessionKey"].as_str().unwrap();
    assert!(key.starts_with(&format!("agent:main:cron:{id}:run:")), "{key}");
    assert!(entry["summary"].as_str().unwrap().contains("how are things"));
    assert!(entry["usage"]["total_tokens"].as_i64().unwrap() > 0);
    let state = state(&operator, &id).await;
    assert_eq!((&state["lastRunStatus"], &state["consecutiveErrors"]), (&json!("ok"), &json!(0)));
    gateway.stop().await;
}

#[tokio::test]
async fn what_became_of_the_answer_is_what_the_platform_says() {
    let (bench, gateway, mut operator) = Bench::started().await;
    let id = add(&operator, hourly("rounds")).await;
    let refusal =
        json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"});
    bench.telegram.fail_next("sendMessage", 403, refusal);
    bench.pass(&operator, HOUR).await;
    finished(&mut operator, &id).await;
    bench.telegram.wait_for_calls("sendMessage", 1, PATIENCE).await.unwrap();
    // The second goes out after the first was given up: both are known then.
    operator.call("cron.run", json!({"id": id})).await;
    finished(&mut operator, &id).await;
    bench.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    let failed = operator.call("cron.runs", json!({"id": id, "deliveryStatus": "not-delivered"})).await;
    let entry = &failed["entries"][0];
    assert_eq!((&failed["total"], &entry["status"]), (&json!(1), &json!("ok")));
    assert_eq!((&entry["completionStatus"], &entry["delivered"]), (&json!("failed"), &json!(false)));
    assert!(entry["deliveryError"].as_str().unwrap().contains("blocked"), "{entry}");

    // Whoever drops the message has not delivered it.
    let letters = operator.call("channels.deadLetters.list", json!({})).await;
    operator.call("channels.deadLetters.drop", json!({"id": letters["entries"][0]["id"]})).await;
    let failed = operator.call("cron.runs", json!({"id": id, "deliveryStatus": "not-delivered"})).await;
    assert_eq!(failed["total"], 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_job_that_runs_once_goes_when_its_answer_has_been_sent() {
    let (bench, gateway, mut operator) = Bench::started().await;
    let at = json!({"schedule": {"kind": "at", "at": "2027-01-01T01:00:00+00:30"}});
    let id = add(&operator, with(hourly("reminder"), at)).await;
    bench.pass(&operator, 30 * MINUTE).await;
    removed(&mut operator, &id).await;
    bench.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    let gone = operator.refused("cron.get", json!({"id": id})).await;
    assert_eq!(gone.details.unwrap(), json!({"code": "CRON_JOB_NOT_FOUND", "jobId": id}));
    assert_eq!(runs(&operator, &id).await.len(), 1, "its history stays");
    let at = json!({"schedule": {"kind": "at", "at": "2027-01-01T02:00"}, "deleteAfterRun": false});
    let kept = add(&operator, with(with(hourly("kept"), at), json!({"delivery": {"mode": "none"}}))).await;
    bench.pass(&operator, 90 * MINUTE).await;
    finished(&mut operator, &kept).await;
    let job = operator.call("cron.get", json!({"id": kept})).await;
    assert_eq!((&job["enabled"], &job["state"]["nextRunAtMs"]), (&json!(false), &Value::Null));
    bench.pass(&operator, 24 * HOUR).await;
    assert_eq!(runs(&operator, &kept).await.len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn failures_in_a_row_are_paused_for_and_told_once_and_so_is_their_end() {
    let (bench, gateway, mut operator) = Bench::started().await;
    let job = with(hourly("rounds"), json!({"schedule": {"kind": "every", "everyMs": MINUTE}}));
    let id = add(&operator, job).await;
    let refused = || Step::Status(400, vec![], r#"{"error":{"message":"no such thing"}}"#.into());
    bench.model.script(vec![refused(), refused(), refused()]);
    // The pause is longer than the interval from the third failure on: 30 s, 1 min, 5 min.
    for (wait, next, errors) in [(MINUTE, MINUTE, 1), (MINUTE, MINUTE, 2), (MINUTE, 5 * MINUTE, 3)] {
        bench.pass(&operator, wait).await;
        let end = finished(&mut operator, &id).await;
        assert_eq!(end["status"], "error");
        assert!(end["error"].as_str().unwrap().contains("no such thing"), "{end}");
        let state = state(&operator, &id).await;
        assert_eq!(state["consecutiveErrors"], errors);
        let pause = state["nextRunAtMs"].as_i64().unwrap() - model::Clock::now_ms(&*bench.clock);
        assert_eq!(pause, next, "after {errors}");
    }
    bench.pass(&operator, 5 * MINUTE).await;
    assert_eq!(finished(&mut operator, &id).await["status"], "ok");
    let sent = bench.telegram.wait_for_sent(3, PATIENCE).await.unwrap();
    let texts: Vec<&str> = sent.iter().map(|s| s.plain.as_str()).collect();
    let about = |text: &str| texts.iter().filter(|t| t.contains(text)).count();
    assert_eq!((about("failed (2 in a row)"), about("works again"), texts.len()), (1, 1, 3), "{texts:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_job_that_runs_once_is_tried_again_after_what_may_pass_and_not_after_what_will_not() {
    let (bench, gateway, mut operator) = Bench::started().await;
    let at = |at: &str| {
        let more = json!({"schedule": {"kind": "at", "at": at}, "delivery": {"mode": "none"}});
        with(hourly("once"), more)
    };
    let passing = add(&operator, at("2027-01-01T00:05:00Z")).await;
    // The turn itself tries again before it gives up.
    let overloaded = |_| {
        let at_once = vec![("retry-after-ms".to_owned(), "1".to_owned())];
        Step::Status(503, at_once, r#"{"error":{"message":"overloaded"}}"#.into())
    };
    bench.model.script((0..5).map(overloaded).collect());
    bench.pass(&operator, 5 * MINUTE).await;
    let end = finished(&mut operator, &passing).await;
    assert_eq!((&end["status"], &end["nextRunAtMs"]), (&json!("error"), &json!(START + 5 * MINUTE + 30_000)));
    assert_eq!(operator.call("cron.get", json!({"id": passing})).await["enabled"], true);
    bench.pass(&operator, 30_000).await;
    assert_eq!(finished(&mut operator, &passing).await["status"], "ok");
    removed(&mut operator, &passing).await;
    assert_eq!(runs(&operator, &passing).await.len(), 2);

    let id = add(&operator, at("2027-01-01T00:10:00Z")).await;
    let refused = Step::Status(400, vec![], r#"{"error":{"message":"no such thing"}}"#.into());
    bench.model.script(vec![refused]);
    bench.pass(&operator, 5 * MINUTE).await;
    finished(&mut operator, &id).await;
    let job = operator.call("cron.get", json!({"id": id})).await;
    assert_eq!((&job["enabled"], &job["state"]["lastRunStatus"]), (&json!(false), &json!("error")));
    bench.clock.advance_ms(2 * MINUTE);
    let past = operator.refused("cron.update", json!({"id": id, "patch": {"enabled": true}})).await;
    assert!(past.message.contains("at /schedule/at:"), "{}", past.message);
    gateway.stop().await;
}

#[tokio::test]
async fn a_run_that_is_cut_is_taken_up_and_reported_once() {
    let (bench, gateway, operator) = Bench::started().await;
    let id = add(&operator, hourly("rounds")).await;
    bench.model.script(vec![Step::Hang]);
    bench.pass(&operator, HOUR).await;
    bench.model.wait_for_requests(1).await;
    assert_eq!(state(&operator, &id).await["runningAtMs"], START + HOUR);
    let again = operator.call("cron.run", json!({"id": id, "mode": "force"})).await;
    assert_eq!(again["reason"], "already-running");
    assert!(runs(&operator, &id).await.is_empty(), "what runs has not ended");
    gateway.stop().await;

    let (gateway, mut operator) = bench.start("").await;
    let end = finished(&mut operator, &id).await;
    assert_eq!(end["status"], "ok", "{end}");
    bench.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    bench.pass(&operator, HOUR).await;
    finished(&mut operator, &id).await;
    let sent = bench.telegram.wait_for_sent(2, PATIENCE).await.unwrap();
    let entries = runs(&operator, &id).await;
    assert_eq!((sent.len(), entries.len()), (2, 2));
    let cut: Vec<_> =
        entries.iter().map(|entry| entry["diagnostics"]["entries"][0]["source"].clone()).collect();
    assert_eq!(cut, [Value::Null, json!("agent-run")], "the one that was cut says so");
    assert_eq!(state(&operator, &id).await["runningAtMs"], Value::Null);
    gateway.stop().await;
}

#[tokio::test]
async fn times_that_were_missed_are_made_up_for_once_when_the_gateway_has_settled() {
    let (bench, gateway, operator) = Bench::started().await;
    let id = add(&operator, hourly("rounds")).await;
    gateway.stop().await;
    bench.clock.advance_ms(10 * HOUR + 7 * MINUTE);
    let (gateway, mut operator) = bench.start("").await;
    let fits = |e: &client::EventFrame| e.event == "cron" && e.payload["action"] == "updated";
    let missed = match state(&operator, &id).await["nextRunAtMs"].as_i64().unwrap() {
        at if at > START + 10 * HOUR => at,
        _ => operator.events.next("a missed time", fits).await["nextRunAtMs"].as_i64().unwrap(),
    };
    assert_eq!(missed, START + 10 * HOUR + 9 * MINUTE);
    gateway.stop().await;

    // The delay is on disk: another start does not begin it anew.
    bench.clock.advance_ms(MINUTE);
    let (gateway, mut operator) = bench.start("").await;
    assert_eq!(bench.model.request_count(), 0);
    bench.pass(&operator, MINUTE).await;
    let end = finished(&mut operator, &id).await;
    assert_eq!(end["nextRunAtMs"], START + 11 * HOUR, "and then it goes on as before");
    assert_eq!(runs(&operator, &id).await.len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_line_for_the_main_session_is_there_before_its_next_turn_and_survives_a_restart() {
    let (bench, gateway, mut operator) = Bench::started().await;
    let job = json!({
        "name": "water", "schedule": {"kind": "at", "at": "2027-01-01T00:20:00Z"}, "sessionTarget": "main",
        "wakeMode": "next-heartbeat", "payload": {"kind": "systemEvent", "text": "water the plants"},
    });
    let id = add(&operator, job).await;
    bench.pass(&operator, 20 * MINUTE).await;
    assert_eq!(finished(&mut operator, &id).await["summary"], "water the plants");
    assert_eq!(bench.model.request_count(), 0, "a line asks no model");
    gateway.stop().await;

    let (gateway, mut operator) = bench.start("").await;
    operator.send("first", "good morning").await;
    operator.events.chat("first", "final").await;
    operator.send("second", "still there?").await;
    operator.events.chat("second", "final").await;
    let request = bench.model.requests()[0].to_string();
    let line = "System: [2027-01-01 00:20:00 UTC] water the plants";
    assert!(request.find(line).unwrap() < request.find("good morning").unwrap(), "{request}");
    let said = operator.history().await.iter().filter(|m| flow::text_of(m).contains("water")).count();
    assert_eq!(said, 1, "once");
    assert!(names(&operator, json!({"includeDisabled": true})).await.is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_turn_in_a_named_session_remembers_and_keeps_to_its_tools() {
    let (bench, gateway, mut operator) = Bench::started().await;
    let more = json!({
        "sessionTarget": "session:brief", "delivery": {"mode": "none"},
        "payload": {"kind": "agentTurn", "message": "go on", "toolsAllow": ["read"], "lightContext": true},
    });
    let id = add(&operator, with(hourly("brief"), more)).await;
    for _ in 0..2 {
        operator.call("cron.run", json!({"id": id, "mode": "force"})).await;
        assert_eq!(finished(&mut operator, &id).await["sessionKey"], "agent:main:brief");
    }
    let requests = bench.model.requests();
    let tools: Vec<&Value> =
        requests[1]["tools"].as_array().unwrap().iter().map(|t| &t["function"]["name"]).collect();
    assert_eq!(tools, [&json!("read")]);
    assert_eq!(requests[1].to_string().matches("go on").count(), 3, "the first answer echoes it");
    assert_eq!(state(&operator, &id).await["nextRunAtMs"], START + HOUR, "asked for, not due");
    assert!(bench.telegram.sent().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn an_answer_that_can_go_nowhere_is_a_failure_unless_it_may_get_lost() {
    let (_bench, gateway, mut operator) = Bench::started().await;
    for (best_effort, status) in [(false, "error"), (true, "ok")] {
        let delivery = json!({"delivery": {"mode": "announce", "bestEffort": best_effort}});
        let job = operator.call("cron.add", with(hourly("nowhere"), delivery)).await;
        assert!(job["deliveryPreview"]["detail"].as_str().unwrap().contains("delivery.to"), "{job}");
        let id = job["id"].as_str().unwrap();
        operator.call("cron.run", json!({"id": id})).await;
        let end = finished(&mut operator, id).await;
        assert_eq!(end["status"], status);
        let entry = &runs(&operator, id).await[0];
        assert_eq!(entry["deliveryStatus"], "not-delivered");
        assert!(entry["summary"].as_str().unwrap().contains("how are things"), "the turn ran");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn jobs_are_changed_part_by_part_and_listed_as_asked() {
    let (_bench, gateway, operator) = Bench::started().await;
    let id = add(&operator, hourly("rounds")).await;
    let before = operator.call("cron.get", json!({"jobId": id})).await;
    let patch = json!({
        "name": "night rounds", "schedule": {"kind": "cron", "expr": "30 2 * * *", "tz": "Europe/Berlin"},
        "payload": {"kind": "agentTurn", "model": "fake/test-model"}, "delivery": {"to": "778"},
    });
    let after = operator.call("cron.update", json!({"id": id, "patch": patch})).await;
    assert_eq!(after["payload"]["message"], "how are things");
    assert_eq!(after["delivery"], json!({"mode": "announce", "channel": "telegram", "to": "778"}));
    assert_eq!(after["nextRunAtMs"], START + 90 * MINUTE);
    assert_ne!(before["configRevision"], after["configRevision"]);
    // Whoever has seen the job as it was before does not write over what it is now.
    let stale = json!({"id": id, "patch": {"name": "x"}, "expectedConfigRevision": before["configRevision"]});
    let refused = operator.refused("cron.update", stale).await;
    let details = refused.details.unwrap_or_default();
    assert_eq!(
        (&details["code"], &details["actualConfigRevision"]),
        (&json!("CRON_JOB_CHANGED"), &after["configRevision"])
    );
    let seen = json!({"id": id, "patch": {"description": "by night"}, "expectedConfigRevision": after["configRevision"]});
    assert_eq!(operator.call("cron.update", seen).await["description"], "by night");
    let off = operator.call("cron.update", json!({"id": id, "patch": {"enabled": false}})).await;
    assert_eq!(off["state"]["nextRunAtMs"], Value::Null);
    add(&operator, hourly("day rounds")).await;
    assert_eq!(names(&operator, json!({})).await, ["day rounds"]);
    assert_eq!(
        names(&operator, json!({"includeDisabled": true, "sortBy": "name"})).await,
        ["day rounds", "night rounds"]
    );
    assert_eq!(names(&operator, json!({"enabled": "disabled"})).await, ["night rounds"]);
    assert_eq!(names(&operator, json!({"enabled": "all", "query": "NIGHT"})).await, ["night rounds"]);
    assert_eq!(
        names(
            &operator,
            json!({"enabled": "all", "query": "rounds", "limit": 1, "offset": 1, "sortBy": "name"})
        )
        .await,
        ["night rounds"]
    );
    assert_eq!(operator.call("cron.remove", json!({"id": id})).await, json!({"ok": true, "removed": true}));
    assert_eq!(operator.call("cron.remove", json!({"id": id})).await, json!({"ok": true, "removed": false}));
    gateway.stop().await;
}

#[tokio::test]
async fn a_declared_job_is_there_once_however_often_it_is_declared() {
    let (_bench, gateway, operator) = Bench::started().await;
    let declare = |name: &str| with(hourly(name), json!({"declarationKey": "my:rounds"}));
    let first = operator.call("cron.add", declare("rounds")).await;
    let same = operator.call("cron.add", declare("rounds")).await;
    let other = operator.call("cron.add", declare("other rounds")).await;
    assert_eq!(
        (&first["created"], &same["created"], &same["updated"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert_eq!((&other["updated"], &other["job"]["name"]), (&json!(true), &json!("other rounds")));
    assert_eq!(first["job"]["id"], other["job"]["id"]);
    assert_eq!(names(&operator, json!({"includeDisabled": true})).await.len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn what_cannot_be_a_job_is_refused_by_name_and_changes_nothing() {
    let (_bench, gateway, operator) = Bench::started().await;
    let id = add(&operator, hourly("rounds")).await;
    for (more, place) in [
        (json!({"schedule": {"kind": "at", "at": "2026-12-31T00:00:00Z"}}), "at /schedule/at:"),
        (json!({"schedule": {"kind": "every", "everyMs": 0}}), "at /schedule/everyMs:"),
        (json!({"schedule": {"kind": "cron", "expr": "nonsense"}}), "at /schedule/expr:"),
        (json!({"schedule": {"kind": "cron", "expr": "0 7 * * *", "tz": "Mars"}}), "at /schedule/tz:"),
        (json!({"schedule": {"kind": "on-exit", "command": "true"}}), "at /schedule:"),
        (json!({"payload": {"kind": "command", "argv": ["true"]}}), "at /payload:"),
        (json!({"payload": {"kind": "heartbeat"}}), "heartbeat"),
        (json!({"payload": {"kind": "agentTurn", "message": "x", "thinking": "high"}}), "thinking"),
        (json!({"payload": {"kind": "systemEvent", "text": "x"}}), "payload.kind=\"agentTurn\""),
        (json!({"sessionTarget": "main"}), "payload.kind=\"systemEvent\""),
        (json!({"sessionTarget": "elsewhere"}), "at /sessionTarget:"),
        (json!({"agentId": "nobody"}), "at /agentId:"),
        (json!({"delivery": {"mode": "webhook", "to": "https://example.invalid"}}), "at /delivery:"),
        (json!({"delivery": {"mode": "announce", "color": "red"}}), "color"),
        (json!({"failureAlert": {"after": 1, "loud": true}}), "loud"),
        (json!({"trigger": {"script": "1"}}), "at /trigger:"),
    ] {
        let refused = operator.refused("cron.add", with(hourly("x"), more.clone())).await;
        assert!(refused.message.starts_with("invalid cron.add params:"), "{}", refused.message);
        assert!(refused.message.contains(place), "{more}: {}", refused.message);
        if more.get("payload").is_none_or(|p| p["kind"] != "heartbeat") {
            let patched = operator.refused("cron.update", json!({"id": id, "patch": more})).await;
            assert!(patched.message.contains(place), "{}", patched.message);
        }
    }
    operator.refused("cron.run", json!({"id": "nobody's"})).await;
    operator.refused("cron.get", json!({})).await;
    operator.refused("cron.runs", json!({})).await;
    assert_eq!(names(&operator, json!({"includeDisabled": true})).await.len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn only_so_many_runs_at_once_and_none_at_all_where_jobs_are_off() {
    let bench = Bench::new(START).await;
    let (gateway, mut operator) = bench.start("cron: { maxConcurrentRuns: 1 },").await;
    let first = add(&operator, hourly("first")).await;
    let second = add(&operator, hourly("second")).await;
    bench.model.script(vec![Step::Hang]);
    bench.pass(&operator, HOUR).await;
    bench.model.wait_for_requests(1).await;
    let running = |id: String| {
        let operator = &operator;
        async move { state(operator, &id).await["runningAtMs"].is_i64() }
    };
    assert_eq!((running(first.clone()).await, running(second.clone()).await), (true, false));
    let key = operator.call("sessions.list", json!({})).await["sessions"][0]["key"].clone();
    operator.call("chat.abort", json!({"sessionKey": key})).await;
    let end = finished(&mut operator, &first).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("error"), &json!("the turn was aborted")));
    assert_eq!(finished(&mut operator, &second).await["status"], "ok");
    gateway.stop().await;

    let (gateway, operator) = bench.start("cron: { enabled: false },").await;
    bench.pass(&operator, 5 * HOUR).await;
    let status = operator.call("cron.status", json!({})).await;
    assert_eq!((&status["enabled"], &status["nextWakeAtMs"]), (&json!(false), &Value::Null));
    assert_eq!(runs(&operator, &second).await.len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_leaves_no_job_waiting_for_a_wrong_year() {
    let bench = Bench::new(START).await;
    bench.clock.advance_ms(365 * 24 * HOUR);
    let (gateway, operator) = bench.start("").await;
    let schedule = json!({"schedule": {"kind": "cron", "expr": "30 * * * *", "tz": "UTC"}});
    add(&operator, with(hourly("rounds"), schedule)).await;
    bench.clock.advance_ms(-365 * 24 * HOUR);
    // Nobody wakes the scheduler: it looks by itself, as after a night's sleep of the computer.
    let moved = async |operator: &Operator| {
        operator.call("cron.list", json!({})).await["jobs"][0]["nextRunAtMs"] == START + 30 * MINUTE
    };
    for _ in 0..100 {
        if moved(&operator).await {
            return gateway.stop().await;
        }
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(31)).await;
        tokio::time::resume();
    }
    panic!("the scheduler never looked");
}

#[tokio::test]
async fn nobody_sets_jobs_without_being_an_administrator() {
    let (_bench, gateway, operator) = Bench::started().await;
    let id = add(&operator, hourly("rounds")).await;
    let mut options =
        client::ConnectOptions::new(gateway.url(), client::ClientDescription::new("cli", "cli", "1.0.0"));
    options.token = Some(testkit::gateway::TOKEN.to_owned().into());
    options.scopes = vec!["operator.write".into()];
    let writer = client::Connection::open(&options).await.unwrap();
    for (method, params) in [
        ("cron.add", hourly("mine")),
        ("cron.update", json!({"id": id, "patch": {"enabled": false}})),
        ("cron.run", json!({"id": id})),
        ("cron.remove", json!({"id": id})),
    ] {
        let error = flow::refusal(writer.call(method, params, PATIENCE).await);
        assert_eq!(error.code.as_str(), "FORBIDDEN", "{method}");
    }
    writer.call("cron.list", json!({}), PATIENCE).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn an_agent_is_told_what_no_job_has() {
    let (bench, gateway, operator) = Bench::started().await;
    let mut job = hourly("tea");
    job["repeat"] = json!(3);
    for (job, says) in [(job, "at /repeat: a job has no such property"), (hourly("tea"), "\"name\":\"tea\"")]
    {
        let asked = format!("TOOL:cron {}", json!({"action": "add", "job": job}));
        let answer = operator.agent(&model::new_id(), &asked).await.expect("an answer");
        assert!(flow::reply(&answer).contains(says), "{says}: {answer}");
    }
    assert_eq!(names(&operator, json!({})).await, ["tea"]);
    drop(bench);
    gateway.stop().await;
}
