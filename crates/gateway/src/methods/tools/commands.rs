//! `commands.list`: what people can write into a chat besides messages.

use crate::chat_commands::{COMMANDS, ChatArg, ChatCommand};
use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: Option<String>,
    scope: Option<String>,
    include_args: Option<bool>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    if let Some(agent) = p.agent_id.filter(|a| !call.shared.settings().has_agent(a)) {
        return Err(ErrorShape::invalid(format!(
            "unknown agent id {agent:?}; agents.list names those that there are"
        )));
    }
    // They are text everywhere: no platform is told of them beforehand.
    let asked = p.scope.as_deref() != Some("native");
    let commands = if asked { all(p.include_args != Some(false)) } else { Vec::new() };
    Ok(json!({"commands": commands}).into())
}

/// Every command, as lists show them.
pub(crate) fn all(with_args: bool) -> Vec<Value> {
    COMMANDS.iter().map(|command| entry(command, with_args)).collect()
}

fn entry(command: &ChatCommand, with_args: bool) -> Value {
    let mut entry = json!({
        "name": command.name,
        "textAliases": std::iter::once(&command.name).chain(command.aliases).map(|name| format!("/{name}")).collect::<Vec<_>>(),
        "description": command.description,
        "category": command.category,
        "source": "native",
        "scope": "text",
        "acceptsArgs": !command.args.is_empty(),
    });
    if with_args && !command.args.is_empty() {
        entry["args"] = command.args.iter().map(argument).collect();
    }
    entry
}

fn argument(arg: &ChatArg) -> Value {
    let mut out =
        json!({"name": arg.name, "description": arg.description, "type": "string", "required": arg.required});
    if !arg.choices.is_empty() {
        out["choices"] = arg.choices.iter().map(|c| json!({"value": c, "label": c})).collect();
    }
    out
}
