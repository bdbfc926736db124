//! `status`: a summary for people and their tools.

use crate::delivery::outbox;
use crate::heartbeat;
use crate::methods::sessions::list as sessions_list;
use crate::methods::{Answer, Call, store_error};
use channels::ChannelStatus;
use config::DEFAULT_ACCOUNT;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::SessionFilter;

const RECENT: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    include_channel_summary: Option<bool>,
    #[serde(default)]
    include_cli_projection: bool,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let current = shared.current();
    let (recent, count) = sessions(&call, None).await?;
    let mut by_agent = Vec::new();
    for agent in &current.settings.agents {
        let (recent, count) = sessions(&call, Some(&agent.id)).await?;
        let path = sessions_list::store_path(shared);
        by_agent.push(json!({"agentId": agent.id, "path": path, "count": count, "recent": recent}));
    }
    let channels = if p.include_channel_summary == Some(false) { Vec::new() } else { channel_summary(&call) };
    let (waiting, given_up) = outbox::counts(shared).await.map_err(store_error)?;
    let mut out = json!({
        "runtimeVersion": shared.version,
        "pid": std::process::id(),
        "uptimeMs": shared.uptime_ms(),
        "startedAtMs": shared.started_at_ms,
        "authMode": current.settings.auth.as_str(),
        "stateDir": shared.paths.state_dir.display().to_string(),
        "model": current.models.name_for(&current.settings.default_agent),
        "heartbeat": {"defaultAgentId": current.settings.default_agent, "agents": heartbeats(&call).await?},
        "configReload": shared.reload.report(),
        "channelSummary": channels,
        "tailscale": shared.tailscale.report(),
        "degradedPlugins": [],
        "connections": shared.hub.len(),
        "nodes": {"connected": shared.hub.nodes.all().len()},
        "outbox": {"waiting": waiting, "givenUp": given_up},
        "runs": {"activeSessions": shared.runs.active_sessions()},
        "sessions": {
            "paths": [sessions_list::store_path(shared)],
            "count": count,
            "defaults": sessions_list::defaults(shared),
            "recent": recent,
            "byAgent": by_agent,
        },
    });
    if let Some(tls) = &shared.tls {
        out["tls"] = tls.report();
    }
    if p.include_cli_projection {
        out["cliProjection"] = cli_projection(&call);
    }
    Ok(out.into())
}

/// Whether each agent is woken by the clock, and how often.
async fn heartbeats(call: &Call) -> Result<Vec<Value>, ErrorShape> {
    let current = call.shared.current();
    let on = heartbeat::is_enabled(&call.shared).await.map_err(store_error)?;
    let agents = current.settings.agents.iter().map(|agent| {
        let beat = heartbeat::summary(&current.settings, &agent.id, on);
        json!({"agentId": agent.id, "enabled": beat["enabled"], "every": beat["every"], "everyMs": beat["everyMs"]})
    });
    Ok(agents.collect())
}

/// One line for each account.
fn channel_summary(call: &Call) -> Vec<String> {
    let statuses = call.shared.channels.statuses();
    let line = |(name, status, source): &(&str, ChannelStatus, &str)| {
        let state = if status.connected { "connected" } else { status.lifecycle };
        let account = match status.account.as_str() {
            DEFAULT_ACCOUNT => String::new(),
            other => format!(" {other}"),
        };
        format!("{name}{account}: {state} (token:{source})")
    };
    statuses.iter().map(line).collect()
}

/// What a command line elsewhere would otherwise look up in its own configuration.
fn cli_projection(call: &Call) -> Value {
    let current = call.shared.current();
    let settings = &current.settings;
    let rows: Vec<Value> = settings.agents.iter().map(|agent| json!({"id": agent.id})).collect();
    let mut agents = json!({"defaultId": settings.default_agent, "selectionRequired": false, "rows": rows});
    if settings.agents.len() == 1 {
        agents["ownership"] = json!("sole");
    }
    // There are no update channels and no memory plugin here.
    json!({"agents": agents, "updateChannel": null, "memoryPlugin": {"enabled": false}})
}

/// The latest sessions of an agent or of all, and how many there are.
async fn sessions(call: &Call, agent: Option<&str>) -> Result<(Vec<Value>, i64), ErrorShape> {
    let store = &call.shared.store;
    let filter =
        SessionFilter { agent_id: agent.map(str::to_owned), limit: RECENT, ..SessionFilter::default() };
    let sessions = store.sessions(filter).await.map_err(store_error)?;
    let count = store.session_count(agent).await.map_err(store_error)?;
    Ok((sessions.iter().map(|session| brief(call, session)).collect(), count))
}

fn brief(call: &Call, session: &store::Session) -> Value {
    let shared = &call.shared;
    let used = session.context_tokens;
    let mut out = json!({
        "agentId": session.key.agent_id(),
        "key": session.key,
        "kind": if session.chat_type.as_deref() == Some("group") { "group" } else { "direct" },
        "sessionId": session.session_id,
        "updatedAt": session.updated_at_ms,
        "age": shared.clock.now_ms().saturating_sub(session.updated_at_ms),
        "inputTokens": session.usage.input,
        "outputTokens": session.usage.output,
        "cacheRead": session.usage.cache_read,
        "cacheWrite": session.usage.cache_write,
        "totalTokens": used,
        "totalTokensFresh": session.context_is_fresh,
        "model": session.model,
    });
    let info = shared.models().info_for_run(session.key.agent_id(), session.model_choice.as_deref());
    if let Some(window) = info.map(|info| info.context_window) {
        out["contextTokens"] = json!(window);
        // After a compaction nobody knows until the next turn has counted.
        if !session.context_is_fresh {
            return out;
        }
        out["remainingTokens"] = json!(window.saturating_sub(used));
        out["percentUsed"] = json!((used.saturating_mul(100) / window.max(1)).min(100));
    }
    out
}
