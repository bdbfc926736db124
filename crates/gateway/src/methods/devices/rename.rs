//! `device.pair.rename`: the operator's own name for a device.

use crate::methods::{Answer, Call, store_error};
use protocol::{ErrorShape, Scope};
use serde::Deserialize;
use serde_json::json;

/// Characters that a name may have.
const MAX_LABEL: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    device_id: String,
    label: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let label = checked("label", &p.label)?;
    set(&call, &p.device_id, label).await?;
    Ok(json!({"deviceId": p.device_id, "label": label}).into())
}

/// The name without what is around it.
pub(crate) fn checked<'a>(field: &str, label: &'a str) -> Result<&'a str, ErrorShape> {
    let label = label.trim();
    if label.is_empty() || label.chars().count() > MAX_LABEL || label.chars().any(char::is_control) {
        return Err(ErrorShape::invalid(format!(
            "{field} must have 1 to {MAX_LABEL} characters, and no control characters"
        )));
    }
    Ok(label)
}

/// Names the device, if the caller may manage it.
pub(crate) async fn set(call: &Call, device_id: &str, label: &str) -> Result<(), ErrorShape> {
    if !call.conn.principal().may_manage(device_id) {
        let admin = Scope::Admin.as_str();
        return Err(ErrorShape::missing_scope(admin, &[admin]));
    }
    if !call.shared.store.label_device(device_id, label).await.map_err(store_error)? {
        return Err(ErrorShape::invalid(format!(
            "unknown device {device_id}; device.pair.list names those that are paired"
        )));
    }
    tracing::info!(device = %device_id, label, "device named");
    Ok(())
}
