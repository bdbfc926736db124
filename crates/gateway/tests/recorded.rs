//! Every recorded answer beside ours. What the recording has and ours has not is listed with the feature that is not
//! here, and what ours has alone is listed too: nothing is missing or added by accident.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod flow;
#[path = "recorded/lists.rs"]
mod lists;
mod support;

use flow::{BOT_TOKEN, Operator, PATIENCE, recorded, telegram};
use lists::{NOT_HERE, OTHERS, OURS_ALONE, ROWS_LEFT_OUT};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use support::Raw;
use support::ask::{Ask, Device};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TestGateway, TestOptions, config_with_model};

/// Everything that the recorded gateway had: a channel with a message, a session, a node with approved commands, a job.
struct World {
    gateway: TestGateway,
    operator: Operator,
    node: Raw,
    node_id: String,
    /// Made by `cron.add`.
    job: Value,
    _model: FakeModel,
    _telegram: FakeTelegram,
}

impl World {
    async fn start() -> Self {
        let model = FakeModel::start().await;
        let fake = FakeTelegram::start(BOT_TOKEN).await;
        let channel = telegram(&fake, r#"dmPolicy: "open", allowFrom: ["*"]"#);
        let log = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(log.path(), "a line\n").unwrap();
        let options = TestOptions {
            config: config_with_model(&model.url(), &channel),
            log_file: Some(log.path().to_owned()),
            ..TestOptions::default()
        };
        let gateway = TestGateway::with(options).await;
        let operator = Operator::connect(&gateway).await;
        fake.push_text(777, 777, "hello from telegram");
        fake.wait_for_sent(1, PATIENCE).await.unwrap();
        let device = Device::new(1);
        let node_id = device.id();
        let node = Raw::connected(gateway.port(), &Ask::node(device, &["system.which"])).await;
        let pending = operator.call("node.pair.list", json!({})).await;
        operator.call("node.pair.approve", json!({"requestId": pending["pending"][0]["requestId"]})).await;
        // The file stays until the process ends: the gateway reads it as often as it is asked.
        let _ = log.keep().unwrap();
        Self { gateway, operator, node, node_id, job: Value::Null, _model: model, _telegram: fake }
    }

    /// The recorded parameters, with the ids of this world.
    fn params(&self, row: &Value) -> Value {
        let mut params = row["params"].clone();
        match row["method"].as_str().unwrap() {
            name if name.starts_with("cron.") && params.get("id").is_some() => {
                params["id"] = self.job["id"].clone()
            }
            "node.describe" | "node.invoke" | "node.rename" => params["nodeId"] = json!(self.node_id),
            _ => {}
        }
        params
    }

    /// Our answer to a recorded request: its payload, or its error.
    async fn answer(&mut self, row: &Value) -> Value {
        let method = row["method"].as_str().unwrap();
        let params = self.params(row);
        if row["ok"] == false {
            return json!({"code": self.operator.refused(method, params).await.code});
        }
        if method == "node.invoke" {
            let call = self.operator.call(method, params);
            let node = async {
                let invoked = self.node.invoked().await;
                self.node.result(&invoked, &json!({"bins": {"git": "/usr/bin/git"}})).await;
            };
            return tokio::join!(call, node).0;
        }
        let answer = self.operator.call(method, params).await;
        match method {
            "cron.add" => self.job = answer.clone(),
            // What comes next is about the job after its run, as far as the recording waited too.
            "cron.run" => {
                let ends = |e: &client::EventFrame| e.event == "cron" && e.payload["action"] == "finished";
                self.operator.events.next("end of the job", ends).await;
            }
            "chat.send" | "sessions.send" => {
                self.operator.wait_for(row["params"]["idempotencyKey"].as_str().unwrap()).await;
            }
            _ => {}
        }
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_answer_has_the_same_fields_here() {
    let mut world = World::start().await;
    let mut found = BTreeSet::new();
    for row in recorded("rpc.jsonl") {
        let Some(method) = row["method"].as_str() else { continue };
        if protocol::methods::find(method).is_none() || ROWS_LEFT_OUT.iter().any(|left| left.0 == method) {
            continue;
        }
        let ours = world.answer(&row).await;
        let theirs = if row["ok"] == true { &row["payload"] } else { &json!({"code": row["error"]["code"]}) };
        compare(&ours, theirs, method, &mut found);
    }
    world.gateway.stop().await;
    let new: Vec<&String> = found.iter().filter(|line| !is_listed(line)).collect();
    assert!(new.is_empty(), "{new:#?}");
    let mut stale: Vec<&str> = Vec::new();
    let places = NOT_HERE.iter().chain(OURS_ALONE).flat_map(|(_, places)| places.iter());
    for place in places {
        let is_true = found.iter().any(|line| is_at(line.split(' ').next().unwrap_or_default(), place));
        stale.extend((!is_true).then_some(*place));
    }
    assert!(stale.is_empty(), "listed, and no difference any more: {stale:#?}");
}

fn is_listed(line: &str) -> bool {
    let within = |list: &[(&str, &[&str])], place: &str| {
        list.iter().any(|(_, places)| places.iter().any(|listed| is_at(place, listed)))
    };
    match line.split_once(' ') {
        Some((place, "is not here")) => within(NOT_HERE, place),
        Some((place, "is ours alone")) => within(OURS_ALONE, place),
        Some((place, _)) => OTHERS.contains(&place),
        None => false,
    }
}

/// Whether a place is the listed one or within it.
fn is_at(place: &str, listed: &str) -> bool {
    match listed.strip_prefix("*.") {
        Some(name) => {
            format!(".{place}.").contains(&format!(".{name}."))
                || format!(".{place}[").contains(&format!(".{name}["))
        }
        None => {
            place.strip_prefix(listed).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        }
    }
}

/// The differences of two values, in both directions. `null` goes with everything; of a list the first item counts.
fn compare(ours: &Value, theirs: &Value, place: &str, found: &mut BTreeSet<String>) {
    match (ours, theirs) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(ours), Value::Object(theirs)) => compare_objects(ours, theirs, place, found),
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.first(), theirs.first()) {
                compare(ours, theirs, &format!("{place}[0]"), found);
            }
        }
        (ours, theirs) if std::mem::discriminant(ours) == std::mem::discriminant(theirs) => {}
        (ours, theirs) => {
            found.insert(format!("{place} differs: {ours}, recorded {theirs}"));
        }
    }
}

fn compare_objects(
    ours: &Map<String, Value>,
    theirs: &Map<String, Value>,
    place: &str,
    found: &mut BTreeSet<String>,
) {
    for (name, value) in ours {
        match theirs.get(name) {
            Some(their) => compare(value, their, &format!("{place}.{name}"), found),
            None => {
                found.insert(format!("{place}.{name} is ours alone"));
            }
        }
    }
    for name in theirs.keys().filter(|name| !ours.contains_key(*name) && !name.starts_with('…')) {
        found.insert(format!("{place}.{name} is not here"));
    }
}
