//! `sessions_list`: the agent's sessions.

use crate::tool::{Outcome, SHORT, spec, within};
use crate::{Host, SessionInfo, ToolEnv, args};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use model::SharedClock;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Sessions shown where no limit is asked for.
const DEFAULT: usize = 20;
/// Sessions shown at most, and asked for always: those of other agents are left out afterwards.
const MAX: usize = 200;

/// The tool.
pub(crate) struct SessionsList {
    spec: ToolSpec,
    host: Arc<dyn Host>,
    clock: SharedClock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    limit: Option<usize>,
}

impl SessionsList {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let spec = spec(
            "sessions_list",
            "Your sessions, last used first.",
            json!({"limit": {"type": "integer"}}),
            &[],
        );
        Self { spec, host: env.host.clone(), clock: env.clock.clone() }
    }

    async fn run(&self, arguments: Value, agent: String) -> Outcome {
        let Args { limit } = args::parse("sessions_list", arguments)?;
        let all = self.host.sessions(MAX).await.map_err(|e| e.to_string())?;
        let now = self.clock.now_ms();
        let own = all.iter().filter(|s| s.key.agent_id() == agent);
        let lines: Vec<_> = own.take(limit.unwrap_or(DEFAULT).clamp(1, MAX)).map(|s| line(s, now)).collect();
        Ok(ToolOutput::text(if lines.is_empty() { "[no sessions]".to_owned() } else { lines.join("\n") }))
    }
}

fn line(session: &SessionInfo, now: i64) -> String {
    let SessionInfo { key, updated_at_ms, title, model, total_tokens, active } = session;
    let title = title.as_deref().map(|t| format!("  {:?}", crate::text::head(t, 100))).unwrap_or_default();
    let busy = if *active { ", busy now" } else { "" };
    let ago = ago(now.saturating_sub(*updated_at_ms));
    format!("{key}{title}  {ago}, {model}, {total_tokens} tokens{busy}")
}

fn ago(ms: i64) -> String {
    match ms / 1000 {
        s if s < 60 => "just now".to_owned(),
        s if s < 3600 => format!("{} min ago", s / 60),
        s if s < 86_400 => format!("{} h ago", s / 3600),
        s => format!("{} days ago", s / 86_400),
    }
}

impl Tool for SessionsList {
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
    async fn only_the_agents_own_sessions_are_shown() {
        let bench = Bench::new();
        let out = text(&bench.call("sessions_list", json!({})).await);
        assert_eq!(
            out,
            "agent:main:main  \"Plans\"  2 min ago, p/m, 10 tokens, busy now\nagent:main:work  3 days ago, p/m, 0 tokens"
        );
        assert_eq!(text(&bench.call("sessions_list", json!({"limit": 1})).await).lines().count(), 1);
    }
}
