//! `exec.approval.request` and `exec.approval.waitDecision`: a client asks people about a command that it would run itself.

use super::asked;
use super::resolve::{refusal, sees_of};
use crate::approvals::asking::{Asked, Asker, ask};
use crate::approvals::ending::{end, no_route};
use crate::approvals::question::{Body, Kind, Requester};
use crate::approvals::{NotDecided, wire};
use crate::connection::hello::to_raw;
use crate::methods::{Answer, Call, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::{Approval, ApprovalStatus};
use tokio::sync::watch;

/// The end of a question comes from the task that ends questions; should that ever fail, nobody waits for ever.
const SLACK: Duration = Duration::from_secs(30);

pub(super) async fn request(mut call: Call) -> Answer {
    asked::check_size(&call.params)?;
    let p: asked::Params = call.params()?;
    let shared = call.shared.clone();
    let requester =
        Requester { reviewers: p.approval_reviewer_device_ids.clone(), ..Requester::client(&call.conn) };
    // Whoever asks does not count as somebody who can be asked.
    let reachable = !p.suppress_delivery && shared.hub.can_be_asked(&requester, call.conn.id());
    let (two_phase, needs_route) = (p.two_phase, p.require_delivery_route != Some(false));
    let question = asked::question(p, requester)?;
    // A caller that goes takes its question back.
    let Asked { approval, ended, asker } = ask(&shared, question).await?;
    let mut asker = Some(asker);
    if needs_route && !reachable {
        end(&shared, &approval.id, no_route()).await.map_err(store_error)?;
    } else if two_phase {
        let route = if reachable { "approval-client" } else { "none" };
        let accepted = json!({
            "status": "accepted", "id": approval.id, "deliveryRoute": route,
            "createdAtMs": approval.created_at_ms, "expiresAtMs": approval.expires_at_ms,
        });
        call.conn.respond(&call.request_id, Ok(&to_raw(&accepted)));
        // It knows the id, and may come back over another connection (`exec.approval.waitDecision`).
        asker.take().into_iter().for_each(Asker::leave_it);
    }
    let ended = until_ended(&call, approval, ended).await?;
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
    let Some(approval) = found.filter(|a| sees_of(&call, Kind::Exec)(&Body::of(a))) else {
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
