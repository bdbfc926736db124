//! `sessions.list`, and the row of a session that several methods show.

use super::entry;
use crate::current::Current;
use crate::methods::{Answer, Call, store_error};
use crate::settings::Settings;
use crate::shared::Shared;
use model::SessionKey;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Archived, RunStatus, Session, SessionFilter, Store};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    agent_id: Option<String>,
    search: Option<String>,
    active_minutes: Option<i64>,
    label: Option<String>,
    archived: Option<Value>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let (current, running) = (shared.current(), |key: &SessionKey| shared.runs.running(key));
    let seen = Seen {
        current: &current,
        store: &shared.store,
        running: &running,
        now_ms: shared.clock.now_ms(),
        path: store_path(shared),
    };
    page(p, &seen).await.map(Into::into)
}

/// Where a page is made from.
pub(crate) struct Seen<'a> {
    pub(crate) current: &'a Current,
    pub(crate) store: &'a Store,
    /// The ids of what runs in a session.
    pub(crate) running: &'a (dyn Fn(&SessionKey) -> Vec<String> + Sync),
    pub(crate) now_ms: i64,
    /// Where sessions are kept.
    pub(crate) path: String,
}

/// A page of sessions.
pub(crate) async fn page(p: Params, seen: &Seen<'_>) -> Result<Value, ErrorShape> {
    let limit = p.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let filter = SessionFilter {
        agent_id: p.agent_id,
        limit,
        offset: p.offset,
        search: p.search.filter(|s| !s.is_empty()),
        label: p.label,
        archived: archived(p.archived.as_ref())?,
    };
    let searched = filter.search.is_some() || filter.label.is_some();
    let page = seen.store.session_page(filter).await.map_err(store_error)?;
    let (sessions, total) = (&page.sessions, page.total);
    let now = seen.now_ms;
    let fits = |s: &&Session| {
        p.active_minutes.is_none_or(|m| now.saturating_sub(s.updated_at_ms) <= m.saturating_mul(60_000))
    };
    let rows: Vec<Value> =
        sessions.iter().filter(fits).map(|s| row_of(s, (seen.running)(&s.key), seen.current, now)).collect();
    let next = p.offset + sessions.len();
    let has_more =
        if searched { sessions.len() == limit } else { i64::try_from(next).is_ok_and(|n| n < total) };
    Ok(json!({
        "ts": now,
        "path": seen.path,
        "count": rows.len(),
        "totalCount": total,
        "limitApplied": limit,
        "nextOffset": has_more.then_some(next),
        "hasMore": has_more,
        "defaults": defaults_of(seen.current),
        "sessions": rows,
    }))
}

fn archived(asked: Option<&Value>) -> Result<Archived, ErrorShape> {
    match asked {
        None | Some(Value::Bool(false)) => Ok(Archived::No),
        Some(Value::Bool(true)) => Ok(Archived::Only),
        Some(Value::String(all)) if all == "all" => Ok(Archived::All),
        Some(_) => Err(ErrorShape::invalid(
            "invalid sessions.list params: at /archived: must be true, false or \"all\"",
        )),
    }
}

/// Where sessions are kept.
pub(crate) fn store_path(shared: &Shared) -> String {
    shared.paths.state_dir.join("state").join("gateway.sqlite").display().to_string()
}

/// What a session has where nothing else was chosen.
pub(crate) fn defaults(shared: &Shared) -> Value {
    defaults_of(&shared.current())
}

fn defaults_of(current: &Current) -> Value {
    let agent = &current.settings.default_agent;
    let name = current.models.name_for(agent);
    let (provider, model) = match name.as_deref().and_then(|n| n.split_once('/')) {
        Some((provider, model)) => (Some(provider), Some(model)),
        None => (None, None),
    };
    let window = current.models.info_for_run(agent, None).map(|info| info.context_window);
    json!({"modelProvider": provider, "model": model, "contextTokens": window})
}

/// A session as lists show it (`samples/rpc.jsonl`, `sessions.list`), with what this gateway has.
pub(crate) fn row(shared: &Shared, session: &Session) -> Value {
    let active = shared.runs.running(&session.key);
    row_of(session, active, &shared.current(), shared.clock.now_ms())
}

fn row_of(session: &Session, active: Vec<String>, current: &Current, now_ms: i64) -> Value {
    let key = &session.key;
    let is_group = session.chat_type.as_deref() == Some("group");
    let title = entry::display_name(session);
    let (provider, model) = match session.model_choice.as_deref().and_then(|name| name.split_once('/')) {
        Some((provider, model)) => (Some(provider), Some(model)),
        None => (session.provider.as_deref(), session.model.as_deref()),
    };
    let mut out = json!({
        "key": key,
        "createdVia": session.created_via,
        "createdAt": session.created_at_ms,
        "kind": if is_group { "group" } else { "direct" },
        "classification": if key.is_main() { "main" } else if is_group { "group" } else { "custom" },
        "agentId": key.agent_id(),
        "isMain": key.is_main(),
        "displayName": title,
        "derivedTitle": title,
        "updatedAt": session.updated_at_ms,
        "archived": session.archived_at_ms.is_some(),
        "pinned": session.pinned_at_ms.is_some(),
        "unread": entry::is_unread(session),
        "sessionId": session.session_id,
        "inputTokens": session.usage.input,
        "outputTokens": session.usage.output,
        "totalTokens": session.context_tokens,
        "totalTokensFresh": session.context_is_fresh,
        "estimatedCostUsd": session.usage.cost,
        "effectiveQueueMode": queue_mode_name(&current.settings, session),
        "modelOverrideSource": session.model_choice.as_ref().map(|_| "user"),
        "compactionCount": session.compactions,
        "hasActiveRun": !active.is_empty(),
        "activeRunIds": active,
        "snapshotAt": now_ms,
    });
    let chosen = [
        ("modelProvider", json!(provider)),
        ("model", json!(model)),
        ("label", json!(session.label)),
        ("parentSessionKey", json!(session.parent_key)),
        ("archivedAt", json!(session.archived_at_ms)),
        ("pinnedAt", json!(session.pinned_at_ms)),
        ("lastReadAt", json!(session.read_at_ms)),
        ("markedUnreadAt", json!(session.marked_unread_at_ms)),
    ];
    for (name, value) in chosen.into_iter().filter(|(_, value)| !value.is_null()) {
        out[name] = value;
    }
    if let Some(preview) = &session.preview {
        out["lastMessagePreview"] = json!(preview);
    }
    if let Some(chat_type) = &session.chat_type {
        out["chatType"] = json!(chat_type);
    }
    if let Some(route) = &session.route {
        out["channel"] = json!(route.channel);
        out["lastChannel"] = json!(route.channel);
        out["lastTo"] = json!(route.to);
        out["lastAccountId"] = json!(route.account);
        out["deliveryContext"] =
            json!({"channel": route.channel, "to": route.to, "accountId": route.account});
    }
    if let Some(run) = &session.last_run {
        out["lastRunId"] = json!(run.run_id);
        out["startedAt"] = json!(run.started_at_ms);
        out["endedAt"] = json!(run.ended_at_ms);
        out["runtimeMs"] = json!(run.ended_at_ms.map(|end| end.saturating_sub(run.started_at_ms)));
        out["abortedLastRun"] = json!(run.status == RunStatus::Aborted);
        out["status"] = json!(status_name(run.status));
    }
    out
}

fn status_name(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Done => "done",
        RunStatus::Failed => "failed",
        RunStatus::Aborted => "killed",
    }
}

fn queue_mode_name(settings: &Settings, session: &Session) -> &'static str {
    use agent::queue::QueueMode;
    let channel = session.route.as_ref().map_or("rpc", |r| r.channel.as_str());
    match settings.queue_mode_for(channel) {
        QueueMode::Steer => "steer",
        QueueMode::FollowUp => "followup",
        QueueMode::Collect => "collect",
        QueueMode::Interrupt => "interrupt",
    }
}
