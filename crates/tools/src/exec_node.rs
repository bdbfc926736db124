//! `exec` on a node: the node plans the command first, and then runs what it planned.

use crate::exec_tool::{Command, MAX_OUTPUT, both, report};
use crate::text::clip;
use crate::tool::Outcome;
use crate::wait::{Waited, bounded};
use crate::{Host, HostError, NodeCall, NodeInfo, NodeQuestion, node_choice};
use agent::tool::{CommandResult, ToolContext};
use exec::policy::{Request, Security};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long a node may plan.
const PREPARE: Duration = Duration::from_secs(30);
/// How much longer than the command itself its answer may take.
const SLACK: Duration = Duration::from_secs(5);
/// What a node says when it wants people to be asked first.
const WANTS_APPROVAL: &str = "SYSTEM_RUN_DENIED: approval required";
/// How much longer than the gateway's own deadline we wait, should it ever miss it.
const LAST: Duration = Duration::from_secs(10);

/// What a node says of a command that it ran.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Ran {
    exit_code: Option<i32>,
    timed_out: bool,
    success: Option<bool>,
    stdout: Option<String>,
    stderr: Option<String>,
    error: Option<Value>,
}

/// Runs a command on the node that is meant.
///
/// # Errors
/// No such node, not allowed there, or no answer: for the model.
pub(crate) async fn run(
    host: &dyn Host,
    wanted: Option<&str>,
    command: &Command,
    limit: Duration,
    context: &ToolContext,
) -> Outcome {
    let nodes = host.nodes().await;
    let node = node_choice::choose(&nodes, wanted)?;
    check(node)?;
    let begun = Instant::now();
    let caller = Caller { host, node, context };
    let policy = host.node_policy(&context.agent_id);
    if policy.security == Security::Deny {
        return Err("Not run: tools.exec allows this agent no commands (security is deny).".into());
    }
    let mut can_last = false;
    let params = if node.commands.iter().any(|c| c == "system.run.prepare") {
        let prepared = caller.invoke("system.run.prepare", prepare(command, policy, context), PREPARE).await;
        let prepared = prepared.map_err(|refused| refused.text)?;
        // A list has no variables in it: what was allowed with some is asked about again.
        can_last = command.env.is_empty() && prepared["allowAlwaysCoverage"]["complete"] == true;
        planned(&prepared, command, limit, context).ok_or_else(|| {
            format!("Node {} sent a plan that cannot be read; update the node.", node_choice::label(node))
        })?
    } else {
        direct(command, limit, context)
    };
    let ask = Ask { env: command.env.clone(), can_last };
    let answer = caller.approved_run(with_policy(params, policy), ask, limit + SLACK).await?;
    let ran = Ran::deserialize(&answer).map_err(|e| {
        let node = node_choice::label(node);
        format!(
            "Node {node} sent an answer that cannot be read ({e}); the command may have run. Update the node."
        )
    })?;
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(told(&ran, node, limit, ms))
}

fn check(node: &NodeInfo) -> Result<(), String> {
    let name = node_choice::label(node);
    if !node.connected {
        return Err(format!(
            "Node {name} is not connected; start `openclaw node run` there. Nothing was run."
        ));
    }
    if !node.approved || !node.commands.iter().any(|c| c == "system.run") {
        return Err(format!(
            "Node {name} may not run commands: system.run is not approved for it. The operator can approve it with \
             `openclaw nodes pending` and `openclaw nodes approve`. Nothing was run."
        ));
    }
    Ok(())
}

/// What people are told beside the plan, where the node wants them asked.
struct Ask {
    env: Vec<(String, String)>,
    can_last: bool,
}

struct Caller<'a> {
    host: &'a dyn Host,
    node: &'a NodeInfo,
    context: &'a ToolContext,
}

/// A call that a node did not do.
struct Refused {
    /// What the model is told.
    text: String,
    /// Whether the node wants people to be asked first.
    wants_approval: bool,
}

impl Caller<'_> {
    /// Runs the command; where the node wants people to be asked first, asks them and runs it then.
    async fn approved_run(&self, params: Value, ask: Ask, timeout: Duration) -> Result<Value, String> {
        let refused = match self.invoke("system.run", params.clone(), timeout).await {
            Ok(answer) => return Ok(answer),
            Err(refused) => refused,
        };
        let plan = params.get("systemRunPlan").filter(|_| refused.wants_approval);
        let Some(plan) = plan.cloned() else { return Err(refused.text) };
        let (node_id, context) = (self.node.node_id.clone(), self.context.clone());
        let question = NodeQuestion { node_id, plan, env: ask.env, can_last: ask.can_last, context };
        let approval = self.host.ask_about(question).await.map_err(|e| format!("Not run: {}", e.message))?;
        let mut params = params;
        params["approved"] = json!(true);
        params["approvalDecision"] = json!(approval.decision);
        params["runId"] = json!(approval.id);
        self.invoke("system.run", params, timeout).await.map_err(|refused| refused.text)
    }

    async fn invoke(&self, command: &str, params: Value, timeout: Duration) -> Result<Value, Refused> {
        let call = NodeCall {
            node_id: self.node.node_id.clone(),
            command: command.to_owned(),
            params,
            timeout,
            idempotency_key: model::new_id(),
            context: self.context.clone(),
        };
        let name = node_choice::label(self.node);
        let result = bounded(self.host.invoke_node(call), timeout + LAST, &self.context.cancel).await;
        match result {
            Waited::Done(Ok(value)) => Ok(value),
            Waited::Done(Err(HostError { code, message })) => Err(Refused {
                text: format!("Node {name}, {command}: {code}: {message}"),
                wants_approval: message.contains(WANTS_APPROVAL),
            }),
            Waited::Late => Err(Refused::because(format!(
                "Node {name} did not answer {command} within {} s.",
                timeout.as_secs()
            ))),
            Waited::Cancelled => Err(Refused::because(format!(
                "Cancelled while node {name} did {command}; it may still run there."
            ))),
        }
    }
}

impl Refused {
    fn because(text: String) -> Self {
        Self { text, wants_approval: false }
    }
}

/// The gateway's say goes with the call: a node holds to the stricter of this and its own.
fn with_policy(mut params: Value, policy: Request) -> Value {
    if policy != Request::default() {
        params["security"] = json!(policy.security);
        params["ask"] = json!(policy.ask);
    }
    params
}

fn prepare(command: &Command, policy: Request, context: &ToolContext) -> Value {
    let mut params = Map::new();
    params.insert("command".into(), json!(exec::shell_argv(&command.text)));
    if let Some(cwd) = &command.cwd {
        params.insert("cwd".into(), json!(cwd));
    }
    params.insert("security".into(), json!(policy.security));
    params.insert("ask".into(), json!(policy.ask));
    params.insert("rawCommand".into(), json!(command.text));
    params.insert("agentId".into(), json!(context.agent_id));
    params.insert("sessionKey".into(), json!(context.session_key));
    Value::Object(params)
}

/// The call that runs what the node planned; `None` where the plan is not one.
fn planned(prepared: &Value, command: &Command, limit: Duration, context: &ToolContext) -> Option<Value> {
    let plan = prepared.get("plan")?;
    let argv = plan.get("argv").filter(|a| a.is_array())?;
    let text = plan.get("commandText").filter(|t| t.is_string())?;
    let mut params = Map::new();
    params.insert("command".into(), argv.clone());
    params.insert("rawCommand".into(), text.clone());
    params.insert("systemRunPlan".into(), plan.clone());
    if let Some(cwd) = plan.get("cwd").filter(|c| c.is_string()) {
        params.insert("cwd".into(), cwd.clone());
    }
    Some(common(params, command, limit, context))
}

/// The call for a node that does not plan.
fn direct(command: &Command, limit: Duration, context: &ToolContext) -> Value {
    let mut params = Map::new();
    params.insert("command".into(), json!(exec::shell_argv(&command.text)));
    params.insert("rawCommand".into(), json!(command.text));
    if let Some(cwd) = &command.cwd {
        params.insert("cwd".into(), json!(cwd));
    }
    common(params, command, limit, context)
}

fn common(
    mut params: Map<String, Value>,
    command: &Command,
    limit: Duration,
    context: &ToolContext,
) -> Value {
    if !command.env.is_empty() {
        let env: Map<String, Value> = command.env.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        params.insert("env".into(), Value::Object(env));
    }
    let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    params.insert("timeoutMs".into(), json!(ms));
    params.insert("agentId".into(), json!(context.agent_id));
    params.insert("sessionKey".into(), json!(context.session_key));
    params.insert("runId".into(), json!(model::new_id()));
    Value::Object(params)
}

fn told(ran: &Ran, node: &NodeInfo, limit: Duration, ms: u64) -> agent::tool::ToolOutput {
    let stdout = clip(ran.stdout.as_deref().unwrap_or_default(), MAX_OUTPUT);
    let stderr = clip(ran.stderr.as_deref().unwrap_or_default(), MAX_OUTPUT);
    let output = both(&stdout, &stderr);
    let mut end = Vec::new();
    if ran.timed_out {
        end.push(format!("[stopped: not done within {} s]", limit.as_secs()));
    }
    match &ran.error {
        None | Some(Value::Null) => {}
        Some(Value::String(error)) => end.push(format!("[{}]", clip(error, MAX_OUTPUT))),
        Some(other) => end.push(format!("[{}]", clip(&other.to_string(), MAX_OUTPUT))),
    }
    match ran.exit_code {
        Some(0) => {}
        Some(code) => end.push(format!("[exit code {code}]")),
        None if ran.success == Some(false) && end.is_empty() => {
            end.push("[failed without an exit code]".to_owned())
        }
        None => {}
    }
    let text = format!("Node: {}\n\n{output}", node_choice::label(node));
    let command = CommandResult { output, exit_code: ran.exit_code, duration_ms: ms };
    report(&text, &end, ran.timed_out, command)
}
