//! `sessions_history`: what was said in a session.

use crate::text::clip;
use crate::tool::{Outcome, SHORT, spec, within};
use crate::{Host, ToolEnv, args};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use model::{Block, Message, SessionKey};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Entries shown where no limit is asked for, and at most.
const DEFAULT: usize = 20;
const MAX: usize = 100;
/// Bytes shown of one entry, of one tool call's arguments or result, and of all together.
const MAX_ENTRY: usize = 4000;
const MAX_TOOL: usize = 500;
const MAX_ALL: usize = 50_000;

/// The tool.
pub(crate) struct SessionsHistory {
    spec: ToolSpec,
    host: Arc<dyn Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Args {
    session_key: String,
    #[serde(default)]
    limit: Option<usize>,
}

impl SessionsHistory {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let spec = spec(
            "sessions_history",
            "The last messages of a session.",
            json!({"sessionKey": {"type": "string"}, "limit": {"type": "integer"}}),
            &["sessionKey"],
        );
        Self { spec, host: env.host.clone() }
    }

    async fn run(&self, arguments: Value, agent: String) -> Outcome {
        let Args { session_key, limit } = args::parse("sessions_history", arguments)?;
        let key = own_session(&session_key, &agent)?;
        let limit = limit.unwrap_or(DEFAULT).clamp(1, MAX);
        let messages = self.host.history(key, limit).await.map_err(|e| e.to_string())?;
        // The newest count most: the oldest are left out where it is too much.
        let mut lines = Vec::new();
        let mut size = 0;
        for message in messages.iter().rev().take(limit) {
            let line = entry(message);
            size += line.len();
            if size > MAX_ALL {
                lines.push("[… older messages left out …]".to_owned());
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        Ok(ToolOutput::text(if lines.is_empty() { "[no messages]".to_owned() } else { lines.join("\n") }))
    }
}

/// A session of the agent itself; what others talk about is not its business.
pub(crate) fn own_session(text: &str, agent: &str) -> Result<SessionKey, String> {
    let key = SessionKey::resolve(text, agent).map_err(|e| format!("{e}."))?;
    if key.agent_id() != agent {
        return Err(format!("{key} belongs to another agent; sessions_list shows yours."));
    }
    Ok(key)
}

fn entry(message: &Message) -> String {
    match message {
        Message::User(user) => format!("user: {}", clip(&user.content.text(), MAX_ENTRY)),
        Message::Assistant(answer) => {
            let parts = answer.content.iter().filter_map(|block| match block {
                Block::Text { text } => Some(clip(text, MAX_ENTRY)),
                Block::Thinking { .. } => None,
                Block::ToolCall { name, arguments, .. } => {
                    Some(format!("[calls {name} {}]", clip(&arguments.to_string(), MAX_TOOL)))
                }
            });
            format!("assistant: {}", parts.collect::<Vec<_>>().join("\n"))
        }
        Message::ToolResult(result) => {
            let failed = if result.is_error { " failed" } else { "" };
            format!("{}{failed}: {}", result.tool_name, clip(&result.text(), MAX_TOOL))
        }
        Message::Note(note) => format!("note: {}", clip(&note.text, MAX_ENTRY)),
    }
}

impl Tool for SessionsHistory {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        false
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        within(SHORT, context.cancel, self.run(arguments, context.agent_id))
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, text};
    use serde_json::json;

    #[tokio::test]
    async fn a_transcript_is_shown_in_short() {
        let bench = Bench::new();
        let out = text(&bench.call("sessions_history", json!({"sessionKey": "main", "limit": 10})).await);
        assert_eq!(out, "user: hi\nassistant: hello\n[calls exec {\"command\":\"ls\"}]\nexec failed: no");
    }

    #[tokio::test]
    async fn sessions_of_others_and_wrong_keys_are_refused() {
        let bench = Bench::new();
        for key in ["agent:other:main", "", "agent:x"] {
            assert!(bench.call("sessions_history", json!({"sessionKey": key})).await.is_error, "{key}");
            assert!(bench.call("session_status", json!({"sessionKey": key})).await.is_error, "{key}");
        }
    }
}
