//! Lines for the agent and its heartbeat: what wakes it, what it says, and what nobody needs to hear.

use crate::bench::Bench;
use crate::flow::{self, MAIN, Operator, PATIENCE, asked};
use serde_json::{Value, json};
use testkit::fake_model::Step;
use testkit::gateway::TestGateway;

/// 2027-01-01T12:00:00Z.
const START: i64 = 1_798_804_800_000;
const MINUTE: i64 = 60_000;

impl Bench {
    /// Starts a gateway whose `agents.defaults.heartbeat` has these properties.
    async fn beating(&self, heartbeat: &str) -> (TestGateway, Operator) {
        let defaults = format!(r#"userTimezone: "UTC", heartbeat: {{ {heartbeat} }}"#);
        let gateway = self.start_with(self.dir.path(), self.config(&defaults, "")).await;
        let operator = Operator::connect(&gateway).await;
        (gateway, operator)
    }

    /// Writes `HEARTBEAT.md`.
    fn tell(&self, text: &str) {
        std::fs::write(self.dir.path().join("workspace/HEARTBEAT.md"), text).unwrap();
    }
}

async fn heartbeat(operator: &mut Operator) -> Value {
    operator.events.next("heartbeat", |e| e.event == "heartbeat").await
}

#[tokio::test]
async fn a_heartbeat_follows_its_file_and_tells_the_owner_only_what_needs_attention() {
    let bench = Bench::new(START).await;
    let (gateway, mut operator) = bench.beating(r#"every: "30m""#).await;
    bench.tell("# Watch\n- [ ] look at the mail\n");
    bench.model.script(vec![Step::Text("HEARTBEAT_OK".into())]);
    bench.pass(&operator, 30 * MINUTE).await;
    let quiet = heartbeat(&mut operator).await;
    assert_eq!(quiet["status"], "ok-token", "{quiet}");
    assert!(asked(&bench.model.requests()[0]).contains("look at the mail"));
    bench.model.script(vec![Step::Text("The mail server is down.".into())]);
    bench.pass(&operator, 30 * MINUTE).await;
    let loud = heartbeat(&mut operator).await;
    assert_eq!(
        (&loud["status"], &loud["to"], &loud["channel"]),
        (&json!("sent"), &json!("777"), &json!("telegram"))
    );
    let sent = bench.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!((sent.len(), sent[0].plain.as_str()), (1, "The mail server is down."));
    assert_eq!(operator.call("last-heartbeat", json!({})).await, loud);
    gateway.stop().await;
    let (gateway, operator) = bench.beating(r#"every: "30m""#).await;
    assert_eq!(operator.call("last-heartbeat", json!({})).await, loud, "it is known after a restart");
    gateway.stop().await;
}

#[tokio::test]
async fn where_there_is_nothing_to_do_no_model_is_asked_and_it_is_said_why() {
    let bench = Bench::new(START).await;
    let hours = r#"every: "30m", activeHours: { start: "08:00", end: "13:00" }"#;
    let (gateway, mut operator) = bench.beating(hours).await;
    bench.pass(&operator, 30 * MINUTE).await;
    assert_eq!(heartbeat(&mut operator).await["reason"], "empty-heartbeat-file");
    bench.tell("look at the mail");
    operator.call("set-heartbeats", json!({"enabled": false})).await;
    bench.pass(&operator, 30 * MINUTE).await;
    assert_eq!(heartbeat(&mut operator).await["reason"], "disabled");
    operator.call("set-heartbeats", json!({"enabled": true})).await;
    bench.pass(&operator, 30 * MINUTE).await;
    let late = heartbeat(&mut operator).await;
    assert_eq!((&late["status"], &late["reason"]), (&json!("skipped"), &json!("quiet-hours")));
    assert_eq!(bench.model.request_count(), 0);
    gateway.stop().await;
}

#[tokio::test]
async fn a_line_that_wakes_is_read_at_once_and_one_that_does_not_waits_for_the_next_turn() {
    let bench = Bench::new(START).await;
    let (gateway, operator) = bench.beating(r#"every: "0m""#).await;
    let ok = operator.call("wake", json!({"mode": "next-heartbeat", "text": "the parcel came"})).await;
    assert_eq!(ok, json!({"ok": true}));
    operator.call("system-event", json!({"text": "the door was opened"})).await;
    gateway.stop().await;

    let (gateway, mut operator) = bench.beating(r#"every: "0m""#).await;
    assert_eq!(bench.model.request_count(), 0, "nobody was woken");
    bench.model.script(vec![Step::Text("Your parcel came.".into())]);
    operator.call("wake", json!({"mode": "now", "text": "somebody rang"})).await;
    let event = heartbeat(&mut operator).await;
    assert_eq!(
        event["status"], "sent",
        "heartbeats at their times are off; what happens still wakes: {event}"
    );
    let request = bench.model.requests()[0].to_string();
    let at = |text: &str| request.find(text).unwrap_or_else(|| panic!("{text}: {request}"));
    assert!(at("System: [2027-01-01 12:00:00 UTC] the parcel came") < at("the door was opened"));
    assert!(at("the door was opened") < at("somebody rang"));
    bench.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    operator.send("later", "hello").await;
    operator.events.chat("later", "final").await;
    let told = operator.history().await.iter().filter(|m| flow::text_of(m).contains("somebody rang")).count();
    assert_eq!(told, 1, "each line is told once");
    gateway.stop().await;
}

#[tokio::test]
async fn a_wake_while_the_heartbeat_is_busy_is_followed_by_another() {
    let bench = Bench::new(START).await;
    let (gateway, mut operator) = bench.beating(r#"every: "0m", target: "none""#).await;
    bench.model.script(vec![Step::Hang]);
    operator.call("wake", json!({"mode": "now", "text": "first"})).await;
    bench.model.wait_for_requests(1).await;
    operator.call("wake", json!({"mode": "now", "text": "second"})).await;
    operator.call("chat.abort", json!({"sessionKey": MAIN})).await;
    assert_eq!(heartbeat(&mut operator).await["status"], "failed");
    heartbeat(&mut operator).await;
    let requests = bench.model.requests();
    assert!(requests.last().unwrap().to_string().contains("second"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_wake_that_was_accepted_is_not_lost_with_the_gateway() {
    let bench = Bench::new(START).await;
    let (gateway, operator) = bench.beating(r#"every: "0m", target: "none""#).await;
    bench.model.script(vec![Step::Hang]);
    operator.call("wake", json!({"mode": "now", "text": "the bell rang"})).await;
    bench.model.wait_for_requests(1).await;
    operator.call("wake", json!({"mode": "now", "text": "the door was left open"})).await;
    gateway.stop().await;

    let (gateway, _operator) = bench.beating(r#"every: "0m", target: "none""#).await;
    // The first look is taken up where it was, and another follows it.
    bench.model.wait_for_requests(3).await;
    let requests = bench.model.requests();
    assert!(!requests[1].to_string().contains("left open"), "{}", requests[1]);
    assert!(requests[2].to_string().contains("left open"), "{}", requests[2]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_scheduled_line_that_wakes_is_read_when_it_is_due() {
    let bench = Bench::new(START).await;
    let (gateway, mut operator) = bench.beating(r#"every: "0m""#).await;
    let job = json!({
        "name": "tea", "schedule": {"kind": "at", "at": "2027-01-01T12:05:00Z"}, "sessionTarget": "main", "wakeMode": "now",
        "payload": {"kind": "systemEvent", "text": "the tea is ready"},
    });
    operator.call("cron.add", job).await;
    bench.model.script(vec![Step::Text("Your tea is ready!".into())]);
    bench.pass(&operator, 5 * MINUTE).await;
    assert_eq!(heartbeat(&mut operator).await["status"], "sent");
    let sent = bench.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!(sent[0].plain, "Your tea is ready!");
    gateway.stop().await;
}

#[tokio::test]
async fn the_agent_sets_its_own_reminders_and_its_answer_comes_back_to_the_chat() {
    let bench = Bench::new(START).await;
    let (gateway, mut operator) = bench.beating(r#"every: "0m""#).await;
    let job = json!({
        "name": "tea", "schedule": {"kind": "at", "at": "2027-01-01T12:05:00Z"},
        "payload": {"kind": "agentTurn", "message": "say that the tea is ready"},
    });
    bench.telegram.push_text(777, 777, &format!("TOOL:cron {}", json!({"action": "add", "job": job})));
    bench.telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    let jobs = operator.call("cron.list", json!({})).await["jobs"].clone();
    assert_eq!((&jobs[0]["name"], &jobs[0]["sessionKey"]), (&json!("tea"), &json!(MAIN)), "{jobs}");
    bench.pass(&operator, 5 * MINUTE).await;
    let fits = |e: &client::EventFrame| e.event == "cron" && e.payload["action"] == "finished";
    operator.events.next("end of a scheduled run", fits).await;
    let sent = bench.telegram.wait_for_sent(2, PATIENCE).await.unwrap();
    assert!(
        sent[1].chat_id == 777 && sent[1].plain.contains("say that the tea is ready"),
        "{}",
        sent[1].plain
    );
    gateway.stop().await;
}

#[tokio::test]
async fn the_heartbeat_is_a_job_that_is_seen_and_set_by_the_configuration_alone() {
    let bench = Bench::new(START).await;
    let (gateway, operator) = bench.beating(r#"every: "45m""#).await;
    bench.pass(&operator, 0).await;
    let jobs = operator.call("cron.list", json!({})).await["jobs"].clone();
    let job = &jobs[0];
    assert_eq!((&job["name"], &job["declarationKey"]), (&json!("heartbeat-main"), &json!("heartbeat:main")));
    assert_eq!(
        (&job["payload"], &job["schedule"]["everyMs"]),
        (&json!({"kind": "heartbeat"}), &json!(45 * MINUTE))
    );
    for (method, params) in [
        ("cron.update", json!({"id": job["id"], "patch": {"enabled": false}})),
        ("cron.remove", json!({"id": job["id"]})),
    ] {
        let refused = operator.refused(method, params).await;
        assert!(refused.message.contains("agents.defaults.heartbeat"), "{}", refused.message);
    }
    gateway.stop().await;
    let (gateway, operator) = bench.beating(r#"every: "1h""#).await;
    bench.pass(&operator, 0).await;
    let again = operator.call("cron.get", json!({"id": job["id"]})).await;
    assert_eq!(again["schedule"]["everyMs"], 60 * MINUTE);
    gateway.stop().await;
}

#[tokio::test]
async fn a_line_that_says_nothing_or_too_much_is_refused() {
    let bench = Bench::new(START).await;
    let (gateway, operator) = bench.beating("").await;
    for params in [
        json!({"mode": "now", "text": "  "}),
        json!({"mode": "now", "text": "x".repeat(20_000)}),
        json!({"mode": "soon", "text": "x"}),
        json!({"mode": "now", "text": "x", "agentId": "nobody"}),
    ] {
        operator.refused("wake", params).await;
    }
    for n in 0..100 {
        operator.call("system-event", json!({"text": format!("line {n}")})).await;
    }
    let full = operator.refused("system-event", json!({"text": "one more"})).await;
    assert_eq!(full.code.as_str(), "UNAVAILABLE");
    gateway.stop().await;
}
