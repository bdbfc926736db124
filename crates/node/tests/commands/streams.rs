//! Files that come and go as streams, as OpenClaw's gateways send and take them: whole or not at all.

use crate::support::Bench;
use crate::support::stream::{Call, Says, create, looked, sha256};
use client::duplex::MAX_MESSAGE;
use serde_json::{Value, json};
use std::path::Path;

/// The names in a directory, hidden ones too.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|n| n != "state").collect()
}

#[tokio::test]
async fn a_large_file_comes_and_goes_in_pieces() {
    let bench = Bench::new().await;
    let path = bench.work().join("new/large");
    let content: Vec<u8> = (0..2 * MAX_MESSAGE + 100_001).map(|n| n as u8).collect();
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let params = looked(&mut peer, "file.create", create(&path, &content)).await;
            let mut call = Call::make(&mut peer, "file.create", params).await;
            assert_eq!(call.says(&mut peer).await, Says::Ready);
            for message in content.chunks(MAX_MESSAGE) {
                call.send(&mut peer, message).await;
                assert_eq!(call.says(&mut peer).await, Says::Message(b"ack".to_vec()));
                assert!(!path.exists(), "not before it is whole");
            }
            call.send(&mut peer, b"").await;
            let made = call.end(&mut peer).await;
            let told = (&made["ok"], &made["status"], &made["size"], &made["sha256"]);
            assert_eq!(
                told,
                (&json!(true), &json!("created"), &json!(content.len()), &json!(sha256(&content)))
            );
            assert_eq!(made["binding"]["kind"], "existing");
            assert_eq!(std::fs::read(&path).unwrap(), content);
            assert_eq!(names(path.parent().unwrap()), ["large"]);

            let fetch = json!({"path": path, "transport": "binary", "maxBytes": content.len()});
            let params = looked(&mut peer, "file.fetch", fetch).await;
            let mut call = Call::make(&mut peer, "file.fetch", params).await;
            assert_eq!(call.says(&mut peer).await, Says::Ready);
            call.send(&mut peer, b"start").await;
            let mut got = Vec::new();
            let fetched = loop {
                match call.says(&mut peer).await {
                    Says::Message(message) => got.extend(message),
                    Says::End(end) => break end.unwrap(),
                    Says::Ready => panic!("it was ready"),
                }
                call.send(&mut peer, b"ack").await;
            };
            assert_eq!(
                (&fetched["transport"], &fetched["sha256"]),
                (&json!("binary"), &json!(sha256(&content)))
            );
            assert_eq!(got, content);
        })
        .await;
}

#[tokio::test]
async fn what_is_there_already_stays_and_whoever_sends_is_told() {
    let bench = Bench::new().await;
    let path = bench.work().join("there");
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            // There from the beginning, and from in between.
            for before in [true, false] {
                let old = format!("old {before}");
                if before {
                    std::fs::write(&path, &old).unwrap();
                }
                let params = looked(&mut peer, "file.create", create(&path, b"new")).await;
                let mut call = Call::make(&mut peer, "file.create", params).await;
                assert_eq!(call.says(&mut peer).await, Says::Ready);
                std::fs::write(&path, &old).unwrap();
                call.send(&mut peer, b"new").await;
                assert_eq!(call.says(&mut peer).await, Says::Message(b"ack".to_vec()));
                call.send(&mut peer, b"").await;
                let told = call.end(&mut peer).await;
                assert_eq!((&told["ok"], &told["status"]), (&json!(true), &json!("exists")), "{told}");
                assert_eq!(std::fs::read_to_string(&path).unwrap(), old);
                assert_eq!(names(&bench.work()), ["there"]);
                std::fs::remove_file(&path).unwrap();
            }
        })
        .await;
}

#[tokio::test]
async fn what_is_not_as_promised_or_ends_in_the_middle_leaves_nothing() {
    let bench = Bench::new().await;
    let path = bench.work().join("new/file");
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            for (digest_of, size, messages) in [
                ("other", 5, vec!["12345", ""]),
                ("12345", 2, vec!["123"]),
                ("12345", 5, vec!["12", ""]),
                ("12345", 5, vec!["12345", "6"]),
            ] {
                let mut promised = create(&path, digest_of.as_bytes());
                promised["sizeBytes"] = json!(size);
                let params = looked(&mut peer, "file.create", promised).await;
                let mut call = Call::make(&mut peer, "file.create", params).await;
                assert_eq!(call.says(&mut peer).await, Says::Ready);
                let mut told = None;
                for message in &messages {
                    call.send(&mut peer, message.as_bytes()).await;
                    match call.says(&mut peer).await {
                        Says::Message(ack) => assert_eq!(ack, b"ack"),
                        Says::End(end) => told = Some(end.unwrap()),
                        Says::Ready => panic!("it was ready"),
                    }
                }
                assert_eq!(told.unwrap()["code"], "INTEGRITY_FAILURE", "{messages:?}");
                assert_eq!(names(&bench.work()), [""; 0], "the directory went, too");
            }
            // Nobody wants it any more: the connection stands, and the node goes on.
            let params = looked(&mut peer, "file.create", create(&path, b"12345")).await;
            let mut call = Call::make(&mut peer, "file.create", params).await;
            assert_eq!(call.says(&mut peer).await, Says::Ready);
            call.send(&mut peer, b"123").await;
            assert_eq!(call.says(&mut peer).await, Says::Message(b"ack".to_vec()));
            peer.event("node.invoke.cancel", json!({"id": call.id, "invokeId": call.id})).await;
            assert!(matches!(call.says(&mut peer).await, Says::End(Err(_))));
            let stat = json!({"path": bench.work()});
            // The next transfer has a place, so the one before has ended.
            for _ in 0..3 {
                assert_eq!(
                    Call::make(&mut peer, "file.stat", stat.clone()).await.end(&mut peer).await["ok"],
                    true
                );
            }
            // The connection is cut in the middle, and the node comes again.
            let params = looked(&mut peer, "file.create", create(&path, b"12345")).await;
            let mut call = Call::make(&mut peer, "file.create", params).await;
            assert_eq!(call.says(&mut peer).await, Says::Ready);
            call.send(&mut peer, b"123").await;
            assert_eq!(call.says(&mut peer).await, Says::Message(b"ack".to_vec()));
            drop(peer);
            let (mut peer, _) = bench.gateway.welcome().await;
            assert_eq!(
                Call::make(&mut peer, "file.stat", stat.clone()).await.end(&mut peer).await["ok"],
                true
            );
            // A gateway that does not wait for acknowledgements.
            let params = looked(&mut peer, "file.create", create(&path, &[0; 64])).await;
            let mut call = Call::make(&mut peer, "file.create", params).await;
            assert_eq!(call.says(&mut peer).await, Says::Ready);
            for _ in 0..400 {
                call.send(&mut peer, b"1").await;
            }
            let end = loop {
                match call.says(&mut peer).await {
                    Says::End(end) => break end,
                    Says::Message(_) | Says::Ready => {}
                }
            };
            assert!(end.is_err() || end.as_ref().unwrap()["ok"] == false, "{end:?}");
            assert!(!path.exists());
        })
        .await;
    assert_eq!(names(&bench.work()), [""; 0]);
}

#[tokio::test]
async fn a_stream_is_taken_only_for_what_was_looked_at_and_with_a_promise() {
    let bench = Bench::new().await;
    let at = |name: &str| bench.work().join(name);
    std::fs::create_dir(at("dir")).unwrap();
    std::fs::write(at("there"), "old").unwrap();
    std::os::unix::fs::symlink(at("dir"), at("link")).unwrap();
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let with = |mut params: Value, name: &str, value: Value| {
                params[name] = value;
                params
            };
            let new = create(&at("new"), b"1");
            for (command, params, code) in [
                ("file.create", with(new.clone(), "sizeBytes", Value::Null), "INVALID_PARAMS"),
                ("file.create", with(new.clone(), "maxBytes", json!(0)), "INVALID_PARAMS"),
                ("file.create", with(new.clone(), "expectedSha256", json!("ab")), "INVALID_PARAMS"),
                ("file.create", new.clone(), "CANONICAL_PATH_CHANGED"),
                ("file.create", create(&at("dir"), b"1"), "NOT_FILE"),
                ("file.create", create(&at("link/new"), b"1"), "SYMLINK_REDIRECT"),
                (
                    "file.create",
                    with(create(&at("none/new"), b"1"), "createParents", json!(false)),
                    "PARENT_NOT_FOUND",
                ),
                ("file.fetch", json!({"path": at("there"), "transport": "binary"}), "INVALID_PARAMS"),
                (
                    "file.fetch",
                    json!({"path": at("there"), "transport": "binary", "maxBytes": 9}),
                    "INVALID_PARAMS",
                ),
                (
                    "file.fetch",
                    json!({"path": at("there"), "transport": "other", "maxBytes": 9}),
                    "INVALID_PARAMS",
                ),
            ] {
                let told = Call::make(&mut peer, command, params.clone()).await.end(&mut peer).await;
                assert_eq!((&told["ok"], &told["code"]), (&json!(false), &json!(code)), "{params}: {told}");
            }
            // Another directory in the place of the one that was looked at.
            let params = looked(&mut peer, "file.create", create(&at("dir/new"), b"1")).await;
            // Both are there at once, so that they cannot be one and the same inode.
            std::fs::create_dir(at("other")).unwrap();
            std::fs::remove_dir(at("dir")).unwrap();
            std::fs::rename(at("other"), at("dir")).unwrap();
            let told = Call::make(&mut peer, "file.create", params).await.end(&mut peer).await;
            assert_eq!(told["code"], "CANONICAL_PATH_CHANGED", "{told}");
        })
        .await;
}

#[tokio::test]
async fn a_network_that_falls_silent_in_the_middle_is_noticed_and_nothing_stays() {
    let bench = Bench::new().await;
    let path = bench.work().join("new/file");
    bench
        .during(async {
            // Without a word for twice as long, the node gives a connection up.
            let (mut silent, _) =
                bench.gateway.welcome_with(|hello| hello["policy"]["tickIntervalMs"] = json!(2500)).await;
            let params = looked(&mut silent, "file.create", create(&path, b"12345")).await;
            let mut call = Call::make(&mut silent, "file.create", params).await;
            assert_eq!(call.says(&mut silent).await, Says::Ready);
            call.send(&mut silent, b"123").await;
            assert_eq!(call.says(&mut silent).await, Says::Message(b"ack".to_vec()));
            assert_eq!(names(&bench.work()), ["new"], "it is under way");
            // This end stays open all the while, as it does when a cable is pulled.
            let (mut peer, _) = bench.gateway.welcome().await;
            assert_eq!(names(&bench.work()), [""; 0]);
            let params = looked(&mut peer, "file.create", create(&path, b"12345")).await;
            let mut call = Call::make(&mut peer, "file.create", params).await;
            assert_eq!(call.says(&mut peer).await, Says::Ready);
            call.send(&mut peer, b"12345").await;
            assert_eq!(call.says(&mut peer).await, Says::Message(b"ack".to_vec()));
            call.send(&mut peer, b"").await;
            assert_eq!(call.end(&mut peer).await["status"], "created");
            drop(silent);
        })
        .await;
    assert_eq!(std::fs::read(&path).unwrap(), b"12345");
}
