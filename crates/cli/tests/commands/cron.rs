//! `openclaw cron` against a running gateway: a job from its making to its end.

use crate::world::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_added_run_looked_at_and_removed() {
    let World { telegram: _telegram, model: _model, home, gateway } = World::start().await;
    let added = gateway.json(
        &home,
        &[
            "cron",
            "add",
            "--name",
            "morning",
            "--cron",
            "0 8 * * *",
            "--tz",
            "Europe/Rome",
            "--message",
            "hello job",
            "--no-deliver",
        ],
    );
    let id = added["id"].as_str().expect("an id").to_owned();
    assert_eq!(added["schedule"], json!({"kind": "cron", "expr": "0 8 * * *", "tz": "Europe/Rome"}));

    let shown = gateway.run(&home, &["cron", "list"]);
    for part in [id.as_str(), "morning", "0 8 * * * (Europe/Rome)"] {
        assert!(shown.out.contains(part), "{part}: {}{}", shown.out, shown.err);
    }
    assert_eq!(gateway.json(&home, &["cron", "show", "MORNING"])["id"], id.as_str());
    let ran = gateway.json(&home, &["cron", "run", &id, "--wait", "--wait-timeout", "60s"]);
    assert_eq!((&ran["ok"], &ran["status"]), (&json!(true), &json!("ok")), "{ran}");
    let edited =
        gateway.json(&home, &["cron", "edit", &id, "--cron", "0 9 * * *", "--timeout-seconds", "60"]);
    assert_eq!(edited["schedule"], json!({"kind": "cron", "expr": "0 9 * * *", "tz": "Europe/Rome"}));
    let payload = &edited["payload"];
    assert_eq!((&payload["message"], &payload["timeoutSeconds"]), (&json!("hello job"), &json!(60.0)));
    let nothing = gateway.run(&home, &["cron", "edit", &id]);
    assert!(nothing.code == 2 && nothing.err.contains("nothing is to be changed"), "{}", nothing.err);
    let event = gateway.json(&home, &["cron", "edit", &id, "--system-event", "up", "--session", "main"]);
    assert_eq!(event["payload"], json!({"kind": "systemEvent", "text": "up"}));
    let turn = ["cron", "edit", &id, "--message", "hello job", "--session", "isolated", "--no-deliver"];
    assert_eq!(gateway.json(&home, &turn)["delivery"]["mode"], "none");
    let runs = gateway.json(&home, &["cron", "runs", &id, "--status", "ok"]);
    assert_eq!(
        (&runs["entries"][0]["jobId"], &runs["entries"][0]["status"]),
        (&json!(id), &json!("ok")),
        "{runs}"
    );

    assert_eq!(gateway.json(&home, &["cron", "disable", &id])["enabled"], false);
    assert!(!gateway.run(&home, &["cron", "list"]).out.contains(&id));
    assert!(gateway.run(&home, &["cron", "list", "--all"]).out.contains("disabled"));
    assert_eq!(gateway.json(&home, &["cron", "rm", &id])["removed"], true);
    // Who would wait for its answer is told before the first one is lost.
    let add = ["cron", "add", "--name", "tea", "--every", "1h", "--message", "tea?"];
    let nowhere = gateway.run(&home, &add);
    assert!(
        nowhere.code == 0 && nowhere.err.contains("nobody will see the answer"),
        "{}{}",
        nowhere.out,
        nowhere.err
    );
    let somewhere = gateway.run(&home, &[&add[..], &["--channel", "telegram", "--to", "777"]].concat());
    assert!(
        somewhere.out.contains("its answer: telegram:777") && somewhere.err.is_empty(),
        "{}{}",
        somewhere.out,
        somewhere.err
    );
    let gone = gateway.run(&home, &["cron", "rm", &id]);
    assert!(
        gone.code == 1 && gone.err.contains("there is no job"),
        "{}: {}{}",
        gone.code,
        gone.out,
        gone.err
    );
    assert_eq!(gateway.json(&home, &["cron", "status"])["enabled"], true);
}
