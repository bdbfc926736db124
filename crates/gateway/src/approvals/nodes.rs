//! Approvals for commands that nodes run. A node takes the gateway's word that something was approved: so only an approval
//! that people gave, for exactly this plan on exactly this node, and once, becomes that word.

use super::admission::{Answer, Asking, put};
use super::question::Body;
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
    let NodeQuestion { node_id, plan, context } = question;
    let mut request = Map::new();
    let command = plan["commandPreview"].as_str().filter(|p| !p.is_empty()).or(plan["commandText"].as_str());
    request.insert("command".into(), json!(command.unwrap_or_default()));
    request.insert("cwd".into(), plan["cwd"].clone());
    request.insert("host".into(), json!("node"));
    request.insert("nodeId".into(), json!(node_id));
    request.insert("ask".into(), plan["policySnapshot"]["ask"].clone());
    request.insert("systemRunPlan".into(), plan.clone());
    let asking = Asking { request, plan: Some(plan), grants: None };
    let refused = |message: String| HostError { code: "FORBIDDEN".into(), message };
    let (approval, answer) = put(shared, &context, asking).await?;
    match (answer, approval.decision) {
        (Answer::Allowed, Some(decision)) => Ok(NodeApproval { id: approval.id, decision }),
        (Answer::None(why), _) => Err(refused(why)),
        (Answer::Allowed | Answer::Denied, _) => {
            Err(refused("the operator denied this command. Do not try it in another form.".into()))
        }
    }
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
        && same("cwd", "cwd")
        && same("agentId", "agentId")
        && same("sessionKey", "sessionKey")
        && params["approvalDecision"].as_str() == approval.decision.as_deref();
    if !matches {
        return Err(mismatch("it was given for another command, place or node"));
    }
    if !shared.store.use_approval(id).await.map_err(store_error)? {
        return Err(mismatch("it was used already; ask again"));
    }
    Ok(())
}

fn mismatch(why: &str) -> ErrorShape {
    ErrorShape::invalid(format!("the approval of this system.run does not count: {why}"))
        .with_details(json!({"code": "APPROVAL_MISMATCH", "nodeCommandDispatched": false}))
}
