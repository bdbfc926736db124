//! `models.list`: the models that can be chosen.

use crate::current::Current;
use crate::methods::{Answer, Call};
use crate::models::Wanted;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    agent_id: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    Ok(json!({"models": of_agent(&call.shared.current(), &p)?}).into())
}

/// Those that a reading of the configuration names, as the agent that is meant has them.
pub(crate) fn of_agent(current: &Current, p: &Params) -> Result<Vec<Value>, ErrorShape> {
    let agent = p.agent_id.as_deref().unwrap_or(&current.settings.default_agent);
    if !current.settings.has_agent(agent) {
        return Err(ErrorShape::invalid(format!(
            "unknown agent id {agent:?}; agents.list names those that there are"
        )));
    }
    Ok(shown(current, agent))
}

/// Those of the default agent.
pub(crate) fn models(current: &Current) -> Vec<Value> {
    shown(current, &current.settings.default_agent)
}

fn shown(current: &Current, agent: &str) -> Vec<Value> {
    let used = current.models.names_for_run(agent, &Wanted::Own).unwrap_or_default();
    let models = current.models.list_for(agent);
    models
        .iter()
        .map(|m| {
            let name = format!("{}/{}", m.provider, m.id);
            let place = used.iter().position(|used| *used == name);
            let tag = |place| if place == 0 { "default".to_owned() } else { format!("fallback#{place}") };
            let tags: Vec<String> = place.map(tag).into_iter().collect();
            json!({
                "id": m.id, "name": m.name, "provider": m.provider, "contextWindow": m.context_window,
                "reasoning": m.reasoning, "tags": tags, "available": true,
                // Models are asked without extra thinking, all of them.
                "thinkingLevels": [{"id": "off", "label": "off"}], "thinkingDefault": "off",
                "input": if m.images { vec!["text", "image"] } else { vec!["text"] },
            })
        })
        .collect()
}
