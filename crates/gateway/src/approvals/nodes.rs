//! Approvals for commands that nodes run. A node takes the gateway's word that something was approved: so only an approval
//! that people gave, for exactly this plan on exactly this node, and once, becomes that word.

use super::admission::{Answer, Asking, check_agent, put, too_long};
use super::question::{Body, Kind, show};
use super::shown;
use crate::methods::store_error;
use crate::shared::Shared;
use protocol::ErrorShape;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::ApprovalStatus;
use tools::{HostError, NodeApproval, NodeQuestion};

/// Properties that say that something was approved.
const CLAIMS: &[&str] = &["approved", "approvalDecision"];

/// Asks people about what a node planned.
pub(crate) async fn ask_about(
    shared: &Arc<Shared>,
    question: NodeQuestion,
) -> Result<NodeApproval, HostError> {
    let NodeQuestion { node_id, plan, env, can_last, context } = question;
    check_agent(shared, &context.agent_id)?;
    let refused = |message: String| HostError { code: "FORBIDDEN".into(), message };
    // What is shown comes from the list that runs, and not from what is said of it.
    let argv =
        checked_argv(&plan).map_err(|why| refused(format!("the node's plan cannot be shown: {why}")))?;
    let mut request = Map::new();
    if !show(&mut request, &exec::command_text(&argv), None, &env) {
        return Err(too_long());
    }
    request.insert("cwd".into(), plan["cwd"].clone());
    request.insert("host".into(), json!("node"));
    request.insert("nodeId".into(), json!(node_id));
    request.insert("ask".into(), plan["policySnapshot"]["ask"].clone());
    request.insert("systemRunPlan".into(), plan.clone());
    let variables = shown::digest(&env);
    let asking = Asking { kind: Kind::Exec, request, plan: Some(plan), variables, grants: None, can_last };
    let (approval, answer) = put(shared, &context, asking).await?;
    match (answer, approval.decision) {
        (Answer::Allowed, Some(decision)) => Ok(NodeApproval { id: approval.id, decision }),
        (Answer::Unanswered(why) | Answer::Aborted(why), _) => Err(refused(why)),
        (Answer::Allowed | Answer::Denied, _) => {
            Err(refused("the operator denied this command. Do not try it in another form.".into()))
        }
    }
}

/// The argument list of a plan, whose text must say the same.
///
/// # Errors
/// What is wrong with the plan.
pub(crate) fn checked_argv(plan: &Value) -> Result<Vec<String>, &'static str> {
    let argv: Option<Vec<String>> =
        plan["argv"].as_array().and_then(|a| a.iter().map(|v| v.as_str().map(str::to_owned)).collect());
    let (Some(argv), Some(text)) = (argv.filter(|a| !a.is_empty()), plan["commandText"].as_str()) else {
        return Err("must have argv and commandText");
    };
    if !exec::is_text_of(text, &argv) {
        return Err("commandText is not the text of argv");
    }
    Ok(argv)
}

/// Looks at the parameters of a `system.run` that is about to go to a node. One that claims to be approved must be.
pub(crate) async fn check_claims(
    shared: &Shared,
    node_id: &str,
    command: &str,
    params: Option<&Value>,
) -> Result<(), ErrorShape> {
    let claims =
        |p: &&Value| CLAIMS.iter().any(|c| p.get(c).is_some_and(|v| !v.is_null() && *v != json!(false)));
    let Some(params) = params.filter(claims).filter(|_| command == "system.run") else { return Ok(()) };
    let Some(id) = params["runId"].as_str() else {
        return Err(mismatch("an approved system.run names its approval in runId"));
    };
    let approval = shared.store.approval(id).await.map_err(store_error)?;
    let Some(approval) = approval.filter(|a| a.status == ApprovalStatus::Allowed) else {
        return Err(mismatch("there is no such approval, or it did not allow anything"));
    };
    let body = Body::of(&approval);
    let plan = body.plan.unwrap_or_default();
    let same =
        |name: &str, planned: &str| params.get(name).is_none_or(|v| v.is_null() || *v == plan[planned]);
    let matches = body.request.get("nodeId") == Some(&json!(node_id))
        && plan.is_object()
        && params["systemRunPlan"] == plan
        && params["command"] == plan["argv"]
        && same("rawCommand", "commandText")
        && same("cwd", "cwd")
        && same("agentId", "agentId")
        && same("sessionKey", "sessionKey")
        && variables(&params["env"]).is_some_and(|env| shown::digest(&env) == body.variables)
        && params["approvalDecision"].as_str() == approval.decision.as_deref();
    if !matches {
        return Err(mismatch("it was given for another command, other variables, another place or node"));
    }
    if !shared.store.use_approval(id).await.map_err(store_error)? {
        return Err(mismatch("it was used already; ask again"));
    }
    Ok(())
}

/// The variables of a call; `None` where they are no map of texts.
pub(crate) fn variables(env: &Value) -> Option<Vec<(String, String)>> {
    match env {
        Value::Null => Some(vec![]),
        Value::Object(env) => env.iter().map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
        _ => None,
    }
}

fn mismatch(why: &str) -> ErrorShape {
    ErrorShape::invalid(format!("the approval of this system.run does not count: {why}"))
        .with_details(json!({"code": "APPROVAL_MISMATCH", "nodeCommandDispatched": false}))
}
