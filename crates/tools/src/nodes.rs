//! `nodes`: which nodes there are, and calls to them.

use crate::node_files::kept::Kept;
use crate::text::clip;
use crate::tool::{Outcome, blocking, finish, spec};
use crate::wait::{Waited, bounded};
use crate::{ASKED_WITHIN, Host, NodeCall, NodeInfo, ToolEnv, args, captures, node_choice};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use model::Part;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What a model reads of an answer, in bytes.
const MAX_ANSWER: usize = 50_000;
/// How long a node has to answer, beside the time that it is told to take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest recording: five minutes, as OpenClaw has it.
const LONGEST_MS: u64 = 300_000;
/// How much longer than the gateway's own deadline we wait, should it ever miss it.
const LAST: Duration = Duration::from_secs(10);
/// How long people may take, who may be asked about a file and about the place that it leads to.
const ASKED: Duration = Duration::from_secs(2 * ASKED_WITHIN.as_secs());

/// The tool.
pub(crate) struct Nodes {
    spec: ToolSpec,
    host: Arc<dyn Host>,
    kept: Kept,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    action: Action,
    #[serde(default)]
    node: Option<String>,
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    params: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Status,
    Describe,
    Invoke,
}

impl Nodes {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let spec = spec(
            "nodes",
            "Paired machines: status (all), describe (what one can do), invoke (call one of its commands; photos and films are kept at localPath; to run shell commands use exec with host node).",
            json!({"action": {"enum": ["status", "describe", "invoke"]}, "node": {"type": "string", "description": "id or name"},
                "command": {"type": "string"}, "params": {"type": "object"}}),
            &["action"],
        );
        Self { spec, host: env.host.clone(), kept: Kept::new(env) }
    }

    async fn run(&self, arguments: Value, context: &ToolContext) -> Outcome {
        let args: Args = args::parse("nodes", arguments)?;
        let nodes = self.host.nodes().await;
        if let Action::Status = args.action {
            return Ok(ToolOutput::text(status(&nodes)));
        }
        let node = node_choice::choose(&nodes, args.node.as_deref())?;
        match args.action {
            Action::Invoke => {
                let command =
                    args.command.ok_or("command is missing; describe shows what the node can do.")?;
                self.invoke(node, command, args.params.unwrap_or_else(|| json!({})), context).await
            }
            Action::Status | Action::Describe => Ok(ToolOutput::text(describe(node))),
        }
    }

    async fn invoke(
        &self,
        node: &NodeInfo,
        command: String,
        params: Value,
        context: &ToolContext,
    ) -> Outcome {
        let name = node_choice::label(node);
        // One door for commands: `exec` plans them first and bounds what comes back.
        if command == "system.run" || command == "system.run.prepare" {
            return Err(format!("{command} is not called here: use exec with host node."));
        }
        // Its tools have names of their own, by which they are allowed and denied.
        if command == "mcp.tools.call.v1" {
            return Err(format!(
                "{command} is not called here: use the tool that the node lends. Nothing was done."
            ));
        }
        if command.starts_with("file.") || command.starts_with("dir.") {
            return Err(format!(
                "{command} is not called here: use file_fetch, dir_list, dir_fetch or file_write."
            ));
        }
        if command.starts_with("browser.") {
            return Err(format!("{command} is not called here: use browser. Nothing was done."));
        }
        // What a node runs without asking is decided by people.
        let is_owners = matches!(command.as_str(), "fs.listDir" | "terminal.upload");
        if is_owners || command.starts_with("system.execApprovals.") {
            return Err(format!("{command} is for the owner to call, not for an agent. Nothing was done."));
        }
        if !node.connected {
            return Err(format!("Node {name} is not connected. Nothing was done."));
        }
        if !node.commands.contains(&command) {
            return Err(format!(
                "Node {name} has no approved command {command:?}; see describe. Nothing was done."
            ));
        }
        let params = bounded_recording(params);
        let timeout = time_for(&params);
        let call = NodeCall {
            node_id: node.node_id.clone(),
            command: command.clone(),
            params,
            timeout,
            idempotency_key: format!("{}:{}", context.run_id, context.tool_call_id),
            context: context.clone(),
        };
        match bounded(self.host.invoke_node(call), timeout + ASKED + LAST, &context.cancel).await {
            Waited::Done(Ok(answer)) => self.told(&command, answer).await,
            Waited::Done(Err(e)) => Err(format!("Node {name}, {command}: {e}")),
            Waited::Late => {
                Err(format!("Node {name} did not answer {command} in time; it may have done it."))
            }
            Waited::Cancelled => {
                Err(format!("Cancelled while node {name} did {command}; it may have done it."))
            }
        }
    }

    async fn told(&self, command: &str, mut answer: Value) -> Outcome {
        let (command, kept) = (command.to_owned(), self.kept.clone());
        blocking(move || {
            let shown = captures::keep(&command, &mut answer, &kept)?;
            let mut content = vec![Part::Text { text: clip(&answer.to_string(), MAX_ANSWER) }];
            content.extend(shown);
            Ok(ToolOutput { content, is_error: false, command: None })
        })
        .await
    }
}

/// A recording takes no longer than it may.
fn bounded_recording(mut params: Value) -> Value {
    if let Some(duration) =
        params.get_mut("durationMs").filter(|ms| ms.as_u64().is_some_and(|ms| ms > LONGEST_MS))
    {
        *duration = json!(LONGEST_MS);
    }
    params
}

/// How long a node may take that is told to record, or to look where it is, for a time.
fn time_for(params: &Value) -> Duration {
    let asked = ["durationMs", "delayMs", "timeoutMs"].map(|key| params[key].as_u64().unwrap_or_default());
    TIMEOUT + Duration::from_millis(asked.into_iter().max().unwrap_or_default().min(LONGEST_MS))
}

fn status(nodes: &[NodeInfo]) -> String {
    if nodes.is_empty() {
        return "[no nodes are paired]".to_owned();
    }
    let lines = nodes.iter().map(|n| {
        let connected = if n.connected { "connected" } else { "not connected" };
        let approved = if n.approved { "" } else { ", its commands are not approved" };
        format!("{} ({}): {}, {connected}{approved}", node_choice::label(n), n.node_id, n.platform)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn describe(node: &NodeInfo) -> String {
    let described = json!({"nodeId": node.node_id, "displayName": node.display_name, "platform": node.platform,
        "connected": node.connected, "approved": node.approved, "caps": node.caps, "commands": node.commands});
    clip(&described.to_string(), MAX_ANSWER)
}

impl Tool for Nodes {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, arguments: &Value) -> bool {
        !matches!(args::action(arguments), "status" | "describe")
    }

    /// Its deadline is the call's own.
    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        Box::pin(async move { finish(self.run(arguments, &context).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{Bench, node, text};

    #[tokio::test]
    async fn nodes_are_shown_and_called() {
        let bench = Bench::with_nodes(vec![node("aa", Some("Desk"))]);
        let status = text(&bench.call("nodes", json!({"action": "status"})).await);
        assert_eq!(status, "Desk (aa): linux, connected");
        let described = text(&bench.call("nodes", json!({"action": "describe", "node": "desk"})).await);
        assert!(described.contains("\"system.which\""), "{described}");
        bench.host.answer(Ok(json!({"found": true})));
        let call = json!({"action": "invoke", "command": "system.which", "params": {"bins": ["ls"]}});
        assert_eq!(text(&bench.call("nodes", call).await), r#"{"found":true}"#);
        let calls = bench.host.calls();
        assert_eq!((calls[0].node_id.as_str(), calls[0].command.as_str()), ("aa", "system.which"));
        assert_eq!(
            (&calls[0].params, calls[0].idempotency_key.as_str()),
            (&json!({"bins": ["ls"]}), "run-1:call-1")
        );
    }

    #[tokio::test]
    async fn what_cannot_be_called_is_refused_before_the_node_hears_of_it() {
        let bench = Bench::with_nodes(vec![node("aa", Some("Desk"))]);
        for (command, says) in [
            ("system.run", "use exec"),
            ("system.execApprovals.set", "for the owner"),
            ("mcp.tools.call.v1", "use the tool that the node lends"),
            ("fs.listDir", "for the owner"),
            ("browser.proxy", "use browser"),
            ("camera.snap", "camera.snap"),
            ("", "no approved command"),
        ] {
            let out = bench.call("nodes", json!({"action": "invoke", "command": command})).await;
            assert!(out.is_error && text(&out).contains(says), "{out:?}");
        }
        assert!(bench.host.calls().is_empty());
    }
}
