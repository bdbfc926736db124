//! `process`: background commands.

use crate::tool::{Outcome, spec, within};
use crate::{ToolEnv, args};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use exec::{ProcessInfo, ProcessOutput, ProcessState, Processes};
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Output given at once, in bytes.
const MAX_OUTPUT: usize = 30_000;
/// How long a poll may wait, in seconds.
const MAX_WAIT: u64 = 60;
/// The longest wait and the longest stop, with room.
const DEADLINE: Duration = Duration::from_secs(90);

/// The tool.
pub(crate) struct Process {
    spec: ToolSpec,
    processes: Arc<Processes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    action: Action,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait: u64,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    eof: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    List,
    Poll,
    Log,
    Write,
    Kill,
}

impl Process {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let spec = spec(
            "process",
            "Background commands: list, poll (output from position after; waits up to wait seconds for more), log (the end of the output), write (text to stdin, eof closes it), kill.",
            json!({"action": {"enum": ["list", "poll", "log", "write", "kill"]}, "id": {"type": "string"},
                "after": {"type": "integer"}, "wait": {"type": "integer"}, "text": {"type": "string"}, "eof": {"type": "boolean"}}),
            &["action"],
        );
        Self { spec, processes: env.processes.clone() }
    }

    async fn run(&self, arguments: Value) -> Outcome {
        let args: Args = args::parse("process", arguments)?;
        if let Action::List = args.action {
            return Ok(ToolOutput::text(self.list()));
        }
        let id = args.id.as_deref().ok_or("id is missing; list shows the ids.")?;
        let text = match args.action {
            Action::List => self.list(),
            Action::Poll => {
                let wait = Duration::from_secs(args.wait.min(MAX_WAIT));
                let out = self.processes.poll_wait(id, args.after, MAX_OUTPUT, wait).await.map_err(say)?;
                output(&out)
            }
            Action::Log => {
                let end = self.processes.poll(id, u64::MAX, 0).map_err(say)?.next;
                let from = end.saturating_sub(MAX_OUTPUT as u64);
                output(&self.processes.poll(id, from, MAX_OUTPUT).map_err(say)?)
            }
            Action::Write => {
                let bytes = args.text.unwrap_or_default().into_bytes();
                let length = bytes.len();
                if length > 0 {
                    self.processes.write(id, bytes).map_err(say)?;
                }
                if args.eof {
                    self.processes.close_input(id).map_err(say)?;
                }
                format!(
                    "{length} bytes queued for process {id}{}.",
                    if args.eof { ", then end of file" } else { "" }
                )
            }
            Action::Kill => line(&self.processes.kill(id).await.map_err(say)?),
        };
        Ok(ToolOutput::text(text))
    }

    fn list(&self) -> String {
        let all = self.processes.list();
        if all.is_empty() {
            return "[no background processes]".to_owned();
        }
        all.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn say(error: exec::ExecError) -> String {
    format!("{error}.")
}

fn line(info: &ProcessInfo) -> String {
    let command = crate::text::head(&info.command, 200);
    format!("{}  {}  {} bytes of output  {command}", info.id, standing(info), info.output_bytes)
}

fn standing(info: &ProcessInfo) -> String {
    let seconds = info.duration_ms / 1000;
    match info.state {
        ProcessState::Running => format!("running for {seconds} s"),
        ProcessState::Ended { exit_code, signal, timed_out, killed } => {
            let how = match (exit_code, signal) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "no exit code".to_owned(),
            };
            let why = match (timed_out, killed) {
                (true, _) => ", its time was over",
                (_, true) => ", killed",
                _ => "",
            };
            format!("ended after {seconds} s, {how}{why}")
        }
    }
}

fn output(out: &ProcessOutput) -> String {
    let mut text = String::new();
    if out.lost > 0 {
        text.push_str(&format!("[{} earlier bytes are gone]\n", out.lost));
    }
    text.push_str(&out.text);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let more = if out.next < out.info.output_bytes { "more follows, " } else { "" };
    text.push_str(&format!("[{}; {more}read on with after {}]", standing(&out.info), out.next));
    text
}

impl Tool for Process {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, arguments: &Value) -> bool {
        !matches!(args::action(arguments), "list" | "poll" | "log")
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        within(DEADLINE, context.cancel, self.run(arguments))
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, text};
    use serde_json::json;

    #[tokio::test]
    async fn processes_are_listed_read_on_and_killed() {
        let bench = Bench::new();
        assert_eq!(
            text(&bench.call("process", json!({"action": "list"})).await),
            "[no background processes]"
        );
        bench.call("exec", json!({"command": "echo abc; sleep 300", "background": true})).await;
        let list = text(&bench.call("process", json!({"action": "list"})).await);
        let id = list.split(' ').next().unwrap().to_owned();
        assert!(list.contains("running for") && list.contains("sleep 300"), "{list}");

        let poll = text(&bench.call("process", json!({"action": "poll", "id": id, "wait": 20})).await);
        assert!(poll.starts_with("abc\n[running for") && poll.ends_with("read on with after 4]"), "{poll}");
        let rest = text(&bench.call("process", json!({"action": "poll", "id": id, "after": 4})).await);
        assert!(rest.starts_with("[running"), "{rest}");
        let log = text(&bench.call("process", json!({"action": "log", "id": id})).await);
        assert!(log.starts_with("abc\n"), "{log}");
        let killed = text(&bench.call("process", json!({"action": "kill", "id": id})).await);
        assert!(killed.contains("killed"), "{killed}");
        let late = bench.call("process", json!({"action": "write", "id": id, "text": "x"})).await;
        assert!(late.is_error && text(&late).contains("ended"), "{late:?}");
    }

    #[tokio::test]
    async fn what_is_not_there_is_told() {
        let bench = Bench::new();
        for arguments in
            [json!({"action": "poll"}), json!({"action": "poll", "id": "x"}), json!({"action": "dance"})]
        {
            assert!(bench.call("process", arguments).await.is_error);
        }
    }
}
