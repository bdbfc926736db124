//! Running the tool calls of one answer: several at once, each with a result whatever happens.

use super::events::TurnEvent;
use super::run::{Run, State, Stop};
use crate::text;
use crate::tool::{Tool, ToolContext, ToolOutput};
use model::{Message, NOT_STARTED, STOPPED_UNDER_WAY, ToolResultMessage};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A call as the model made it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    id: String,
    name: String,
    arguments: Value,
}

impl From<(&str, &str, &Value)> for Call {
    fn from((id, name, arguments): (&str, &str, &Value)) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), arguments: arguments.clone() }
    }
}

impl From<(String, String, Value)> for Call {
    fn from((id, name, arguments): (String, String, Value)) -> Self {
        Self { id, name, arguments }
    }
}

/// What became of an answer's calls.
pub(super) struct Done {
    /// One result per call, in the order of the calls.
    pub(super) results: Vec<Message>,
    /// Why the turn must end now, where it must.
    pub(super) stop: Option<Stop>,
}

/// Tools end soon after they are cancelled; those that have not by then are aborted.
const GRACE: Duration = Duration::from_secs(5);

/// Runs `calls`. Where the turn is stopped meanwhile, tools get [`GRACE`] to end by themselves, so that what they did
/// is known; the rest get a result that says that nobody knows.
pub(super) async fn run_tools(run: &Run<'_>, state: &mut State, calls: Vec<Call>) -> Done {
    for call in &calls {
        if !state.tool_names.contains(&call.name) {
            state.tool_names.push(call.name.clone());
        }
    }
    let mut phase = Phase::new(run, &calls);
    let stop = phase.work().await;
    if stop.is_some() {
        phase.wind_down().await;
    }
    let outputs = phase.into_outputs(stop.as_ref());
    state.tool_failures += u32::try_from(outputs.iter().filter(|o| o.is_error).count()).unwrap_or(u32::MAX);
    let now = run.setup.clock.now_ms();
    let results = calls
        .into_iter()
        .zip(outputs)
        .map(|(call, output)| {
            Message::ToolResult(ToolResultMessage {
                tool_call_id: call.id,
                tool_name: call.name,
                content: output.content,
                is_error: output.is_error,
                timestamp: now,
            })
        })
        .collect();
    Done { results, stop }
}

struct Phase<'a> {
    run: &'a Run<'a>,
    calls: &'a [Call],
    started: usize,
    /// When each running call began, by its task.
    running: HashMap<Id, (usize, Instant)>,
    outputs: Vec<Option<ToolOutput>>,
    /// Aborted when the turn is dropped.
    tasks: JoinSet<ToolOutput>,
    /// Ends the tools with the turn, also where it is due or dropped.
    token: CancellationToken,
    _ends_with_turn: tokio_util::sync::DropGuard,
}

impl<'a> Phase<'a> {
    fn new(run: &'a Run<'a>, calls: &'a [Call]) -> Self {
        let token = run.cancel.child_token();
        Self {
            run,
            calls,
            started: 0,
            running: HashMap::new(),
            outputs: calls.iter().map(|_| None).collect(),
            tasks: JoinSet::new(),
            _ends_with_turn: token.clone().drop_guard(),
            token,
        }
    }

    /// Starts and awaits the calls until all have ended or the turn must.
    async fn work(&mut self) -> Option<Stop> {
        loop {
            if self.run.cancel.is_cancelled() {
                return Some(Stop::Aborted);
            }
            self.start_more();
            if self.tasks.is_empty() {
                return None;
            }
            match self.run.guard(self.tasks.join_next_with_id()).await {
                Ok(Some(ended)) => self.take(ended),
                Ok(None) => return None,
                Err(stop) => return Some(stop),
            }
        }
    }

    async fn wind_down(&mut self) {
        self.token.cancel();
        let until = Instant::now() + GRACE;
        while let Ok(Some(ended)) = tokio::time::timeout_at(until, self.tasks.join_next_with_id()).await {
            self.take(ended);
        }
        self.tasks.abort_all();
    }

    fn start_more(&mut self) {
        let most = self.run.setup.limits.max_tool_calls_parallel.max(1);
        while self.tasks.len() < most {
            let Some(call) = self.calls.get(self.started) else { return };
            let index = self.started;
            self.started += 1;
            self.run.events.emit(TurnEvent::ToolStart {
                tool_call_id: call.id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            });
            match self.find(call) {
                Ok(tool) => self.spawn(index, tool, call),
                Err(refusal) => self.end(index, refusal, Duration::ZERO),
            }
        }
    }

    fn find(&self, call: &Call) -> Result<Arc<dyn Tool>, ToolOutput> {
        let tools = &self.run.setup.tools;
        let Some(tool) = tools.iter().find(|t| t.spec().name == call.name) else {
            let names: Vec<&str> = tools.iter().map(|t| t.spec().name.as_str()).collect();
            let known = if names.is_empty() { "no tools at all".to_owned() } else { names.join(", ") };
            return Err(ToolOutput::error(format!("There is no tool {:?}. There is: {known}.", call.name)));
        };
        if !call.arguments.is_object() {
            return Err(ToolOutput::error(format!(
                "The arguments of {} were not a JSON object and the call was not made. Its parameters: {}",
                call.name,
                tool.spec().parameters
            )));
        }
        Ok(Arc::clone(tool))
    }

    fn spawn(&mut self, index: usize, tool: Arc<dyn Tool>, call: &Call) {
        let context = ToolContext {
            agent_id: self.run.setup.agent_id.clone(),
            session_key: self.run.setup.session_key.clone(),
            run_id: self.run.setup.run_id.clone(),
            tool_call_id: call.id.clone(),
            cancel: self.token.clone(),
        };
        let arguments = call.arguments.clone();
        let task = self.tasks.spawn(async move { tool.call(arguments, context).await });
        self.running.insert(task.id(), (index, Instant::now()));
    }

    fn take(&mut self, ended: Result<(Id, ToolOutput), JoinError>) {
        let (id, output) = match ended {
            Ok(done) => done,
            // Tools run in tasks of their own so that one that panics takes nothing with it.
            Err(e) => {
                tracing::error!(run = %self.run.setup.run_id, error = %e, "a tool call broke down");
                (
                    e.id(),
                    ToolOutput::error(
                        "The tool broke down (a fault in the gateway, see its log). Whether the call took effect is not known.",
                    ),
                )
            }
        };
        if let Some((index, since)) = self.running.remove(&id) {
            self.end(index, output, since.elapsed());
        }
    }

    fn end(&mut self, index: usize, mut output: ToolOutput, took: Duration) {
        text::fit_parts(&mut output.content, self.run.setup.limits.tool_result_max_chars);
        if let Some(call) = self.calls.get(index) {
            self.run.events.emit(TurnEvent::ToolEnd {
                tool_call_id: call.id.clone(),
                name: call.name.clone(),
                output: output.clone(),
                duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            });
        }
        if let Some(slot) = self.outputs.get_mut(index) {
            *slot = Some(output);
        }
    }

    /// All outputs in the order of the calls; those that are missing say why.
    fn into_outputs(mut self, stop: Option<&Stop>) -> Vec<ToolOutput> {
        let why = match stop {
            Some(Stop::Failed(_)) => "the turn ran out of time",
            Some(Stop::Aborted) | None => "the run was aborted",
        };
        for (index, since) in std::mem::take(&mut self.running).into_values() {
            let text = format!("{STOPPED_UNDER_WAY} {why}. Whether it took effect is not known.");
            self.end(index, ToolOutput::error(text), since.elapsed());
        }
        let unstarted = || ToolOutput::error(format!("{NOT_STARTED} {why}."));
        self.outputs.into_iter().map(|o| o.unwrap_or_else(unstarted)).collect()
    }
}
