//! The contract is one that frames can break: each kind of fault has its own problem.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gateway::Tap;
use serde_json::{Value, json};
use testkit::contract::Contract;

/// What is wrong with a frame that answers a call of this method; an event answers nothing.
fn verdict(method: &str, frame: &Value) -> Option<String> {
    let contract = Contract::new();
    contract.came("one", &json!({"type": "req", "id": "1", "method": method, "params": {}}).to_string());
    contract.leaves("one", &frame.to_string());
    assert_eq!(contract.kept(), (1, 1));
    contract.verdict()
}

fn answer(payload: Value) -> Value {
    json!({"type": "res", "id": "1", "ok": true, "payload": payload})
}

fn refusal(details: Value) -> Value {
    json!({"type": "res", "id": "1", "ok": false,
        "error": {"code": "UNAVAILABLE", "message": "no", "details": details}})
}

fn event(name: &str, payload: Value) -> Value {
    json!({"type": "event", "event": name, "payload": payload})
}

#[test]
fn frames_that_keep_the_contract_are_not_reproached() {
    for (method, frame) in [
        ("set-heartbeats", answer(json!({"ok": true, "enabled": false}))),
        ("terminal.input", answer(json!({"ok": true}))),
        ("system-presence", answer(json!([]))),
        ("last-heartbeat", answer(Value::Null)),
        ("node.invoke", refusal(json!({"code": "TIMEOUT"}))),
        ("node.invoke", refusal(json!({"code": "TORN", "nodeError": {"code": "TORN", "message": "cable"}}))),
        ("nothing.known", refusal(json!({}))),
        ("", event("tick", json!({"ts": 1}))),
    ] {
        assert_eq!(verdict(method, &frame), None, "{method}");
    }
}

#[test]
fn each_fault_of_a_frame_is_a_problem_of_its_own() {
    let cases = [
        (
            "terminal.input",
            answer(json!({"ok": true, "zzz": 1})),
            vec![
                "terminal.input: answer: the property 'zzz' is not published (TerminalAckResult)",
                "the answer has 'zzz', which the method table does not promise",
            ],
        ),
        (
            "terminal.input",
            answer(json!({"ok": "yes"})),
            vec!["terminal.input: answer/ok:", "(TerminalAckResult)"],
        ),
        (
            "set-heartbeats",
            answer(json!({"ok": true, "enabled": true, "zzz": 1})),
            vec!["set-heartbeats: the answer has 'zzz', which the method table does not promise"],
        ),
        ("set-heartbeats", answer(json!({"ok": true})), vec!["set-heartbeats: the answer lacks 'enabled'"]),
        (
            "set-heartbeats",
            answer(Value::Null),
            vec!["set-heartbeats: the answer is neither an object nor a list"],
        ),
        ("set-heartbeats", answer(json!([])), vec!["set-heartbeats: the answer is a list"]),
        ("nothing.known", answer(json!({})), vec!["nothing.known: answered, and not in the method table"]),
        (
            "health",
            refusal(json!({"code": "ODD"})),
            vec!["health: details.code 'ODD' is not in the method table"],
        ),
        (
            "health",
            refusal(json!({"reason": "odd"})),
            vec!["health: details.reason 'odd' is not in the method table"],
        ),
        ("node.invoke", refusal(json!({"code": "ODD"})), vec!["node.invoke: details.code 'ODD'"]),
        (
            "node.invoke",
            refusal(json!({"code": "ODD", "nodeError": {"code": "TORN", "message": "cable"}})),
            vec!["node.invoke: details.code 'ODD'"],
        ),
        (
            "health",
            json!({"type": "res", "id": "1", "ok": false, "error": {"code": "OTHER", "message": "no"}}),
            vec!["health: OTHER is no code for the wire"],
        ),
        (
            "",
            event("odd", json!({})),
            vec!["event odd: not in protocol::events::EVENTS", "event odd: not listed"],
        ),
        ("", event("tick", json!({"ts": "now"})), vec!["event tick/ts:", "(TickEvent)"]),
        (
            "",
            event("presence", json!({"presence": [{"zzz": 1}]})),
            vec!["event presence/presence/*", "'zzz'"],
        ),
        ("", json!({"type": "odd"}), vec!["a frame is neither an answer nor an event"]),
    ];
    for (method, frame, problems) in cases {
        let said = verdict(method, &frame).unwrap_or_else(|| panic!("{frame} is found good"));
        for problem in problems {
            assert!(said.contains(problem), "{problem}: {said}");
        }
    }
}

#[test]
fn what_is_no_json_is_a_problem_and_the_same_problem_is_told_once() {
    let contract = Contract::new();
    contract.leaves("one", "{");
    assert!(contract.verdict().unwrap().contains("a frame is no JSON"));
    assert_eq!(contract.verdict(), None, "what was told is forgotten");
    for _ in 0..2 {
        contract.leaves("one", &event("odd", json!({})).to_string());
    }
    assert!(contract.verdict().unwrap().starts_with("2 kinds of frames"), "not listed, and no event");
}
