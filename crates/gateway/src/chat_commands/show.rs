//! Commands that only show something.

use super::COMMANDS;
use crate::methods::store_error;
use crate::shared::Shared;
use model::SessionKey;
use protocol::ErrorShape;

pub(super) fn help() -> String {
    let line = |c: &super::ChatCommand| {
        let args: Vec<String> = c.args.iter().map(|a| format!(" {}", a.name.to_uppercase())).collect();
        format!("/{}{}: {}", c.name, args.concat(), c.description)
    };
    COMMANDS.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) async fn status(shared: &Shared, key: &SessionKey) -> Result<String, ErrorShape> {
    let session = shared.store.session(key).await.map_err(store_error)?;
    let choice = session.as_ref().and_then(|session| session.model_choice.clone());
    let name = choice.or_else(|| shared.models().name_for(key.agent_id()));
    let name = name.unwrap_or_else(|| "none is configured".into());
    let mut lines = vec![format!("OpenClaw {}", shared.version), format!("Model: {name}")];
    if let Some(session) = session {
        if let Some(fallback) = session.fallback.filter(|f| f.selected == name) {
            let reason = fallback.reason.replace('_', " ");
            lines.push(format!("Fallback: {} answers ({reason})", fallback.active));
        }
        let window = shared.models().info_for_run(key.agent_id(), None).map(|info| info.context_window);
        let window = window.map(|w| format!(" of {w}")).unwrap_or_default();
        lines.push(format!("Context: {}{window} tokens", session.context_tokens));
        lines.push(format!(
            "Used: {} tokens in, {} out, ${:.4}",
            session.usage.input, session.usage.output, session.usage.cost
        ));
    }
    let busy = if shared.runs.running(key).is_empty() { "idle" } else { "answering" };
    lines.push(format!("Session: {key}, {busy}"));
    lines.push(format!(
        "Gateway: up {} min, {} nodes connected",
        shared.uptime_ms() / 60_000,
        shared.hub.nodes.all().len()
    ));
    Ok(lines.join("\n"))
}

pub(super) async fn model(shared: &Shared, key: &SessionKey) -> Result<String, ErrorShape> {
    let session = shared.store.session(key).await.map_err(store_error)?;
    let choice = session.and_then(|session| session.model_choice);
    let used = choice.or_else(|| shared.models().name_for(key.agent_id()));
    let mut lines = vec![format!("Model: {}", used.as_deref().unwrap_or("none is configured"))];
    let all: Vec<String> =
        shared.models().list().iter().map(|m| format!("- {}/{}", m.provider, m.id)).collect();
    if !all.is_empty() {
        lines.push("Configured:".into());
        lines.extend(all);
    }
    lines.push("/model NAME chooses one for this conversation, /model default goes back.".into());
    Ok(lines.join("\n"))
}
