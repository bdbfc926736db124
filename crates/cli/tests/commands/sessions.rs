//! The commands about sessions and what they cost, against a running gateway of this build.

use crate::support;
use crate::world::{self, World};
use serde_json::{Value, json};

impl World {
    fn call(&self, method: &str, params: Value) -> Value {
        self.gateway.json(&self.home, &["gateway", "call", method, "--params", &params.to_string()])
    }

    /// What a command prints as JSON, and its exit code.
    fn envelope(&self, args: &[&str]) -> (i32, Value) {
        let ran = self.gateway.run(&self.home, &[args, &["--json"]].concat());
        (ran.code, serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err)))
    }

    fn say(&self, key: &str, text: &str) {
        let ran = self.gateway.run(&self.home, &["agent", "--session-key", key, "--message", text]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_put_away_and_deleted_with_a_result_for_each() {
    let world = World::start().await;
    for key in ["one", "two", "main"] {
        world.call("sessions.create", json!({"key": key}));
    }
    let (code, all) = world.envelope(&["sessions", "--all-agents", "--limit", "all"]);
    assert_eq!((code, &all["count"], all["sessions"].as_array().map(Vec::len)), (0, &json!(3), Some(3)));
    let (code, two) = world.envelope(&["sessions", "list", "--limit", "2"]);
    assert_eq!((code, &two["count"], &two["hasMore"]), (0, &json!(2), &json!(true)));
    let wrong = world.gateway.run(&world.home, &["sessions", "--limit", "0"]);
    assert_eq!(wrong.code, 2, "{}{}", wrong.out, wrong.err);
    let (code, dry) = world.envelope(&["sessions", "archive", "one", "nowhere", "main", "--dry-run"]);
    assert_eq!((code, &dry["ok"], &dry["dryRun"]), (1, &json!(false), &json!(true)));
    let statuses: Vec<&str> =
        dry["results"].as_array().unwrap().iter().filter_map(|r| r["status"].as_str()).collect();
    assert_eq!(statuses, ["would_archive", "not_found", "failed"]);
    let (code, done) = world.envelope(&["sessions", "archive", "agent:main:one"]);
    assert_eq!((code, &done["results"][0]["status"]), (0, &json!("archived")));
    let (code, again) = world.envelope(&["sessions", "archive", "one"]);
    assert_eq!((code, &again["results"][0]["status"]), (0, &json!("already_archived")));

    let unsure = world.gateway.run(&world.home, &["sessions", "delete", "two"]);
    assert_eq!(unsure.code, 2, "{}{}", unsure.out, unsure.err);
    assert!(unsure.err.contains("--yes"), "{}", unsure.err);
    let (code, dry) = world.envelope(&["sessions", "delete", "two", "--dry-run"]);
    assert_eq!((code, &dry["results"][0]["status"]), (0, &json!("would_delete")));
    let (code, done) = world.envelope(&["sessions", "delete", "one", "two", "--yes", "--agent", "main"]);
    assert_eq!((code, &done["results"][1]["status"]), (0, &json!("deleted")), "{done}");
    let kept = done["results"][1]["archived"][0].as_str().expect("where it is kept");
    assert!(kept.ends_with(".sqlite"), "{kept}");
    let left = world.call("sessions.list", json!({"archived": "all"}));
    assert_eq!((&left["count"], &left["sessions"][0]["key"]), (&json!(1), &json!("agent:main:main")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_compacted_and_what_it_cost_is_shown_by_day() {
    let world = World::start().await;
    for text in ["first", "second", "third"] {
        world.say("main", text);
    }
    let (code, kept) = world.envelope(&["sessions", "compact", "main", "--max-lines", "2"]);
    assert_eq!((code, &kept["compacted"], &kept["kept"]), (0, &json!(true), &json!(2)));
    world.say("main", &"fourth ".repeat(200));
    let requests = world.model.request_count();
    let ran = world.gateway.run(&world.home, &["sessions", "compact", "main"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("tokens became"), "{}", ran.out);
    assert_eq!(world.model.request_count(), requests + 1, "the model sums up");
    let (code, cost) = world.envelope(&["gateway", "usage-cost", "--days", "2"]);
    assert_eq!((code, cost["daily"].as_array().map(Vec::len)), (0, Some(2)));
    let ran = world.gateway.run(&world.home, &["gateway", "usage-cost", "--all-agents"]);
    let tokens = cost["totals"]["totalTokens"].to_string();
    assert!(ran.code == 0 && ran.out.contains(&tokens), "{tokens}: {}{}", ran.out, ran.err);
    let missing = world.gateway.run(&world.home, &["sessions", "compact", "nowhere"]);
    assert_eq!(missing.code, 1, "{}{}", missing.out, missing.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_agents_did_is_listed_and_shown_and_what_has_ended_is_not_stopped() {
    let world = World::start().await;
    world.say("main", r#"TOOL:exec {"command":"echo out"}"#);
    let (code, tasks) = world.envelope(&["tasks", "--status", "succeeded"]);
    assert_eq!((code, tasks["tasks"].as_array().map(Vec::len)), (0, Some(1)), "{tasks}");
    let task = &tasks["tasks"][0];
    assert_eq!((&task["status"], &task["sessionKey"]), (&json!("completed"), &json!("agent:main:main")));
    let id = task["taskId"].as_str().unwrap();
    let shown = world.gateway.run(&world.home, &["tasks", "show", id]);
    assert!(
        shown.code == 0 && shown.out.contains("status: completed") && shown.out.contains("said: "),
        "{}",
        shown.out
    );
    let (code, refused) = world.envelope(&["tasks", "cancel", id]);
    assert_eq!((code, &refused["error"]["message"]), (1, &json!("Task has ended.")), "{refused}");
    let (code, none) = world.envelope(&["tasks", "list", "--status", "running"]);
    assert_eq!((code, &none["tasks"]), (0, &json!([])));
    let (code, events) = world.envelope(&["audit", "--run", id, "--kind", "tool_action"]);
    assert_eq!(code, 0, "{events}");
    let events = events["events"].as_array().unwrap();
    assert!(
        !events.is_empty() && events.iter().all(|e| e["toolName"] == "exec" && e["runId"] == id),
        "{events:?}"
    );
    let page = world.gateway.run(&world.home, &["audit", "--limit", "1"]);
    assert!(page.code == 0 && page.out.contains("--cursor "), "{}", page.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_old_or_too_many_are_put_away_and_nothing_else_is() {
    let more = r#"session: { maintenance: { mode: "warn", maxEntries: 3 } },"#;
    let world = World::with("openai-completions", world::PAIRING, more).await;
    world.json(&["agent", "--message", "hello"]);
    for key in ["first", "second", "third", "pinned"] {
        world.json(&["gateway", "call", "sessions.create", "--params", &format!(r#"{{"key":"{key}"}}"#)]);
    }
    let pin = r#"{"key":"agent:main:pinned","pinned":true}"#;
    world.json(&["gateway", "call", "sessions.patch", "--params", pin]);
    let keys = |summary: &Value| -> Vec<String> {
        let all = summary["actions"].as_array().unwrap().iter();
        all.map(|action| action["key"].as_str().unwrap().to_owned()).collect()
    };
    let oldest = ["agent:main:first", "agent:main:second"];
    let preview = world.json(&["sessions", "cleanup", "--dry-run"]);
    assert_eq!(
        (keys(&preview), &preview["afterCount"]),
        (oldest.map(str::to_owned).to_vec(), &json!(3)),
        "{preview}"
    );
    let other = world.json(&["sessions", "cleanup", "--dry-run", "--active-key", oldest[0]]);
    assert_eq!(keys(&other), [oldest[1], "agent:main:third"]);
    // The configuration wants to be warned alone.
    let warned = world.run(&["sessions", "cleanup"]);
    assert!(warned.code == 0 && warned.out.contains("nothing was done"), "{}{}", warned.out, warned.err);
    let listed = |world: &World| {
        let all = world.json(&["sessions", "list"]);
        all["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["key"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&world).len(), 5);
    let done = world.json(&["sessions", "cleanup", "--enforce"]);
    assert_eq!((&done["capArchived"], &done["applied"]), (&json!(2), &json!(true)), "{done}");
    let mut left = listed(&world);
    left.sort();
    assert_eq!(left, ["agent:main:main", "agent:main:pinned", "agent:main:third"]);
    assert_eq!(world.json(&["sessions", "cleanup", "--enforce"])["wouldMutate"], false);

    // By age, and as the files of a host without a gateway say it.
    for (key, value) in [("pruneAfter", "1ms"), ("mode", "enforce")] {
        let ran = world.home.run(&["config", "set", &format!("session.maintenance.{key}"), value]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
    let (home, gateway) = (&world.home, world.gateway);
    gateway.program.kill();
    let port = ["config", "set", "gateway.port", &support::free_port()].map(str::to_owned);
    let port: Vec<&str> = port.iter().map(String::as_str).collect();
    assert_eq!(home.run(&port).code, 0);
    let seen = home.run(&["sessions", "cleanup", "--dry-run", "--json"]);
    assert_eq!(seen.code, 0, "{}{}", seen.out, seen.err);
    assert_eq!(keys(&seen.json()), ["agent:main:third"]);
    let refused = home.run(&["sessions", "cleanup"]);
    assert_eq!(refused.code, 3, "{}{}", refused.out, refused.err);
    for flag in ["--fix-missing", "--fix-dm-scope"] {
        let refused = home.run(&["sessions", "cleanup", flag]);
        assert!(refused.code == 2 && refused.err.contains(flag), "{}{}", refused.out, refused.err);
    }
}
