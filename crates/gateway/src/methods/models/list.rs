//! `models.list`: the models that can be chosen.

use crate::methods::{Answer, Call};
use crate::shared::Shared;
use serde_json::{Value, json};

pub(super) async fn handle(call: Call) -> Answer {
    Ok(json!({"models": models(&call.shared)}).into())
}

pub(crate) fn models(shared: &Shared) -> Vec<Value> {
    let current = shared.current();
    let default = current.models.name_for(&current.settings.default_agent);
    let models = current.models.list();
    models
        .iter()
        .map(|m| {
            let is_default = default.as_deref() == Some(&format!("{}/{}", m.provider, m.id));
            let tags: Vec<&str> = is_default.then_some("default").into_iter().collect();
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
