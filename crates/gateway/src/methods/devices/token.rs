//! `device.token.rotate` and `device.token.revoke`: a device's token for one role.
//!
//! Nobody but an administrator manages another device's token or one for another role than operator's, and nobody makes or
//! ends a token that may do more than they may themselves.

use crate::methods::{Answer, Call, store_error};
use protocol::limits::CloseCode;
use protocol::scope::covers_name;
use protocol::{ErrorShape, Scope};
use serde::Deserialize;
use serde_json::json;
use store::{Device, DeviceToken, Rotated};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    device_id: String,
    role: String,
    scopes: Option<Vec<String>>,
}

/// Which of the two it is, for the words of a refusal.
#[derive(Clone, Copy)]
struct Act(&'static str);

impl Act {
    fn denied(self, reason: &str, why: &str) -> ErrorShape {
        ErrorShape::invalid(format!("device token {} denied ({why})", self.0))
            .with_details(json!({"code": "DEVICE_TOKEN_DENIED", "reason": reason}))
    }
}

/// The old generations stay good until the device has come with the new one. Its connections are closed, so that it comes for it.
pub(super) async fn rotate(mut call: Call) -> Answer {
    let act = Act("rotation");
    let p: Params = call.params()?;
    let (device, token) = managed(&call, act, &p).await?;
    let scopes = p.scopes.as_deref().unwrap_or(&token.scopes);
    check_scopes(&call, act, &p.role, scopes)?;
    let approved = if p.role == "operator" { device.scopes.as_slice() } else { &[] };
    if p.scopes.is_some() && !scopes.iter().all(|s| covers_name(approved, s)) {
        let why = "the device is not approved for these scopes; approve a request of it for more";
        return Err(act.denied("scope-outside-approved-baseline", why));
    }
    let shared = &call.shared;
    let rotated = shared.store.rotate_device_token(&p.device_id, &p.role, token.generation, p.scopes).await;
    let token = match rotated.map_err(store_error)? {
        Rotated::Done(token) => token,
        Rotated::Changed => {
            return Err(ErrorShape::unavailable("the token changed meanwhile; look at it again").retryable());
        }
        Rotated::Unclaimed => {
            let why = "it was rotated many times without its device coming for it; revoke it, or let the device connect";
            return Err(act.denied("unclaimed", why));
        }
    };
    tracing::info!(device = %p.device_id, role = %p.role, scopes = ?token.scopes, "device token rotated");
    // Whoever asks for their own stays: they get the new one with this answer or with their next connection.
    shared.hub.close_role(
        (&p.device_id, &p.role),
        call.conn.id(),
        CloseCode::Restart,
        "device token rotated",
    );
    let mut answer = json!({
        "deviceId": p.device_id, "role": p.role, "scopes": token.scopes, "rotatedAtMs": token.rotated_at_ms,
        "tokenDelivery": "withheld-cross-device",
    });
    let caller = call.conn.principal();
    if caller.is_device_alone && caller.device_id.as_deref() == Some(&p.device_id) {
        answer["tokenDelivery"] = json!("in-band");
        answer["token"] = json!(shared.identity.device_token(&p.device_id, &token));
    }
    Ok(answer.into())
}

/// Ends all generations at once, and with them the connections of that role.
pub(super) async fn revoke(mut call: Call) -> Answer {
    let act = Act("revocation");
    let p: Params = call.params()?;
    let (_, token) = managed(&call, act, &p).await?;
    check_scopes(&call, act, &p.role, &token.scopes)?;
    let revoked = call.shared.store.revoke_device_token(&p.device_id, &p.role).await.map_err(store_error)?;
    let revoked = revoked.ok_or_else(|| unknown(act))?;
    tracing::info!(device = %p.device_id, role = %p.role, "device token revoked");
    let answer =
        json!({"deviceId": p.device_id, "role": p.role, "revokedAtMs": revoked.revoked_at_ms}).into();
    let hub = &call.shared.hub;
    let reason = "device token revoked";
    hub.close_role((&p.device_id, &p.role), call.conn.id(), CloseCode::Policy, reason);
    let caller = call.conn.principal();
    if caller.device_id.as_deref() == Some(&p.device_id) && caller.role == p.role {
        return call.answer_and_close(&answer, CloseCode::Policy, reason).await;
    }
    Ok(answer)
}

/// The token, if the caller may manage it.
async fn managed(call: &Call, act: Act, p: &Params) -> Result<(Device, DeviceToken), ErrorShape> {
    let caller = call.conn.principal();
    if !caller.may_manage(&p.device_id) {
        let why = "it is another device's; that takes operator.admin";
        return Err(act.denied("device-ownership-mismatch", why));
    }
    if p.role != "operator" && !caller.may(Scope::Admin) {
        let why = "a token for another role than operator takes operator.admin";
        return Err(act.denied("role-management-requires-admin", why));
    }
    let device = call.shared.store.device(&p.device_id).await.map_err(store_error)?;
    let found = device.and_then(|device| {
        let token = device.tokens.iter().find(|token| token.role == p.role).cloned();
        token.map(|token| (device, token))
    });
    found.ok_or_else(|| unknown(act))
}

fn unknown(act: Act) -> ErrorShape {
    act.denied(
        "unknown-device-or-role",
        "no such device or role; device.pair.list names those that are paired",
    )
}

fn check_scopes(call: &Call, act: Act, role: &str, scopes: &[String]) -> Result<(), ErrorShape> {
    let own = &call.conn.principal().scopes;
    match scopes.iter().find(|s| role == "operator" && !covers_name(own, s)) {
        None => Ok(()),
        Some(missing) => {
            let why = format!("the token has {missing}, and this connection does not");
            Err(act.denied("caller-missing-scope", &why))
        }
    }
}
