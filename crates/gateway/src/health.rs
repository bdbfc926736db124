//! What `health` answers: rendered when something changed or a second has passed, and shared by all who ask.

use crate::connection::hello::to_raw;
use crate::connection::outbound::Principal;
use crate::delivery::channels::{TELEGRAM, label};
use crate::hub::Audience;
use crate::methods::sessions::list as sessions_list;
use crate::shared::Shared;
use channels::ChannelStatus;
use protocol::Scope;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A rendering is good for this long: ages and counters in it may be as old.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// After something that it shows has changed, it is good for this long still: a busy gateway renders twenty times a
/// second at most.
const DIRTY_FOR: Duration = Duration::from_millis(50);
/// Sessions that are shown.
const RECENT: usize = 5;
/// A `health` event goes out at least this often, and at most once per [`EVENT_GAP`].
const EVENT_INTERVAL: Duration = Duration::from_secs(60);
const EVENT_GAP: Duration = Duration::from_secs(2);

/// How much of the gateway's health somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// How it is doing, without whose sessions there are: nodes, probes and other operators without scopes.
    Outline,
    /// The sessions too, and where they are kept: whoever may read. `sessions.list` tells it them as well.
    Sessions,
    /// Also why the store fails: administrators.
    Everything,
}

impl Sight {
    /// What a connection may see.
    pub(crate) fn of(principal: &Principal) -> Self {
        if principal.may(Scope::Admin) {
            Sight::Everything
        } else if principal.may(Scope::Read) {
            Sight::Sessions
        } else {
            Sight::Outline
        }
    }
}

/// The same health for each [`Sight`].
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    ok: bool,
    outline: Arc<RawValue>,
    sessions: Arc<RawValue>,
    everything: Arc<RawValue>,
}

impl Rendered {
    fn new(mut health: Value) -> Self {
        let raw = |health: &Value| -> Arc<RawValue> { Arc::from(to_raw(health)) };
        let everything = raw(&health);
        if let Some(store) = health.get_mut("store") {
            store["error"] = json!("the gateway's state cannot be used; see its log");
        }
        let sessions = raw(&health);
        each_sessions(&mut health, |sessions| {
            sessions.insert("path".to_owned(), json!(""));
            sessions.insert("recent".to_owned(), json!([]));
        });
        Self { ok: health["ok"] == true, outline: raw(&health), sessions, everything }
    }

    /// What somebody may see of it in `hello-ok`, which has no place for a gateway that is not well.
    pub(crate) fn at_hello(&self, sight: Sight) -> Arc<RawValue> {
        if self.ok { self.seen_by(sight) } else { Arc::from(to_raw(&json!({}))) }
    }

    /// What somebody may see of it.
    pub(crate) fn seen_by(&self, sight: Sight) -> Arc<RawValue> {
        match sight {
            Sight::Outline => self.outline.clone(),
            Sight::Sessions => self.sessions.clone(),
            Sight::Everything => self.everything.clone(),
        }
    }
}

/// The sessions of all, and those of each agent.
fn each_sessions(health: &mut Value, change: impl Fn(&mut Map<String, Value>)) {
    let (all, agents) = (health["sessions"].take(), health["agents"].take());
    let changed = |mut sessions: Value| {
        if let Some(sessions) = sessions.as_object_mut() {
            change(sessions);
        }
        sessions
    };
    health["sessions"] = changed(all);
    health["agents"] = match agents {
        Value::Array(mut agents) => {
            for agent in &mut agents {
                agent["sessions"] = changed(agent["sessions"].take());
            }
            Value::Array(agents)
        }
        none => none,
    };
}

#[derive(Default)]
pub(crate) struct Health {
    /// With the time when its making began: what changed later may be missing in it.
    rendered: Mutex<Option<(Instant, Rendered)>>,
    dirty: AtomicBool,
    wake: Notify,
    /// When the store was asked last, and whether it answered.
    store: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

impl Health {
    /// The answer.
    pub(crate) async fn current(&self, shared: &Shared) -> Rendered {
        if let Some(rendered) = self.fresh() {
            return rendered;
        }
        let begun = Instant::now();
        self.dirty.store(false, Ordering::Relaxed);
        let rendered = Rendered::new(render(shared).await);
        let mut kept = self.rendered.lock().unwrap_or_else(|e| e.into_inner());
        // Two may render at the same time; the one that began later knows more.
        if kept.as_ref().is_none_or(|(at, _)| *at <= begun) {
            *kept = Some((begun, rendered.clone()));
        }
        rendered
    }

    /// The last rendering, while it is good.
    fn fresh(&self) -> Option<Rendered> {
        let good_for = if self.dirty.load(Ordering::Relaxed) { DIRTY_FOR } else { FRESH_FOR };
        let rendered = self.rendered.lock().unwrap_or_else(|e| e.into_inner());
        rendered.as_ref().filter(|(at, _)| at.elapsed() < good_for).map(|(_, rendered)| rendered.clone())
    }

    /// Something that health shows has changed.
    pub(crate) fn changed(&self, shared: &Shared) {
        if !self.dirty.swap(true, Ordering::Relaxed) {
            shared.hub.health_changed();
            self.wake.notify_one();
        }
    }

    /// Whether the store answers, as of [`FRESH_FOR`] ago at most: anybody may ask, as often as they like.
    pub(crate) async fn store_answers(&self, shared: &Shared) -> bool {
        let mut last = self.store.lock().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < FRESH_FOR
        {
            return answers;
        }
        let answers = shared.store.session_count(None).await.is_ok();
        *last = Some((Instant::now(), answers));
        answers
    }
}

/// Sends `health` events until shutdown.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            // A rendering from just before the change would still be good: with this pause it is not.
            () = shared.health.wake.notified() => tokio::time::sleep(DIRTY_FOR).await,
            () = tokio::time::sleep(EVENT_INTERVAL) => {}
        }
        let health = shared.health.current(&shared).await;
        for sight in [Sight::Outline, Sight::Sessions, Sight::Everything] {
            shared.hub.broadcast_versioned(Audience::Seeing(sight), "health", &health.seen_by(sight));
        }
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            () = tokio::time::sleep(EVENT_GAP) => {}
        }
    }
}

async fn render(shared: &Shared) -> Value {
    let started = Instant::now();
    let current = shared.current();
    let settings = &current.settings;
    let agent = &settings.default_agent;
    let mut stored = Ok(());
    let all = sessions(shared, None, &mut stored).await;
    let beats = crate::heartbeat::is_enabled(shared).await.unwrap_or_else(|error| {
        stored = Err(error.to_string());
        false
    });
    let mut agents = Vec::new();
    for each in &settings.agents {
        let own = sessions(shared, Some(&each.id), &mut stored).await;
        let mut entry = json!({
            "agentId": each.id, "isDefault": &each.id == agent, "heartbeat": crate::heartbeat::summary(settings, &each.id, beats), "sessions": own,
        });
        if let Some(name) = &each.name {
            entry["name"] = json!(name);
        }
        agents.push(entry);
    }
    let channels = channels_json(shared);
    let mut out = json!({
        "ok": stored.is_ok(),
        "ts": shared.clock.now_ms(),
        "durationMs": started.elapsed().as_millis() as u64,
        // There are no plugins.
        "plugins": {"loaded": [], "errors": [], "unavailable": []},
        "configReload": {"hotReloadStatus": if settings.reload_off { "disabled" } else { "active" }},
        "channels": channels,
        "channelOrder": channels.keys().collect::<Vec<_>>(),
        "channelLabels": labels(channels.keys()),
        "heartbeatSeconds": crate::heartbeat::summary(settings, agent, beats)["everyMs"].as_u64().unwrap_or(0) / 1000,
        "defaultAgentId": agent,
        "agents": agents,
        "sessions": all,
        "modelRuntime": {"degraded": !current.models.is_configured(), "pendingAgents": []},
    });
    if let Err(error) = stored {
        out["store"] = json!({"ok": false, "error": error});
    }
    out
}

fn labels<'a>(names: impl Iterator<Item = &'a String>) -> Value {
    Value::Object(names.map(|name| (name.clone(), json!(label(name)))).collect())
}

/// The sessions of an agent, or of all. Without an answer of the store there are none, and `stored` says why.
async fn sessions(shared: &Shared, agent: Option<&str>, stored: &mut Result<(), String>) -> Value {
    let filter = store::SessionFilter {
        agent_id: agent.map(str::to_owned),
        limit: RECENT,
        ..store::SessionFilter::default()
    };
    let asked =
        async { Ok((shared.store.sessions(filter).await?, shared.store.session_count(agent).await?)) };
    let (recent, count) = asked.await.unwrap_or_else(|error: store::StoreError| {
        *stored = Err(error.to_string());
        (Vec::new(), 0)
    });
    let now = shared.clock.now_ms();
    let brief = |s: &store::Session| json!({"key": s.key, "updatedAt": s.updated_at_ms, "age": now.saturating_sub(s.updated_at_ms)});
    json!({
        "path": sessions_list::store_path(shared),
        "count": count,
        "recent": recent.iter().map(brief).collect::<Vec<_>>(),
    })
}

/// Each channel: its default account, and all of them.
fn channels_json(shared: &Shared) -> Map<String, Value> {
    let default = shared.channels.default_account();
    let mut accounts = Map::new();
    for (_, status, source) in &shared.channels.statuses() {
        accounts.insert(status.account.clone(), channel_json(status, source));
    }
    for (account, problem) in shared.channels.broken_accounts() {
        let broken = json!({"accountId": account, "configured": false, "running": false, "connected": false, "lastError": problem});
        accounts.insert(account, broken);
    }
    let Some(mut shown) = accounts.get(&default).or_else(|| accounts.values().next()).cloned() else {
        return Map::new();
    };
    shown["accounts"] = Value::Object(accounts);
    Map::from_iter([(TELEGRAM.to_owned(), shown)])
}

/// A channel's account, as `health` and `channels.status` show it.
pub(crate) fn channel_json(status: &ChannelStatus, token_source: &str) -> Value {
    let mut account = json!({
        "accountId": status.account,
        "enabled": true,
        "lastStartAt": status.last_start_at,
        "lastStopAt": status.last_stop_at,
        "restartPending": false,
        "reconnectAttempts": status.reconnect_attempts,
        "lastConnectedAt": status.last_connected_at,
        "lastEventAt": status.last_event_at,
        "lastTransportActivityAt": status.last_transport_activity_at,
        "lifecycle": status.lifecycle,
        "lastInboundAt": status.last_inbound_at,
        "lastOutboundAt": status.last_outbound_at,
        "tokenSource": token_source,
        "tokenStatus": "available",
        "mode": status.mode,
        "configured": status.configured,
        "running": status.running,
        "connected": status.connected,
        "lastError": status.last_error,
    });
    if let Some(port) = status.port {
        account["port"] = port.into();
    }
    account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_see_less_is_shown_less() {
        let health = json!({
            "ok": false, "ts": 1, "durationMs": 0, "channels": {},
            "sessions": {"path": "/secret/state.sqlite", "count": 2, "recent": [{"key": "agent:main:private"}]},
            "agents": [{"agentId": "main", "sessions":
                {"path": "/secret/state.sqlite", "count": 2, "recent": [{"key": "agent:main:private"}]}}],
            "store": {"ok": false, "error": "/secret/state.sqlite: locked"},
        });
        let rendered = Rendered::new(health);
        for (role, scopes, error, sessions) in [
            ("operator", &["operator.admin"][..], true, true),
            ("operator", &["operator.read"], false, true),
            ("operator", &["operator.pairing"], false, false),
            ("operator", &[], false, false),
            ("node", &[], false, false),
        ] {
            let seen = rendered.seen_by(Sight::of(&Principal::of_test(role, scopes)));
            assert_eq!(seen.get().contains("locked"), error, "{role} {scopes:?}: {seen}");
            assert_eq!(seen.get().contains("/secret"), sessions, "{role} {scopes:?}: {seen}");
            assert_eq!(seen.get().contains("private"), sessions, "{role} {scopes:?}: {seen}");
            assert!(seen.get().contains(r#""count":2"#) && seen.get().contains(r#""ts":1"#), "{seen}");
        }
    }
}
