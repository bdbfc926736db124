//! The tools together: what models are told, what has effects, commands on nodes, cancellation.

use crate::fakes::{Bench, node, text};
use crate::{HostError, NodeInfo};
use serde_json::{Value, json};

#[test]
fn the_twelve_tools_are_told_in_few_words() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _guard = runtime.enter();
    let bench = Bench::new();
    // Those for files of nodes are offered where an operator lets some be touched, the browser's while a node has one.
    let specs = bench.tools.iter().map(|t| t.spec()).filter(|s| s.name != crate::BROWSER);
    let (of_files, always): (Vec<_>, Vec<_>) =
        specs.partition(|s| crate::FILE_TOOLS.contains(&s.name.as_str()));
    let size = |specs: &[&llm::ToolSpec]| {
        let told = |s: &&llm::ToolSpec| json!({"name": s.name, "description": s.description, "parameters": s.parameters});
        Value::from(specs.iter().map(told).collect::<Vec<_>>()).to_string().len()
    };
    let names = |specs: &[&llm::ToolSpec]| specs.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&of_files), crate::FILE_TOOLS);
    assert!(size(&of_files) < 2600, "{} bytes", size(&of_files));
    let browser = bench.tool(crate::BROWSER);
    assert!(size(&[browser.spec()]) < 3400, "{} bytes", size(&[browser.spec()]));
    assert_eq!(
        names(&always),
        [
            "read",
            "write",
            "edit",
            "ls",
            "exec",
            "process",
            "nodes",
            "message",
            "cron",
            "sessions_list",
            "sessions_history",
            "session_status",
            "web_fetch"
        ]
    );
    assert!(size(&always) < 7200, "{} bytes", size(&always));
}

#[test]
fn what_changes_nothing_is_known_by_its_arguments() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _guard = runtime.enter();
    let bench = Bench::new();
    for (tool, arguments, effects) in [
        ("read", json!({}), false),
        ("ls", json!({}), false),
        ("sessions_list", json!({}), false),
        ("sessions_history", json!({}), false),
        ("session_status", json!({}), false),
        ("web_fetch", json!({}), false),
        ("browser", json!({"action": "snapshot"}), false),
        ("browser", json!({"action": "act"}), true),
        ("cron", json!({"action": "list"}), false),
        ("cron", json!({"action": "run"}), true),
        ("nodes", json!({"action": "status"}), false),
        ("nodes", json!({"action": "describe"}), false),
        ("nodes", json!({"action": "invoke"}), true),
        ("nodes", json!("garbage"), true),
        ("process", json!({"action": "list"}), false),
        ("process", json!({"action": "poll"}), false),
        ("process", json!({"action": "log"}), false),
        ("process", json!({"action": "kill"}), true),
        ("process", json!({}), true),
        ("write", json!({}), true),
        ("edit", json!({}), true),
        ("exec", json!({}), true),
        ("message", json!({}), true),
    ] {
        assert_eq!(bench.tool(tool).has_effects(&arguments), effects, "{tool} {arguments}");
    }
}

const ID: &str = "413d238400aed70f7587d8ae16d01dab7011ac275448e57f9d952e86f2e2d3b8";

/// The plan that a real node made for `uname -a`.
fn plan() -> Value {
    json!({"argv": ["/bin/sh", "-lc", "uname -a"], "cwd": "/opt/peer", "commandText": "/bin/sh -lc \"uname -a\"",
        "commandPreview": "uname -a", "agentId": "main", "sessionKey": "agent:main:main",
        "policySnapshot": {"security": "full", "ask": "off", "askFallback": "deny", "autoAllowSkills": false, "allowlistRules": []}})
}

fn ran(stdout: &str, code: i32) -> Value {
    json!({"exitCode": code, "timedOut": false, "success": code == 0, "stdout": stdout, "stderr": "", "error": null})
}

#[tokio::test]
async fn a_command_on_a_node_is_planned_and_then_run_as_planned() {
    let bench = Bench::with_nodes(vec![node(ID, Some("capnode"))]);
    bench.host.answer(Ok(json!({"plan": plan(), "execPolicy": {"security": "full", "ask": "off"}})));
    bench.host.answer(Ok(ran("Linux vm\n", 0)));
    let out = bench.call("exec", json!({"command": "uname -a", "host": "node", "node": "capnode"})).await;
    assert_eq!((text(&out).as_str(), out.is_error), ("Node: capnode\n\nLinux vm", false));
    let command = out.command.unwrap();
    assert_eq!((command.output.as_str(), command.exit_code), ("Linux vm\n", Some(0)));

    let calls = bench.host.calls();
    assert_eq!(
        (calls[0].command.as_str(), calls[0].params.to_string().as_str()),
        (
            "system.run.prepare",
            r#"{"command":["/bin/sh","-lc","uname -a"],"security":"full","ask":"off","rawCommand":"uname -a","agentId":"main","sessionKey":"agent:main:main"}"#
        )
    );
    assert_eq!(calls[0].timeout.as_millis(), 30_000);
    let run = calls[1].params.as_object().unwrap();
    assert_eq!(
        run.keys().collect::<Vec<_>>(),
        ["command", "rawCommand", "systemRunPlan", "cwd", "timeoutMs", "agentId", "sessionKey", "runId"]
    );
    assert_eq!((&run["rawCommand"], &run["systemRunPlan"]), (&json!("/bin/sh -lc \"uname -a\""), &plan()));
    assert_eq!((&run["cwd"], &run["timeoutMs"]), (&json!("/opt/peer"), &json!(1_800_000)));
    assert_eq!((calls[1].command.as_str(), calls[1].timeout.as_millis()), ("system.run", 1_805_000));
    assert_ne!(calls[0].idempotency_key, calls[1].idempotency_key);
}

#[tokio::test]
async fn a_node_that_does_not_plan_is_asked_directly() {
    let bare = NodeInfo { commands: vec!["system.run".into()], ..node(ID, None) };
    let bench = Bench::with_nodes(vec![bare]);
    bench.host.answer(Ok(ran("", 2)));
    let call = json!({"command": "ls", "host": "node", "cwd": "/srv", "env": {"A": "b"}, "timeout": 9});
    let out = bench.call("exec", call).await;
    assert_eq!(text(&out), format!("Node: {ID}\n[exit code 2]"));
    let calls = bench.host.calls();
    let run = &calls[0].params;
    assert_eq!(calls.len(), 1);
    assert_eq!((&run["rawCommand"], &run["cwd"]), (&json!("ls"), &json!("/srv")));
    assert_eq!((&run["env"], &run["timeoutMs"]), (&json!({"A": "b"}), &json!(9000)));
}

#[tokio::test]
async fn what_goes_wrong_on_a_node_is_told_with_its_name() {
    let run = json!({"command": "ls", "host": "node"});
    let off = NodeInfo { connected: false, ..node("aa", Some("Desk")) };
    let bare = NodeInfo { commands: vec!["system.which".into()], ..node("aa", Some("Desk")) };
    for (nodes, says) in [(vec![], "No nodes"), (vec![off], "not connected"), (vec![bare], "not approved")] {
        let out = Bench::with_nodes(nodes).call("exec", run.clone()).await;
        assert!(out.is_error && text(&out).contains(says), "{out:?}");
    }
    let failed = HostError { code: "UNAVAILABLE".into(), message: "node not connected".into() };
    let timed_out = json!({"exitCode": null, "timedOut": true, "success": false, "stdout": "x", "stderr": "", "error": null});
    for (answers, says) in [
        (vec![Err(failed)], "Desk, system.run.prepare: UNAVAILABLE: node not connected"),
        (vec![Ok(json!({"plan": 1}))], "plan that cannot be read"),
        (vec![Ok(json!({"plan": plan()})), Ok(json!("what"))], "answer that cannot be read"),
        (
            vec![Ok(json!({"plan": plan()})), Ok(timed_out)],
            "Node: Desk\n\nx\n[stopped: not done within 1800 s]",
        ),
    ] {
        let bench = Bench::with_nodes(vec![node("aa", Some("Desk"))]);
        answers.into_iter().for_each(|a| bench.host.answer(a));
        let out = bench.call("exec", run.clone()).await;
        assert!(out.is_error && text(&out).contains(says), "{out:?}");
    }
}

#[tokio::test]
async fn cancelling_a_run_ends_its_calls() {
    let bench = Bench::with_nodes(vec![node("aa", Some("Desk"))]);
    let cancel = bench.cancel.clone();
    cancel.cancel();
    let here = bench.call("exec", json!({"command": "sleep 300"})).await;
    assert!(here.is_error && text(&here).contains("cancelled"), "{here:?}");
    let there = bench.call("exec", json!({"command": "sleep 300", "host": "node"})).await;
    assert!(there.is_error && text(&there).contains("told the node"), "{there:?}");
    let invoked = bench.call("nodes", json!({"action": "invoke", "command": "system.which"})).await;
    assert!(invoked.is_error && text(&invoked).contains("told the node"), "{invoked:?}");
}

#[tokio::test]
async fn a_node_that_wants_people_asked_gets_their_decision_with_the_plan() {
    let denied = |why: &str| HostError {
        code: "SYSTEM_RUN_DENIED".into(),
        message: format!("SYSTEM_RUN_DENIED: {why}"),
    };
    let bench = Bench::with_nodes(vec![node(ID, None)]);
    let covered = json!({"complete": true, "patterns": ["/usr/bin/uname"]});
    bench.host.answer(Ok(json!({"plan": plan(), "allowAlwaysCoverage": covered})));
    bench.host.answer(Err(denied("approval required")));
    bench.host.answer(Ok(ran("Linux\n", 0)));
    let out = bench.call("exec", json!({"command": "uname -a", "host": "node"})).await;
    assert!(text(&out).ends_with("Linux"), "{out:?}");
    assert_eq!(bench.host.asked(), [json!({"plan": plan(), "env": [], "canLast": true})]);
    let run = &bench.host.calls()[2].params;
    assert_eq!(
        (&run["approved"], &run["approvalDecision"], &run["runId"], &run["systemRunPlan"]),
        (&json!(true), &json!("allow-once"), &json!("approval-1"), &plan())
    );

    for (coverage, env) in [(json!({"complete": true}), json!({"A": "b"})), (json!({}), json!({}))] {
        let bench = Bench::with_nodes(vec![node(ID, None)]);
        bench.host.answer(Ok(json!({"plan": plan(), "allowAlwaysCoverage": coverage})));
        bench.host.answer(Err(denied("approval required")));
        bench.host.answer(Ok(ran("Linux\n", 0)));
        bench.call("exec", json!({"command": "uname -a", "host": "node", "env": env})).await;
        let asked = &bench.host.asked()[0];
        assert_eq!(asked["canLast"], false, "the node would keep nothing of it: {coverage} {env}");
        assert_eq!(asked["env"].as_array().unwrap().len(), env.as_object().unwrap().len());
    }

    let bench = Bench::with_nodes(vec![node(ID, None)]);
    bench.host.answer(Ok(json!({"plan": plan()})));
    bench.host.answer(Err(denied("allowlist miss")));
    let out = bench.call("exec", json!({"command": "uname -a", "host": "node"})).await;
    assert!(out.is_error && text(&out).contains("allowlist miss"), "{out:?}");
    assert!(bench.host.asked().is_empty(), "what the node refuses is not for people to decide");
}

#[tokio::test]
async fn the_agent_does_not_write_what_binds_it() {
    let bench = Bench::new();
    std::os::unix::fs::symlink(bench.workspace().join("exec-approvals.json"), bench.workspace().join("link"))
        .unwrap();
    std::fs::write(bench.workspace().join("exec-approvals.json"), "mine").unwrap();
    for (tool, arguments) in [
        ("write", json!({"path": "exec-approvals.json", "content": "{}"})),
        ("write", json!({"path": "link", "content": "{}"})),
        ("edit", json!({"path": "exec-approvals.json", "edits": [{"oldText": "mine", "newText": "{}"}]})),
        ("edit", json!({"path": "link", "edits": [{"oldText": "mine", "newText": "{}"}]})),
    ] {
        let out = bench.call(tool, arguments.clone()).await;
        assert!(out.is_error, "{arguments}: {out:?}");
    }
    assert_eq!(std::fs::read_to_string(bench.workspace().join("exec-approvals.json")).unwrap(), "mine");
}

#[tokio::test]
async fn what_the_gateway_does_not_admit_is_not_run() {
    let bench = Bench::new();
    for background in [false, true] {
        let out = bench.call("exec", json!({"command": "touch forbidden", "background": background})).await;
        assert!(out.is_error && text(&out).contains("Not run: the policy says no"), "{out:?}");
    }
    assert!(!bench.workspace().join("forbidden").exists());
}
