//! `openclaw agents add` and `delete`, against a running gateway of this build.

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
