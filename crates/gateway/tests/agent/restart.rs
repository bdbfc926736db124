//! A gateway that stops in the middle of something, and another that goes on where it was.

use super::world::{FRIEND, World};
use crate::flow::{MAIN, Operator, PATIENCE, reply, text_of};
use serde_json::{Value, json};
use std::path::Path;
use testkit::fake_model::Step;

fn notes(history: &[Value]) -> Vec<&Value> {
    history.iter().filter(|m| m["role"] == "note" && m["kind"] == "restart").collect()
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn a_turn_that_was_cut_goes_on_and_is_answered_once() {
    let world = World::new().await;
    let first = world.start().await;
    world.model.script(vec![Step::Hang, Step::Text("I am.".into())]);
    world.fake.push_text(FRIEND, FRIEND, "are you there?");
    world.model.wait_for_requests(1).await;
    first.stop().await;
    world.model.wait_for_hang_ups(1).await;

    let second = world.start().await;
    assert_eq!(world.sent(1).await, ["I am."]);
    let operator = Operator::connect(&second).await;
    let history = operator.history().await;
    assert_eq!(notes(&history).len(), 1, "{history:#?}");
    let users: Vec<String> = history.iter().filter(|m| m["role"] == "user").map(text_of).collect();
    assert_eq!(users, ["are you there?"]);
    let request = world.model.requests().pop().expect("a request").to_string();
    assert!(request.contains("restarted"), "the model is told: {request}");
    second.stop().await;

    let third = world.start().await;
    world.fake.push_text(FRIEND, FRIEND, "and now?");
    assert_eq!(world.sent(2).await[1..], ["echo: and now?"], "nothing is answered twice");
    third.stop().await;
}

#[tokio::test]
async fn a_run_of_an_rpc_can_be_asked_for_after_the_restart() {
    let world = World::new().await;
    let first = world.start().await;
    world.model.script(vec![Step::Hang, Step::Text("hello".into())]);
    let operator = Operator::connect(&first).await;
    operator.send("run", "hi").await;
    operator.send("queued", "me too").await;
    world.model.wait_for_requests(1).await;
    first.stop().await;

    let second = world.start().await;
    let operator = Operator::connect(&second).await;
    for (run, message, says) in [("run", "hi", "hello"), ("queued", "me too", "echo: me too")] {
        assert_eq!(operator.wait_for(run).await["status"], "ok", "{run}");
        let answer = operator.agent(run, message).await.expect("the same key gives the same run");
        assert_eq!(reply(&answer), says);
    }
    assert_eq!(world.model.request_count(), 3, "cut, gone on, and the one that waited");
    second.stop().await;
}

#[tokio::test]
async fn a_tool_call_with_effects_is_not_repeated() {
    let world = World::new().await;
    let log = world.dir.path().join("effects");
    let first = world.start().await;
    let mut operator = Operator::connect(&first).await;
    // The line is there before the call ends, and the call does not end.
    let ready = world.dir.path().join("ready");
    let command = format!("echo once >> {}; mkfifo {1}; cat {1}", log.display(), ready.display());
    let message = format!("TOOL:exec {}", json!({"command": command}));
    operator.send("run", &message).await;
    operator.events.next("a tool", |e| e.payload["stream"] == "item").await;
    // Opening the pipe waits for the command to have come this far.
    let pipe = open_when_there(&ready).await;
    first.stop().await;
    drop(pipe);
    assert_eq!(lines(&log), 1);

    let second = world.start().await;
    let operator = Operator::connect(&second).await;
    assert_eq!(operator.wait_for("run").await["status"], "ok");
    assert_eq!(lines(&log), 1, "the command did not run again");
    let history = operator.history().await;
    let results: Vec<&Value> = history.iter().filter(|m| m["role"] == "toolResult").collect();
    assert_eq!((results.len(), &results[0]["isError"]), (1, &json!(true)));
    assert!(text_of(results[0]).contains("not repeated"), "{}", results[0]);
    assert_eq!(notes(&history).len(), 1);
    second.stop().await;
}

/// Opens a named pipe for writing as soon as somebody has made it and reads from it.
async fn open_when_there(path: &Path) -> std::fs::File {
    let path = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        loop {
            // Opening it without waiting fails for as long as nobody reads.
            use std::os::unix::fs::OpenOptionsExt;
            let open = std::fs::OpenOptions::new().write(true).custom_flags(libc_o_nonblock()).open(&path);
            match open {
                Ok(file) => return file,
                Err(_) => std::thread::yield_now(),
            }
        }
    });
    tokio::time::timeout(PATIENCE, opened).await.expect("the command reads").expect("no panic")
}

/// `O_NONBLOCK` on Linux.
const fn libc_o_nonblock() -> i32 {
    0o4000
}

#[tokio::test]
async fn messages_that_waited_are_answered_in_their_order() {
    let world = World::new().await;
    let first = world.start_with(r#"messages: { queue: { mode: "followup" } },"#).await;
    world.model.script(vec![Step::Hang, Step::Text("the first".into())]);
    world.fake.push_text(FRIEND, FRIEND, "one");
    world.model.wait_for_requests(1).await;
    let mut last = 0;
    for i in 2..6 {
        last = world.fake.push_text(FRIEND, FRIEND, &format!("m{i}"));
    }
    // Confirmed to the platform: from now on only the gateway has them.
    world.fake.wait_for_offset(last + 1, PATIENCE).await.expect("they were taken");
    first.stop().await;

    let second = world.start_with(r#"messages: { queue: { mode: "followup" } },"#).await;
    assert_eq!(world.sent(5).await, ["the first", "echo: m2", "echo: m3", "echo: m4", "echo: m5"]);
    second.stop().await;
}

#[tokio::test]
async fn an_answer_that_the_platform_did_not_take_is_sent_by_the_next_gateway() {
    let world = World::new().await;
    let first = world.start().await;
    let mut operator = Operator::connect(&first).await;
    let down = json!({"ok": false, "error_code": 502, "description": "Bad Gateway"});
    world.fake.fail_next("sendMessage", 502, down);
    world.fake.push_text(FRIEND, FRIEND, "hi");
    operator.events.next("the end", |e| e.event == "chat" && e.payload["state"] == "final").await;
    world.fake.wait_for_calls("sendMessage", 1, PATIENCE).await.expect("a try");
    first.stop().await;

    let second = world.start().await;
    assert_eq!(world.sent(1).await, ["echo: hi"]);
    second.stop().await;
    assert_eq!(world.model.request_count(), 1, "the model was not asked again");
}

#[tokio::test]
async fn a_run_that_is_cut_every_time_is_given_up_and_says_so() {
    let world = World::new().await;
    world.model.script(vec![Step::Hang; 11]);
    world.fake.push_text(FRIEND, FRIEND, "this one is bad");
    for tries in 1..=11 {
        let gateway = world.start().await;
        world.model.wait_for_requests(tries).await;
        gateway.stop().await;
    }
    let gateway = world.start().await;
    let said = world.sent(1).await.remove(0);
    assert!(said.contains("interrupted too often"), "{said}");
    assert_eq!(world.model.request_count(), 11, "it was not asked a twelfth time");
    let operator = Operator::connect(&gateway).await;
    assert_eq!(operator.session().await["status"], "failed");
    gateway.stop().await;
}

#[tokio::test]
async fn a_session_and_its_counters_are_as_they_were() {
    let world = World::new().await;
    let first = world.start().await;
    let operator = Operator::connect(&first).await;
    operator.agent("a", "hi").await.expect("an answer");
    let (mut before, history) = (operator.session().await, operator.history().await);
    first.stop().await;
    let second = world.start().await;
    let operator = Operator::connect(&second).await;
    let mut after = operator.session().await;
    for session in [&mut before, &mut after] {
        session["snapshotAt"] = Value::Null;
    }
    assert_eq!(after, before);
    assert_eq!(operator.history().await, history);
    assert_eq!(after["key"], MAIN);
    second.stop().await;
}
