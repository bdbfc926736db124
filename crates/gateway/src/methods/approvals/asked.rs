//! What a client asks people about, read and bounded: what is shown must be what is meant, and short enough to be read.

use crate::approvals::nodes::{checked_argv, variables};
use crate::approvals::question::{Body, Kind, Question, Requester, show};
use crate::approvals::{ALLOW_ALWAYS, ALLOW_ONCE, DEFAULT_TIMEOUT, DENY, shown};
use exec::policy::{Ask, Security};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Bytes of all parameters together: what is asked is kept.
const MAX_BYTES: usize = 128 * 1024;
/// Characters of each of the texts beside the command.
const MAX_TEXT: usize = 4096;
/// Characters of an id.
const MAX_ID: usize = 128;
/// Devices that may be named.
const MAX_REVIEWERS: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct Params {
    id: Option<String>,
    command: Option<String>,
    command_argv: Option<Vec<String>>,
    system_run_plan: Option<Value>,
    env: Value,
    cwd: Option<String>,
    node_id: Option<String>,
    host: Option<String>,
    security: Option<String>,
    ask: Option<String>,
    warning_text: Option<String>,
    unavailable_decisions: Vec<String>,
    agent_id: Option<String>,
    resolved_path: Option<String>,
    session_key: Option<String>,
    run_id: Option<String>,
    tool_call_id: Option<String>,
    pub(super) approval_reviewer_device_ids: Vec<String>,
    pub(super) require_delivery_route: Option<bool>,
    pub(super) suppress_delivery: bool,
    timeout_ms: Option<u64>,
    pub(super) two_phase: bool,
}

fn invalid(at: &str, problem: impl std::fmt::Display) -> ErrorShape {
    ErrorShape::invalid(format!("invalid exec.approval.request params: at {at}: {problem}"))
}

/// Whether the parameters are of a size that can be kept.
pub(super) fn check_size(params: &Value) -> Result<(), ErrorShape> {
    if serde_json::to_vec(params).is_ok_and(|bytes| bytes.len() <= MAX_BYTES) {
        return Ok(());
    }
    Err(invalid("/", format!("must not have more than {MAX_BYTES} bytes together")))
}

impl Params {
    fn check_texts(&self) -> Result<(), ErrorShape> {
        let texts = [
            ("/id", &self.id, MAX_ID),
            ("/cwd", &self.cwd, MAX_TEXT),
            ("/nodeId", &self.node_id, MAX_TEXT),
            ("/host", &self.host, MAX_TEXT),
            ("/warningText", &self.warning_text, MAX_TEXT),
            ("/agentId", &self.agent_id, MAX_TEXT),
            ("/resolvedPath", &self.resolved_path, MAX_TEXT),
            ("/sessionKey", &self.session_key, MAX_TEXT),
            ("/runId", &self.run_id, MAX_TEXT),
            ("/toolCallId", &self.tool_call_id, MAX_TEXT),
        ];
        for (at, text, most) in texts {
            if text.as_ref().is_some_and(|t| t.chars().count() > most) {
                return Err(invalid(at, format!("must not have more than {most} characters")));
            }
        }
        if self.approval_reviewer_device_ids.len() > MAX_REVIEWERS {
            return Err(invalid(
                "/approvalReviewerDeviceIds",
                format!("must not have more than {MAX_REVIEWERS} items"),
            ));
        }
        if self.id.as_deref().is_some_and(|id| id.starts_with("plugin:")) {
            return Err(ErrorShape::invalid("approval ids starting with plugin: are reserved"));
        }
        Ok(())
    }

    /// The plan of a command for a node.
    fn plan(&mut self) -> Result<Option<Value>, ErrorShape> {
        if self.host.as_deref().map(str::trim) != Some("node") {
            return Ok(None);
        }
        self.node_id = filled(self.node_id.take());
        if self.node_id.is_none() {
            return Err(ErrorShape::invalid("nodeId is required for host=node"));
        }
        let plan = self.system_run_plan.take();
        plan.map(Some).ok_or_else(|| ErrorShape::invalid("systemRunPlan is required for host=node"))
    }

    /// What would be run, as people read it. Where it is given as a text and as a list, both must say the same.
    fn command(&self, plan: Option<&Value>) -> Result<String, ErrorShape> {
        if let Some(plan) = plan {
            let argv = checked_argv(plan).map_err(|problem| invalid("/systemRunPlan", problem))?;
            return Ok(exec::display_argv(&argv));
        }
        let argv = self.command_argv.as_deref().filter(|argv| !argv.is_empty());
        let command = match (&self.command, argv) {
            (Some(text), Some(argv)) if !exec::is_text_of(text, argv) => {
                return Err(invalid("/command", "is not the text of commandArgv"));
            }
            (Some(text), _) => text.clone(),
            (None, argv) => argv.map(exec::display_argv).unwrap_or_default(),
        };
        if command.trim().is_empty() {
            return Err(ErrorShape::invalid("command is required"));
        }
        Ok(command)
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

/// The question that a client asks.
///
/// # Errors
/// What is missing, too long, or says two different things.
pub(super) fn question(mut p: Params, requester: Requester) -> Result<Question, ErrorShape> {
    p.check_texts()?;
    let plan = p.plan()?;
    let command = p.command(plan.as_ref())?;
    let env = variables(&p.env).ok_or_else(|| invalid("/env", "must have texts"))?;
    let mut request = Map::new();
    if !show(&mut request, &command, filled(p.warning_text.take()).as_deref(), &env) {
        return Err(ErrorShape::invalid("command exceeds exec approval display limit")
            .with_details(json!({"reason": "EXEC_APPROVAL_COMMAND_DISPLAY_LIMIT"})));
    }
    let ask = p.ask.as_deref().and_then(Ask::named);
    let offers_always =
        ask != Some(Ask::Always) && !p.unavailable_decisions.iter().any(|d| d == ALLOW_ALWAYS);
    let allowed: &[&str] =
        if offers_always { &[ALLOW_ONCE, ALLOW_ALWAYS, DENY] } else { &[ALLOW_ONCE, DENY] };
    let from_plan = |name: &str| plan.as_ref().and_then(|p| p[name].as_str()).map(str::to_owned);
    let argv = if plan.is_some() { None } else { p.command_argv.as_ref() };
    let node_id = if plan.is_some() { p.node_id } else { None };
    let more = json!({
        "commandArgv": argv, "systemRunPlan": plan, "cwd": from_plan("cwd").or(p.cwd), "nodeId": node_id,
        "host": p.host, "security": p.security.as_deref().and_then(Security::named), "ask": ask,
        "allowedDecisions": allowed, "agentId": from_plan("agentId").or(p.agent_id), "resolvedPath": p.resolved_path,
        "sessionKey": from_plan("sessionKey").or(p.session_key), "runId": p.run_id, "toolCallId": p.tool_call_id,
    });
    if let Value::Object(more) = more {
        request.extend(more);
    }
    let body = Body {
        kind: Kind::Exec,
        request,
        allowed: allowed.iter().map(|d| (*d).to_owned()).collect(),
        requester,
        route: None,
        approvers: None,
        plan,
        variables: shown::digest(&env),
        quiet: p.suppress_delivery,
    };
    Ok(Question {
        id: p.id.unwrap_or_else(model::new_id),
        body,
        timeout: p.timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis),
        run_id: p.run_id,
        tool_call_id: p.tool_call_id,
        grants: None,
        tell: vec![],
    })
}
