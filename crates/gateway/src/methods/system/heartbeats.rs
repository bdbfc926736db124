//! `last-heartbeat`, `set-heartbeats`: what the last heartbeat came to, and whether there are any.

use crate::heartbeat;
use crate::methods::{Answer, Call, store_error};
use serde::Deserialize;
use serde_json::json;

pub(super) async fn last(call: Call) -> Answer {
    Ok(heartbeat::last(&call.shared).await.map_err(store_error)?.into())
}

#[derive(Deserialize)]
struct Params {
    enabled: bool,
}

pub(super) async fn set(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    heartbeat::set_enabled(&call.shared, p.enabled).await.map_err(store_error)?;
    Ok(json!({"ok": true, "enabled": p.enabled}).into())
}
