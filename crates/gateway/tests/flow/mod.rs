//! What the tests of the agent's way through the gateway share: a gateway with a scripted model, an operator's
//! connection, and waiting for named events.

// Each test program uses a part of it.
#![allow(dead_code)]

use client::{CallError, ClientDescription, ConnectOptions, Connection, EventFrame};
use protocol::ErrorShape;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TOKEN, TestGateway, TestOptions, config_with_model};
use tokio::sync::mpsc;

/// A test that waits longer than this waits in vain.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The session that most tests speak to.
pub(crate) const MAIN: &str = "agent:main:main";

/// The token of the fake platform's bot.
pub(crate) const BOT_TOKEN: &str = "424242:fake-token";

/// A gateway and the model behind it.
pub(crate) struct Bench {
    pub(crate) model: FakeModel,
    pub(crate) gateway: TestGateway,
}

impl Bench {
    /// Starts both; `more` are further properties of the configuration, each with a comma behind it.
    pub(crate) async fn start(more: &str) -> Self {
        let model = FakeModel::start().await;
        let config = config_with_model(&model.url(), more);
        let gateway = TestGateway::with(TestOptions { config, ..TestOptions::default() }).await;
        Self { model, gateway }
    }

    /// A new connection with all that an operator may do.
    pub(crate) async fn operator(&self) -> Operator {
        Operator::connect(&self.gateway).await
    }
}

/// A gateway with a configuration and a state directory that outlives it.
pub(crate) async fn gateway_at(dir: &Path, config: String) -> TestGateway {
    TestGateway::with(TestOptions { config, state_dir: Some(dir.to_owned()), ..TestOptions::default() }).await
}

/// The `channels` property for a fake platform, with further properties of the account. Nothing is said while a turn is at work unless
/// they say so: what is sent then depends on how long it takes.
pub(crate) fn telegram(fake: &FakeTelegram, more: &str) -> String {
    let quiet = if more.contains("streaming:") { "" } else { r#"streaming: { mode: "off" },"# };
    format!(
        r#"channels: {{ telegram: {{ enabled: true, botToken: "{BOT_TOKEN}", apiRoot: "{}", {quiet} {more} }} }},"#,
        fake.url()
    )
}

/// An operator's connection and the events that it hears.
pub(crate) struct Operator {
    pub(crate) connection: Connection,
    pub(crate) events: Feed,
}

impl Operator {
    /// Connects with the shared token.
    pub(crate) async fn connect(gateway: &TestGateway) -> Self {
        let mut options = ConnectOptions::new(gateway.url(), ClientDescription::new("cli", "cli", "1.0.0"));
        options.token = Some(TOKEN.to_owned().into());
        options.scopes = vec!["operator.admin".into()];
        let mut connection = Connection::open(&options).await.expect("the gateway lets the operator in");
        let events = Feed(connection.take_events());
        Self { connection, events }
    }

    /// A call that is answered well.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        match self.connection.call(method, params, PATIENCE).await {
            Ok(answer) => answer,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// A call that is refused.
    pub(crate) async fn refused(&self, method: &str, params: Value) -> ErrorShape {
        refusal(self.connection.call(method, params, PATIENCE).await)
    }

    /// `agent`: its final answer, or its refusal.
    pub(crate) async fn agent(&self, key: &str, message: &str) -> Result<Value, CallError> {
        self.agent_with(json!({"message": message, "idempotencyKey": key})).await
    }

    /// `agent` with these parameters.
    pub(crate) async fn agent_with(&self, params: Value) -> Result<Value, CallError> {
        self.connection.call_two_phase("agent", params, PATIENCE, |_| {}).await
    }

    /// `chat.send` to the main session.
    pub(crate) async fn send(&self, key: &str, message: &str) -> Value {
        self.call("chat.send", json!({"sessionKey": MAIN, "message": message, "idempotencyKey": key})).await
    }

    /// The messages of the main session.
    pub(crate) async fn history(&self) -> Vec<Value> {
        let answer = self.call("chat.history", json!({"sessionKey": MAIN})).await;
        answer["messages"].as_array().cloned().expect("messages")
    }

    /// The main session, as `sessions.describe` shows it.
    pub(crate) async fn session(&self) -> Value {
        self.call("sessions.describe", json!({"key": MAIN})).await["session"].clone()
    }

    /// Waits for the end of a run and gives `agent.wait`'s answer.
    pub(crate) async fn wait_for(&self, run: &str) -> Value {
        self.call("agent.wait", json!({"runId": run, "timeoutMs": 20_000})).await
    }
}

/// The error that a gateway answered with.
pub(crate) fn refusal(answer: Result<Value, CallError>) -> ErrorShape {
    match answer {
        Err(CallError::Server(error)) => *error,
        other => panic!("a refusal was expected, there is {other:?}"),
    }
}

/// The reply's text in a final answer of `agent`.
pub(crate) fn reply(answer: &Value) -> &str {
    answer["result"]["payloads"][0]["text"].as_str().unwrap_or_default()
}

/// The text of a message, however it is written.
pub(crate) fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => message["text"].as_str().unwrap_or_default().to_owned(),
    }
}

/// What the last user message of a model request says.
pub(crate) fn asked(request: &Value) -> String {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    messages.iter().rev().find(|m| m["role"] == "user").map(text_of).unwrap_or_default()
}

/// Events in the order they came.
pub(crate) struct Feed(pub(crate) mpsc::Receiver<EventFrame>);

impl Feed {
    /// All events up to the first that fits, that one included.
    pub(crate) async fn until(&mut self, what: &str, fits: impl Fn(&EventFrame) -> bool) -> Vec<EventFrame> {
        let mut seen = Vec::new();
        let waited = tokio::time::timeout(PATIENCE, async {
            while let Some(event) = self.0.recv().await {
                let done = fits(&event);
                seen.push(event);
                if done {
                    return true;
                }
            }
            false
        });
        if waited.await != Ok(true) {
            let names: Vec<String> = seen.iter().map(|e| format!("{}: {}", e.event, e.payload)).collect();
            panic!("no {what} came; what came: {names:#?}");
        }
        seen
    }

    /// The payload of the first event that fits.
    pub(crate) async fn next(&mut self, what: &str, fits: impl Fn(&EventFrame) -> bool) -> Value {
        self.until(what, fits).await.pop().map(|e| e.payload).unwrap_or_default()
    }

    /// The `chat` event with which a run gets into this state.
    pub(crate) async fn chat(&mut self, run: &str, state: &str) -> Value {
        let fits =
            |e: &EventFrame| e.event == "chat" && e.payload["runId"] == run && e.payload["state"] == state;
        self.next(&format!("chat {state} of {run}"), fits).await
    }

    /// All events up to the end of a run.
    pub(crate) async fn of_run(&mut self, run: &str) -> Vec<EventFrame> {
        let ends = ["final", "aborted", "error"];
        let fits = |e: &EventFrame| {
            e.event == "chat" && e.payload["runId"] == run && ends.iter().any(|s| e.payload["state"] == *s)
        };
        self.until(&format!("end of {run}"), fits).await
    }
}

/// The rows of a recorded file.
pub(crate) fn recorded(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{path}: {e}"))).collect()
}

/// The recorded payload of a method or event of the sessions' file.
pub(crate) fn recorded_payload(name: &str) -> Value {
    let rows = recorded("rpc-sessions.jsonl");
    let row = rows.iter().find(|row| row["method"] == name || row["event"] == name);
    row.unwrap_or_else(|| panic!("no row {name}"))["payload"].clone()
}

/// Where `ours` has a field that the recorded value has not, or of another type. `null` goes with everything; of a list
/// the first item counts.
pub(crate) fn differences(ours: &Value, theirs: &Value, path: &str) -> Vec<String> {
    match (ours, theirs) {
        (Value::Null, _) | (_, Value::Null) => vec![],
        (Value::Object(ours), Value::Object(theirs)) => ours
            .iter()
            .flat_map(|(key, value)| match theirs.get(key) {
                Some(their) => differences(value, their, &format!("{path}.{key}")),
                None => vec![format!("{path}.{key} is ours alone")],
            })
            .collect(),
        (Value::Array(ours), Value::Array(theirs)) => match (ours.first(), theirs.first()) {
            (Some(ours), Some(theirs)) => differences(ours, theirs, &format!("{path}[0]")),
            _ => vec![],
        },
        (ours, theirs) if std::mem::discriminant(ours) == std::mem::discriminant(theirs) => vec![],
        (ours, theirs) => vec![format!("{path}: {ours} is not like {theirs}")],
    }
}

/// The names of an object's fields.
pub(crate) fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default()
}
