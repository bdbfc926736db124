//! The message's way: an operator connects, approves the node's commands, sends a chat message, and watches.

use super::Steps;
use super::home::Home;
use crate::failure::{Exit, Failure};
use client::{ClientDescription, ConnectOptions, Connection};
use gateway::Gateway;
use protocol::EventFrame;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// The name of the demo's node.
pub(super) const NODE_NAME: &str = "demo-node";
/// A call that takes longer has failed.
const CALL: Duration = Duration::from_secs(10);
/// The node must have connected within this time.
const NODE_WAIT: Duration = Duration::from_secs(15);
/// A real model may think for a while; the demo's own does not.
const ANSWER_WAIT: Duration = Duration::from_secs(180);

fn failed(hop: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, "DEMO_FAILED", format!("the demo failed at hop {hop:?}: {why}"))
}

/// Goes the whole way once.
pub(super) async fn run(gateway: &Gateway, home: &Home, steps: &Steps<'_>) -> Result<(), Failure> {
    let mut operator = connect(gateway).await?;
    steps.took("operator", "connected and proved the shared token")?;
    let mut events = operator.take_events();
    let request = pending_request(&operator, &mut events).await?;
    steps.took(
        "node",
        &format!("{NODE_NAME} connected with its own key and was paired (local, shared token proven)"),
    )?;
    operator
        .call("node.pair.approve", json!({"requestId": request}), CALL)
        .await
        .map_err(|e| failed("approval", e))?;
    steps.took("approval", "the operator approved the node's commands")?;
    let message = message(home);
    let run_id = model::new_id();
    let params = json!({"sessionKey": "agent:main:main", "message": message, "idempotencyKey": run_id});
    operator.call("chat.send", params, CALL).await.map_err(|e| failed("chat", e))?;
    steps.took("chat", &format!("{message:?} is stored and accepted"))?;
    let reply = watch(&mut events, &run_id, steps).await?;
    steps.took("reply", &format!("{:?}", shorten(&reply)))?;
    operator.close().await;
    Ok(())
}

/// A message that makes the agent use `exec` on the node.
fn message(home: &Home) -> String {
    if home.is_rule_based() {
        format!(r#"TOOL:exec {{"command":"uname -sr","host":"node","node":"{NODE_NAME}"}}"#)
    } else {
        format!(
            "Use the exec tool with host \"node\" and node \"{NODE_NAME}\" to run `uname -sr` there, then tell me in one \
             sentence what it printed."
        )
    }
}

async fn connect(gateway: &Gateway) -> Result<Connection, Failure> {
    let mut options =
        ConnectOptions::new(gateway.url(), ClientDescription::new("cli", "cli", env!("CARGO_PKG_VERSION")));
    options.token = gateway.token();
    options.role = "operator".into();
    options.scopes =
        ["operator.admin", "operator.read", "operator.write", "operator.pairing"].map(str::to_owned).to_vec();
    Connection::open(&options).await.map_err(|e| failed("operator", e))
}

/// The node's wish to have its commands approved; it comes as an event, unless it was there before.
async fn pending_request(
    operator: &Connection,
    events: &mut tokio::sync::mpsc::Receiver<EventFrame>,
) -> Result<String, Failure> {
    let deadline = Instant::now() + NODE_WAIT;
    let listed = operator.call("node.pair.list", json!({}), CALL).await.map_err(|e| failed("node", e))?;
    if let Some(id) = listed["pending"][0]["requestId"].as_str() {
        return Ok(id.to_owned());
    }
    loop {
        match tokio::time::timeout_at(deadline, events.recv()).await {
            Ok(Some(event)) if event.event == "node.pair.requested" => {
                let id = event.payload["requestId"].as_str().unwrap_or_default();
                return Ok(id.to_owned());
            }
            Ok(Some(_)) => {}
            Ok(None) => return Err(failed("node", "the connection to the gateway ended")),
            Err(_) => return Err(failed("node", format!("no node came within {} s", NODE_WAIT.as_secs()))),
        }
    }
}

/// Follows the run to its end; the reply is good only if the node really ran a command for it.
async fn watch(
    events: &mut tokio::sync::mpsc::Receiver<EventFrame>,
    run_id: &str,
    steps: &Steps<'_>,
) -> Result<String, Failure> {
    let deadline = Instant::now() + ANSWER_WAIT;
    let mut ran_on_node = false;
    loop {
        let event = match tokio::time::timeout_at(deadline, events.recv()).await {
            Ok(Some(event)) => event,
            Ok(None) => return Err(failed("agent", "the connection to the gateway ended")),
            Err(_) => return Err(failed("agent", format!("no answer within {} s", ANSWER_WAIT.as_secs()))),
        };
        if event.payload["runId"] != run_id {
            continue;
        }
        match event.event.as_str() {
            "agent" => ran_on_node |= show_agent(&event.payload, steps)?,
            "chat" => match event.payload["state"].as_str() {
                Some("final") if ran_on_node => {
                    let text = event.payload["message"]["content"][0]["text"].as_str();
                    return Ok(text.unwrap_or_default().to_owned());
                }
                Some("final") => {
                    return Err(failed("agent", "it answered without running the command on the node"));
                }
                Some("error") => {
                    let why = event.payload["errorMessage"].as_str().unwrap_or("no reason given");
                    return Err(failed("agent", why));
                }
                Some("aborted") => return Err(failed("agent", "the run was aborted")),
                _ => {}
            },
            _ => {}
        }
    }
}

/// Shows a hop; `true` where it is the node's successful end of the command.
fn show_agent(payload: &Value, steps: &Steps<'_>) -> Result<bool, Failure> {
    let data = &payload["data"];
    match (payload["stream"].as_str(), data["phase"].as_str()) {
        (Some("lifecycle"), Some("model")) => {
            let name = format!(
                "{}/{}",
                data["provider"].as_str().unwrap_or("?"),
                data["model"].as_str().unwrap_or("?")
            );
            steps.took("model", &format!("{name} is asked"))?;
        }
        (Some("item"), Some("start")) => {
            steps.took("tool", &format!("{} → node.invoke", data["title"].as_str().unwrap_or("a tool")))?;
        }
        (Some("command_output"), Some("end")) => {
            let output = data["output"].as_str().unwrap_or_default();
            let exit = data["exitCode"].as_i64();
            let text = format!("{NODE_NAME} ran it: exit {}, {:?}", exit.unwrap_or(-1), shorten(output));
            steps.took("node", &text)?;
            return Ok(exit == Some(0));
        }
        _ => {}
    }
    Ok(false)
}

fn shorten(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
