//! `exec.approval.resolve`, `plugin.approval.resolve` and `approval.resolve`: decides about what waits. The first decision counts.

use crate::approvals::question::{Body, Kind};
use crate::approvals::{self, ALLOW_ALWAYS, ALLOW_ONCE, DENY, NotDecided, wire};
use crate::methods::{Answer, Call, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Params {
    id: String,
    decision: String,
}

pub(super) async fn exec(call: Call) -> Answer {
    one(call, Kind::Exec).await
}

pub(super) async fn plugin(call: Call) -> Answer {
    one(call, Kind::Plugin).await
}

async fn one(mut call: Call, kind: Kind) -> Answer {
    let p: Params = call.params()?;
    let decision = [ALLOW_ONCE, ALLOW_ALWAYS, DENY].into_iter().find(|d| *d == p.decision);
    let decision = decision.ok_or_else(|| ErrorShape::invalid("invalid decision"))?;
    decide(&call, &p.id, kind, decision).await.map_err(refusal)?;
    Ok(json!({"ok": true}).into())
}

#[derive(Deserialize)]
struct AnyParams {
    id: String,
    kind: String,
    decision: String,
}

pub(super) async fn any(mut call: Call) -> Answer {
    let p: AnyParams = call.params()?;
    let kind = [Kind::Exec, Kind::Plugin].into_iter().find(|kind| kind.as_str() == p.kind);
    let decision = [ALLOW_ONCE, ALLOW_ALWAYS, DENY].into_iter().find(|d| *d == p.decision);
    let (kind, decision) = kind.zip(decision).ok_or_else(not_found)?;
    // Here an id is whole.
    let before = call.shared.store.approval(&p.id).await.map_err(store_error)?;
    before.filter(|a| sees_of(&call, kind)(&Body::of(a))).ok_or_else(not_found)?;
    match decide(&call, &p.id, kind, decision).await {
        Ok((approval, applied)) => {
            Ok(json!({"applied": applied, "approval": wire::full_snapshot(&approval)}).into())
        }
        // Somebody else was first: the recorded decision is the answer.
        Err(NotDecided::AlreadyResolved) => {
            let approval = call.shared.store.approval(&p.id).await.map_err(store_error)?;
            let approval = approval.ok_or_else(not_found)?;
            Ok(json!({"applied": false, "approval": wire::full_snapshot(&approval)}).into())
        }
        Err(other) => Err(refusal(other)),
    }
}

async fn decide(
    call: &Call,
    id: &str,
    kind: Kind,
    decision: &'static str,
) -> Result<(store::Approval, bool), NotDecided> {
    let principal = call.conn.principal();
    let resolver = match &principal.device_id {
        Some(device) => ("device".to_owned(), device.clone()),
        None => ("runtime".to_owned(), principal.client_id.clone()),
    };
    approvals::decide(&call.shared, id, decision, resolver, sees_of(call, kind)).await
}

/// What this connection may see.
pub(super) fn sees(call: &Call) -> impl Fn(&Body) -> bool {
    |body| body.requester.may_see(call.conn.principal(), call.conn.id())
}

/// What it may see of one kind.
pub(super) fn sees_of(call: &Call, kind: Kind) -> impl Fn(&Body) -> bool {
    move |body| body.kind == kind && sees(call)(body)
}

pub(super) fn refusal(error: NotDecided) -> ErrorShape {
    match error {
        NotDecided::Unknown => ErrorShape::invalid("unknown or expired approval id").with_details(json!({
            "reason": "APPROVAL_NOT_FOUND",
            "remediation": "ask again: approvals that wait end with their time or with a restart of the gateway",
        })),
        NotDecided::Ambiguous => ErrorShape::invalid("ambiguous approval id prefix; use the full id"),
        NotDecided::AlreadyResolved => ErrorShape::invalid("approval already resolved")
            .with_details(json!({"reason": "APPROVAL_ALREADY_RESOLVED"})),
        NotDecided::NotOffered(decision) => {
            ErrorShape::invalid(format!("{decision} is unavailable here"))
                .with_details(json!({"reason": "APPROVAL_ALLOW_ALWAYS_UNAVAILABLE"}))
        }
        NotDecided::Store(error) => error,
    }
}

pub(super) fn not_found() -> ErrorShape {
    ErrorShape::invalid("approval not found").with_details(json!({"reason": "APPROVAL_NOT_FOUND"}))
}
