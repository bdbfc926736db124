//! Cameras, screens, places and notices of nodes: what is asked of the node, and where its files are afterwards.

use crate::recorded::{Recorded, TOKEN};
use crate::support::{Home, Ran};
use serde_json::{Value, json};

/// A gateway whose node `capnode` answers every call so.
fn answering(payload: Value) -> Recorded {
    Recorded::start(&[("node.invoke", json!({"ok": true, "nodeId": "n", "payload": payload}))])
}

fn run(home: &Home, gateway: &Recorded, args: &[&str]) -> Ran {
    home.run(&[args, &["--node", "capnode", "--port", &gateway.port, "--token", TOKEN]].concat())
}

/// What the node was asked last: the command, its parameters and its time.
fn asked(gateway: &Recorded) -> (String, Value, u64) {
    let call = gateway.asked("node.invoke").pop().unwrap();
    (
        call["command"].as_str().unwrap().to_owned(),
        call["params"].clone(),
        call["timeoutMs"].as_u64().unwrap(),
    )
}

#[test]
fn the_node_is_asked_as_its_apps_expect_it() {
    let home = Home::new();
    let gateway =
        answering(json!({"devices": [{"id": "0", "name": "Back Camera", "position": "back"}], "lat": 48.2,
        "lon": 16.4, "accuracyMeters": 12.5, "timestamp": "2026-11-28T20:00:00Z"}));
    for (args, command, params, takes, says) in [
        (&["nodes", "camera", "list"][..], "camera.list", json!({}), 20_000, "Back Camera"),
        (
            &["nodes", "location", "get", "--accuracy", "precise", "--max-age", "15000"],
            "location.get",
            json!({"timeoutMs": 10_000, "desiredAccuracy": "precise", "maxAgeMs": 15_000}),
            20_000,
            "48.2, 16.4 (within 12.5 m, 2026-11-28T20:00:00Z)",
        ),
        (
            &["nodes", "notify", "--title", "Ping", "--priority", "timeSensitive"],
            "system.notify",
            json!({"title": "Ping", "body": "", "delivery": "system", "priority": "timeSensitive"}),
            15_000,
            "shown on capnode",
        ),
    ] {
        let ran = run(&home, &gateway, args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        assert!(ran.out.contains(says), "{args:?}: {}", ran.out);
        assert_eq!(asked(&gateway), (command.to_owned(), params, takes), "{args:?}");
    }
    let own = run(&home, &gateway, &["nodes", "camera", "list", "--invoke-timeout", "1234"]);
    assert_eq!((own.code, asked(&gateway).2), (0, 1234));
}

#[test]
fn photos_and_films_are_saved_and_only_where_they_are_is_printed() {
    let home = Home::new();
    let gateway = answering(json!({"format": "jpg", "base64": "aGk=", "width": 4}));
    let both = run(
        &home,
        &gateway,
        &["nodes", "camera", "snap", "--facing", "both", "--max-width", "640", "--json"],
    );
    assert_eq!(both.code, 0, "{}", both.err);
    let files = both.json()["files"].as_array().unwrap().clone();
    assert_eq!((&files[0]["facing"], &files[1]["facing"], files.len()), (&json!("front"), &json!("back"), 2));
    for file in &files {
        let path = file["path"].as_str().unwrap();
        assert_eq!((std::fs::read(path).unwrap(), file.get("base64")), (b"hi".to_vec(), None));
        std::fs::remove_file(path).unwrap();
    }
    let snap = json!({"format": "jpg", "facing": "back", "maxWidth": 640});
    assert_eq!(asked(&gateway), ("camera.snap".into(), snap, 20_000));

    let out = home.path().join("screen.mp4");
    let record =
        ["nodes", "screen", "record", "--duration", "10s", "--no-audio", "--out", out.to_str().unwrap()];
    let film = run(&home, &gateway, &record);
    assert_eq!((film.code, film.out.trim()), (0, out.to_str().unwrap()), "{}", film.err);
    assert_eq!(std::fs::read(&out).unwrap(), b"hi");
    let params =
        json!({"format": "mp4", "screenIndex": 0, "durationMs": 10_000, "fps": 10, "includeAudio": false});
    assert_eq!(asked(&gateway), ("screen.record".into(), params, 120_000));

    let clip = run(&home, &gateway, &["nodes", "camera", "clip", "--duration", "5s"]);
    assert_eq!(clip.code, 0, "{}", clip.err);
    std::fs::remove_file(clip.out.trim()).unwrap();
    let params = json!({"format": "mp4", "facing": "front", "durationMs": 5_000, "includeAudio": true});
    assert_eq!(asked(&gateway), ("camera.clip".into(), params, 92_000));
}

#[test]
fn what_a_node_cannot_do_is_said_and_nothing_is_saved() {
    let home = Home::new();
    let refused =
        json!({"error": {"code": "UNAVAILABLE", "message": "CAMERA_DISABLED: enable Camera in Settings"}});
    let gateway = Recorded::start(&[("node.invoke", refused)]);
    let out = home.path().join("screen.mp4");
    for (args, code, says) in [
        (&["nodes", "camera", "snap"][..], 1, "CAMERA_DISABLED"),
        (&["nodes", "screen", "record", "--out", out.to_str().unwrap()], 1, "CAMERA_DISABLED"),
        (&["nodes", "camera", "snap", "--facing", "both", "--device-id", "1"], 2, "--device-id"),
        (&["nodes", "camera", "clip", "--duration", "10h"], 2, "5 minutes"),
        (&["nodes", "notify"], 2, "--title"),
    ] {
        let ran = run(&home, &gateway, args);
        assert!(ran.code == code && ran.err.contains(says), "{args:?}: {} {}", ran.code, ran.err);
    }
    assert!(!out.exists());
    let strange = run(&home, &answering(json!({"format": "jpg"})), &["nodes", "camera", "snap"]);
    assert!(strange.code == 1 && strange.err.contains("no base64"), "{}", strange.err);
}
