//! What a node does with what it is sent.

// The helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "commands/files.rs"]
mod files;
#[path = "commands/streams.rs"]
mod streams;
mod support;

use serde_json::{Value, json};
use support::{Bench, Peer, invoke, invoke_with_key, payload, read_pipe, result, shell};
use tokio::join;

const RECORDED: &str = include_str!("fixtures/run-on-node.json");

async fn send_recorded(peer: &mut Peer, request: &Value) {
    peer.event("node.invoke.request", request.clone()).await;
}

/// The recorded value with JSON text in it read, so that it can be compared.
fn read(params: &Value) -> Value {
    serde_json::from_str(params["payloadJSON"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn preparing_and_running_is_as_recorded() {
    let bench = Bench::new().await;
    let recorded = RECORDED.replace("/opt/peer", &bench.work().display().to_string());
    let recorded: Value = serde_json::from_str(&recorded).unwrap();
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            send_recorded(&mut peer, &recorded["prepareRequest"]).await;
            let (prepared, events) = result(&mut peer).await;
            assert_eq!(events, Vec::<Value>::new());
            assert_eq!(read(&prepared), read(&recorded["prepareResult"]));
            assert_eq!(prepared["id"], recorded["prepareResult"]["id"]);
            assert_eq!(prepared["nodeId"], bench.node_id());

            send_recorded(&mut peer, &recorded["runRequest"]).await;
            let (ran, events) = result(&mut peer).await;
            let mut ran = read(&ran);
            let output = ran["stdout"].take();
            let mut expected = read(&recorded["runResult"]);
            expected["stdout"] = Value::Null;
            assert_eq!(ran, expected);

            let output = output.as_str().unwrap();
            assert!(output.starts_with("Linux") && output.ends_with('\n'), "{output:?}");
            assert_eq!(events.len(), 1);
            assert_eq!(events[0]["event"], "exec.finished");
            let mut expected = read(&recorded["finishedEvent"]);
            expected["output"] = output.trim().into();
            assert_eq!(read(&events[0]), expected);
        })
        .await;
}

#[tokio::test]
async fn a_request_more_than_can_be_under_way_is_told_so() {
    let bench = Bench::new().await;
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            for n in 0..=256 {
                invoke(&mut peer, &format!("call {n}"), "system.run", shell("exec sleep 600")).await;
            }
            // No answer is noted by the gateway here: until then all of them are under way, those without a place to run, too.
            let refused = loop {
                let (_, method, params) = peer.request().await;
                if method == "node.invoke.result" && params["id"] == "call 256" {
                    break params;
                }
            };
            assert_eq!(refused["ok"], false);
            assert_eq!(refused["error"]["code"], "UNAVAILABLE");
            assert!(refused["error"]["message"].as_str().unwrap().contains("256 requests"), "{refused}");
        })
        .await;
}

#[tokio::test]
async fn commands_say_how_they_ended() {
    let bench = Bench::new().await;
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            invoke(&mut peer, "1", "system.run", shell("echo out; echo err >&2; exit 3")).await;
            let expected = json!({"exitCode":3,"timedOut":false,"success":false,"error":null,
                "stdout":"out\n","stderr":"err\n"});
            assert_eq!(payload(&mut peer).await, expected);

            let mut params = shell("pwd; echo $GREETING; echo $PATH");
            params["cwd"] = "/".into();
            params["env"] = json!({"GREETING":"hello"});
            invoke(&mut peer, "2", "system.run", params).await;
            assert_eq!(payload(&mut peer).await["stdout"], "/\nhello\n/usr/bin:/bin\n");

            let mut params = shell("sleep 300");
            params["timeoutMs"] = 100.into();
            invoke(&mut peer, "3", "system.run", params).await;
            let ended = payload(&mut peer).await;
            assert_eq!((&ended["timedOut"], &ended["success"]), (&json!(true), &json!(false)));
            assert!(ended["error"].as_str().unwrap().contains("its time was over"), "{ended}");

            invoke(&mut peer, "4", "system.which", json!({"bins":["sh","no-such-program"]})).await;
            let found = payload(&mut peer).await;
            assert_eq!(found["bins"].as_object().unwrap().keys().collect::<Vec<_>>(), ["sh"]);

            invoke(&mut peer, "5", "node.host.stats", json!({})).await;
            assert!(payload(&mut peer).await["cpuCount"].as_u64().unwrap() > 0);
        })
        .await;
}

#[tokio::test]
async fn what_cannot_be_done_as_asked_is_refused_with_the_reason() {
    let bench = Bench::new().await;
    let sh = ["/bin/sh", "-lc", "true"];
    let plan = json!({"argv":["/bin/sh","-lc","other"],"cwd":"/"});
    let good_plan = json!({"argv":sh,"cwd":"/"});
    let cases = [
        ("camera.snap", json!({}), "unknown command: camera.snap"),
        ("system.run", json!({}), "missing field `command`"),
        ("system.run", json!({"command":[]}), "must name a program"),
        ("system.run", json!({"command":"true"}), "invalid system.run params"),
        ("system.run", json!({"command":["/no/such/program"]}), "/no/such/program"),
        ("system.run", json!({"command":sh,"cwd":"/no/such/place"}), "/no/such/place"),
        ("system.run", json!({"command":sh,"env":{"LD_PRELOAD":"/x.so"}}), "LD_PRELOAD"),
        ("system.run", json!({"command":sh,"env":{"PATH":"/x"}}), "PATH"),
        ("system.run", json!({"command":sh,"systemRunPlan":plan}), "is not the one of systemRunPlan"),
        ("system.run", json!({"command":sh,"cwd":"/tmp","systemRunPlan":good_plan}), "cwd is not the one"),
        ("system.run", json!({"command":sh,"security":"lax"}), "send one of deny, allowlist, full"),
        ("system.run.prepare", json!({"command":sh,"ask":"never"}), "send one of off, on-miss, always"),
        ("system.execApprovals.set", json!({}), "missing field `file`"),
        ("system.execApprovals.set", json!({"file":{"version":1,"x":1}}), "at /file/x: unexpected property"),
        ("system.execApprovals.set", json!({"file":{"version":2}}), "version is 2"),
        ("system.run.prepare", json!({"command":sh,"rawCommand":"false"}), "rawCommand does not match"),
        ("system.run.prepare", json!({"command":sh,"cwd":"nowhere"}), "nowhere"),
        ("system.run.prepare", json!({"command":sh,"cwd":"/etc/hostname"}), "not a directory"),
        ("system.which", json!({}), "missing field `bins`"),
        ("system.which", json!({"bins":vec!["x"; 300]}), "at most 256"),
    ];
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            for (n, (command, params, part)) in cases.into_iter().enumerate() {
                invoke(&mut peer, &n.to_string(), command, params.clone()).await;
                let (refused, events) = result(&mut peer).await;
                assert_eq!(
                    (&refused["ok"], &refused["error"]["code"]),
                    (&json!(false), &json!("INVALID_REQUEST"))
                );
                let message = refused["error"]["message"].as_str().unwrap();
                assert!(message.contains(part), "{command} {params}: {message}");
                assert!(events.is_empty());
            }
            peer.event("node.invoke.request", json!({"id":"x","command":7})).await;
            assert_eq!(result(&mut peer).await.0["id"], "x");
            peer.event("node.invoke.request", json!("nonsense")).await;
            peer.event("node.invoke.request", json!({"id":"y","command":"system.which","paramsJSON":"{"}))
                .await;
            assert_eq!(result(&mut peer).await.0["error"]["code"], "INVALID_REQUEST");
        })
        .await;
}

#[tokio::test]
async fn cancelling_ends_the_command_and_its_children() {
    let bench = Bench::new().await;
    let (started, alive) = (bench.pipe("started"), bench.pipe("alive"));
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let command =
                format!("exec 3> {}; sleep 300 & echo go > {}; wait", alive.display(), started.display());
            invoke(&mut peer, "1", "system.run", shell(&command)).await;
            let script = async {
                assert_eq!(read_pipe(&started).await, "go\n");
                peer.event("node.invoke.cancel", json!({"invokeId":"1","nodeId":"n"})).await;
                let (cancelled, events) = result(&mut peer).await;
                assert_eq!(cancelled["error"]["code"], "UNAVAILABLE");
                assert!(events.is_empty(), "nobody waits for it any more");
            };
            join!(script, read_pipe(&alive));
        })
        .await;
}

#[tokio::test]
async fn more_than_sixteen_at_once_are_refused_and_may_be_asked_for_again() {
    let bench = Bench::new().await;
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            for n in 0..16 {
                invoke(&mut peer, &n.to_string(), "system.run", shell("sleep 300")).await;
            }
            invoke_with_key(&mut peer, "17th", "system.run", shell("true"), "k").await;
            let (busy, _) = result(&mut peer).await;
            assert_eq!((&busy["id"], &busy["error"]["code"]), (&json!("17th"), &json!("UNAVAILABLE")));
            assert!(busy["error"]["message"].as_str().unwrap().contains("node is busy"));
            for n in 0..16 {
                peer.event("node.invoke.cancel", json!({"invokeId":n.to_string()})).await;
            }
            for _ in 0..16 {
                assert_eq!(result(&mut peer).await.0["ok"], false);
            }
            invoke_with_key(&mut peer, "again", "system.run", shell("true"), "k").await;
            assert_eq!(payload(&mut peer).await["success"], true);
        })
        .await;
}

#[tokio::test]
async fn the_same_key_runs_once_and_is_answered_each_time() {
    let bench = Bench::new().await;
    let gate = bench.pipe("gate");
    let file = bench.work().join("ran");
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let command = format!("cat {}; echo once >> {}", gate.display(), file.display());
            // The second comes while the first runs, the third when it is over; the id of the first comes twice too.
            for id in ["first", "first", "second"] {
                invoke_with_key(&mut peer, id, "system.run", shell(&command), "k").await;
            }
            tokio::fs::write(&gate, "open\n").await.unwrap();
            let (one, events) = result(&mut peer).await;
            let (two, _) = result(&mut peer).await;
            invoke_with_key(&mut peer, "third", "system.run", shell(&command), "k").await;
            let (three, again) = result(&mut peer).await;
            assert_eq!((events.len(), again.len()), (1, 0), "finished once");
            let mut ids = [&one["id"], &two["id"], &three["id"]].map(|id| id.as_str().unwrap().to_owned());
            ids.sort();
            assert_eq!(ids, ["first", "second", "third"]);
            assert_eq!(
                (&one["payloadJSON"], &two["payloadJSON"]),
                (&three["payloadJSON"], &three["payloadJSON"])
            );
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "once\n");
        })
        .await;
}

#[tokio::test]
async fn the_hosts_document_decides_whatever_the_gateway_says() {
    let bench = Bench::new().await;
    let file = bench.work().join("ran");
    let touch = format!("touch {}", file.display());
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            invoke(&mut peer, "1", "system.execApprovals.get", json!({})).await;
            let empty = payload(&mut peer).await;
            assert_eq!(
                (&empty["exists"], &empty["resolvedDefaults"]["security"]),
                (&json!(false), &json!("full"))
            );
            let document = json!({"version":1,"agents":{"*":{"security":"allowlist","ask":"on-miss",
                "allowlist":[{"pattern":"true"}]}}});
            invoke(&mut peer, "2", "system.execApprovals.set", json!({"file":document})).await;
            let set = payload(&mut peer).await;
            invoke(&mut peer, "3", "system.execApprovals.set", json!({"file":{"version":1},"baseHash":"0"}))
                .await;
            let (stale, _) = result(&mut peer).await;
            assert!(
                stale["error"]["message"].as_str().unwrap().contains("changed since last load"),
                "{stale}"
            );

            invoke(&mut peer, "4", "system.run", shell("true && true")).await;
            assert_eq!(payload(&mut peer).await["success"], true, "it is listed");
            for (id, more, says) in [
                ("5", json!({}), "approval required"),
                ("6", json!({"ask":"off","security":"full"}), "approval required"),
                ("7", json!({"security":"deny"}), "security=deny"),
                ("8", json!({"approved":true,"approvalDecision":"allow-once"}), "approval required"),
            ] {
                let mut params = shell(&touch);
                params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                invoke(&mut peer, id, "system.run", params).await;
                let (refused, _) = result(&mut peer).await;
                assert_eq!(refused["error"]["code"], "SYSTEM_RUN_DENIED", "{refused}");
                assert_eq!(refused["error"]["message"], format!("SYSTEM_RUN_DENIED: {says}"));
            }
            assert!(!file.exists());

            let argv = json!(["/bin/sh", "-c", touch]);
            invoke(&mut peer, "9", "system.run.prepare", json!({"command":argv})).await;
            let prepared = payload(&mut peer).await;
            assert_eq!(prepared["execPolicy"], json!({"security":"allowlist","ask":"on-miss"}));
            assert_eq!(prepared["plan"]["policySnapshot"]["allowlistRules"], json!([{"pattern":"true"}]));
            assert_eq!(prepared["allowAlwaysCoverage"]["complete"], true);
            let approved = json!({"command":argv,"systemRunPlan":prepared["plan"],"approved":true,
                "approvalDecision":"allow-always","agentId":"main"});
            invoke(&mut peer, "10", "system.run", approved).await;
            assert_eq!(payload(&mut peer).await["success"], true);
            assert!(file.exists());
            let mut again = shell(&touch);
            again["agentId"] = json!("main");
            invoke(&mut peer, "11", "system.run", again).await;
            assert_eq!(payload(&mut peer).await["success"], true, "allowed from now on");
            invoke(&mut peer, "12", "system.execApprovals.get", json!({})).await;
            let now = payload(&mut peer).await;
            assert_ne!(now["hash"], set["hash"]);
            assert_eq!(now["file"]["agents"]["main"]["allowlist"].as_array().unwrap().len(), 1);
        })
        .await;
}

/// The node holds what a frame can carry, whatever a command writes, and goes on.
#[tokio::test]
async fn a_command_that_floods_its_output_is_bounded_and_told_to_be() {
    let bench = Bench::new().await;
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let flood = "yes flood | head -c 50000000; echo the end";
            invoke(&mut peer, "1", "system.run", shell(flood)).await;
            let (answer, events) = result(&mut peer).await;
            let text = answer["payloadJSON"].as_str().unwrap();
            assert!(text.len() < 2 * 1024 * 1024, "{}", text.len());
            let payload: Value = serde_json::from_str(text).unwrap();
            let stdout = payload["stdout"].as_str().unwrap();
            assert!(stdout.starts_with("flood\n") && stdout.ends_with("the end\n"), "both ends are kept");
            assert!(events.iter().all(|event| event.to_string().len() < 64 * 1024));
            invoke(&mut peer, "2", "system.run", shell("echo well")).await;
            assert_eq!(self::payload(&mut peer).await["stdout"], "well\n");
        })
        .await;
}

#[tokio::test]
async fn a_command_that_ignores_the_polite_signal_is_killed_with_its_group_at_its_deadline() {
    let bench = Bench::new().await;
    let alive = bench.pipe("alive");
    bench
        .during(async {
            let (mut peer, _) = bench.gateway.welcome().await;
            let stubborn = "trap '' TERM; while :; do sleep 1; done";
            let command = format!("exec 3> {}; ({stubborn}) & {stubborn}", alive.display());
            let mut params = shell(&command);
            params["timeoutMs"] = 300.into();
            let script = async {
                invoke(&mut peer, "1", "system.run", params).await;
                let ended = payload(&mut peer).await;
                assert_eq!((&ended["timedOut"], &ended["success"]), (&json!(true), &json!(false)), "{ended}");
            };
            // The pipe ends when nobody of the group holds it any more.
            join!(script, read_pipe(&alive));
        })
        .await;
}
