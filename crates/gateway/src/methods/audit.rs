//! `audit.list`: what agents did, when and how it ended; never what was said.

use super::{Answer, Call, Handler, handlers, store_error};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{AuditEvent, AuditFilter};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "audit.list" => list,
};

/// Events of a page where nothing is said, and at most.
const LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: Option<String>,
    session_key: Option<String>,
    run_id: Option<String>,
    kind: Option<String>,
    status: Option<String>,
    after: Option<i64>,
    before: Option<i64>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let limit = p.limit.unwrap_or(LIMIT);
    if limit > MAX_LIMIT {
        return Err(invalid(&format!("at /limit: must be <= {MAX_LIMIT}")));
    }
    let below = p.cursor.map(|cursor| cursor.parse::<i64>()).transpose();
    let below = below.map_err(|_| invalid("at /cursor: must be the nextCursor of an earlier answer"))?;
    let filter = AuditFilter {
        agent_id: p.agent_id,
        session_key: p.session_key,
        run_id: p.run_id,
        action_prefix: p.kind.map(|kind| if kind == "agent_run" { "agent." } else { "tool." }.to_owned()),
        status: p.status,
        after_ms: p.after,
        before_ms: p.before,
        below,
        // One more says whether there is another page.
        limit: limit + 1,
    };
    let mut found = call.shared.store.audit(filter).await.map_err(store_error)?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let mut answer = json!({"events": found.iter().map(event).collect::<Vec<Value>>()});
    if let Some(last) = found.last().filter(|_| is_more) {
        answer["nextCursor"] = json!(last.sequence.to_string());
    }
    Ok(answer.into())
}

fn invalid(problem: &str) -> ErrorShape {
    ErrorShape::invalid(format!("invalid audit.list params: {problem}"))
}

fn event(event: &AuditEvent) -> Value {
    let (kind, what) =
        if event.action.starts_with("tool.") { ("tool_action", "tool") } else { ("agent_run", "run") };
    let mut out = json!({
        "sequence": event.sequence, "sourceSequence": event.source_sequence, "eventId": event.event_id,
        "occurredAt": event.at_ms, "kind": kind, "action": event.action, "status": event.status,
        "actor": {"type": "agent", "id": event.agent_id}, "agentId": event.agent_id,
        "sessionKey": event.session_key, "sessionId": event.session_id, "runId": event.run_id,
        "redaction": "metadata_only",
    });
    match event.status.as_str() {
        "unknown" => out["errorCode"] = json!("tool_outcome_unknown"),
        status @ ("failed" | "cancelled") => out["errorCode"] = json!(format!("{what}_{status}")),
        _ => {}
    }
    for (name, value) in [("toolCallId", &event.tool_call_id), ("toolName", &event.tool_name)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            out[name] = json!(value);
        }
    }
    out
}
