//! The conformance suite against our gateway: every case passes. And against gateways that do
//! something wrong: exactly the cases that are about it fail.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../src/bin/conformance/fakes.rs"]
mod fakes;
#[path = "conformance/proxy.rs"]
mod proxy;

use fakes::Fakes;
use proxy::{Fault, Proxy};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Output;
use testkit::gateway::{TOKEN, TestGateway, TestOptions};
use tokio::process::Command;

const PROMISED: &str = "model,slow-model,telegram";

/// A gateway with all that cases may need; who is local is approved at once, or has to ask.
struct Bench {
    gateway: TestGateway,
    promises: String,
    _fakes: Fakes,
}

impl Bench {
    async fn start(approves_local: bool) -> Self {
        let fakes = Fakes::start().await;
        let gateway = format!(
            r#"gateway: {{ auth: {{ mode: "token", token: "{TOKEN}" }},
                nodes: {{ pairing: {{ autoApproveLocal: {approves_local} }} }} }}"#
        );
        let config = format!("{{ {} {gateway} }}", fakes.properties());
        let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
        let policy = if approves_local { "approves-local" } else { "asks-for-pairing" };
        Self { gateway, promises: format!("{policy},{PROMISED}"), _fakes: fakes }
    }

    /// Runs the cases whose names contain one of these and gives the report.
    async fn run(&self, url: &str, only: &[&str]) -> Value {
        let mut args = vec!["--url", url, "--token", TOKEN, "--json", "--provides", &self.promises];
        args.extend(only.iter().flat_map(|only| ["--only", *only]));
        // The machine may be busy; none of these waits is for something that does not come.
        args.extend(["--patience", "60"]);
        let output = conformance(&args).await;
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        let failed = names(&report, "failed");
        assert_eq!(output.status.code(), Some(i32::from(!failed.is_empty())), "the exit code says it, too");
        report
    }
}

async fn conformance(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conformance")).args(args).output().await.unwrap()
}

/// The names of the cases with this verdict.
fn names(report: &Value, verdict: &str) -> BTreeSet<String> {
    let cases = report["cases"].as_array().unwrap().iter().filter(|case| case["verdict"] == verdict);
    cases.map(|case| case["case"].as_str().unwrap().to_owned()).collect()
}

/// The cases in parts, each with a gateway of its own: whether that approves local devices, and what their names contain.
const PARTS: [(bool, &[&str]); 7] = [
    (true, &["handshake/", "errors/"]),
    (true, &["pairing/", "invoke/"]),
    (true, &["chat/", "idempotency/", "ordering/"]),
    (false, &["pairing/"]),
    (true, &["backpressure/operator"]),
    (true, &["backpressure/node"]),
    (true, &["backpressure/ten", "backpressure/many", "backpressure/large"]),
];

/// Our gateway passes a part, and of what is skipped every case has its turn with a gateway of the other policy.
async fn passes(part: usize) {
    let (approves_local, only) = PARTS[part];
    let bench = Bench::start(approves_local).await;
    let report = bench.run(&bench.gateway.url(), only).await;
    let failed = |case: &&Value| case["verdict"] == "failed" || case["verdict"] == "known";
    let failed: Vec<&Value> = report["cases"].as_array().unwrap().iter().filter(failed).collect();
    assert!(failed.is_empty(), "{:#}", json!(failed));
    assert!(!names(&report, "passed").is_empty());
    let needs = if approves_local { "needs asks-for-pairing" } else { "needs approves-local" };
    let skipped = report["cases"].as_array().unwrap().iter().filter(|case| case["verdict"] == "skipped");
    assert!(skipped.clone().all(|case| case["reason"] == needs), "{:#}", json!(skipped.collect::<Vec<_>>()));
}

#[tokio::test]
async fn our_gateway_passes_handshakes_and_errors() {
    passes(0).await;
}

#[tokio::test]
async fn our_gateway_passes_node_calls() {
    passes(1).await;
}

#[tokio::test]
async fn our_gateway_passes_chats_keys_and_order() {
    passes(2).await;
}

#[tokio::test]
async fn our_gateway_passes_pairing() {
    passes(3).await;
}

#[tokio::test]
async fn our_gateway_withstands_an_operator_that_never_reads() {
    passes(4).await;
}

#[tokio::test]
async fn our_gateway_withstands_a_node_that_never_reads() {
    passes(5).await;
}

#[tokio::test]
async fn our_gateway_withstands_those_who_ask_for_much() {
    passes(6).await;
}

#[tokio::test]
async fn every_case_has_its_turn_in_one_of_the_parts() {
    let list = String::from_utf8(conformance(&["--list"]).await.stdout).unwrap();
    for case in list.lines().take_while(|line| !line.is_empty()) {
        let asks = case.contains("[asks-for-pairing");
        let turn = PARTS.iter().any(|(approves_local, only)| {
            *approves_local != asks && only.iter().any(|only| case.starts_with(only))
        });
        assert!(turn, "{case}");
    }
}

#[tokio::test]
async fn every_fault_of_a_gateway_fails_the_cases_that_are_about_it_and_no_other() {
    let bench = Bench::start(true).await;
    let among = [
        "errors/unknown-method",
        "errors/missing-",
        "errors/first-frame-is",
        "errors/write-implies-read",
        "handshake/hello",
        "handshake/wrong-token",
        "handshake/protocol-",
        "handshake/first-frame-is-no-json",
        "invoke/call",
        "ordering/accepted-before-all",
        "ordering/calls-crossing",
    ];
    let faults: [(Fault, &[&str]); 7] = [
        (Fault::None, &[]),
        (Fault::OtherCode, &["errors/unknown-method"]),
        (Fault::AnswersTwice, &["errors/write-implies-read"]),
        (Fault::LosesAnEvent, &["ordering/accepted-before-all"]),
        (Fault::OtherLimit, &["handshake/hello"]),
        (Fault::OtherClose, &["handshake/protocol-3", "handshake/protocol-5"]),
        (Fault::OtherResult, &["invoke/call", "invoke/call-with-payload", "ordering/calls-crossing"]),
    ];
    for (fault, expected) in faults {
        let proxy = Proxy::start(bench.gateway.url(), fault).await;
        let report = bench.run(&proxy.url(), &among).await;
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names(&report, "failed"), expected, "{fault:?}: {report:#}");
        assert!(names(&report, "passed").len() > 10, "{fault:?}");
    }
}

#[tokio::test]
async fn who_calls_it_wrong_or_reaches_nobody_is_told_so() {
    let nobody = ["--url", "ws://127.0.0.1:1", "--token", "t"];
    let cases: [(&[&str], &str); 4] = [
        (&[], "--url"),
        (&["--url", "ws://127.0.0.1:1", "--token", "t", "--provides", "luck"], "luck"),
        (&["--url", "ws://127.0.0.1:1", "--token", "t", "--only", "no-such-case"], "no-such-case"),
        (&nobody, "ws://127.0.0.1:1"),
    ];
    for (args, says) in cases {
        let output = conformance(args).await;
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(says), "{args:?}: {text}");
    }
    let list = conformance(&["--list"]).await;
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(list.status.success() && text.contains("handshake/wrong-token: "), "{text}");
}

#[tokio::test]
async fn the_page_with_the_verdicts_has_every_case_and_no_other() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut listed = vec![];
    let mut area = "";
    for line in page.lines() {
        area = line.strip_prefix("## ").unwrap_or(area);
        let row = line.strip_prefix("| `").and_then(|rest| rest.split_once("` | "));
        if let Some((name, rest)) = row {
            listed.push(format!("{area}/{name}: {}", rest.split(" | ").next().unwrap_or_default()));
        }
    }
    let list = String::from_utf8(conformance(&["--list"]).await.stdout).unwrap();
    let cases = list.lines().take_while(|line| !line.is_empty()).map(|line| {
        let (name, proves) = line.split_once(": ").unwrap();
        format!("{}: {proves}", name.split(" [").next().unwrap_or_default())
    });
    assert_eq!(listed, cases.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_known_difference_excuses_that_difference_alone() {
    let bench = Bench::start(true).await;
    let url = bench.gateway.url();
    let report = bench.run(&url, &["handshake/hello"]).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.jsonl");
    let mut lines = String::new();
    let refused = "/ok: expected true, got false";
    for (name, step, fails) in
        [("excused", 2, refused), ("another-failure", 2, "Connection refused"), ("another-step", 1, refused)]
    {
        let known = json!([{"version": report["version"], "step": step, "fails": fails, "why": "it has no such method"}]);
        let head = json!({"case": name, "proves": "p", "source": "s", "known": known});
        let call = json!({"on": "a", "call": "no.such", "ok": "$any"});
        for line in [head, json!({"use": "operator"}), call] {
            lines.push_str(&format!("{line}\n"));
        }
    }
    std::fs::write(&file, lines).unwrap();
    let args = ["--url", &url, "--token", TOKEN, "--json", "--cases", file.to_str().unwrap()];
    let output = conformance(&args).await;
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(names(&report, "known"), BTreeSet::from(["own/excused".to_owned()]));
    let others = ["own/another-failure", "own/another-step"].map(str::to_owned);
    assert_eq!(names(&report, "failed"), BTreeSet::from(others));
}

#[tokio::test]
async fn a_recording_has_every_frame_and_no_token() {
    let bench = Bench::start(true).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("frames.jsonl");
    let url = bench.gateway.url();
    let args = ["--url", &url, "--token", TOKEN, "--only", "handshake/wrong-token", "--record"];
    assert!(conformance(&[&args[..], &[file.to_str().unwrap()]].concat()).await.status.success());
    let text = std::fs::read_to_string(file).unwrap();
    assert!(!text.contains(TOKEN), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_case: Vec<&Value> = lines.iter().filter(|l| l["case"] == "handshake/wrong-token").collect();
    let directions: Vec<&Value> = of_case.iter().map(|line| &line["dir"]).collect();
    assert_eq!(directions, ["s>c", "c>s", "s>c", "s>c"], "challenge, connect, error, close");
    assert_eq!(of_case[3]["close"]["code"], 1008);
}
