//! A scripted model, tools, a transcript in memory and a recorder of events.

use crate::tool::{Tool, ToolContext, ToolFuture, ToolOutput, Tools};
use crate::turn::*;
use llm::{
    Completion, ErrorKind, EventSink, Model, ModelError, ModelFuture, ModelInfo, Price, Request, StreamEvent,
    ToolSpec,
};
use model::*;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<TurnEvent>>);

impl Events for Recorder {
    fn emit(&self, event: TurnEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl Recorder {
    pub(crate) fn all(&self) -> Vec<TurnEvent> {
        self.0.lock().unwrap().clone()
    }

    /// The text as a client shows it: deltas joined, resets obeyed.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for event in self.all() {
            match event {
                TurnEvent::TextDelta { delta, .. } => text.push_str(&delta),
                TurnEvent::TextReset { .. } => text.clear(),
                _ => {}
            }
        }
        text
    }
}

/// One thing that the model does.
pub(crate) enum Step {
    Text(&'static str),
    Calls(Vec<(&'static str, &'static str, Value)>),
    Fail { partial: &'static str, kind: ErrorKind, retry_after: Option<Duration> },
    Hang { partial: &'static str },
}

pub(crate) fn fail(kind: ErrorKind) -> Step {
    Step::Fail { partial: "", kind, retry_after: None }
}

/// Does the steps in order; then says "done".
pub(crate) struct Scripted {
    info: ModelInfo,
    steps: Mutex<VecDeque<Step>>,
    pub(crate) asked: Mutex<Vec<(String, Vec<Message>)>>,
}

impl Scripted {
    pub(crate) fn new(steps: Vec<Step>) -> Arc<Self> {
        Self::with_window(steps, 100_000)
    }

    pub(crate) fn with_window(steps: Vec<Step>, context_window: u64) -> Arc<Self> {
        let info = ModelInfo {
            api: "demo",
            provider: "fake".into(),
            id: "scripted".into(),
            name: "Scripted".into(),
            context_window,
            max_tokens: 1_000,
            images: false,
            reasoning: false,
            price: Price::default(),
        };
        Arc::new(Self { info, steps: Mutex::new(steps.into()), asked: Mutex::default() })
    }

    pub(crate) fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn answer(&self, content: Vec<Block>, stop_reason: StopReason) -> Completion {
        let usage = Usage { input: 10, output: 5, cost: 0.5, ..Usage::default() };
        let message = AssistantMessage { usage, stop_reason, ..answer(content) };
        Completion { message }
    }
}

impl Model for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn complete<'a>(
        &'a self,
        request: Request<'a>,
        events: EventSink<'a>,
        _: &'a CancellationToken,
    ) -> ModelFuture<'a> {
        self.asked.lock().unwrap().push((request.system.to_owned(), request.messages.to_vec()));
        let step = self.steps.lock().unwrap().pop_front().unwrap_or(Step::Text("done"));
        Box::pin(async move {
            tokio::task::yield_now().await;
            match step {
                Step::Text(text) => {
                    for piece in text.split_inclusive(' ') {
                        events(StreamEvent::Text(piece.to_owned()));
                        tokio::task::yield_now().await;
                    }
                    Ok(self.answer(vec![Block::Text { text: text.to_owned() }], StopReason::Stop))
                }
                Step::Calls(calls) => Ok(self.answer(calls_content(&calls), StopReason::ToolUse)),
                Step::Fail { partial, kind, retry_after } => {
                    events(StreamEvent::Text(partial.to_owned()));
                    Err(ModelError { kind, message: format!("fake: {kind:?}"), retry_after })
                }
                Step::Hang { partial } => {
                    events(StreamEvent::Text(partial.to_owned()));
                    std::future::pending().await
                }
            }
        })
    }
}

fn calls_content(calls: &[(&str, &str, Value)]) -> Vec<Block> {
    calls
        .iter()
        .map(|(id, name, arguments)| Block::ToolCall {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            arguments: arguments.clone(),
        })
        .collect()
}

pub(crate) fn answer(content: Vec<Block>) -> AssistantMessage {
    AssistantMessage {
        content,
        api: "demo".into(),
        provider: "fake".into(),
        model: "scripted".into(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        timestamp: 1,
        error_message: None,
    }
}

pub(crate) fn says(text: &str) -> Message {
    Message::Assistant(answer(vec![Block::Text { text: text.into() }]))
}

pub(crate) fn calls(calls: &[(&str, &str, Value)]) -> Message {
    Message::Assistant(answer(calls_content(calls)))
}

pub(crate) fn user(text: &str) -> Message {
    Message::User(UserMessage { content: Content::Text(text.into()), timestamp: 1, idempotency_key: None })
}

pub(crate) fn result(id: &str, text: &str) -> Message {
    Message::ToolResult(ToolResultMessage {
        tool_call_id: id.into(),
        tool_name: "t".into(),
        content: vec![Part::Text { text: text.into() }],
        is_error: false,
        timestamp: 1,
    })
}

type Act = Box<dyn Fn(Value, ToolContext) -> ToolFuture<'static> + Send + Sync>;

pub(crate) struct FakeTool {
    spec: ToolSpec,
    effects: bool,
    act: Act,
}

impl Tool for FakeTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        self.effects
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        (self.act)(arguments, context)
    }
}

pub(crate) fn tool<F>(
    name: &str,
    effects: bool,
    act: impl Fn(Value, ToolContext) -> F + Send + Sync + 'static,
) -> Arc<dyn Tool>
where
    F: Future<Output = ToolOutput> + Send + 'static,
{
    let spec =
        ToolSpec { name: name.into(), description: "A tool.".into(), parameters: json!({"type": "object"}) };
    Arc::new(FakeTool { spec, effects, act: Box::new(move |a, c| Box::pin(act(a, c))) })
}

/// `look` (no effects) and `change` (effects): both wait a moment and repeat their arguments.
pub(crate) fn two_tools() -> Tools {
    let act = |arguments: Value, _| async move {
        tokio::task::yield_now().await;
        ToolOutput::text(arguments.to_string())
    };
    vec![tool("look", false, act), tool("change", true, act)]
}

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) messages: Mutex<Vec<Message>>,
    pub(crate) calls: Mutex<Vec<ModelCall>>,
    pub(crate) steering: Mutex<Vec<Message>>,
    pub(crate) broken: bool,
}

impl Memory {
    pub(crate) fn with(messages: Vec<Message>) -> Self {
        Self { messages: Mutex::new(messages), ..Self::default() }
    }

    pub(crate) fn all(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    async fn reach(&self) -> Result<(), TranscriptError> {
        tokio::task::yield_now().await;
        if self.broken { Err(TranscriptError("disk full".into())) } else { Ok(()) }
    }
}

impl Transcript for Memory {
    fn append<'a>(&'a self, messages: Vec<Message>, calls: Vec<ModelCall>) -> TranscriptFuture<'a, ()> {
        Box::pin(async move {
            self.reach().await?;
            self.messages.lock().unwrap().extend(messages);
            self.calls.lock().unwrap().extend(calls);
            self.reach().await
        })
    }

    fn take_steering<'a>(&'a self) -> TranscriptFuture<'a, Vec<Message>> {
        Box::pin(async move {
            self.reach().await?;
            let arrived = std::mem::take(&mut *self.steering.lock().unwrap());
            self.messages.lock().unwrap().extend(arrived.clone());
            Ok(arrived)
        })
    }

    fn compact<'a>(
        &'a self,
        note: NoteMessage,
        kept_from: usize,
        calls: Vec<ModelCall>,
    ) -> TranscriptFuture<'a, ()> {
        Box::pin(async move {
            self.reach().await?;
            self.messages.lock().unwrap().splice(..kept_from, [Message::Note(note)]);
            self.calls.lock().unwrap().extend(calls);
            Ok(())
        })
    }
}

/// A turn with everything at hand.
pub(crate) struct Stage {
    pub(crate) setup: TurnSetup,
    pub(crate) memory: Memory,
    pub(crate) events: Recorder,
    pub(crate) cancel: CancellationToken,
}

impl Stage {
    pub(crate) fn new(model: Arc<dyn Model>, tools: Tools, messages: Vec<Message>) -> Self {
        let setup = TurnSetup {
            agent_id: "main".into(),
            session_key: SessionKey::main("main"),
            run_id: "run-1".into(),
            system: "You are a test.".into(),
            model,
            failover: None,
            tools,
            clock: Arc::new(ManualClock::at(1_000)),
            limits: Limits::default(),
        };
        Self {
            setup,
            memory: Memory::with(messages),
            events: Recorder::default(),
            cancel: CancellationToken::new(),
        }
    }

    pub(crate) async fn run(&self) -> TurnOutcome {
        run_turn(&self.setup, self.memory.all(), &self.memory, &self.events, &self.cancel).await
    }
}

impl Stage {
    pub(crate) async fn compact(&self, keep: Keep) -> CompactOutcome {
        compact(&self.setup, self.memory.all(), &self.memory, &self.events, &self.cancel, keep).await
    }
}

/// The calls that have no result before the next answer.
pub(crate) fn unanswered(messages: &[Message]) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut lost = Vec::new();
    for message in messages {
        match message {
            Message::Assistant(a) => {
                lost.append(&mut open);
                open = a.tool_calls().map(|(id, _, _)| id.to_owned()).collect();
            }
            Message::ToolResult(r) => {
                let at = open.iter().position(|id| *id == r.tool_call_id).expect("a result without a call");
                open.remove(at);
            }
            Message::User(_) | Message::Note(_) => lost.append(&mut open),
        }
    }
    lost.append(&mut open);
    lost
}
