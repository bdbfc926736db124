//! A node's connections: how it introduces itself, waits, reports and comes back.

// The helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use client::ConnectError;
use node::NodeError;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Bench, invoke, invoke_with_key, payload, read_pipe, result, shell};
use tokio::join;

const PAIRING: &str = include_str!("../../client/tests/fixtures/pairing-required.json");

#[tokio::test]
async fn it_introduces_itself_as_a_node_and_reports_the_hosts_state() {
    let bench = Bench::new().await;
    bench
        .during(async {
            let (mut peer, params) = bench.gateway.welcome().await;
            assert_eq!(protocol::connect::CONNECT.check(&params), Ok(()));
            let client = &params["client"];
            let told = ["id", "mode", "displayName", "version"].map(|f| client[f].as_str().unwrap());
            assert_eq!(told, ["node-host", "node", "bench", "1.2.3"]);
            assert_eq!((&params["role"], &params["scopes"]), (&json!("node"), &json!([])));
            assert_eq!((&params["minProtocol"], &params["maxProtocol"]), (&json!(3), &json!(4)));
            assert_eq!(params["caps"], json!(["mcp", "system", "file"]));
            assert_eq!(
                params["commands"],
                json!([
                    "mcp.tools.call.v1",
                    "system.execApprovals.get",
                    "system.execApprovals.set",
                    "system.run",
                    "system.run.prepare",
                    "system.which",
                    "dir.fetch",
                    "dir.list",
                    "file.create",
                    "file.fetch",
                    "file.stat",
                    "file.write",
                    "fs.listDir",
                    "terminal.upload"
                ])
            );
            assert_eq!(params["pathEnv"], "/usr/bin:/bin");
            assert_eq!(params["device"]["id"], bench.node_id());

            let (id, report) = peer.expect("node.event").await;
            peer.answer(&id, json!({"ok":true})).await;
            assert_eq!(report["event"], "node.host.stats");
            let stats: Value = serde_json::from_str(report["payloadJSON"].as_str().unwrap()).unwrap();
            assert!(
                stats["memoryTotalBytes"].as_u64().unwrap() >= stats["memoryFreeBytes"].as_u64().unwrap()
            );
            assert_eq!(stats["loadAverage"].as_array().unwrap().len(), 3);
            assert!(stats["diskTotalBytes"].is_u64() && stats["diskAvailableBytes"].is_u64());
        })
        .await;
    assert!(bench.notices.lock().unwrap()[0].starts_with("connected to ws://"));
}

#[tokio::test]
async fn what_waited_is_taken_before_the_report_that_answers_it() {
    let bench = Bench::new().await;
    bench
        .during(async {
            let has = |hello: &mut Value| {
                hello["features"]["methods"].as_array_mut().unwrap().push("node.pending.drain".into());
            };
            let (mut peer, _) = bench.gateway.welcome_with(has).await;
            for has_more in [true, false] {
                let (id, asked) = peer.expect("node.pending.drain").await;
                assert_eq!(asked, json!({"maxItems": 10}));
                let items =
                    json!([{"id": "s1", "type": "status.request"}, {"id": "l1", "type": "location.request"}]);
                peer.answer(
                    &id,
                    json!({"nodeId": bench.node_id(), "revision": 1, "items": items, "hasMore": has_more}),
                )
                .await;
            }
            let (id, report) = peer.expect("node.event").await;
            peer.answer(&id, json!({"ok": true})).await;
            assert_eq!(report["event"], "node.host.stats");
        })
        .await;
}

#[tokio::test]
async fn reports_go_on_and_a_wait_for_approval_is_told_once() {
    let bench = Bench::new().await;
    let mut options = bench.options();
    options.stats_interval = Duration::from_millis(20);
    let notices = std::sync::Mutex::new(Vec::new());
    let show = |notice: &node::Notice<'_>| notices.lock().unwrap().push(notice.to_string());
    let awaiting = "node capability surface is awaiting operator approval; run `openclaw nodes approve r1`";
    let script = async {
        let (mut peer, _) = bench.gateway.welcome().await;
        for _ in 0..2 {
            let (id, _) = peer.expect("node.event").await;
            peer.fail(&id, &json!({"code":"UNAVAILABLE","message":awaiting})).await;
        }
        let decision = json!({"requestId":"r1","nodeId":bench.node_id(),"decision":"approved"});
        peer.event("node.pair.resolved", decision).await;
        for _ in 0..3 {
            let (id, report) = peer.expect("node.event").await;
            assert_eq!(report["event"], "node.host.stats");
            peer.answer(&id, json!({"ok":true})).await;
        }
        bench.cancel.cancel();
        peer.closed().await
    };
    let (close, end) = join!(script, node::run(options, &show, &bench.cancel));
    end.unwrap();
    assert_eq!(close, Some((1000, String::new())));
    let told = notices.into_inner().unwrap();
    let waits = told.iter().filter(|n| n.contains("openclaw nodes approve r1")).count();
    assert_eq!(waits, 1, "{told:?}");
    assert!(told.contains(&"the commands of this node were approved".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_pairing_is_waited_for_and_the_command_that_approves_it_is_shown() {
    let bench = Bench::new().await;
    let pairing: Value = serde_json::from_str(PAIRING).unwrap();
    bench
        .during(async {
            let first = bench.gateway.refuse(&pairing, 1008).await;
            let second = bench.gateway.refuse(&pairing, 1008).await;
            assert_eq!(first["device"]["id"], second["device"]["id"], "the key stays");
            let (mut peer, _) =
                bench.gateway.welcome_with(|h| h["auth"]["deviceToken"] = "device-1".into()).await;
            invoke(&mut peer, "1", "system.which", json!({"bins":[]})).await;
            assert_eq!(payload(&mut peer).await, json!({"bins":{}}));
        })
        .await;
    let told = bench.notices.lock().unwrap().clone();
    let command = "openclaw devices approve 0d490cc4-dbe1-455b-b19b-ed4304fec79f";
    assert_eq!(told.iter().filter(|n| n.contains(command)).count(), 1, "{told:?}");
    let tokens = bench.dir.path().join("state/identity/node-tokens.json");
    assert!(std::fs::read_to_string(tokens).unwrap().contains("device-1"));
}

#[tokio::test]
async fn a_lost_connection_ends_its_commands_and_the_node_comes_back() {
    let bench = Bench::new().await;
    let (started, alive) = (bench.pipe("started"), bench.pipe("alive"));
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let command =
                format!("exec 3> {}; sleep 300 & echo go > {}; wait", alive.display(), started.display());
            invoke_with_key(&mut peer, "1", "system.run", shell(&command), "k").await;
            let cut = async {
                assert_eq!(read_pipe(&started).await, "go\n");
                drop(peer);
            };
            join!(cut, read_pipe(&alive));

            let (mut peer, _) = bench.gateway.welcome().await;
            invoke_with_key(&mut peer, "2", "system.run", shell(&command), "k").await;
            let (again, _) = result(&mut peer).await;
            assert_eq!((&again["id"], &again["ok"]), (&json!("2"), &json!(false)), "it never runs twice");
            invoke(&mut peer, "3", "system.run", shell("echo back")).await;
            assert_eq!(payload(&mut peer).await["stdout"], "back\n");
        })
        .await;
    let told = bench.notices.lock().unwrap().clone();
    assert!(told.iter().any(|n| n.starts_with("not connected:")), "{told:?}");
}

#[tokio::test]
async fn stopping_the_node_ends_its_commands() {
    let bench = Bench::new().await;
    let (started, alive) = (bench.pipe("started"), bench.pipe("alive"));
    let script = async {
        let (mut peer, _) = bench.gateway.welcome().await;
        let command =
            format!("exec 3> {}; sleep 300 & echo go > {}; wait", alive.display(), started.display());
        invoke(&mut peer, "1", "system.run", shell(&command)).await;
        assert_eq!(read_pipe(&started).await, "go\n");
        peer
    };
    join!(
        async {
            bench
                .during(async {
                    script.await;
                })
                .await;
        },
        read_pipe(&alive)
    );
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_node_with_the_gateways_words() {
    let bench = Bench::new().await;
    let error = json!({"code":"INVALID_REQUEST","message":"unauthorized: gateway token mismatch",
        "details":{"code":"AUTH_TOKEN_MISMATCH","recommendedNextStep":"update_auth_credentials"}});
    let quiet = |_: &node::Notice<'_>| {};
    let (_, end) =
        join!(bench.gateway.refuse(&error, 1008), node::run(bench.options(), &quiet, &bench.cancel));
    match end.unwrap_err() {
        NodeError::Connect(ConnectError::Refused(shape, _)) => {
            assert!(shape.message.contains("token mismatch"))
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_identity_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = node::identity(dir.path()).unwrap();
    assert_eq!(node::identity(dir.path()).unwrap(), first);
    assert!(dir.path().join("identity/node.json").is_file());
    assert_eq!(first.device_id.len(), 64);
}
