//! `exec.approvals.node.get|set`: the document of a node's host, which the node keeps.

use crate::hub::nodes::{By, DEFAULT_TIMEOUT, Invoke};
use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    node_id: String,
    file: Option<Value>,
    native: Option<Map<String, Value>>,
    base_hash: Option<String>,
}

pub(super) async fn get(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    ask(&call, p.node_id, "system.execApprovals.get", json!({})).await
}

pub(super) async fn set(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let mut params = match (p.file, p.native) {
        (Some(file), None) => {
            super::document::read("exec.approvals.node.set", file.clone())?;
            Map::from_iter([("file".to_owned(), file)])
        }
        (None, Some(native)) if p.base_hash.is_some() => native,
        (None, Some(_)) => {
            return Err(ErrorShape::invalid(
                "invalid exec.approvals.node.set params: must have required property 'baseHash'",
            ));
        }
        _ => {
            return Err(ErrorShape::invalid(
                "invalid exec.approvals.node.set params: must have exactly one of file and native",
            ));
        }
    };
    if let Some(hash) = p.base_hash {
        params.insert("baseHash".into(), json!(hash));
    }
    ask(&call, p.node_id, "system.execApprovals.set", Value::Object(params)).await
}

async fn ask(call: &Call, node_id: String, command: &str, params: Value) -> Answer {
    let invoke = Invoke {
        by: By::Client(call.conn.clone()),
        node_id,
        command: command.to_owned(),
        params: Some(params),
        timeout: DEFAULT_TIMEOUT,
        idempotency_key: model::new_id(),
    };
    let answer = call.shared.hub.nodes.invoke(&call.shared, invoke).await?;
    let payload: Option<Value> = answer.and_then(|text| serde_json::from_str(&text).ok());
    match payload {
        Some(payload @ Value::Object(_)) => Ok(payload.into()),
        _ => Err(ErrorShape::invalid("node returned invalid exec approvals payload")),
    }
}
