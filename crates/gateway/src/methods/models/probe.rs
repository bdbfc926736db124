//! `models.keys.probe`: whether keys of providers work, found out by asking with them.

use crate::methods::{Answer, Call};
use crate::models::probe::{self, Wish};
use protocol::ErrorShape;

pub(super) async fn handle(mut call: Call) -> Answer {
    let wish: Wish = call.params()?;
    let current = call.shared.current();
    let agent = wish.agent_id.clone().unwrap_or_else(|| current.settings.default_agent.clone());
    if !current.settings.has_agent(&agent) {
        return Err(ErrorShape::invalid(format!(
            "unknown agent id {agent:?}; agents.list names those that there are"
        )));
    }
    let clock = call.shared.clock.clone();
    let now = move || clock.now_ms();
    let probed = probe::run(&current.models, &agent, &wish, &now).await.map_err(ErrorShape::unavailable)?;
    Ok(probed.into())
}
