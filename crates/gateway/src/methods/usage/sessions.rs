//! `sessions.usage`: what each session used and cost over some days, and sums over them by model, provider, agent and
//! channel.

use super::range::{Asked, Days};
use super::totals::Totals;
use crate::methods::sessions::list::store_path;
use crate::methods::{Answer, Call, store_error, submit};
use crate::models::Models;
use crate::shared::Shared;
use model::SessionKey;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{Archived, EntryCount, Session, SessionFilter, UsageFilter, UsedCell};

/// Sessions that are shown one by one, where the call names no number, and at most; the sums are over all.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    key: Option<String>,
    agent_id: Option<String>,
    agent_scope: Option<String>,
    #[serde(flatten)]
    asked: Asked,
    group_by: Option<String>,
    #[serde(default)]
    include_historical: bool,
    limit: Option<usize>,
}

/// What stands for one line of the list: a transcript, or a key with all transcripts that it had.
#[derive(Default)]
struct Line {
    totals: Totals,
    messages: Messages,
    by_model: BTreeMap<(String, String), Totals>,
    by_day: BTreeMap<jiff::civil::Date, (Totals, Messages)>,
    first_ms: Option<i64>,
    last_ms: Option<i64>,
}

/// Entries, counted.
#[derive(Default, Clone)]
struct Messages {
    user: u64,
    assistant: u64,
    tool_calls: u64,
    tool_results: u64,
    errors: u64,
}

pub(crate) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    if p.agent_scope.is_some() && (p.agent_id.is_some() || p.key.is_some()) {
        return Err(ErrorShape::invalid("agentScope=all cannot be combined with key or agentId"));
    }
    let shared = &call.shared;
    let key = p
        .key
        .as_deref()
        .map(|k| submit::kept_session_key(&call, Some(k), p.agent_id.as_deref()))
        .transpose()?;
    if let Some(agent) = &p.agent_id {
        submit::session_key(&call, None, Some(agent))?;
    }
    let now = shared.clock.now_ms();
    let days = p.asked.days(now, shared.store.first_call().await.map_err(store_error)?)?;
    let filter = UsageFilter {
        from_ms: days.begin_ms(),
        before_ms: days.before_ms(),
        agent_id: p.agent_id.clone(),
        key: key.clone(),
    };
    let (cells, entries) = shared.store.usage(filter).await.map_err(store_error)?;
    let sessions = listed(shared, &p, key.as_ref()).await?;
    let by_key = p.include_historical || p.group_by.as_deref() == Some("family");
    let models = shared.models();
    let lines = lines(&models, &days, (&cells, &entries), by_key);
    let limit = p.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let shown: Vec<Value> =
        sessions.iter().take(limit).map(|session| row(shared, session, &lines, by_key)).collect();
    let all = sum(&models, &days, &cells, &entries);
    Ok(json!({
        "updatedAt": now, "startDate": days.first.to_string(), "endDate": days.last.to_string(), "sessions": shown,
        "totals": all.totals.json(), "aggregates": aggregates(&models, &all, (&cells, &entries), (&lines, &sessions)),
    })
    .into())
}

async fn listed(shared: &Shared, p: &Params, key: Option<&SessionKey>) -> Result<Vec<Session>, ErrorShape> {
    if let Some(key) = key {
        return Ok(shared.store.session(key).await.map_err(store_error)?.into_iter().collect());
    }
    let filter = SessionFilter {
        agent_id: p.agent_id.clone(),
        limit: MAX_LIMIT,
        archived: Archived::All,
        ..SessionFilter::default()
    };
    let mut sessions = shared.store.sessions(filter).await.map_err(store_error)?;
    sessions.sort_by_key(|session| std::cmp::Reverse(session.updated_at_ms));
    Ok(sessions)
}

/// The key and the transcript of a line; the transcript is empty where lines are keys.
type LineKey = (SessionKey, String);

fn lines(
    models: &Models,
    days: &Days,
    (cells, entries): (&[UsedCell], &[EntryCount]),
    by_key: bool,
) -> BTreeMap<LineKey, Line> {
    let name = |key: &SessionKey, id: &str| (key.clone(), if by_key { String::new() } else { id.to_owned() });
    let mut lines: BTreeMap<LineKey, Line> = BTreeMap::new();
    for cell in cells {
        let id = cell.session_id.as_deref().unwrap_or_default();
        lines.entry(name(&cell.key, id)).or_default().used(cell, days, models);
    }
    for entry in entries {
        lines.entry(name(&entry.key, &entry.session_id)).or_default().said(entry, days);
    }
    lines
}

fn sum(models: &Models, days: &Days, cells: &[UsedCell], entries: &[EntryCount]) -> Line {
    let mut all = Line::default();
    cells.iter().for_each(|cell| all.used(cell, days, models));
    entries.iter().for_each(|entry| all.said(entry, days));
    all
}

fn row(shared: &Shared, session: &Session, lines: &BTreeMap<LineKey, Line>, by_key: bool) -> Value {
    let id = if by_key { String::new() } else { session.session_id.clone() };
    let line = lines.get(&(session.key.clone(), id));
    let label = session.label.clone().or_else(|| session.title.clone());
    let mut out = json!({
        "key": session.key, "label": label.unwrap_or_else(|| session.key.rest().to_owned()),
        "sessionId": session.session_id, "scope": if by_key { "family" } else { "instance" },
        "updatedAt": session.updated_at_ms, "agentId": session.key.agent_id(), "modelProvider": session.provider,
        "model": session.model, "usage": line.map(|line| line.json(shared, session)), "hasContextWeight": false,
    });
    if let Some(route) = &session.route {
        out["channel"] = json!(route.channel);
    }
    if let Some(chat_type) = &session.chat_type {
        out["chatType"] = json!(chat_type);
    }
    out
}

impl Line {
    fn used(&mut self, cell: &UsedCell, days: &Days, models: &Models) {
        self.totals.add(cell, models);
        let model = (cell.provider.clone(), cell.model.clone());
        self.by_model.entry(model).or_default().add(cell, models);
        self.by_day.entry(days.day_of(cell.at_ms)).or_default().0.add(cell, models);
    }

    fn said(&mut self, entry: &EntryCount, days: &Days) {
        self.messages.add(entry);
        self.by_day.entry(days.day_of(entry.at_ms)).or_default().1.add(entry);
        self.first_ms = Some(self.first_ms.map_or(entry.first_ms, |ms| ms.min(entry.first_ms)));
        self.last_ms = Some(self.last_ms.map_or(entry.last_ms, |ms| ms.max(entry.last_ms)));
    }

    fn duration_ms(&self) -> i64 {
        self.first_ms.zip(self.last_ms).map_or(0, |(first, last)| last.saturating_sub(first))
    }

    fn models(&self) -> Vec<Value> {
        let of_model = |((provider, model), totals): (&(String, String), &Totals)| json!({"provider": provider, "model": model, "count": totals.answered, "totals": totals.json()});
        self.by_model.iter().map(of_model).collect()
    }

    fn json(&self, shared: &Shared, session: &Session) -> Value {
        let dates: Vec<String> = self.by_day.keys().map(ToString::to_string).collect();
        let per_day = |of: &dyn Fn(&str, &Totals, &Messages) -> Value| -> Vec<Value> {
            self.by_day
                .iter()
                .map(|(day, (totals, messages))| of(&day.to_string(), totals, messages))
                .collect()
        };
        let file = format!("sqlite:{}:{}:{}", session.key.agent_id(), session.session_id, store_path(shared));
        self.totals.json_with(json!({
            "sessionId": session.session_id, "sessionFile": file, "firstActivity": self.first_ms,
            "lastActivity": self.last_ms, "durationMs": self.duration_ms(), "messageCounts": self.messages.json(),
            "modelUsage": self.models(), "activityDates": dates,
            "dailyBreakdown": per_day(&|day, totals, _| totals.json_with(
                json!({"date": day, "tokens": totals.usage.total(), "cost": totals.usage.cost}),
            )),
            "dailyMessageCounts": per_day(&|day, _, messages| messages.json_on(day)),
        }))
    }
}

impl Messages {
    fn add(&mut self, entry: &EntryCount) {
        match entry.role.as_str() {
            "user" => self.user += entry.count,
            "assistant" => self.assistant += entry.count,
            "toolResult" => self.tool_results += entry.count,
            _ => {}
        }
        self.tool_calls += entry.tool_calls;
        self.errors += entry.failed;
    }

    fn json(&self) -> Value {
        json!({
            "total": self.user + self.assistant, "user": self.user, "assistant": self.assistant,
            "toolCalls": self.tool_calls, "toolResults": self.tool_results, "errors": self.errors,
        })
    }

    fn json_on(&self, day: &str) -> Value {
        let mut out = self.json();
        out["date"] = json!(day);
        out
    }
}

fn aggregates(
    models: &Models,
    all: &Line,
    (cells, entries): (&[UsedCell], &[EntryCount]),
    (lines, sessions): (&BTreeMap<LineKey, Line>, &[Session]),
) -> Value {
    let by = |name: &dyn Fn(&UsedCell) -> Option<String>| {
        let mut sums: BTreeMap<String, Totals> = BTreeMap::new();
        for cell in cells {
            if let Some(name) = name(cell) {
                sums.entry(name).or_default().add(cell, models);
            }
        }
        sums
    };
    let channels: BTreeMap<&SessionKey, &str> =
        sessions.iter().filter_map(|s| Some((&s.key, s.route.as_ref()?.channel.as_str()))).collect();
    let by_provider = by(&|cell| Some(cell.provider.clone()));
    let by_agent = by(&|cell| Some(cell.key.agent_id().to_owned()));
    let by_channel = by(&|cell| channels.get(&cell.key).map(|c| (*c).to_owned()));
    let counted =
        |(name, t): (&String, &Totals)| json!({"provider": name, "count": t.answered, "totals": t.json()});
    let keys: BTreeSet<&SessionKey> = lines.keys().map(|(key, _)| key).collect();
    json!({
        "sessionCount": keys.len(),
        "longestSessionDurationMs": lines.values().map(Line::duration_ms).max().unwrap_or(0),
        "messages": all.messages.json(),
        "tools": tools(entries),
        "byModel": all.models(),
        "byProvider": by_provider.iter().map(counted).collect::<Vec<_>>(),
        "byAgent": by_agent.iter().map(|(id, t)| json!({"agentId": id, "totals": t.json()})).collect::<Vec<_>>(),
        "byChannel": by_channel.iter().map(|(c, t)| json!({"channel": c, "totals": t.json()})).collect::<Vec<_>>(),
        "costDaily": all.by_day.iter().map(|(day, (t, _))| t.json_with(json!({"date": day.to_string()}))).collect::<Vec<_>>(),
        "daily": all.by_day.iter().map(|(day, (t, m))| json!({
            "date": day.to_string(), "tokens": t.usage.total(), "cost": t.usage.cost, "messages": m.user + m.assistant,
            "toolCalls": m.tool_calls, "errors": m.errors,
        })).collect::<Vec<_>>(),
    })
}

fn tools(entries: &[EntryCount]) -> Value {
    let mut by_name: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in entries {
        if let Some(tool) = &entry.tool {
            *by_name.entry(tool).or_default() += entry.count;
        }
    }
    let mut tools: Vec<(&str, u64)> = by_name.into_iter().collect();
    tools.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let total: u64 = tools.iter().map(|(_, count)| count).sum();
    let list: Vec<Value> = tools.iter().map(|(name, count)| json!({"name": name, "count": count})).collect();
    json!({"totalCalls": total, "uniqueTools": tools.len(), "tools": list})
}
