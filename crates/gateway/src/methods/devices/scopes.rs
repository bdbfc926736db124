//! `device.scopes.requestUpgrade` and `.waitUpgrade`: a connected device asks an operator for more scopes and waits for the
//! decision. What it may do on this connection stays as it is; it connects again with the token that it gets.

use crate::methods::{Answer, Call, store_error};
use crate::pairing::{self, Decision};
use protocol::scope::covers_name;
use protocol::{ErrorShape, Scope};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use store::{Device, DeviceAsk};
use tokio::time::Instant;

/// A wait ends after this, and may be begun again: people take their time.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// Requests that another one took the place of end without a decision; looked for this often.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// A decision is in the store a moment before it is known here.
const DECISION_COMES: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Upgrade {
    scopes: Vec<String>,
}

pub(super) async fn request_upgrade(mut call: Call) -> Answer {
    let p: Upgrade = call.params()?;
    let device = own_device(&call).await?;
    let caller = call.conn.principal();
    if p.scopes.is_empty() || p.scopes.len() > 8 {
        return Err(ErrorShape::invalid("scopes must have 1 to 8 items"));
    }
    if let Some(unknown) = p.scopes.iter().find(|s| Scope::named(s).is_none()) {
        return Err(ErrorShape::invalid(format!(
            "requested scopes contain an unknown operator scope: {unknown}"
        )));
    }
    if !caller.scopes.iter().all(|s| covers_name(&p.scopes, s)) {
        return Err(ErrorShape::invalid("requested scopes must include the connection's current scopes"));
    }
    let token = device.tokens.iter().find(|t| t.role == "operator");
    if token.is_some_and(|t| p.scopes.iter().all(|s| covers_name(&t.scopes, s))) {
        return Err(ErrorShape::invalid(
            "these scopes are approved already; connect again with the device token and ask for them",
        ));
    }
    let ask = DeviceAsk {
        device_id: device.device_id,
        public_key: device.public_key,
        display_name: device.display_name,
        platform: device.platform,
        device_family: device.device_family,
        client_id: caller.client_id.clone(),
        client_mode: caller.client_mode.clone(),
        role: "operator".into(),
        scopes: p.scopes,
        is_repair: true,
    };
    let request = pairing::file(&call.shared, ask, "scope-upgrade").await.map_err(store_error)?;
    Ok(json!({"requestId": request.request_id}).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wait {
    request_id: String,
}

pub(super) async fn wait_upgrade(mut call: Call) -> Answer {
    let p: Wait = call.params()?;
    let device = own_device(&call).await?;
    let shared = call.shared.clone();
    let deadline = Instant::now() + MAX_WAIT;
    let mut news = shared.decisions.watch();
    loop {
        // Looked at before the request: it is decided first and gone then.
        news.borrow_and_update();
        let request = shared.store.device_request(&p.request_id).await.map_err(store_error)?;
        match request {
            Some(request) if request.ask.device_id == device.device_id => {}
            Some(_) => return Ok(json!({"status": "expired", "requestId": p.request_id}).into()),
            None => {
                if shared.decisions.of(&p.request_id, &device.device_id).is_none() {
                    // Where none comes, none was made.
                    let _ = tokio::time::timeout(DECISION_COMES, news.changed()).await;
                }
                return ended(&call, &p.request_id, &device.device_id).await;
            }
        }
        if Instant::now() >= deadline {
            return Err(ErrorShape::unavailable("nobody has decided yet; wait again").retryable());
        }
        let look = (Instant::now() + LOOK_AGAIN).min(deadline);
        tokio::select! {
            // The sender lives as long as the gateway.
            _ = news.changed() => {}
            () = tokio::time::sleep_until(look) => {}
        }
    }
}

/// The request does not wait any more: decided, or another took its place.
async fn ended(call: &Call, request_id: &str, device_id: &str) -> Answer {
    let status = match call.shared.decisions.of(request_id, device_id) {
        Some(Decision::Approved) => "approved",
        Some(Decision::Rejected) => "rejected",
        None => "expired",
    };
    let device = call.shared.store.device(device_id).await.map_err(store_error)?;
    let tokens = device.map(|d| d.tokens).unwrap_or_default();
    let token = tokens.into_iter().find(|t| t.role == "operator" && t.revoked_at_ms.is_none());
    let (Some(token), "approved") = (token, status) else {
        let status = if status == "approved" { "expired" } else { status };
        return Ok(json!({"status": status, "requestId": request_id}).into());
    };
    Ok(json!({
        "status": "approved", "requestId": request_id, "scopes": token.scopes,
        "deviceToken": call.shared.identity.device_token(device_id, &token),
    })
    .into())
}

async fn own_device(call: &Call) -> Result<Device, ErrorShape> {
    let id = call.conn.principal().device_id.clone();
    let device = match &id {
        Some(id) => call.shared.store.device(id).await.map_err(store_error)?,
        None => None,
    };
    device.ok_or_else(|| {
        ErrorShape::invalid(
            "device scope upgrade requires a paired device identity; connect with one, then retry",
        )
        .with_details(json!({"code": "DEVICE_IDENTITY_REQUIRED"}))
    })
}
