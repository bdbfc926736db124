//! Questions as clients see them.

use super::question::Body;
use crate::hub::Audience;
use crate::shared::Shared;
use model::SessionKey;
use serde_json::{Map, Value, json};
use store::{Approval, ApprovalStatus};

/// `exec.approval.list`: one that waits.
pub(crate) fn pending(approval: &Approval) -> Value {
    json!({
        "id": approval.id, "request": Body::of(approval).request, "createdAtMs": approval.created_at_ms,
        "expiresAtMs": approval.expires_at_ms, "approvalKind": "exec",
    })
}

/// The answer of `exec.approval.request` and `exec.approval.waitDecision`.
pub(crate) fn decision(approval: &Approval) -> Value {
    let by_somebody = approval.reason.as_deref() == Some("user");
    let mut out = json!({
        "id": approval.id, "decision": approval.decision.as_deref().filter(|_| by_somebody),
        "createdAtMs": approval.created_at_ms, "expiresAtMs": approval.expires_at_ms,
    });
    if let Some(reason) = approval.reason.as_deref().filter(|_| !by_somebody) {
        out["terminalReason"] = json!(reason);
    }
    out
}

/// An approval of whatever state (`ApprovalSnapshot`).
pub(crate) fn snapshot(approval: &Approval, body: &Body) -> Value {
    let request = |name: &str| body.request.get(name).cloned().unwrap_or_default();
    let mut out = json!({
        "id": approval.id,
        "status": approval.status.as_str(),
        "presentation": {
            "kind": "exec",
            "commandText": body.text("command").filter(|c| !c.is_empty()).unwrap_or("(unknown)"),
            "commandPreview": request("commandPreview"),
            "warningText": request("warningText"),
            "host": request("host"),
            "nodeId": request("nodeId"),
            "agentId": request("agentId"),
            "allowedDecisions": if body.allowed.is_empty() { json!(["deny"]) } else { json!(body.allowed) },
        },
        "urlPath": format!("/approve/{}", approval.id),
        "createdAtMs": approval.created_at_ms,
        "expiresAtMs": approval.expires_at_ms,
    });
    if approval.status != ApprovalStatus::Pending {
        out["resolvedAtMs"] = json!(approval.resolved_at_ms.unwrap_or(approval.expires_at_ms));
        out["reason"] = json!(approval.reason);
        if let Some(decision) = &approval.decision {
            out["decision"] = json!(decision);
        }
    }
    out
}

/// The same with who asked and who decided, for those who look it up.
pub(crate) fn full_snapshot(approval: &Approval) -> Value {
    let body = Body::of(approval);
    let mut out = snapshot(approval, &body);
    if approval.status == ApprovalStatus::Pending {
        return out;
    }
    let mut source = Map::new();
    for name in ["agentId", "sessionKey"] {
        if let Some(text) = body.text(name).filter(|t| !t.is_empty()) {
            source.insert(name.into(), json!(text));
        }
    }
    out["source"] = Value::Object(source);
    if let Some((kind, id)) = &approval.resolver {
        out["resolver"] = json!({"kind": kind, "id": id});
    }
    out
}

/// Tells those who listen to the session and may decide.
pub(super) fn session_event(shared: &Shared, approval: &Approval, body: &Body, phase: &str) {
    let Some(key) = body.session_key().and_then(|k| SessionKey::parse(k).ok()) else { return };
    let updated = approval.resolved_at_ms.unwrap_or(approval.created_at_ms);
    let payload = json!({
        "sessionKey": key, "sourceSessionKey": key, "updatedAtMs": updated, "phase": phase,
        "approval": snapshot(approval, body),
    });
    shared.hub.broadcast(
        Audience::SessionApprovers(&key, &body.requester),
        "session.approval",
        &payload,
        true,
    );
}
