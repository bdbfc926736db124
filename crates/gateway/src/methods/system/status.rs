//! `status`: a summary for people and their tools.

use crate::methods::sessions::list as sessions_list;
use crate::methods::{Answer, Call, store_error};
use serde_json::{Value, json};
use store::SessionFilter;

const RECENT: usize = 10;

pub(super) async fn handle(call: Call) -> Answer {
    let shared = &call.shared;
    let current = shared.current();
    let filter = SessionFilter { agent_id: None, limit: RECENT, offset: 0, search: None };
    let sessions = shared.store.sessions(filter).await.map_err(store_error)?;
    let recent: Vec<Value> = sessions.iter().map(|s| brief(&call, s)).collect();
    let count = shared.store.session_count(None).await.map_err(store_error)?;
    let channels: Vec<String> = shared
        .channels
        .statuses()
        .iter()
        .map(|(name, status, source)| {
            let state = if status.connected { "connected" } else { status.lifecycle };
            format!("{name}: {state} (token:{source})")
        })
        .collect();
    let (waiting, given_up) = shared.store.outbox_counts().await.map_err(store_error)?;
    Ok(json!({
        "runtimeVersion": shared.version,
        "pid": std::process::id(),
        "uptimeMs": shared.uptime_ms(),
        "startedAtMs": shared.started_at_ms,
        "authMode": current.settings.auth.as_str(),
        "stateDir": shared.paths.state_dir.display().to_string(),
        "model": current.models.name_for(&current.settings.default_agent),
        "channelSummary": channels,
        "connections": shared.hub.len(),
        "nodes": {"connected": shared.hub.nodes.all().len()},
        "outbox": {"waiting": waiting, "givenUp": given_up},
        "runs": {"activeSessions": shared.runs.active_sessions()},
        "sessions": {
            "paths": [sessions_list::store_path(shared)],
            "count": count,
            "defaults": sessions_list::defaults(shared),
            "recent": recent,
        },
    })
    .into())
}

fn brief(call: &Call, session: &store::Session) -> Value {
    let now = call.shared.clock.now_ms();
    json!({
        "agentId": session.key.agent_id(),
        "key": session.key,
        "kind": if session.chat_type.as_deref() == Some("group") { "group" } else { "direct" },
        "sessionId": session.session_id,
        "updatedAt": session.updated_at_ms,
        "age": now.saturating_sub(session.updated_at_ms),
        "inputTokens": session.usage.input,
        "outputTokens": session.usage.output,
        "totalTokens": session.context_tokens,
        "model": session.model,
    })
}
