//! Commands that only show something.

use super::{COMMANDS, Speaker};
use crate::methods::store_error;
use crate::node_skills;
use crate::runs::{dispatch, turn};
use crate::shared::Shared;
use agent::tool::Tools;
use agent::workspace::Workspace;
use llm::ToolSpec;
use model::{ChatKind, SessionKey};
use protocol::ErrorShape;
use std::sync::Arc;

/// Lines of a list in a chat; more is not read there.
const MOST_LINES: usize = 80;

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
    let chosen = shared.store.chosen(key).await.map_err(store_error)?;
    if let Some(hears_all) = chosen.hears_all {
        let mode = if hears_all { "always" } else { "mention" };
        lines.push(format!("Activation: {mode}"));
    }
    if chosen.sends == Some(false) {
        lines.push("Answers do not go out to this chat (/send on).".into());
    }
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

pub(super) fn models(shared: &Shared, provider: &str) -> String {
    let list = shared.models().list();
    let of = list.iter().filter(|m| provider.is_empty() || m.provider.eq_ignore_ascii_case(provider));
    let lines: Vec<String> = of.map(|m| format!("- {}/{}", m.provider, m.id)).collect();
    if lines.is_empty() {
        return if provider.is_empty() {
            "No model is configured.".into()
        } else {
            format!("{provider} has no model here.")
        };
    }
    shortened(lines)
}

/// Who speaks, as the gateway verified it: what rules about people go by.
pub(super) fn whoami(speaker: &Speaker<'_>) -> String {
    let owner = if speaker.is_owner { "yes" } else { "no" };
    let Some(inbound) = speaker.inbound else {
        return format!("🧭 Identity\nChannel: the gateway's own chat\nOwner: {owner}");
    };
    let mut lines = vec!["🧭 Identity".to_owned(), format!("Channel: {}", inbound.channel)];
    lines.push(format!("Account: {}", inbound.account));
    lines.push(format!("User id: {}", inbound.sender.id));
    if let Some(username) = &inbound.sender.username {
        lines.push(format!("Username: @{username}"));
    }
    if inbound.chat.kind == ChatKind::Group {
        let (chat, topic) = match inbound.chat.id.split_once(":topic:") {
            Some((chat, topic)) => (chat, Some(topic)),
            None => (inbound.chat.id.as_str(), None),
        };
        lines.push(format!("Chat: {chat}"));
        lines.extend(topic.map(|topic| format!("Topic: {topic}")));
    }
    lines.push(format!("Owner: {owner}"));
    lines.join("\n")
}

/// The tools that a message of this chat may use.
pub(super) fn tools(shared: &Arc<Shared>, speaker: &Speaker<'_>) -> String {
    let names: Vec<String> = of_chat(shared, speaker).iter().map(|tool| tool.spec().name.clone()).collect();
    if names.is_empty() {
        "The agent has no tools here.".into()
    } else {
        format!("The agent has here: {}", names.join(", "))
    }
}

fn of_chat(shared: &Arc<Shared>, speaker: &Speaker<'_>) -> Tools {
    let current = shared.current();
    let (mut tools, by_server) = shared.tools_and_lenders(&current, speaker.key.agent_id());
    let Some(inbound) = speaker.inbound else { return tools };
    let (settings, moved) = (&current.settings, shared.channels.moved_groups());
    let of_chat = dispatch::group_of(&moved, settings, &inbound.channel, &inbound.account, &inbound.chat.id);
    if let Some(of_chat) = of_chat {
        turn::within(&mut tools, &by_server, &of_chat.tools, Some(&inbound.sender.id));
    }
    tools
}

pub(super) fn skills(shared: &Shared) -> String {
    let told = node_skills::told(shared, &shared.current());
    if told.is_empty() {
        return "There are no skills: no node that is connected has any.".into();
    }
    let lines = told.iter().map(|skill| format!("- {}: {}", skill.name, skill.description));
    format!("{}\n/skill NAME and what it is for has the agent use one.", shortened(lines.collect()))
}

/// What the agent reads at each call, and how much of it there is.
pub(super) async fn context(shared: &Arc<Shared>, speaker: &Speaker<'_>) -> Result<String, ErrorShape> {
    let key = &speaker.key;
    let session = shared.store.session(key).await.map_err(store_error)?;
    let current = shared.current();
    let workspace = Workspace::new(current.settings.agent(key.agent_id()).workspace.clone());
    let mut lines = vec!["🧠 What the agent reads here".to_owned()];
    match session {
        Some(session) => {
            let window = current
                .models
                .info_for_run(key.agent_id(), session.model_choice.as_deref())
                .map(|info| info.context_window);
            let window = window.map(|w| format!(" of {w}")).unwrap_or_default();
            let stale = if session.context_is_fresh { "" } else { ", before it was compacted" };
            lines.push(format!(
                "Conversation: {} tokens{window} at the last call{stale}",
                session.context_tokens
            ));
            lines.push(format!(
                "Messages: {}, compacted {} times",
                session.message_count, session.compactions
            ));
        }
        None => lines.push("Conversation: nothing was said yet".into()),
    }
    for (name, text) in workspace.bootstrap().await {
        lines.push(format!("{name}: {} characters", text.chars().count()));
    }
    let tools = of_chat(shared, speaker);
    let length = |spec: &ToolSpec| spec.description.len() + spec.parameters.to_string().len();
    let described: usize = tools.iter().map(|tool| length(tool.spec())).sum();
    lines.push(format!("Tools: {}, described in {described} characters", tools.len()));
    lines.push(format!("Skills: {}", node_skills::told(shared, &current).len()));
    Ok(shortened(lines))
}

fn shortened(mut lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines.join("\n")
}
