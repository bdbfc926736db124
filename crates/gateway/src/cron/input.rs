//! Jobs as they come from outside: read, completed, and checked as a whole.

use super::schedule;
use crate::shared::Shared;
use model::SessionKey;
use model::cron::{Delivery, DeliveryMode, FailureAlert, Job, Payload, Schedule};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Texts that a job may have at most: they are kept, listed and sent to a model.
const MAX_TEXT: usize = 64 * 1024;
const MAX_NAME: usize = 200;
/// A time that has just passed still counts.
const JUST_NOW_MS: i64 = 60_000;

/// A new job from the parameters of `cron.add`.
///
/// # Errors
/// Which property is wrong, and why.
pub(crate) fn new_job(shared: &Shared, params: &Map<String, Value>) -> Result<Job, String> {
    let now = shared.clock.now_ms();
    let mut value = json!({
        "id": model::new_id(), "enabled": true, "createdAtMs": now, "updatedAtMs": now, "state": {},
    });
    overlay(&mut value, params)?;
    let mut job: Job = read(value)?;
    if job.declaration_key.as_ref().is_some_and(|key| crate::heartbeat::is_declaration(key)) {
        return Err("at /declarationKey: keys that begin so are the gateway's own; choose another".into());
    }
    complete(shared, &mut job)?;
    let first = first(&job, now)?;
    job.state.next_run_at_ms = first.filter(|_| job.enabled);
    Ok(job)
}

/// A job with a patch of `cron.update` over it.
///
/// # Errors
/// Which property is wrong, and why.
pub(crate) fn patched(shared: &Shared, job: &Job, patch: &Map<String, Value>) -> Result<Job, String> {
    let now = shared.clock.now_ms();
    let mut value = serde_json::to_value(job).map_err(|e| e.to_string())?;
    overlay(&mut value, patch)?;
    let mut changed: Job = read(value)?;
    if changed.declaration_key != job.declaration_key {
        return Err("at /declarationKey: cannot be changed; declare another job and remove this one".into());
    }
    complete(shared, &mut changed)?;
    changed.updated_at_ms = now;
    let newly_timed = changed.schedule != job.schedule || (changed.enabled && !job.enabled);
    if newly_timed {
        changed.state.next_run_at_ms = if changed.enabled { first(&changed, now)? } else { None };
        changed.state.consecutive_errors = None;
    } else if !changed.enabled {
        changed.state.next_run_at_ms = None;
    }
    Ok(changed)
}

/// Puts what is asked for over what there is. `null` takes a property out; a payload or delivery of the same kind is
/// changed, and one of another replaced.
fn overlay(job: &mut Value, asked: &Map<String, Value>) -> Result<(), String> {
    let Value::Object(job) = job else { return Ok(()) };
    for (name, value) in asked {
        match (name.as_str(), value) {
            ("pacing" | "trigger" | "state" | "owner", _) => {
                return Err(format!(
                    "at /{name}: cannot be set here; jobs run at their times and have the state that they have"
                ));
            }
            ("id" | "createdAtMs" | "updatedAtMs", _) => {
                return Err(format!("at /{name}: is given by the gateway; leave it out"));
            }
            (_, Value::Null) => drop(job.shift_remove(name)),
            ("payload" | "delivery", Value::Object(part)) => {
                let there = job.get_mut(name).and_then(Value::as_object_mut);
                let same = |there: &Map<String, Value>| {
                    part.get("kind").is_none_or(|k| there.get("kind") == Some(k))
                };
                match there.filter(|there| same(there)) {
                    Some(there) => merge(there, part),
                    None => drop(job.insert(name.clone(), without_nulls(part))),
                }
            }
            _ => drop(job.insert(name.clone(), value.clone())),
        }
    }
    Ok(())
}

fn merge(there: &mut Map<String, Value>, part: &Map<String, Value>) {
    for (name, value) in part {
        if value.is_null() {
            there.shift_remove(name);
        } else {
            there.insert(name.clone(), value.clone());
        }
    }
}

fn without_nulls(part: &Map<String, Value>) -> Value {
    part.iter()
        .filter(|(_, v)| !v.is_null())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect::<Map<_, _>>()
        .into()
}

/// Reads part by part, so that a problem names its place.
fn read(mut value: Value) -> Result<Job, String> {
    part::<Schedule>(&value, "schedule")?;
    part::<Payload>(&value, "payload")?;
    if value.get("delivery").is_some() {
        if value["delivery"].get("mode").is_none() {
            value["delivery"]["mode"] = json!("announce");
        }
        part::<Delivery>(&value, "delivery")?;
    }
    if let Some(alert) = value.get("failureAlert").filter(|a| a.is_object()) {
        // Of the two forms this is the one meant; read alone, it says what is wrong with it.
        serde_json::from_value::<model::cron::AlertPolicy>(alert.clone())
            .map_err(|e| format!("at /failureAlert: {e}"))?;
    }
    serde_json::from_value(value).map_err(|e| e.to_string())
}

fn part<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T, String> {
    serde_json::from_value(value[name].clone()).map_err(|e| format!("at /{name}: {e}"))
}

/// Fills in what follows from the rest, and checks that the parts fit each other.
fn complete(shared: &Shared, job: &mut Job) -> Result<(), String> {
    check_texts(job)?;
    schedule::check(&job.schedule)?;
    if let Schedule::Every { anchor_ms, .. } = &mut job.schedule {
        anchor_ms.get_or_insert(job.created_at_ms);
    }
    if matches!(job.schedule, Schedule::At { .. }) {
        job.delete_after_run.get_or_insert(true);
    }
    let key = match &job.session_key {
        Some(key) => Some(SessionKey::parse(key).map_err(|e| format!("at /sessionKey: {e}"))?),
        None => None,
    };
    let agent = super::agent_of(shared, job);
    let settings = shared.settings();
    if !settings.has_agent(&agent) {
        let known: Vec<&str> = settings.agents.iter().map(|a| a.id.as_str()).collect();
        return Err(format!("at /agentId: unknown agent {agent:?}; there are: {}", known.join(", ")));
    }
    if job.session_target == "current" {
        job.session_target = key.map_or_else(|| "isolated".into(), |key| format!("session:{key}"));
    }
    check_target(job, &agent)
}

fn check_texts(job: &Job) -> Result<(), String> {
    let name = job.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return Err(format!("at /name: must have 1 to {MAX_NAME} characters"));
    }
    if job.description.as_ref().is_some_and(|d| d.len() > MAX_TEXT) {
        return Err(format!("at /description: must not have more than {MAX_TEXT} bytes"));
    }
    let (place, text) = match &job.payload {
        Payload::SystemEvent { text } => ("text", text),
        Payload::AgentTurn { message, timeout_seconds, .. } => {
            if timeout_seconds.is_some_and(|s| !(0.0..=1e9).contains(&s)) {
                return Err("at /payload/timeoutSeconds: must be 0 to 1000000000".into());
            }
            ("message", message)
        }
        Payload::Heartbeat {} => return Ok(()),
    };
    if text.trim().is_empty() || text.len() > MAX_TEXT {
        return Err(format!("at /payload/{place}: must have 1 to {MAX_TEXT} bytes"));
    }
    Ok(())
}

fn check_target(job: &mut Job, agent: &str) -> Result<(), String> {
    match (job.session_target.as_str(), &mut job.payload) {
        ("main", Payload::SystemEvent { .. } | Payload::Heartbeat {}) => {
            if job.delivery.as_ref().is_some_and(|d| d.mode != DeliveryMode::None) {
                return Err(
                    "at /delivery: is for agent turns; a system event is answered by the main session".into(),
                );
            }
            Ok(())
        }
        ("main", _) => Err("main cron jobs require payload.kind=\"systemEvent\"".into()),
        (target, Payload::AgentTurn { tools_allow, .. }) => {
            if let Some(name) = target.strip_prefix("session:") {
                let key = SessionKey::resolve(name, agent).map_err(|e| format!("at /sessionTarget: {e}"))?;
                if key.agent_id() != agent {
                    return Err(format!(
                        "at /sessionTarget: {key} is a session of another agent than {agent}"
                    ));
                }
            } else if target != "isolated" {
                return Err("at /sessionTarget: must be main, isolated, current or session:<key>".into());
            }
            tools_allow.get_or_insert_with(|| vec!["*".into()]);
            job.delivery.get_or_insert_with(announce);
            check_alert(job)
        }
        _ => Err("isolated, current and session cron jobs require payload.kind=\"agentTurn\"".into()),
    }
}

fn check_alert(job: &Job) -> Result<(), String> {
    if matches!(job.failure_alert, Some(FailureAlert::Off(true))) {
        return Err("at /failureAlert: must be false or an object".into());
    }
    Ok(())
}

fn announce() -> Delivery {
    Delivery {
        mode: DeliveryMode::Announce,
        channel: None,
        to: None,
        account_id: None,
        thread_id: None,
        best_effort: None,
        failure_destination: None,
    }
}

/// The first time of a job that is set now.
fn first(job: &Job, now: i64) -> Result<Option<i64>, String> {
    if let Schedule::At { at } = &job.schedule {
        let when = schedule::parse_at(at).unwrap_or_default();
        if when < now.saturating_sub(JUST_NOW_MS) {
            return Err(format!("at /schedule/at: {at} has passed; give a time to come"));
        }
        return Ok(Some(when));
    }
    match super::next_of(job, now) {
        Some(next) => Ok(Some(next)),
        None => Err("at /schedule: there is no such time to come".into()),
    }
}
