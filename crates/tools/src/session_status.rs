//! `session_status`: model, tokens and cost of a session.

use crate::sessions_history::own_session;
use crate::text::clip;
use crate::tool::{Outcome, SHORT, spec, within};
use crate::{Host, ToolEnv, args};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use model::SessionKey;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a model reads of it, in bytes.
const MAX: usize = 10_000;

/// The tool.
pub(crate) struct SessionStatus {
    spec: ToolSpec,
    host: Arc<dyn Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Args {
    #[serde(default)]
    session_key: Option<String>,
}

impl SessionStatus {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let spec = spec(
            "session_status",
            "Model, tokens and cost of a session (default: this one).",
            json!({"sessionKey": {"type": "string"}}),
            &[],
        );
        Self { spec, host: env.host.clone() }
    }

    async fn run(&self, arguments: Value, agent: String, here: SessionKey) -> Outcome {
        let Args { session_key } = args::parse("session_status", arguments)?;
        let key = match session_key {
            Some(text) => own_session(&text, &agent)?,
            None => here,
        };
        let status = self.host.session_status(key).await.map_err(|e| e.to_string())?;
        Ok(ToolOutput::text(clip(&status.to_string(), MAX)))
    }
}

impl Tool for SessionStatus {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        false
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        within(SHORT, context.cancel, self.run(arguments, context.agent_id, context.session_key))
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, text};
    use serde_json::json;

    #[tokio::test]
    async fn the_session_at_hand_is_the_default() {
        let bench = Bench::new();
        let out = text(&bench.call("session_status", json!({})).await);
        assert_eq!(out, r#"{"session":"agent:main:main"}"#);
        let out = text(&bench.call("session_status", json!({"sessionKey": "work"})).await);
        assert_eq!(out, r#"{"session":"agent:main:work"}"#);
    }
}
