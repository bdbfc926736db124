//! Deciding about requests, of devices and of nodes: how one is named, that there is none such, and the news of a decision.

use super::Call;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

/// The parameters of a decision.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestId {
    pub(super) request_id: String,
}

/// No such request waits; `listing` is the method that names those that do.
pub(super) fn unknown(request_id: &str, listing: &str) -> ErrorShape {
    ErrorShape::invalid(format!("unknown requestId {request_id}; {listing} shows what waits for approval"))
}

/// What was decided, as those hear it who watch; `owner` is the property that names whose request it was.
pub(super) fn resolution(call: &Call, request_id: &str, owner: (&str, &str), decision: &str) -> Value {
    let mut payload =
        json!({"requestId": request_id, "decision": decision, "ts": call.shared.clock.now_ms()});
    payload[owner.0] = json!(owner.1);
    payload
}
