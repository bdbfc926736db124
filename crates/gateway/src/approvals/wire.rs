//! Questions as clients see them.

use super::question::{Body, Kind};
use crate::hub::Audience;
use crate::shared::Shared;
use model::SessionKey;
use serde_json::{Map, Value, json};
use store::{Approval, ApprovalStatus};

/// `exec.approval.list` and `plugin.approval.list`: one that waits.
pub(crate) fn pending(approval: &Approval) -> Value {
    let Body { kind, request, .. } = Body::of(approval);
    json!({
        "id": approval.id, "request": request, "createdAtMs": approval.created_at_ms,
        "expiresAtMs": approval.expires_at_ms, "approvalKind": kind.as_str(),
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
    let mut out = json!({
        "id": approval.id,
        "status": approval.status.as_str(),
        "presentation": presentation(body),
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

/// What is asked, as those who decide see it (`ExecApprovalPresentation`, `PluginApprovalPresentation`).
fn presentation(body: &Body) -> Value {
    let request = |name: &str| body.request.get(name).cloned().unwrap_or_default();
    let filled = |name: &str| body.text(name).filter(|text| !text.is_empty()).unwrap_or("(unknown)");
    let mut out = match body.kind {
        Kind::Exec => json!({
            "commandText": filled("command"),
            "commandPreview": request("commandPreview"),
            "warningText": request("warningText"),
            "host": request("host"),
            "nodeId": request("nodeId"),
        }),
        Kind::Plugin => json!({
            "title": filled("title"),
            "description": filled("description"),
            "severity": request("severity"),
            "pluginId": request("pluginId"),
            "toolName": request("toolName"),
        }),
    };
    out["kind"] = json!(body.kind.as_str());
    out["agentId"] = request("agentId");
    out["allowedDecisions"] = if body.allowed.is_empty() { json!(["deny"]) } else { json!(body.allowed) };
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
