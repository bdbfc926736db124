//! `node.invoke`: calls a command on a node and waits for its result.

use crate::approvals;
use crate::connection::hello::to_raw;
use crate::hub::nodes::{By, DEFAULT_TIMEOUT, Invoke, MAX_TIMEOUT, foreground};
use crate::hub::policy;
use crate::methods::{Answer, Call};
use protocol::{ErrorShape, Scope};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::time::Duration;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    node_id: String,
    command: String,
    params: Option<Value>,
    timeout_ms: Option<u64>,
    idempotency_key: String,
}

/// The payload is the node's own JSON; it is not read here, only passed on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invoked<'a> {
    ok: bool,
    node_id: &'a str,
    command: &'a str,
    payload: &'a RawValue,
    #[serde(rename = "payloadJSON")]
    payload_json: Option<&'a str>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    if policy::needs_admin(&p.command) && !call.conn.principal().may(Scope::Admin) {
        let admin = Scope::Admin.as_str();
        return Err(ErrorShape::missing_scope(admin, &[admin]));
    }
    let timeout =
        p.timeout_ms.filter(|ms| *ms > 0).map_or(DEFAULT_TIMEOUT, Duration::from_millis).min(MAX_TIMEOUT);
    let shared = call.shared.clone();
    let key = key(call.conn.principal().key_owner(), &p);
    let invoke = Invoke {
        by: By::Client(call.conn.clone()),
        node_id: p.node_id.clone(),
        command: p.command.clone(),
        params: p.params,
        timeout,
        idempotency_key: p.idempotency_key,
    };
    let work = async {
        approvals::nodes::check_claims(&shared, &p.node_id, &p.command, invoke.params.as_ref()).await?;
        let text = foreground::invoke(&shared, invoke).await?;
        let payload: Option<&RawValue> = text.as_deref().and_then(|t| serde_json::from_str(t).ok());
        let invoked = Invoked {
            ok: true,
            node_id: &p.node_id,
            command: &p.command,
            payload: payload.unwrap_or(RawValue::NULL),
            payload_json: text.as_deref(),
        };
        Ok(to_raw(&invoked).into())
    };
    shared.idempotency.once(key, is_final, work).await
}

/// What makes two calls the same: who calls, and which command of which node under which key.
fn key(owner: &str, p: &Params) -> String {
    let mut hash = Sha256::new();
    for part in ["node.invoke", owner, &p.node_id, &p.command, &p.idempotency_key] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// Whether the call is over: what the node never heard of may be asked for again under the same key.
fn is_final(answer: &Answer) -> bool {
    match answer {
        Ok(_) => true,
        Err(error) => error.details.as_ref().is_some_and(|d| d["nodeCommandDispatched"] == true),
    }
}
