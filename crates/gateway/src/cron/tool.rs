//! Jobs as the agent handles them: those of its own, made in the session in which it speaks.

use super::ops::{self, Asked, By, Refusal, When};
use super::{agent_of, wire};
use crate::shared::Shared;
use model::SessionKey;
use model::cron::Payload;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tools::CronCall;

/// Does what the agent of a session asks for.
pub(crate) async fn call(
    shared: &Arc<Shared>,
    call: CronCall,
    session: &SessionKey,
) -> Result<Value, Refusal> {
    let by = By::Agent(session.agent_id());
    match call {
        CronCall::List => list(shared, session).await,
        CronCall::Add(job) => {
            known(&job)?;
            let declared = ops::add(shared, by, &asked_in(job, session)).await?;
            Ok(wire::job(&declared.job))
        }
        CronCall::Remove(id) => {
            // One that is not there is named, so that the agent does not take a wrong id for a job that is gone.
            ops::found(shared, by, &id).await?;
            Ok(json!({"removed": ops::remove(shared, by, &id).await?}))
        }
        CronCall::Run(id) => Ok(match ops::run_now(shared, by, &id, When::Force).await? {
            Asked::Begun(run_id) => json!({"runId": run_id}),
            Asked::Not(reason) => json!({"ran": false, "reason": reason}),
        }),
    }
}

/// What no job has would be lost in silence: it is named, as to every other client.
fn known(job: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(shape) = protocol::methods::find("cron.add").map(|method| method.params) else { return Ok(()) };
    let names: Vec<&str> = shape.fields.iter().map(|field| field.name).collect();
    match job.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => {
            let name: String = name.chars().take(80).collect();
            Err(Refusal::Wrong(format!(
                "at /{name}: a job has no such property; it has {}",
                names.join(", ")
            )))
        }
        None => Ok(()),
    }
}

/// A job belongs to the agent that made it, and to the session in which it did: its answers go back there.
fn asked_in(mut job: Map<String, Value>, session: &SessionKey) -> Map<String, Value> {
    job.insert("agentId".into(), json!(session.agent_id()));
    job.insert("sessionKey".into(), json!(session));
    job.entry("wakeMode").or_insert_with(|| json!("now"));
    let is_event = job.get("payload").is_some_and(|p| p["kind"] == "systemEvent");
    job.entry("sessionTarget").or_insert_with(|| json!(if is_event { "main" } else { "isolated" }));
    job
}

async fn list(shared: &Shared, session: &SessionKey) -> Result<Value, Refusal> {
    let rows = shared.store.cron_jobs().await?;
    let own = rows.into_iter().map(|row| row.job).filter(|job| {
        agent_of(shared, job) == session.agent_id() && !matches!(job.payload, Payload::Heartbeat {})
    });
    let jobs: Vec<Value> = own.map(|job| wire::job(&job)).collect();
    Ok(json!({"jobs": jobs}))
}
