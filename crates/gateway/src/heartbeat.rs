//! The heartbeat: a turn that an agent takes now and then by itself, and at once where something has happened. Its times
//! are those of a job like any other, kept by the gateway; this says whether there is anything to do, and what is made of
//! the answer.

use crate::cron::begin::message_of;
use crate::cron::target;
use crate::hub::Audience;
use crate::settings::Zone;
use crate::shared::Shared;
use config::HeartbeatConfig;
use model::cron::Job;
use model::{Directives, Inbound, SessionKey};
use protocol::Scope;
use serde_json::{Value, json};
use store::{Run, RunStatus, StoreError};

/// By which a model says that all is well.
const ACK: &str = "HEARTBEAT_OK";
/// An answer with [`ACK`] and at most so many characters more says nothing else.
const ACK_MAX_CHARS: usize = 300;
/// Characters of an answer that the event shows.
const PREVIEW_CHARS: usize = 200;
/// The longest turn, where nothing is said.
const MAX_TURN_S: u64 = 600;
/// What the names of heartbeats as declared jobs begin with.
const DECLARED: &str = "heartbeat:";
/// The names of what is kept in the store.
const LAST: &str = "heartbeat.last";
const ENABLED: &str = "heartbeat.enabled";

/// What an agent is asked where the configuration says nothing.
const PROMPT: &str = "This is a heartbeat: a moment to look whether anything needs attention. Follow HEARTBEAT.md where its \
    text is given, and see to the system events above, if there are any. Do not take up old tasks of this conversation again. \
    If nothing needs attention, answer exactly HEARTBEAT_OK.";

/// The name under which an agent's heartbeat is declared as a job.
pub(crate) fn declaration(agent_id: &str) -> String {
    format!("{DECLARED}{agent_id}")
}

/// Whether a job that is declared so would stand in the place of a heartbeat, of an agent that there is or may come to be.
pub(crate) fn is_declaration(key: &str) -> bool {
    key.starts_with(DECLARED)
}

/// An agent's heartbeat, as `health` shows it; `on` is whether heartbeats are switched on at all.
pub(crate) fn summary(settings: &crate::settings::Settings, agent_id: &str, on: bool) -> serde_json::Value {
    let config = settings.heartbeat(agent_id).filter(|config| on && config.every_ms() > 0);
    let every_ms = config.map(HeartbeatConfig::every_ms);
    let every = match every_ms {
        None => "disabled".to_owned(),
        Some(ms) if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        Some(ms) if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        Some(ms) => format!("{}s", ms / 1000),
    };
    serde_json::json!({
        "enabled": config.is_some(),
        "every": every,
        "everyMs": every_ms,
        "prompt": config.and_then(|config| config.prompt.as_deref()).unwrap_or(PROMPT),
        "target": config.and_then(|config| config.target.as_deref()).unwrap_or("owner"),
        // An answer that is more than the agreed word is news, however short.
        "ackMaxChars": 0,
    })
}

/// The message of a heartbeat, or why there is none now.
pub(crate) async fn message(
    shared: &Shared,
    job: &Job,
    run_id: &str,
    woken: Option<&SessionKey>,
    now: i64,
) -> Result<Result<Inbound, &'static str>, StoreError> {
    let agent = crate::cron::agent_of(shared, job);
    let settings = shared.settings();
    let Some(config) = settings.heartbeat(&agent) else { return Ok(Err("disabled")) };
    let key = woken.cloned().unwrap_or_else(|| SessionKey::main(&agent));
    if woken.is_none() {
        if !is_enabled(shared).await? {
            return Ok(Err("disabled"));
        }
        if !is_active(config, &settings.zone, now) {
            return Ok(Err("quiet-hours"));
        }
        if !shared.runs.running(&key).is_empty() {
            return Ok(Err("requests-in-flight"));
        }
    }
    if config.model.is_none() && shared.models().name_for(&agent).is_none() {
        return Ok(Err("no-model"));
    }
    let has_events = !shared.store.system_events(&key).await?.is_empty();
    let workspace = agent::workspace::Workspace::new(settings.agent(&agent).workspace.clone());
    let file = workspace.heartbeat().await;
    if file.is_none() && !has_events && config.prompt.is_none() {
        return Ok(Err("empty-heartbeat-file"));
    }
    let target = route(shared, config, &key).await?;
    if target.is_none() && woken.is_none() && !has_events && config.target.as_deref() != Some("none") {
        return Ok(Err("no-route"));
    }
    let mut text = config.prompt.clone().unwrap_or_else(|| PROMPT.to_owned());
    if let Some(file) = file {
        text = format!("{text}\n\nHEARTBEAT.md:\n{file}");
    }
    let cadence = (config.every_ms() / 1000).clamp(1, MAX_TURN_S);
    let directives = Directives {
        queue_mode: Some("followup".into()),
        timeout_ms: Some(config.timeout_seconds.unwrap_or(cadence).saturating_mul(1000)),
        deliver_to: target,
        model: config.model.clone(),
        light_context: config.light_context.unwrap_or(false),
        unattended: true,
        heartbeat: true,
        ..Directives::default()
    };
    Ok(Ok(message_of(run_id, &key, "heartbeat", text, directives, now)))
}

/// Where the answer of a heartbeat goes.
async fn route(
    shared: &Shared,
    config: &HeartbeatConfig,
    key: &SessionKey,
) -> Result<Option<target::Target>, StoreError> {
    let of_session = async || -> Result<_, StoreError> {
        let route = shared.store.session(key).await?.and_then(|session| session.route);
        Ok(route.map(|route| (route.channel, route.account, route.to)))
    };
    // A session of its own has a conversation of its own.
    if !key.is_main() {
        return of_session().await;
    }
    Ok(match config.target.as_deref().unwrap_or("owner") {
        "none" => None,
        "last" => of_session().await?,
        "owner" => shared.settings().owner.clone(),
        channel => {
            let account = config.account_id.as_deref();
            config
                .to
                .as_deref()
                .and_then(|to| target::explicit(shared, Some(channel), to, account, None).ok())
        }
    })
}

fn is_active(config: &HeartbeatConfig, user: &Zone, now: i64) -> bool {
    let Some(hours) = &config.active_hours else { return true };
    let offset = match hours.timezone.as_deref() {
        None | Some("user" | "") => user.at(now).1,
        Some("local") => Zone::named(None).at(now).1,
        Some(name) => Zone::named(Some(name)).at(now).1,
    };
    let minute = (now.div_euclid(60_000) + i64::from(offset)).rem_euclid(1440);
    u32::try_from(minute).is_ok_and(|minute| hours.contains(minute))
}

/// Whether an answer says only that all is well.
pub(crate) fn is_ack(reply: &str) -> bool {
    let reply = reply.trim().trim_matches(|c| matches!(c, '*' | '`'));
    let rest = reply.strip_prefix(ACK).or_else(|| reply.strip_suffix(ACK));
    rest.is_some_and(|rest| rest.trim().chars().count() <= ACK_MAX_CHARS)
}

/// What a heartbeat came to, for the event and for `last-heartbeat`.
pub(crate) fn outcome(run: &Run, duration_ms: i64, now: i64) -> Value {
    let reply = run.reply.as_deref().unwrap_or_default();
    let (status, reason) = match run.status {
        RunStatus::Failed | RunStatus::Aborted => ("failed", run.error.clone()),
        _ if reply.is_empty() => ("ok-empty", None),
        _ if is_ack(reply) => ("ok-token", None),
        _ if run.route.is_none() => ("skipped", Some("no-route".to_owned())),
        _ => ("sent", None),
    };
    let mut event = json!({"ts": now, "status": status, "hasMedia": false, "durationMs": duration_ms});
    if !reply.is_empty() {
        event["preview"] = json!(reply.chars().take(PREVIEW_CHARS).collect::<String>());
    }
    if let Some(reason) = reason {
        event["reason"] = json!(reason);
    }
    if let (Some(route), "sent") = (&run.route, status) {
        event["channel"] = json!(route.channel);
        event["to"] = json!(route.to);
    }
    if event["reason"] == "no-route" {
        event["message"] = json!("the answer went nowhere: set agents.defaults.heartbeat.target");
    }
    event
}

/// A heartbeat that did not happen.
pub(crate) fn skipped(reason: &str, now: i64) -> Value {
    json!({"ts": now, "status": "skipped", "reason": reason, "hasMedia": false, "durationMs": 0})
}

/// Tells operators what a heartbeat came to, and keeps it.
pub(crate) async fn announce(shared: &Shared, event: &Value) -> Result<(), StoreError> {
    shared.store.set_setting(LAST, event).await?;
    shared.hub.broadcast(Audience::Operators(Scope::Read), "heartbeat", event, true);
    Ok(())
}

/// The last one; null where there was none.
pub(crate) async fn last(shared: &Shared) -> Result<Value, StoreError> {
    Ok(shared.store.setting(LAST).await?.unwrap_or(Value::Null))
}

/// Whether heartbeats happen at their times.
pub(crate) async fn is_enabled(shared: &Shared) -> Result<bool, StoreError> {
    Ok(shared.store.setting(ENABLED).await?.and_then(|v| v.as_bool()).unwrap_or(true))
}

/// Switches them on or off, until it is said otherwise.
pub(crate) async fn set_enabled(shared: &Shared, enabled: bool) -> Result<(), StoreError> {
    shared.store.set_setting(ENABLED, &json!(enabled)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_says_nothing_else_is_an_acknowledgement() {
        for ack in
            ["HEARTBEAT_OK", " **HEARTBEAT_OK** ", "HEARTBEAT_OK nothing new", "All quiet. HEARTBEAT_OK"]
        {
            assert!(is_ack(ack), "{ack}");
        }
        let long = format!("HEARTBEAT_OK {}", "x".repeat(301));
        for other in ["", "the heartbeat is fine", "say HEARTBEAT_OK if so, or not", long.as_str()] {
            assert!(!is_ack(other), "{other}");
        }
    }

    #[test]
    fn active_hours_are_those_of_their_zone() {
        let hours = |timezone: Option<&str>| HeartbeatConfig {
            active_hours: Some(config::ActiveHours {
                start: 480,
                end: 1320,
                timezone: timezone.map(str::to_owned),
            }),
            ..HeartbeatConfig::default()
        };
        let user = Zone::named(Some("Asia/Tokyo"));
        // 2027-01-01T07:30Z: 16:30 in Tokyo, 08:30 in Berlin, 02:30 in New York.
        let now = 1_798_788_600_000;
        assert!(is_active(&hours(None), &user, now) && is_active(&hours(Some("Europe/Berlin")), &user, now));
        assert!(!is_active(&hours(Some("America/New_York")), &user, now));
        assert!(is_active(&HeartbeatConfig::default(), &user, now));
    }
}
