//! `openclaw agents add` and `delete`, against a running gateway of this build.

use crate::live;
use crate::world::World;
use serde_json::{Value, json};
use std::path::PathBuf;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_are_made_and_deleted_where_somebody_is_sure() {
    let World { telegram: _telegram, model: _model, home, gateway } = World::start().await;
    let place = tempfile::tempdir().unwrap();
    let work = place.path().join("work");
    let made = gateway.json(
        &home,
        &[
            "agents",
            "add",
            "Night Watch",
            "--workspace",
            work.to_str().unwrap(),
            "--emoji",
            "🌙",
            "--non-interactive",
        ],
    );
    assert_eq!(
        (&made["agentId"], &made["workspace"]),
        (&json!("night-watch"), &json!(work.display().to_string())),
        "{made}"
    );
    assert!(work.join("SOUL.md").exists());
    let listed = gateway.json(&home, &["agents", "list"]);
    let ids: Vec<&Value> = listed.as_array().unwrap().iter().map(|agent| &agent["id"]).collect();
    assert_eq!(ids, ["main", "night-watch"]);
    assert_eq!(listed[1]["identity"]["emoji"], "🌙");

    let unsure = gateway.run(&home, &["agents", "delete", "night-watch"]);
    assert!(unsure.code == 2 && unsure.err.contains("--force"), "{}{}", unsure.out, unsure.err);
    let main = gateway.run(&home, &["agents", "delete", "main", "--force"]);
    assert!(main.code != 0 && main.err.contains("cannot be deleted"), "{}{}", main.out, main.err);
    let gone = gateway.run(&home, &["agents", "delete", "night-watch", "--force"]);
    assert_eq!(gone.code, 0, "{}{}", gone.out, gone.err);
    // A folder that somebody named is theirs.
    assert!(gone.out.contains("still there: ") && gone.out.contains("kept: "), "{}", gone.out);
    assert!(work.join("SOUL.md").exists(), "{}", gone.out);
    let made = gateway.json(&home, &["agents", "add", "Day Watch", "--non-interactive"]);
    let own = PathBuf::from(made["workspace"].as_str().unwrap());
    assert!(own.exists(), "{made}");
    let gone = gateway.run(&home, &["agents", "delete", "day-watch", "--force"]);
    assert!(gone.code == 0 && gone.out.contains("is in trash/") && !own.exists(), "{}", gone.out);
    let again = gateway.run(&home, &["agents", "delete", "night-watch", "--force"]);
    assert!(again.code != 0 && again.err.contains("not found"), "{}{}", again.out, again.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_agent_hears_a_channel_from_then_on_and_several_chats_get_one_message() {
    let dm = r#"dmPolicy: "allowlist", allowFrom: ["777"]"#;
    let world = World::with("openai-completions", dm, "").await;
    let bind = |args: &[&str]| world.home.run(&[&["agents"], args].concat());
    world.json(&["agents", "add", "work", "--non-interactive"]);
    let taken_up = world.gateway.program.mark();
    let bound = bind(&["bind", "--agent", "work", "--bind", "telegram", "--json"]);
    assert_eq!(bound.code, 0, "{}{}", bound.out, bound.err);
    assert_eq!(bound.json()["added"], json!(["telegram"]));
    world.gateway.program.wait_for_text("the configuration is taken up", taken_up);
    world.telegram.push_text(777, 777, "hello");
    world.telegram.wait_for_sent(1, live::PATIENCE).await.unwrap();
    let listed = world.json(&["sessions", "list"]);
    assert_eq!(listed["sessions"][0]["key"], "agent:work:main", "{listed}");

    let listed = world.json(&["agents", "list", "--bindings"]);
    assert_eq!(
        (&listed[0]["bindings"], &listed[1]["bindingDetails"]),
        (&json!(0), &json!(["telegram"])),
        "{listed}"
    );

    // The account is another agent's.
    let taken = bind(&["bind", "--agent", "main", "--bind", "telegram:default"]);
    assert!(taken.code == 1 && taken.out.contains("(agent=work)"), "{}{}", taken.out, taken.err);
    let rest = bind(&["bindings", "--json"]).json();
    assert_eq!(rest[0]["match"], json!({"channel": "telegram"}), "{rest}");
    let elsewhere =
        ["agents", "add", "far", "--bind", "telegram", "--url", "ws://127.0.0.1:1", "--token", "x"];
    let elsewhere = bind(&elsewhere[1..]);
    assert!(
        elsewhere.code == 2 && elsewhere.err.contains("the agent would be made elsewhere"),
        "{}",
        elsewhere.err
    );
    let wrong = world.run(&["agents", "add", "other", "--bind", "slack:x"]);
    assert!(wrong.code == 2 && wrong.err.contains("no such channel"), "{}{}", wrong.out, wrong.err);
    let gone = bind(&["unbind", "--agent", "work", "--all", "--json"]).json();
    assert_eq!(gone["removed"], json!(["telegram"]));
    assert_eq!(bind(&["bindings", "--json"]).json(), json!([]));

    // A bot cannot write to a chat that it does not know.
    let cast = ["message", "broadcast", "--targets", "777", "12345", "--message", "hi all", "--json"];
    let cast = world.run(&cast);
    let results = &cast.json()["payload"]["results"];
    assert_eq!(
        (cast.code, &results[0]["ok"], &results[1]["ok"]),
        (1, &json!(true), &json!(false)),
        "{results}"
    );
    assert!(results[0]["messageId"].is_string() && results[1]["error"].is_string(), "{results}");
    let one =
        world.json(&["message", "broadcast", "--targets", "777", "--message", "hi", "--channel", "all"]);
    assert_eq!(one["ok"], true, "{one}");
}
