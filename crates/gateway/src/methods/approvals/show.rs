//! `exec.approval.get|list`, `plugin.approval.list`, `approval.get|history`: what waits, and how it ended.

use super::resolve::{not_found, refusal, sees, sees_of};
use crate::approvals::question::{Body, Kind};
use crate::approvals::{self, NotDecided, wire};
use crate::methods::{Answer, Call, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::ApprovalStatus;

/// Rows of a page where nobody says how many, and at most.
const PAGE: usize = 50;
const MAX_PAGE: usize = 100;

#[derive(Deserialize)]
struct Params {
    id: String,
}

pub(super) async fn get(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let approval = approvals::find(&call.shared, &p.id, sees_of(&call, Kind::Exec)).await.map_err(refusal)?;
    if approval.status != ApprovalStatus::Pending {
        return Err(refusal(NotDecided::Unknown));
    }
    let body = Body::of(&approval);
    let request = |name: &str| body.request.get(name).cloned().unwrap_or_default();
    Ok(json!({
        "id": approval.id, "commandText": request("command"), "commandPreview": request("commandPreview"),
        "warningText": request("warningText"),
        "allowedDecisions": body.allowed, "host": request("host"), "nodeId": request("nodeId"),
        "agentId": request("agentId"), "expiresAtMs": approval.expires_at_ms,
    })
    .into())
}

pub(super) async fn list(call: Call) -> Answer {
    waiting(call, Kind::Exec).await
}

pub(super) async fn list_plugin(call: Call) -> Answer {
    waiting(call, Kind::Plugin).await
}

async fn waiting(call: Call, kind: Kind) -> Answer {
    let sees = sees_of(&call, kind);
    let waiting = call.shared.store.pending_approvals().await.map_err(store_error)?;
    let shown: Vec<Value> = waiting.iter().filter(|a| sees(&Body::of(a))).map(wire::pending).collect();
    Ok(json!(shown).into())
}

pub(super) async fn any(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let approval = call.shared.store.approval(&p.id).await.map_err(store_error)?;
    let approval = approval.filter(|a| sees(&call)(&Body::of(a))).ok_or_else(not_found)?;
    Ok(json!({"approval": wire::full_snapshot(&approval)}).into())
}

#[derive(Deserialize)]
struct HistoryParams {
    cursor: Option<String>,
    limit: Option<usize>,
    kind: Option<String>,
}

pub(super) async fn history(mut call: Call) -> Answer {
    let p: HistoryParams = call.params()?;
    let before: Option<i64> = match p.cursor.as_deref().map(str::parse) {
        None => None,
        Some(Ok(before)) => Some(before),
        Some(Err(_)) => return Err(ErrorShape::invalid("invalid approval.history cursor")),
    };
    let limit = p.limit.unwrap_or(PAGE).min(MAX_PAGE);
    let sees = sees(&call);
    let ended = call.shared.store.ended_approvals(before, limit).await.map_err(store_error)?;
    let is_meant =
        |body: &Body| p.kind.as_deref().is_none_or(|kind| kind == body.kind.as_str()) && sees(body);
    let items: Vec<Value> =
        ended.iter().filter(|a| is_meant(&Body::of(a))).map(wire::full_snapshot).collect();
    let mut out = json!({"items": items});
    if let Some(last) = ended.last().filter(|_| ended.len() == limit) {
        out["nextCursor"] = json!(last.seq.to_string());
    }
    Ok(out.into())
}
