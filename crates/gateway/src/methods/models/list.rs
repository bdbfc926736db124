//! `models.list`: the models that can be chosen.

use crate::current::Current;
use crate::methods::{Answer, Call};
use crate::models::Wanted;
use serde_json::{Value, json};

pub(super) async fn handle(call: Call) -> Answer {
    Ok(json!({"models": models(&call.shared.current())}).into())
}

/// Those that a reading of the configuration names.
pub(crate) fn models(current: &Current) -> Vec<Value> {
    let used =
        current.models.names_for_run(&current.settings.default_agent, &Wanted::Own).unwrap_or_default();
    let models = current.models.list();
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
