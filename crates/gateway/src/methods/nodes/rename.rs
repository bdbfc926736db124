//! `node.rename`: the operator's own name for a node, which is that of its device.

use crate::methods::devices::rename;
use crate::methods::{Answer, Call, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    node_id: String,
    display_name: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let name = rename::checked("displayName", &p.display_name)?;
    let device = call.shared.store.device(&p.node_id).await.map_err(store_error)?;
    if !device.is_some_and(|device| device.roles.iter().any(|role| role == "node")) {
        return Err(ErrorShape::invalid(format!(
            "unknown node {}; node.list names those that are paired",
            p.node_id
        )));
    }
    rename::set(&call, &p.node_id, name).await?;
    Ok(json!({"nodeId": p.node_id, "displayName": name}).into())
}
