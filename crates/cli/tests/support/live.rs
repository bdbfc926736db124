//! Programs of this build that stay up. What they say is kept and shown where the test fails; they end with the test.

#![allow(clippy::unwrap_used, clippy::panic, dead_code, unused_imports)] // Each test file uses its share of these.

use crate::support::{Home, Ran};
use rustix::process::Signal;
use serde_json::Value;
use std::process::Command;
pub(crate) use testkit::process::PATIENCE;
use testkit::process::Process;

/// The shared token of gateways that are started here.
pub(crate) const TOKEN: &str = "long-random-token-of-a-test";
/// Where programs are looked for: what a service manager would give them.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A running program.
pub(crate) struct Program(Process);

impl Program {
    /// Starts it.
    pub(crate) fn start(name: &str, command: Command) -> Self {
        Self(Process::start(name, command))
    }

    /// Waits for a line in which `pick` finds something.
    pub(crate) fn wait_for<T>(&self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        self.0.wait_for(what, 0, pick)
    }

    /// Waits for a line that is a JSON object in which `pick` finds something.
    pub(crate) fn wait_for_json<T>(&self, what: &str, pick: impl Fn(&Value) -> Option<T>) -> T {
        self.wait_for(what, |line| serde_json::from_str(line).ok().and_then(|value| pick(&value)))
    }

    /// How many lines it has said.
    pub(crate) fn mark(&self) -> usize {
        self.0.mark()
    }

    /// Waits for a line with `text` in it after the first `since`.
    pub(crate) fn wait_for_text(&self, text: &str, since: usize) {
        self.0.wait_for_text(text, since);
    }

    /// Everything that it has said so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lines()
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends it alone, as `kill -9` does, waits until it is gone, and gives all that it said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.0.signal(Signal::KILL);
        self.0.said_all();
        self.0.lines()
    }

    /// Sends a signal such as `-TERM` and gives the exit code.
    pub(crate) fn stop(self, signal: &str) -> Option<i32> {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        self.ended()
    }

    /// Waits until it has ended by itself, and gives the exit code.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.0.ended().code()
    }
}

/// A gateway of this build.
pub(crate) struct Gateway {
    /// The process.
    pub(crate) program: Program,
    /// Its port, for `--port`.
    pub(crate) port: String,
    /// What it said of itself at its start.
    pub(crate) said: Value,
}

impl Gateway {
    /// Starts one on a free port.
    pub(crate) fn start(home: &Home) -> Self {
        Self::start_with(home, &["--port", "0"])
    }

    /// Starts one with these flags and waits until it answers.
    pub(crate) fn start_with(home: &Home, flags: &[&str]) -> Self {
        Self::answering(Self::spawn(home, flags))
    }

    /// Starts one with these flags and waits for nothing.
    pub(crate) fn spawn(home: &Home, flags: &[&str]) -> Program {
        let mut command = home.command(&[&["gateway", "run", "--json"], flags].concat());
        command.env("PATH", PATH);
        Program::start("gateway", command)
    }

    /// Waits until a program says where it answers.
    pub(crate) fn answering(program: Program) -> Self {
        let said = program.wait_for_json("its address", |v| v.get("url").map(|_| v.clone()));
        let port = said["url"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        Self { program, port, said }
    }

    /// Runs a command against it on the same host, and gives whatever becomes of it.
    pub(crate) fn run(&self, home: &Home, args: &[&str]) -> Ran {
        home.run(&[args, &["--port", &self.port]].concat())
    }

    /// As [`Gateway::run`], with `--json`; it must succeed.
    pub(crate) fn json(&self, home: &Home, args: &[&str]) -> Value {
        let ran = self.run(home, &[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.json()
    }
}

/// A node of this build, with a home of its own.
pub(crate) struct Node {
    /// The process.
    pub(crate) program: Program,
    /// Its home.
    pub(crate) home: Home,
}

impl Node {
    /// Starts one that knows the gateway's token, and waits until it is connected.
    pub(crate) fn start(gateway: &Gateway, name: &str) -> Self {
        let home = Home::new();
        let host = ["--host", "127.0.0.1", "--port", &gateway.port, "--display-name", name];
        let mut command = home.command(&[&["node", "run", "--json"], &host[..]].concat());
        command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("PATH", PATH);
        let program = Program::start("node", command);
        program.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
        Self { program, home }
    }

    /// Starts one whose commands an operator has approved.
    pub(crate) fn start_approved(gateway: &Gateway, operator: &Home, name: &str) -> Self {
        let node = Self::start(gateway, name);
        let pending = gateway.json(operator, &["nodes", "pending"]);
        let request = pending[0]["requestId"].as_str().unwrap_or_else(|| panic!("{pending}")).to_owned();
        gateway.json(operator, &["nodes", "approve", &request]);
        node
    }
}

/// Where a gateway of a test finds its model and its platform.
pub(crate) struct Places<'a> {
    /// The model's base URL.
    pub(crate) model: &'a str,
    /// `openai-completions` or `anthropic-messages`.
    pub(crate) api: &'a str,
    /// The Bot API's root.
    pub(crate) telegram: &'a str,
    /// `dmPolicy` and `allowFrom`.
    pub(crate) dm: &'a str,
    /// More properties, with a comma at the end.
    pub(crate) more: &'a str,
}

/// A configuration with a model and Telegram, shaped as people have it.
pub(crate) fn config(places: &Places<'_>) -> String {
    let Places { model, api, telegram, dm, more } = places;
    testkit::gateway::unbatched(&format!(
        r#"{{ gateway: {{ mode: "local", port: 18789, bind: "loopback", auth: {{ mode: "token", token: "{TOKEN}" }} }},
  models: {{ providers: {{ local: {{ baseUrl: "{model}", apiKey: "none", api: "{api}",
    models: [ {{ id: "some-model", name: "Some", contextWindow: 128000, maxTokens: 8192 }} ] }} }} }},
  agents: {{ defaults: {{ model: {{ primary: "local/some-model" }} }} }}, {more}
  channels: {{ telegram: {{ enabled: true, botToken: "123:abc", apiRoot: "{telegram}", streaming: {{ mode: "off" }}, {dm} }} }} }}"#
    ))
}
