//! A command on a real node that does not end by itself: what it had written, and that it ends with its call.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/live.rs"]
mod live;
mod support;

use live::{Gateway, Node, Program, TOKEN};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use support::Home;

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
        let script =
            format!("exec 3>{}; echo begun >&3; echo 'so far'; sleep 600 & wait", self.pipe.display());
        let params = json!({"command": ["/bin/sh", "-c", script]}).to_string();
        let flags =
            ["--node", "box", "--command", "system.run", "--params", &params, "--invoke-timeout", timeout];
        let line = [&["nodes", "invoke", "--json", "--port", &self.gateway.port], &flags[..]].concat();
        line.into_iter().map(str::to_owned).collect()
    }

    fn program(&self, line: &[String]) -> Command {
        self.home.command(&line.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

#[test]
fn a_command_that_takes_too_long_is_ended_and_its_output_until_then_is_not_lost() {
    let world = world();
    let reader = std::thread::spawn({
        let pipe = world.pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    let output = world.program(&world.invoke("3000")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let failure: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    assert!(said.contains("TIMEOUT"), "{said}");
    assert_eq!(failure.pointer("/error/details/partialOutput"), Some(&json!("so far\n")), "{failure}");
    assert_eq!(reader.join().unwrap(), "begun\n", "its whole group is gone");
}

#[test]
fn a_caller_that_goes_away_ends_the_command() {
    let world = world();
    let line = world.invoke("600000");
    let caller = Program::start("the caller", world.program(&line));
    let pipe = std::fs::File::open(&world.pipe).unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(pipe));
    assert_eq!(lines.next().unwrap().unwrap(), "begun");
    caller.kill();
    assert!(lines.next().is_none(), "its whole group is gone");
}
