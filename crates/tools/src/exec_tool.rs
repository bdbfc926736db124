//! `exec`: a shell command beside the gateway or on a node.

use crate::tool::{Outcome, finish, spec};
use crate::{AdmittedCommand, CommandToRun, ExecDefaults, ExecHost, Host, ToolEnv, args, exec_node, files};
use agent::tool::{CommandResult, Tool, ToolContext, ToolFuture, ToolOutput};
use exec::{CommandOutput, CommandSpec, Processes};
use llm::ToolSpec;
use model::Part;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of each stream that a model gets to read: some 8,000 tokens.
pub(crate) const MAX_OUTPUT: usize = 32 * 1024;
/// Nobody waits longer than a day for a command.
const MAX_TIMEOUT: u64 = 24 * 60 * 60;
/// A command is text that a model wrote: this is far beyond any of them.
const MAX_COMMAND: usize = 100_000;

/// The tool.
pub(crate) struct Exec {
    spec: ToolSpec,
    workspace: PathBuf,
    host: Arc<dyn Host>,
    processes: Arc<Processes>,
    defaults: ExecDefaults,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    command: String,
    #[serde(default)]
    host: Option<Place>,
    #[serde(default)]
    node: Option<String>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    timeout: Option<u64>,
    #[serde(default)]
    background: bool,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Place {
    Gateway,
    Node,
}

/// A command that was read and checked.
pub(crate) struct Command {
    pub(crate) text: String,
    pub(crate) cwd: Option<String>,
    pub(crate) env: Vec<(String, String)>,
    /// `None` where nobody asked for one.
    pub(crate) timeout: Option<Duration>,
}

impl Exec {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let text = json!({"type": "string"});
        let spec = spec(
            "exec",
            "Run a shell command, on the gateway or on a node. With background it goes on beside you (gateway only): follow it with process.",
            json!({"command": text, "host": {"enum": ["gateway", "node"]},
                "node": {"type": "string", "description": "node id or name"},
                "cwd": text, "env": {"type": "object", "additionalProperties": text},
                "timeout": {"type": "integer", "description": "seconds"}, "background": {"type": "boolean"}}),
            &["command"],
        );
        Self {
            spec,
            workspace: env.workspace.clone(),
            host: env.host.clone(),
            processes: env.processes.clone(),
            defaults: env.exec.clone(),
        }
    }

    async fn run(&self, arguments: Value, context: &ToolContext) -> Outcome {
        let args: Args = args::parse("exec", arguments)?;
        let on_node = match args.host {
            Some(place) => matches!(place, Place::Node),
            // Naming a node is asking for it.
            None => args.node.is_some() || self.defaults.host == ExecHost::Node,
        };
        let (node, background) = (args.node.clone(), args.background);
        let command = check(args)?;
        if !on_node {
            if let Some(node) = node {
                return Err(format!(
                    "host is gateway and node is {node:?}: leave one of them out. Nothing was run."
                ));
            }
            let spec = self.admitted(&command, context).await?;
            return if background {
                self.start(spec, command.timeout).await
            } else {
                self.here(spec, command.timeout, context).await
            };
        }
        if background {
            return Err(
                "background works with host gateway only; on a node write `nohup … &` into the command."
                    .into(),
            );
        }
        let limit = command.timeout.unwrap_or(self.defaults.timeout);
        let node = node.as_deref().or(self.defaults.node.as_deref());
        exec_node::run(self.host.as_ref(), node, &command, limit, context).await
    }

    async fn here(&self, mut spec: CommandSpec, timeout: Option<Duration>, context: &ToolContext) -> Outcome {
        let limit = timeout.unwrap_or(self.defaults.timeout);
        spec.timeout = Some(limit);
        let out = exec::run(spec, &context.cancel).await.map_err(|e| format!("Not run: {e}."))?;
        Ok(told(&out, limit))
    }

    async fn start(&self, mut spec: CommandSpec, timeout: Option<Duration>) -> Outcome {
        // A server that is started for the user runs until it is stopped: only an explicit limit counts.
        spec.timeout = timeout;
        let id = self.processes.start(spec).await.map_err(|e| format!("Not started: {e}."))?;
        Ok(ToolOutput::text(format!(
            "Started in the background as process {id}. Use the process tool to poll or kill it."
        )))
    }

    /// Asks the gateway first: what comes back is what may run, if anything may.
    async fn admitted(&self, command: &Command, context: &ToolContext) -> Result<CommandSpec, String> {
        let cwd = match &command.cwd {
            Some(cwd) => files::resolve(&self.workspace, cwd)?,
            None => self.workspace.clone(),
        };
        let to_run = CommandToRun {
            text: command.text.clone(),
            cwd,
            env: command.env.clone(),
            context: context.clone(),
        };
        let may_run = self.host.admit_command(to_run).await;
        let AdmittedCommand { argv, cwd, env } = may_run.map_err(|e| format!("Not run: {}", e.message))?;
        Ok(CommandSpec { cwd: Some(cwd), env, max_output: MAX_OUTPUT, ..CommandSpec::new(argv) })
    }
}

fn check(args: Args) -> Result<Command, String> {
    if args.command.trim().is_empty() || args.command.len() > MAX_COMMAND || args.command.contains('\0') {
        return Err(format!("command must be 1 to {MAX_COMMAND} bytes of text. Nothing was run."));
    }
    let env: Vec<(String, String)> = args.env.into_iter().collect();
    exec::check_env_overrides(&env).map_err(|e| format!("Not run: {e}."))?;
    let timeout = args.timeout.map(|s| Duration::from_secs(s.clamp(1, MAX_TIMEOUT)));
    Ok(Command { text: args.command, cwd: args.cwd, env, timeout })
}

/// What the model reads of a command that ran here.
fn told(out: &CommandOutput, limit: Duration) -> ToolOutput {
    let output = both(&out.stdout, &out.stderr);
    let mut end = Vec::new();
    if out.timed_out {
        end.push(format!("[stopped: not done within {} s]", limit.as_secs()));
    } else if out.cancelled {
        end.push("[stopped: the run was cancelled]".to_owned());
    }
    match (out.exit_code, out.signal) {
        (Some(0), _) => {}
        (Some(code), _) => end.push(format!("[exit code {code}]")),
        (None, Some(signal)) => end.push(format!("[ended by signal {signal}]")),
        (None, None) => {}
    }
    let command =
        CommandResult { output: output.clone(), exit_code: out.exit_code, duration_ms: out.duration_ms };
    report(&output, &end, out.timed_out || out.cancelled, command)
}

/// stdout and stderr, one behind the other.
pub(crate) fn both(stdout: &str, stderr: &str) -> String {
    let line = if stdout.is_empty() || stdout.ends_with('\n') || stderr.is_empty() { "" } else { "\n" };
    format!("{stdout}{line}{stderr}")
}

/// Output and remarks on how the command ended. A command that fails is no failed call: only one that was stopped is.
pub(crate) fn report(output: &str, end: &[String], stopped: bool, command: CommandResult) -> ToolOutput {
    let mut text = output.trim_end().to_owned();
    if text.is_empty() && end.is_empty() {
        text.push_str("[no output]");
    }
    for remark in end {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(remark);
    }
    ToolOutput { content: vec![Part::Text { text }], is_error: stopped, command: Some(command) }
}

impl Tool for Exec {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        true
    }

    /// Its deadline is the command's own.
    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        Box::pin(async move { finish(self.run(arguments, &context).await) })
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, text};
    use serde_json::json;

    #[tokio::test]
    async fn a_command_runs_in_the_workspace() {
        let bench = Bench::new();
        let out = bench
            .call(
                "exec",
                json!({"command": "pwd -P; echo $X; echo $ADMITTED >&2; exit 3", "env": {"X": "y"}}),
            )
            .await;
        let here = bench.workspace().canonicalize().unwrap();
        assert_eq!(text(&out), format!("{}\ny\nyes\n[exit code 3]", here.display()));
        let command = out.command.unwrap();
        assert_eq!((command.exit_code, out.is_error), (Some(3), false));
        assert!(command.output.ends_with("y\nyes\n"));
        assert_eq!(text(&bench.call("exec", json!({"command": "true"})).await), "[no output]");
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_stopped_and_keeps_its_output() {
        let bench = Bench::new();
        let out = bench.call("exec", json!({"command": "echo begun; sleep 300", "timeout": 1})).await;
        assert!(out.is_error);
        assert!(text(&out).starts_with("begun\n[stopped: not done within 1 s]"), "{out:?}");
    }

    #[tokio::test]
    async fn long_output_is_cut_for_the_model() {
        let bench = Bench::new();
        let out = text(&bench.call("exec", json!({"command": "seq 1 100000"})).await);
        assert!(
            out.len() < super::MAX_OUTPUT + 200 && out.contains("bytes left out") && out.ends_with("100000")
        );
    }

    #[tokio::test]
    async fn what_may_not_be_run_is_refused() {
        let bench = Bench::new();
        for (arguments, says) in [
            (json!({"command": " "}), "command must be"),
            (json!({"command": "ls", "env": {"LD_PRELOAD": "x"}}), "LD_PRELOAD"),
            (json!({"command": "ls", "env": {"PATH": "x"}}), "PATH"),
            (json!({"command": "ls", "host": "moon"}), "moon"),
            (json!({"command": "ls", "cwd": "nowhere"}), "no such directory"),
            (json!({"command": "ls", "host": "gateway", "node": "n"}), "leave one of them out"),
            (json!({"command": "ls", "host": "node", "background": true}), "background"),
            (json!({"cmd": "ls"}), "cmd"),
        ] {
            let out = bench.call("exec", arguments.clone()).await;
            assert!(out.is_error && text(&out).contains(says), "{arguments}: {out:?}");
        }
    }

    #[tokio::test]
    async fn a_background_command_is_followed_with_process() {
        let bench = Bench::new();
        let out =
            text(&bench.call("exec", json!({"command": "read x; echo got $x", "background": true})).await);
        let id = out.split("process ").nth(1).and_then(|t| t.split('.').next()).unwrap().to_owned();
        let out = bench.call("process", json!({"action": "write", "id": id, "text": "hello\n"})).await;
        assert!(!out.is_error, "{out:?}");
        let out = text(&bench.call("process", json!({"action": "poll", "id": id, "wait": 20})).await);
        assert!(out.contains("got hello"), "{out}");
    }
}
