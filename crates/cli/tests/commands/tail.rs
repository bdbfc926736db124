//! `openclaw sessions tail`: what was said in a session, and what is said from now on.

use crate::live::{Program, TOKEN};
use crate::world::World;
use serde_json::Value;

impl World {
    fn says(&self, key: &str, text: &str) {
        let ran = self.run(&["agent", "--session-key", key, "--message", text]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }

    /// Follows a session until the end of the test.
    fn following(&self, args: &[&str]) -> Program {
        let mut command = self.home.command(&[&["sessions", "tail", "--follow", "--json"], args].concat());
        command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("OPENCLAW_GATEWAY_PORT", &self.gateway.port);
        Program::start("tail", command)
    }
}

/// Whether somebody said this.
fn said(line: &Value, text: &str) -> Option<i64> {
    line["message"]["content"]
        .to_string()
        .contains(text)
        .then(|| line["message"]["__openclaw"]["seq"].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_is_shown_and_then_what_is_said() {
    let world = World::start().await;
    let none = world.run(&["sessions", "tail"]);
    assert!(none.code == 1 && none.err.contains("no sessions yet"), "{}{}", none.code, none.err);
    world.says("work", "the first word");
    world.says("work", "the second word");
    let whole = world.run(&["sessions", "tail"]);
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert!(whole.err.contains("agent:main:work"), "{}", whole.err);
    let first = whole.out.find("user the first word").expect("it is there");
    assert!(whole.out.find("user the second word").expect("it is there") > first, "{}", whole.out);
    let end = world.run(&["sessions", "tail", "--session-key", "work", "--tail", "1", "--json"]);
    assert_eq!(end.out.lines().count(), 1, "{}", end.out);
    let unknown = world.run(&["sessions", "tail", "--session-key", "nowhere"]);
    assert!(unknown.code == 1 && unknown.err.contains("sessions list"), "{}{}", unknown.code, unknown.err);

    let tail = world.following(&["--session-key", "work"]);
    let before = tail.wait_for_json("what was said", |line| said(line, "the second word"));
    world.says("other", "a word elsewhere");
    world.says("work", "the third word");
    let after = tail.wait_for_json("what is said", |line| said(line, "the third word"));
    assert!(after > before);
    // A new conversation under the same key counts from the beginning.
    world.json(&["gateway", "call", "sessions.reset", "--params", r#"{"key":"agent:main:work"}"#]);
    world.says("work", "the word after");
    tail.wait_for_json("what is said in the new one", |line| said(line, "the word after"));
    let all = tail.kill();
    assert!(!all.iter().any(|line| line.contains("elsewhere")), "{all:?}");
    let second =
        all.iter().filter(|line| line.contains("\"user\"") && line.contains("the second word")).count();
    assert_eq!(second, 1, "{all:?}");
}
