//! `cron`: jobs that run by themselves.

use crate::tool::{Outcome, SHORT, spec, within};
use crate::{CronCall, Host, ToolEnv, args};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The tool.
pub(crate) struct Cron {
    spec: ToolSpec,
    host: Arc<dyn Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    action: Action,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    job: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    List,
    Add,
    Remove,
    Run,
}

impl Cron {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let spec = spec(
            "cron",
            "Jobs that run by themselves: reminders and recurring work. add takes a job: {name, schedule, payload, \
             sessionTarget, delivery?}. schedule is {kind:\"at\", at:\"2027-02-01T16:00:00+01:00\"}, {kind:\"every\", everyMs} or \
             {kind:\"cron\", expr:\"0 7 * * 1-5\", tz:\"Europe/Berlin\"}. With sessionTarget \"isolated\" the payload is \
             {kind:\"agentTurn\", message}: you are asked this in a session of its own, and your answer goes to this chat (or to \
             delivery {mode:\"announce\", channel, to}; {mode:\"none\"} sends nothing). With sessionTarget \"main\" it is \
             {kind:\"systemEvent\", text}: a line for the main session. remove and run take the job's id.",
            json!({"action": {"enum": ["list", "add", "remove", "run"]}, "id": {"type": "string"}, "job": {"type": "object"}}),
            &["action"],
        );
        Self { spec, host: env.host.clone() }
    }

    async fn run(&self, arguments: Value, context: ToolContext) -> Outcome {
        let Args { action, id, job } = args::parse("cron", arguments)?;
        let id =
            |what: &str| id.clone().ok_or_else(|| format!("{what} needs the id of a job; list shows them."));
        let call = match action {
            Action::List => CronCall::List,
            Action::Add => CronCall::Add(job.ok_or("add needs a job. Nothing was added.")?),
            Action::Remove => CronCall::Remove(id("remove")?),
            Action::Run => CronCall::Run(id("run")?),
        };
        let answer = self.host.cron(call, context.session_key).await.map_err(|e| e.to_string())?;
        Ok(ToolOutput::text(answer.to_string()))
    }
}

impl Tool for Cron {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, arguments: &Value) -> bool {
        arguments["action"] != "list"
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        within(SHORT, context.cancel.clone(), self.run(arguments, context))
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, text};
    use serde_json::json;

    #[tokio::test]
    async fn a_job_is_added_for_the_session_that_asks_and_what_is_missing_is_named() {
        let bench = Bench::new();
        let job = json!({"name": "tea", "schedule": {"kind": "at", "at": "2027-01-01T00:00:00Z"}});
        let added = text(&bench.call("cron", json!({"action": "add", "job": job})).await);
        assert_eq!(added, r#"{"did":"add tea for agent:main:main"}"#);
        assert_eq!(text(&bench.call("cron", json!({"action": "list"})).await), r#"{"did":"list"}"#);
        for (bad, why) in [
            (json!({"action": "add"}), "needs a job"),
            (json!({"action": "remove"}), "needs the id"),
            (json!({"action": "pause", "id": "x"}), "pause"),
        ] {
            let output = bench.call("cron", bad).await;
            assert!(output.is_error && text(&output).contains(why), "{}", text(&output));
        }
    }
}
