//! The heartbeats' jobs: one for each agent that has a heartbeat, made and kept by the gateway as the configuration says.

use super::{next_of, wire};
use crate::heartbeat::declaration;
use crate::shared::Shared;
use config::HeartbeatConfig;
use model::cron::{Job, JobState, Payload, Schedule, WakeMode};
use serde_json::json;
use store::{AddedJob, StoreError};

/// Makes the jobs be as the configuration says. What the jobs know of their past stays. At the start nobody is told: whoever
/// asks finds them.
pub(super) async fn reconcile(shared: &Shared, at_start: bool) -> Result<(), StoreError> {
    let settings = shared.settings();
    for (agent, config) in &settings.heartbeats {
        match shared.store.cron_declared(&declaration(agent)).await? {
            None => {
                let job = new_job(shared, agent, config);
                let added = shared.store.add_cron_job(job, usize::MAX).await?;
                if let (AddedJob::Yes(row), false) = (added, at_start) {
                    wire::event(shared, "added", &row.job, json!({}));
                }
            }
            Some(mut row) => {
                if follow(&mut row.job, config, shared.clock.now_ms()) {
                    // Somebody else's change in the same moment is looked at again with the next change of the configuration.
                    shared.store.change_cron_job(row.job, row.revision).await?;
                }
            }
        }
    }
    for row in shared.store.cron_jobs().await? {
        let gone = |agent: &str| !settings.heartbeats.iter().any(|(has, _)| has == agent);
        let agent = row.job.agent_id.as_deref().unwrap_or_default();
        if matches!(row.job.payload, Payload::Heartbeat {}) && gone(agent) {
            shared.store.remove_cron_job(&row.job.id).await?;
            wire::event(shared, "removed", &row.job, json!({}));
        }
    }
    Ok(())
}

fn every(config: &HeartbeatConfig) -> i64 {
    i64::try_from(config.every_ms()).unwrap_or(i64::MAX)
}

fn new_job(shared: &Shared, agent: &str, config: &HeartbeatConfig) -> Job {
    let now = shared.clock.now_ms();
    let enabled = every(config) > 0;
    // Never: the distance is kept for the day on which it is switched on.
    let every_ms = if enabled { every(config) } else { i64::from(u32::MAX) };
    let mut job = Job {
        id: model::new_id(),
        declaration_key: Some(declaration(agent)),
        display_name: Some(format!("Heartbeat ({agent})")),
        agent_id: Some(agent.to_owned()),
        session_key: None,
        name: format!("heartbeat-{agent}"),
        description: None,
        enabled,
        delete_after_run: None,
        created_at_ms: now,
        updated_at_ms: now,
        schedule: Schedule::Every { every_ms, anchor_ms: Some(now) },
        session_target: "main".into(),
        wake_mode: WakeMode::NextHeartbeat,
        payload: Payload::Heartbeat {},
        delivery: None,
        failure_alert: None,
        state: JobState::default(),
    };
    job.state.next_run_at_ms = next_of(&job, now).filter(|_| enabled);
    job
}

/// Brings a job in line; whether anything changed.
fn follow(job: &mut Job, config: &HeartbeatConfig, now: i64) -> bool {
    let (wanted, enabled) = (every(config), every(config) > 0);
    let Schedule::Every { every_ms, .. } = &mut job.schedule else { return false };
    let same = job.enabled == enabled && (!enabled || *every_ms == wanted);
    if same {
        return false;
    }
    if enabled {
        *every_ms = wanted;
    }
    (job.enabled, job.updated_at_ms) = (enabled, now);
    job.state.next_run_at_ms = if enabled { next_of(job, now) } else { None };
    true
}
