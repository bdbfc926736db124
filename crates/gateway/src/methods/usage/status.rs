//! `usage.status`: what model providers say of their quotas. Those that are spoken to here are asked for none.

use crate::methods::{Answer, Call};
use serde_json::json;

pub(super) async fn handle(call: Call) -> Answer {
    Ok(json!({"updatedAt": call.shared.clock.now_ms(), "providers": []}).into())
}
