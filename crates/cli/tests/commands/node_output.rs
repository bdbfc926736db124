//! A command on a real node that does not end by itself: what it had written, and that it ends with its call.

mod files;
#[path = "../../../node/tests/support/mod.rs"]
mod scripted;
mod streams;

use crate::live::{Gateway, Node, PATIENCE, Program, TOKEN};
use crate::support::Home;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

struct World {
    home: Home,
    gateway: Gateway,
    _node: Node,
    /// Reading it ends when the command and all that it started are gone.
    pipe: PathBuf,
}

fn world() -> World {
    let home =
        Home::with_config(&format!(r#"{{ gateway: {{ auth: {{ mode: "token", token: "{TOKEN}" }} }} }}"#));
    let gateway = Gateway::start(&home);
    let node = Node::start_approved(&gateway, &home, "box");
    let pipe = home.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    World { home, gateway, _node: node, pipe }
}

impl World {
    fn invoke(&self, timeout: &str) -> Vec<String> {
        self.runs("echo 'so far'; sleep 600 & wait", timeout)
    }

    /// The call that runs a script, which holds the pipe.
    fn runs(&self, script: &str, timeout: &str) -> Vec<String> {
        let script = format!("exec 3>{}; echo begun >&3; {script}", self.pipe.display());
        let params = json!({"command": ["/bin/sh", "-c", script]}).to_string();
        let flags =
            ["--node", "box", "--command", "system.run", "--params", &params, "--invoke-timeout", timeout];
        let line = [&["nodes", "invoke", "--json", "--port", &self.gateway.port], &flags[..]].concat();
        line.into_iter().map(str::to_owned).collect()
    }

    fn program(&self, line: &[String]) -> Command {
        self.home.command(&line.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The lines of the pipe. They end when nobody holds its other end any more; a test waits for that as long as for all
    /// else, and not for ever.
    fn lines(&self) -> Receiver<String> {
        let (sender, lines) = channel();
        let pipe = self.pipe.clone();
        std::thread::spawn(move || {
            let pipe = BufReader::new(std::fs::File::open(pipe).unwrap());
            pipe.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        lines
    }
}

/// The end of the pipe: the command and all that it started are gone.
const GONE: Result<String, RecvTimeoutError> = Err(RecvTimeoutError::Disconnected);

#[test]
fn a_command_that_takes_too_long_is_ended_and_its_output_until_then_is_not_lost() {
    let world = world();
    let lines = world.lines();
    // Long enough for a busy machine to begin it and to hear what it writes.
    let output = world.program(&world.invoke("8000")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let failure: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    assert!(said.contains("TIMEOUT") && output.status.code() == Some(5), "{:?} {said}", output.status);
    assert_eq!(failure.pointer("/error/details/partialOutput"), Some(&json!("so far\n")), "{failure}");
    assert_eq!(lines.recv_timeout(PATIENCE), Ok("begun".to_owned()));
    assert_eq!(lines.recv_timeout(PATIENCE), GONE, "its whole group is gone");
}

#[test]
fn a_command_that_ignores_the_polite_signal_is_killed_with_all_that_it_started() {
    let world = world();
    let lines = world.lines();
    let stubborn = world.runs("trap '' TERM; sleep 600 & sleep 600; wait", "8000");
    let output = world.program(&stubborn).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(lines.recv_timeout(PATIENCE), Ok("begun".to_owned()));
    assert_eq!(lines.recv_timeout(PATIENCE), GONE, "its whole group is gone");
}

#[test]
fn what_a_command_floods_is_bounded_on_its_way_through_node_and_gateway() {
    let world = world();
    let lines = world.lines();
    let flood = world.runs("yes flood | head -c 50000000; echo the end", "120000");
    let output = world.program(&flood).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.len() < 2 * 1024 * 1024, "{} bytes", said.len());
    let told: Value = serde_json::from_str(&said).unwrap();
    let stdout = told.pointer("/payload/stdout").and_then(Value::as_str).unwrap();
    assert!(stdout.starts_with("flood\n") && stdout.ends_with("the end\n"), "both ends are kept");
    assert_eq!(lines.recv_timeout(PATIENCE), Ok("begun".to_owned()));
    assert_eq!(lines.recv_timeout(PATIENCE), GONE);
}

#[test]
fn a_caller_that_goes_away_ends_the_command() {
    let world = world();
    let lines = world.lines();
    let caller = Program::start("the caller", world.program(&world.invoke("600000")));
    assert_eq!(lines.recv_timeout(PATIENCE), Ok("begun".to_owned()));
    caller.kill();
    assert_eq!(lines.recv_timeout(PATIENCE), GONE, "its whole group is gone");
}
