//! `gateway run` itself: how it says where it is, who may start a second one, and how it ends.

use crate::support::{Home, Ran};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A gateway that is ended with the test.
struct Running {
    child: Child,
    /// The line that it printed at its start.
    said: Value,
}

impl Running {
    fn start(home: &Home) -> Self {
        let mut command = home.command(&["--dev", "gateway", "run", "--port", "0", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, said: serde_json::from_str(&line).unwrap() }
    }

    fn port(&self) -> String {
        self.said["url"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    }

    fn stop(mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_gateway_says_where_it_is_answers_and_ends_on_a_signal() {
    let home = Home::new();
    let gateway = Running::start(&home);
    assert_eq!(gateway.said["auth"], "token");
    let credential = gateway.said["credential"].as_str().unwrap();
    assert!(
        credential.contains("made just now, kept in") && credential.contains("gateway-token"),
        "{credential}"
    );
    let token = std::fs::read_to_string(home.path().join(".openclaw-dev/credentials/gateway-token")).unwrap();
    assert!(!gateway.said.to_string().contains(token.trim()));

    let port = gateway.port();
    let health: Ran = home.run(&["--dev", "gateway", "health", "--json", "--port", &port]);
    assert_eq!((health.code, &health.json()["ok"]), (0, &Value::Bool(true)), "{}", health.err);
    let answer = home.run(&["--dev", "agent", "-m", "hello", "--port", &port]);
    assert!(answer.code == 0 && answer.out.contains("hello"), "{}{}", answer.out, answer.err);
    let logs = home.run(&["--dev", "logs", "--port", &port]);
    assert!(logs.code == 0 && logs.out.contains("INFO"), "{}{}", logs.out, logs.err);
    assert_eq!(gateway.stop("-TERM"), Some(0));
}

#[test]
fn a_second_gateway_on_the_same_state_is_refused_with_exit_code_1() {
    let home = Home::new();
    let gateway = Running::start(&home);
    let second = home.run(&["--dev", "gateway", "run", "--port", "0"]);
    assert_eq!(second.code, 1, "{}", second.err);
    assert!(second.err.contains(".openclaw-dev is in use by process"), "{}", second.err);
    assert_eq!(gateway.stop("-INT"), Some(0));
    let again = Running::start(&home);
    assert!(again.said["credential"].as_str().unwrap().starts_with("kept in"), "{}", again.said);
}

#[test]
fn a_taken_port_is_refused_with_exit_code_1() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ran = Home::new().run(&["gateway", "run", "--port", &port]);
    assert!(ran.code == 1 && ran.err.contains(&port) && ran.err.contains("--port"), "{}", ran.err);
}

#[test]
fn a_gateway_that_asks_nothing_is_not_opened_to_others() {
    let home = Home::new();
    for flags in [["--auth", "none", "--bind", "lan"], ["--bind", "lan", "--auth", "none"]] {
        let ran = home.run(&[&["gateway", "run", "--port", "0"], &flags[..]].concat());
        assert_eq!(ran.code, 6, "{}{}", ran.out, ran.err);
        for word in ["gateway.auth.mode", "gateway.bind", "--auth", "loopback only"] {
            assert!(ran.err.contains(word), "{word}: {}", ran.err);
        }
    }
}
