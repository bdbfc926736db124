//! Every recorded answer beside ours. Each difference is listed, with its reason, for the one field that it is about: nothing is
//! missing or added by accident.

mod lists;

use crate::flow::{BOT_TOKEN, Operator, PATIENCE, recorded, telegram};
use crate::support::Raw;
use crate::support::ask::{Ask, Device};
use lists::{DATA, DIFFERENCES, Difference, Differs, ROWS_LEFT_OUT};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
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
            return json!(self.operator.refused(method, params).await);
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
    let rows = recorded("rpc.jsonl");
    for row in &rows {
        let method = row["method"].as_str().unwrap();
        if protocol::methods::find(method).is_none() {
            let error = world.operator.refused(method, row["params"].clone()).await;
            assert_eq!(error.message, format!("unknown method: {method}"));
        } else if ROWS_LEFT_OUT.iter().all(|left| left.0 != method) {
            let ours = world.answer(row).await;
            if row["ok"] == true {
                compare(&ours, &row["payload"], method, &mut found);
            } else {
                assert_eq!(ours["code"], row["error"]["code"], "{method}: {ours}");
            }
        }
    }
    world.gateway.stop().await;
    let listed = listed();
    let new: Vec<_> = found.difference(&listed).collect();
    assert!(new.is_empty(), "different, and not listed: {new:#?}");
    let stale: Vec<_> = listed.difference(&found).collect();
    assert!(stale.is_empty(), "listed, and no difference any more: {stale:#?}");
    for (method, _) in ROWS_LEFT_OUT {
        let is_recorded = rows.iter().any(|row| row["method"] == *method);
        assert!(is_recorded && protocol::methods::find(method).is_some(), "{method}: nothing is left out");
    }
}

type Found = BTreeSet<(String, Differs)>;

/// All that the lists say, each place once.
fn listed() -> Found {
    let mut listed = BTreeSet::new();
    for Difference { differs, why, places } in DIFFERENCES {
        for (parents, names) in places.iter() {
            for place in
                parents.iter().flat_map(|parent| names.iter().map(move |name| format!("{parent}.{name}")))
            {
                let place = place.trim_end_matches('.').to_owned();
                assert!(listed.insert((place.clone(), *differs)), "{place} is listed twice; once: {why}");
            }
        }
    }
    listed
}

/// The differences of two values, in both directions. Of a list the first item counts.
fn compare(ours: &Value, theirs: &Value, place: &str, found: &mut Found) {
    let differs = match (ours, theirs) {
        (Value::Null, Value::Null) => return,
        (Value::Null, _) => Differs::NullHere,
        (_, Value::Null) => Differs::NullThere,
        (Value::Object(_), Value::Object(_)) if DATA.iter().any(|(data, _)| *data == place) => return,
        (Value::Object(ours), Value::Object(theirs)) => return compare_objects(ours, theirs, place, found),
        (Value::Array(ours), Value::Array(theirs)) => match (ours.first(), theirs.first()) {
            (Some(ours), Some(theirs)) => return compare(ours, theirs, &format!("{place}[0]"), found),
            (None, None) => return,
            (None, Some(_)) => Differs::EmptyHere,
            (Some(_), None) => Differs::EmptyThere,
        },
        (ours, theirs) if std::mem::discriminant(ours) == std::mem::discriminant(theirs) => return,
        _ => Differs::Kind,
    };
    found.insert((place.to_owned(), differs));
}

fn compare_objects(ours: &Map<String, Value>, theirs: &Map<String, Value>, place: &str, found: &mut Found) {
    for (name, value) in ours {
        match theirs.get(name) {
            Some(their) => compare(value, their, &format!("{place}.{name}"), found),
            None => drop(found.insert((format!("{place}.{name}"), Differs::OursAlone))),
        }
    }
    for name in theirs.keys().filter(|name| !ours.contains_key(*name) && !name.starts_with('…')) {
        found.insert((format!("{place}.{name}"), Differs::NotHere));
    }
}
