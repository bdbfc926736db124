//! `device.pair.*`: who may connect at all.

use crate::hub::Audience;
use crate::methods::request::{self, RequestId};
use crate::methods::{Answer, Call, store_error};
use crate::pairing::{Decision, device_json, request_json};
use protocol::limits::CloseCode;
use protocol::scope::covers_name;
use protocol::{ErrorShape, Scope};
use serde::Deserialize;
use serde_json::{Value, json};
use store::ApprovedVia;

pub(super) async fn list(call: Call) -> Answer {
    let store = &call.shared.store;
    let mut pending = store.device_requests().await.map_err(store_error)?;
    let mut paired = store.devices().await.map_err(store_error)?;
    // A device that came by itself sees itself; all are the owner's business, and the administrators'.
    pending.retain(|request| call.conn.principal().may_manage(&request.ask.device_id));
    paired.retain(|device| call.conn.principal().may_manage(&device.device_id));
    let paired: Vec<Value> = paired
        .iter()
        .map(|device| {
            let mut out = device_json(device);
            let connected = call.shared.hub.is_device_connected(&device.device_id);
            out.insert("connected".into(), json!(connected));
            Value::Object(out)
        })
        .collect();
    let pending: Vec<Value> = pending.iter().map(request_json).collect();
    Ok(json!({"pending": pending, "paired": paired}).into())
}

fn unknown(request_id: &str) -> ErrorShape {
    request::unknown(request_id, "device.pair.list")
}

/// Begins with the words by which OpenClaw's command line knows that it is to ask again as an administrator.
fn denied(missing: &str, required: &[&str]) -> ErrorShape {
    let refusal = ErrorShape::missing_scope(missing, required);
    ErrorShape { message: format!("device pairing approval denied: {}", refusal.message), ..refusal }
}

/// Nobody gives away what they do not have: approving takes the scopes that are asked for, and those that the device has
/// already, since it may get a new token for them.
pub(super) async fn approve(mut call: Call) -> Answer {
    let p: RequestId = call.params()?;
    let shared = &call.shared;
    let request = shared.store.device_request(&p.request_id).await.map_err(store_error)?;
    let request = request.ok_or_else(|| unknown(&p.request_id))?;
    let known = shared.store.device(&request.ask.device_id).await.map_err(store_error)?;
    let own = &call.conn.principal().scopes;
    let mut required: Vec<&str> = request.ask.scopes.iter().map(String::as_str).collect();
    if request.ask.role != "operator" {
        required.push(Scope::Admin.as_str());
    }
    let had = known.iter().flat_map(|device| &device.scopes).map(String::as_str);
    required.extend(had.filter(|scope| !request.ask.scopes.iter().any(|asked| asked == scope)));
    if let Some(missing) = required.iter().find(|s| !covers_name(own, s)) {
        return Err(denied(missing, &required));
    }
    // The request's content is fixed under its id, so what was checked above is what is approved here.
    let approved =
        shared.store.approve_device(&p.request_id, ApprovedVia::Owner).await.map_err(store_error)?;
    let Some((_, device)) = approved else { return Err(unknown(&p.request_id)) };
    tracing::info!(device = %device.device_id, roles = ?device.roles, scopes = ?device.scopes, "device approved");
    resolved(&call, &p.request_id, &device.device_id, Decision::Approved);
    Ok(json!({"requestId": p.request_id, "device": device_json(&device)}).into())
}

pub(super) async fn reject(mut call: Call) -> Answer {
    let p: RequestId = call.params()?;
    let rejected = call.shared.store.reject_device(&p.request_id).await.map_err(store_error)?;
    let device_id = rejected.ok_or_else(|| unknown(&p.request_id))?.ask.device_id;
    resolved(&call, &p.request_id, &device_id, Decision::Rejected);
    Ok(json!({"requestId": p.request_id, "deviceId": device_id}).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceId {
    device_id: String,
}

/// Forgets a device: its tokens end at once, and so do its connections.
pub(super) async fn remove(mut call: Call) -> Answer {
    let p: DeviceId = call.params()?;
    if !call.conn.principal().may_manage(&p.device_id) {
        let admin = Scope::Admin.as_str();
        return Err(ErrorShape::missing_scope(admin, &[admin]));
    }
    if !call.shared.store.remove_device(&p.device_id).await.map_err(store_error)? {
        return Err(ErrorShape::invalid(format!(
            "unknown device {}; device.pair.list names those that are paired",
            p.device_id
        )));
    }
    tracing::info!(device = %p.device_id, "device removed");
    let (answer, reason) = (json!({"deviceId": p.device_id}).into(), "device removed");
    let caller = call.conn.principal();
    if caller.device_id.as_deref() == Some(&p.device_id) {
        call.shared.hub.close_device(&p.device_id, call.conn.id(), reason);
        return call.answer_and_close(&answer, CloseCode::Policy, reason).await;
    }
    call.shared.hub.close_device(&p.device_id, "", reason);
    Ok(answer)
}

fn resolved(call: &Call, request_id: &str, device_id: &str, made: Decision) {
    call.shared.decisions.record(request_id, device_id, made);
    let decision = if made == Decision::Approved { "approved" } else { "rejected" };
    let payload = request::resolution(call, request_id, ("deviceId", device_id), decision);
    call.shared.hub.broadcast(Audience::Operators(Scope::Pairing), "device.pair.resolved", &payload, false);
}
