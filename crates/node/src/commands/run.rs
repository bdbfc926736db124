//! `system.run`: runs a command line and says what came of it.

use super::Answer;
use super::params::check_argv;
use super::policy::{self, Looked, ToLookAt};
use crate::host::Host;
use crate::invoke::Failure;
use crate::progress::Progress;
use exec::{CommandOutput, CommandSpec};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a command may run where nobody names a time.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);
/// Bytes of output that `exec.finished` carries; the result has all that was kept.
const MAX_EVENT_OUTPUT: usize = 20_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    command: Vec<String>,
    #[serde(default)]
    system_run_plan: Option<Plan>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    env: Option<BTreeMap<String, String>>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    run_id: Option<String>,
    #[serde(default)]
    session_key: Option<String>,
    #[serde(default)]
    security: Option<String>,
    #[serde(default)]
    ask: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    /// The gateway's word that people were asked about the plan.
    #[serde(default)]
    approved: Option<bool>,
    #[serde(default)]
    approval_decision: Option<String>,
    #[serde(default)]
    suppress_notify_on_exit: Option<bool>,
}

#[derive(Deserialize)]
struct Plan {
    argv: Vec<String>,
    #[serde(default)]
    cwd: Option<String>,
}

/// Runs it. `waits` is how long the gateway waits: a command does not outlive the interest in it.
pub(super) async fn run(
    host: &Host,
    params: Params,
    (waits, cancel): (Option<Duration>, &CancellationToken),
    progress: &Progress,
) -> Result<Answer, Failure> {
    let mut spec = spec(host, &params, waits)?;
    if let Some(folder) = super::prepare::skill_folder(host, params.cwd.as_deref()).await? {
        spec.cwd = Some(folder);
    }

    let looked = look(host, &params, &spec).await?;
    // What people approved is a plan; without one nobody knows what they saw.
    let approved = params.approved == Some(true) && params.system_run_plan.is_some();
    spec.argv = looked.admit(&params.command, approved)?;
    if approved && params.approval_decision.as_deref() == Some("allow-always") {
        policy::remember(host, &looked, params.agent_id.as_deref().unwrap_or_default()).await;
    }
    let text = exec::display_argv(&params.command);
    let watch = |bytes: &[u8]| progress.push(bytes);
    let output =
        exec::run_watched(spec, cancel, &watch).await.map_err(|e| Failure::invalid(e.to_string()))?;
    if output.cancelled {
        return Err(Failure::cancelled());
    }
    let success = output.exit_code == Some(0) && !output.timed_out;
    let finished = finished_event(&params, &text, &output, success);
    let payload = json!({
        "exitCode": output.exit_code,
        "timedOut": output.timed_out,
        "success": success,
        "error": problem(&output),
        "stdout": output.stdout,
        "stderr": output.stderr,
    });
    Ok(Answer { payload, finished: Some(finished), place: None })
}

fn spec(host: &Host, params: &Params, waits: Option<Duration>) -> Result<CommandSpec, Failure> {
    check_argv("system.run", &params.command)?;
    let cwd = directory(params)?;
    let overrides: Vec<(String, String)> = params.env.clone().unwrap_or_default().into_iter().collect();
    exec::check_env_overrides(&overrides).map_err(|e| Failure::invalid(e.to_string()))?;
    let mut spec = CommandSpec::new(params.command.clone());
    spec.cwd = Some(policy::directory(&host.working_dir, cwd.as_deref()));
    if !host.path.is_empty() {
        // The node's own, so that commands find what `system.which` finds.
        spec.env.push(("PATH".to_owned(), host.path.clone()));
    }
    spec.env.extend(overrides);
    let asked = params.timeout_ms.filter(|ms| *ms > 0).map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    spec.timeout = Some(waits.map_or(asked, |w| w.min(asked)));
    Ok(spec)
}

async fn look(host: &Host, params: &Params, spec: &CommandSpec) -> Result<Looked, Failure> {
    let to_look_at = ToLookAt {
        argv: params.command.clone(),
        cwd: spec.cwd.clone().unwrap_or_else(|| host.working_dir.clone()),
        agent: params.agent_id.clone().unwrap_or_default(),
        request: policy::request(params.security.as_deref(), params.ask.as_deref())?,
        sets_variables: params.env.as_ref().is_some_and(|env| !env.is_empty()),
    };
    policy::look(host, to_look_at).await
}

/// What was planned is what runs, and where.
fn directory(params: &Params) -> Result<Option<PathBuf>, Failure> {
    let named = params.cwd.as_deref().filter(|c| !c.is_empty());
    let Some(plan) = &params.system_run_plan else { return Ok(named.map(PathBuf::from)) };
    if plan.argv != params.command {
        return Err(Failure::invalid("command is not the one of systemRunPlan; prepare it again"));
    }
    match (named, plan.cwd.as_deref()) {
        (Some(named), Some(planned)) if named != planned => {
            Err(Failure::invalid("cwd is not the one of systemRunPlan; prepare the command again"))
        }
        (named, planned) => Ok(named.or(planned).map(PathBuf::from)),
    }
}

/// What `error` says beside the exit code.
fn problem(output: &CommandOutput) -> Option<String> {
    if output.timed_out {
        return Some(format!("the command was ended after {} ms: its time was over", output.duration_ms));
    }
    output.signal.map(|signal| format!("the command was ended by signal {signal}"))
}

fn finished_event(params: &Params, text: &str, output: &CommandOutput, success: bool) -> Value {
    let mut event = Map::new();
    if let Some(key) = &params.session_key {
        event.insert("sessionKey".into(), key.as_str().into());
    }
    if let Some(id) = &params.run_id {
        event.insert("runId".into(), id.as_str().into());
    }
    event.insert("host".into(), "node".into());
    event.insert("command".into(), text.into());
    event.insert("exitCode".into(), output.exit_code.into());
    event.insert("timedOut".into(), output.timed_out.into());
    event.insert("success".into(), success.into());
    event.insert("output".into(), event_output(output).into());
    event.insert("suppressNotifyOnExit".into(), params.suppress_notify_on_exit.unwrap_or(false).into());
    event.into()
}

/// Both streams, trimmed; of much output the end.
fn event_output(output: &CommandOutput) -> String {
    let streams = [output.stdout.trim(), output.stderr.trim()];
    let text = streams.iter().filter(|s| !s.is_empty()).copied().collect::<Vec<_>>().join("\n");
    let Some(mut start) = text.len().checked_sub(MAX_EVENT_OUTPUT).filter(|s| *s > 0) else { return text };
    while !text.is_char_boundary(start) {
        start += 1;
    }
    format!("… {}", text.get(start..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn output(stdout: &str, stderr: &str) -> CommandOutput {
        CommandOutput {
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            exit_code: Some(0),
            signal: None,
            timed_out: false,
            cancelled: false,
            truncated: false,
            duration_ms: 1,
        }
    }

    #[test]
    fn an_event_has_both_streams_trimmed() {
        for (stdout, stderr, text) in
            [("a\n", "", "a"), ("", " b ", "b"), ("a\n\n", "b\n", "a\nb"), ("", "", "")]
        {
            assert_eq!(event_output(&output(stdout, stderr)), text);
        }
    }

    proptest! {
        #[test]
        fn of_much_output_an_event_has_the_end(piece in "\\PC{1,8}", times in 1usize..9000) {
            let all = piece.repeat(times);
            let shown = event_output(&output(&all, ""));
            prop_assert!(shown.len() <= MAX_EVENT_OUTPUT + "… ".len());
            let end = shown.strip_prefix("… ").unwrap_or(&shown);
            prop_assert!(all.trim().ends_with(end));
        }
    }

    #[test]
    fn a_command_does_not_outlive_the_interest_in_it() {
        let host = Host::new(&crate::NodeOptions::new("ws://x", "/tmp", "1"), "n");
        let times = [
            (None, None, 1_800_000),
            (Some(0), None, 1_800_000),
            (Some(500), None, 500),
            (Some(500), Some(100), 100),
            (Some(500), Some(900), 500),
            (None, Some(100), 100),
        ];
        for (asked, waits, expected) in times {
            let params = json!({"command": ["true"], "timeoutMs": asked});
            let params: Params = serde_json::from_value(params).unwrap();
            let spec = spec(&host, &params, waits.map(Duration::from_millis)).unwrap();
            assert_eq!(spec.timeout, Some(Duration::from_millis(expected)), "{asked:?} {waits:?}");
        }
    }
}
