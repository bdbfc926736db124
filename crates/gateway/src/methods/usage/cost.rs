//! `usage.cost`: what an agent used and cost, day by day.

use super::range::Asked;
use super::totals::Totals;
use crate::methods::{Answer, Call, store_error, submit};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use store::UsageFilter;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(flatten)]
    asked: Asked,
    agent_id: Option<String>,
    agent_scope: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let agent_id = match (&p.agent_scope, &p.agent_id) {
        (Some(_), Some(_)) => {
            return Err(ErrorShape::invalid("agentScope=all cannot be combined with agentId"));
        }
        (Some(_), None) => None,
        (None, agent) => Some(submit::session_key(&call, None, agent.as_deref())?.agent_id().to_owned()),
    };
    let now = shared.clock.now_ms();
    let days = p.asked.days(now, shared.store.first_call().await.map_err(store_error)?)?;
    let filter = UsageFilter { from_ms: days.begin_ms(), before_ms: days.before_ms(), agent_id, key: None };
    let cells = shared.store.used(filter).await.map_err(store_error)?;
    let models = shared.models();
    let (mut by_day, mut totals) = (HashMap::new(), Totals::default());
    for cell in &cells {
        by_day.entry(days.day_of(cell.at_ms)).or_insert_with(Totals::default).add(cell, &models);
        totals.add(cell, &models);
    }
    let daily: Vec<Value> = days
        .each()
        .map(|day| by_day.remove(&day).unwrap_or_default().json_with(json!({"date": day.to_string()})))
        .collect();
    Ok(json!({"updatedAt": now, "days": days.count(), "daily": daily, "totals": totals.json()}).into())
}
