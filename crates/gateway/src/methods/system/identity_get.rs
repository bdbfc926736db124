//! `gateway.identity.get`: the gateway's own key.

use crate::methods::{Answer, Call};
use serde_json::json;

pub(super) async fn handle(call: Call) -> Answer {
    let identity = &call.shared.identity;
    Ok(json!({"deviceId": identity.device_id(), "publicKey": identity.public_key()}).into())
}
