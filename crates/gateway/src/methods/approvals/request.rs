//! `exec.approval.request` and `exec.approval.waitDecision`: a client asks people about a command that it would run itself.

use super::resolve::{refusal, sees};
use crate::approvals::question::{Body, Question, Requester};
use crate::approvals::{self, ALLOW_ALWAYS, ALLOW_ONCE, DENY, NotDecided, no_route, wire};
use crate::connection::hello::to_raw;
use crate::methods::{Answer, Call, store_error};
use exec::policy::{Ask, Security};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::{Approval, ApprovalStatus};
use tokio::sync::watch;

/// Characters of a command that people can be expected to read.
const MAX_COMMAND: usize = 16_000;
/// The end of a question comes from the task that ends questions; should that ever fail, nobody waits for ever.
const SLACK: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Params {
    id: Option<String>,
    command: Option<String>,
    command_argv: Option<Vec<String>>,
    system_run_plan: Option<Value>,
    env: Map<String, Value>,
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
    approval_reviewer_device_ids: Vec<String>,
    require_delivery_route: Option<bool>,
    suppress_delivery: bool,
    timeout_ms: Option<u64>,
    two_phase: bool,
}

pub(super) async fn request(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = call.shared.clone();
    let requester =
        Requester { reviewers: p.approval_reviewer_device_ids.clone(), ..Requester::client(&call.conn) };
    // Whoever asks does not count as somebody who can be asked.
    let reachable = !p.suppress_delivery && shared.hub.can_be_asked(&requester, call.conn.id());
    let (two_phase, needs_route) = (p.two_phase, p.require_delivery_route != Some(false));
    let question = question(p, requester)?;
    let asked = approvals::ask(&shared, question).await?;
    if needs_route && !reachable {
        approvals::end(&shared, &asked.approval.id, no_route()).await.map_err(store_error)?;
    } else if two_phase {
        let route = if reachable { "approval-client" } else { "none" };
        let accepted = json!({
            "status": "accepted", "id": asked.approval.id, "deliveryRoute": route,
            "createdAtMs": asked.approval.created_at_ms, "expiresAtMs": asked.approval.expires_at_ms,
        });
        call.conn.respond(&call.request_id, Ok(&to_raw(&accepted)));
    }
    let ended = until_ended(&call, asked.approval, asked.ended).await?;
    let mut answer = wire::decision(&ended);
    if let Value::Object(answer) = &mut answer {
        // The one that asked is told the decision; why there is none is for those who wait.
        answer.remove("terminalReason");
    }
    Ok(answer.into())
}

#[derive(Deserialize)]
struct WaitParams {
    id: String,
}

pub(super) async fn wait_decision(mut call: Call) -> Answer {
    let p: WaitParams = call.params()?;
    let watch = call.shared.approvals.watch(&p.id);
    let found = call.shared.store.approval(&p.id).await.map_err(store_error)?;
    let Some(approval) = found.filter(|a| sees(&call)(&Body::of(a))) else {
        return Err(ErrorShape::invalid("approval expired or not found"));
    };
    let ended = match watch {
        Some(watch) if approval.status == ApprovalStatus::Pending => {
            until_ended(&call, approval, watch).await?
        }
        // Between the two looks it may have ended.
        _ if approval.status == ApprovalStatus::Pending => {
            let again = call.shared.store.approval(&p.id).await.map_err(store_error)?;
            let ended = again.filter(|a| a.status != ApprovalStatus::Pending);
            ended.ok_or_else(|| ErrorShape::invalid("approval expired or not found"))?
        }
        _ => approval,
    };
    Ok(wire::decision(&ended).into())
}

async fn until_ended(
    call: &Call,
    approval: Approval,
    mut ended: watch::Receiver<Option<Arc<Approval>>>,
) -> Result<Approval, ErrorShape> {
    let left = approval.expires_at_ms.saturating_sub(call.shared.clock.now_ms()).max(0);
    let most = Duration::from_millis(left.unsigned_abs()) + SLACK;
    let wait = async { ended.wait_for(Option::is_some).await.ok().and_then(|e| e.clone()) };
    match tokio::time::timeout(most, wait).await {
        Ok(Some(ended)) => Ok((*ended).clone()),
        Ok(None) | Err(_) => Err(refusal(NotDecided::Unknown)),
    }
}

fn question(p: Params, requester: Requester) -> Result<Question, ErrorShape> {
    let filled = |text: Option<String>| text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    let on_node = p.host.as_deref().map(str::trim) == Some("node");
    let node_id = filled(p.node_id);
    let plan = p.system_run_plan.filter(|_| on_node);
    check_node(on_node, node_id.as_deref(), plan.as_ref())?;
    let command = match &plan {
        Some(plan) => plan["commandText"].as_str().unwrap_or_default().to_owned(),
        None => p.command.or_else(|| p.command_argv.as_deref().map(exec::display_argv)).unwrap_or_default(),
    };
    if command.trim().is_empty() {
        return Err(ErrorShape::invalid("command is required"));
    }
    if command.chars().count() > MAX_COMMAND {
        return Err(ErrorShape::invalid("command exceeds exec approval display limit")
            .with_details(json!({"reason": "EXEC_APPROVAL_COMMAND_DISPLAY_LIMIT"})));
    }
    if p.id.as_deref().is_some_and(|id| id.starts_with("plugin:")) {
        return Err(ErrorShape::invalid("approval ids starting with plugin: are reserved"));
    }
    let ask = p.ask.as_deref().and_then(Ask::named);
    let offers_always =
        ask != Some(Ask::Always) && !p.unavailable_decisions.iter().any(|d| d == ALLOW_ALWAYS);
    let allowed: &[&str] =
        if offers_always { &[ALLOW_ONCE, ALLOW_ALWAYS, DENY] } else { &[ALLOW_ONCE, DENY] };
    let from_plan = |name: &str| plan.as_ref().and_then(|p| p[name].as_str()).map(str::to_owned);
    let agent_id = from_plan("agentId").or(p.agent_id);
    let session_key = from_plan("sessionKey").or(p.session_key);
    let cwd = from_plan("cwd").or(p.cwd);
    let mut env_keys: Vec<&String> = p.env.keys().collect();
    env_keys.sort_unstable();
    let request = json!({
        "command": command, "commandArgv": if on_node { None } else { p.command_argv.as_ref() },
        "envKeys": env_keys, "systemRunPlan": plan, "cwd": cwd, "nodeId": node_id.filter(|_| on_node), "host": p.host,
        "security": p.security.as_deref().and_then(Security::named), "ask": ask, "warningText": filled(p.warning_text),
        "allowedDecisions": allowed, "agentId": agent_id, "resolvedPath": p.resolved_path, "sessionKey": session_key,
        "runId": p.run_id, "toolCallId": p.tool_call_id,
    });
    let request = match request {
        Value::Object(request) => request,
        _ => Map::new(),
    };
    let body = Body {
        request,
        allowed: allowed.iter().map(|d| (*d).to_owned()).collect(),
        requester,
        route: None,
        plan,
        quiet: p.suppress_delivery,
    };
    Ok(Question {
        id: p.id.unwrap_or_else(model::new_id),
        body,
        timeout: p.timeout_ms.map_or(approvals::DEFAULT_TIMEOUT, Duration::from_millis),
        run_id: p.run_id,
        tool_call_id: p.tool_call_id,
        grants: None,
        tell: vec![],
    })
}

fn check_node(on_node: bool, node_id: Option<&str>, plan: Option<&Value>) -> Result<(), ErrorShape> {
    if !on_node {
        return Ok(());
    }
    if node_id.is_none() {
        return Err(ErrorShape::invalid("nodeId is required for host=node"));
    }
    let Some(plan) = plan else {
        return Err(ErrorShape::invalid("systemRunPlan is required for host=node"));
    };
    if plan["argv"].as_array().is_none_or(Vec::is_empty) || !plan["commandText"].is_string() {
        return Err(ErrorShape::invalid(
            "invalid exec.approval.request params: at /systemRunPlan: must have argv and commandText",
        ));
    }
    Ok(())
}
