//! The built-in demo model: rules, no network, no delay, and no intelligence, which it says. It serves `openclaw demo`
//! and `--dev`, so that the whole path from a message through a tool to the reply can be seen without any provider.

mod commands;

use crate::answer::{Answer, Sink};
use crate::{
    Completion, ErrorKind, EventSink, Model, ModelError, ModelFuture, ModelInfo, Price, Request, StreamEvent,
};
use commands::Wish;
use model::{Block, Message, SharedClock, StopReason, SystemClock, Usage};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The rule-based model. It obeys `TOOL:<name> {json}`, `use <tool> {json}`, and `run <command> [on <node>]`; after a
/// tool's result it repeats it; to all else it answers with what it is and how to configure a real model.
pub struct DemoModel {
    info: ModelInfo,
    clock: SharedClock,
}

impl Default for DemoModel {
    fn default() -> Self {
        Self::new()
    }
}

impl DemoModel {
    /// The demo model with the system's clock.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// The demo model; `clock` dates its answers.
    pub fn with_clock(clock: SharedClock) -> Self {
        let info = ModelInfo {
            api: "demo",
            provider: "demo".into(),
            id: "demo".into(),
            name: "Demo (rule-based, no AI)".into(),
            context_window: 128_000,
            max_tokens: 8_192,
            images: false,
            reasoning: false,
            price: Price::default(),
        };
        Self { info, clock }
    }

    fn answer(&self, request: &Request<'_>, events: &mut Sink<'_>) -> Completion {
        let (content, stop) = match plan(request) {
            Plan::Say(text) => {
                in_pieces(&text).for_each(|piece| events(StreamEvent::Text(piece.to_owned())));
                (vec![Block::Text { text }], StopReason::Stop)
            }
            Plan::Call(wishes) => {
                (wishes.into_iter().map(|w| call(w, events)).collect(), StopReason::ToolUse)
            }
        };
        let usage =
            Usage { input: words_asked(request), output: words_answered(&content), ..Usage::default() };
        Answer { content, stop, usage }.complete(&self.info, self.clock.now_ms())
    }
}

impl Model for DemoModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn complete<'a>(
        &'a self,
        request: Request<'a>,
        events: EventSink<'a>,
        cancel: &'a CancellationToken,
    ) -> ModelFuture<'a> {
        Box::pin(async move {
            if cancel.is_cancelled() {
                let message = "demo (demo) the call was stopped".to_owned();
                return Err(ModelError { kind: ErrorKind::Aborted, message, retry_after: None });
            }
            Ok(self.answer(&request, events))
        })
    }
}

/// What to do next.
enum Plan {
    Say(String),
    Call(Vec<Wish>),
}

fn plan(request: &Request<'_>) -> Plan {
    let said = request.messages.iter().rev().find(|m| !matches!(m, Message::Note(_)));
    match said {
        Some(Message::ToolResult(_)) => Plan::Say(retell(request.messages)),
        Some(Message::User(user)) => obey(request, &user.content.text()),
        Some(Message::Assistant(_) | Message::Note(_)) | None => {
            Plan::Say("I am the demo model, rule-based and no AI; nothing was asked.".to_owned())
        }
    }
}

fn obey(request: &Request<'_>, text: &str) -> Plan {
    match commands::read(text) {
        Ok(wishes) if wishes.is_empty() => Plan::Say(introduce(text)),
        Ok(wishes) => match wishes.iter().find(|w| !request.tools.iter().any(|t| t.name == w.tool)) {
            None => Plan::Call(wishes),
            Some(wish) => {
                let names: Vec<&str> = request.tools.iter().map(|t| t.name.as_str()).collect();
                let offer = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Plan::Say(format!("There is no tool {:?} here. On offer: {offer}.", wish.tool))
            }
        },
        Err(why) => Plan::Say(why),
    }
}

/// The results since the last answer, in the tool's own words.
fn retell(messages: &[Message]) -> String {
    let since = messages.iter().rev().take_while(|m| !matches!(m, Message::Assistant(_)));
    let mut told: Vec<String> = since
        .filter_map(|m| match m {
            Message::ToolResult(result) => {
                let text = result.text();
                let text = if text.trim().is_empty() { "(nothing)" } else { text.trim_end() };
                let verb = if result.is_error { "failed" } else { "said" };
                Some(format!("{} {verb}: {text}", result.tool_name))
            }
            _ => None,
        })
        .collect();
    told.reverse();
    told.join("\n")
}

fn introduce(text: &str) -> String {
    let heard: String = text.trim().chars().take(200).collect();
    format!(
        "You said: {heard}\n\n\
         I am the demo model: a few rules, no AI. I can use tools when told to: `run uptime`, `run uptime on node`, \
         `use read {{\"path\":\"AGENTS.md\"}}`, or `TOOL:<name> {{json}}`.\n\n\
         For a real model, set models.providers and agents.defaults.model.primary in openclaw.json, \
         or set ANTHROPIC_API_KEY or OPENAI_API_KEY and run the demo again."
    )
}

fn call(wish: Wish, events: &mut Sink<'_>) -> Block {
    let id = crate::answer::fresh_call_id();
    events(StreamEvent::ToolCall { id: id.clone(), name: wish.tool.clone() });
    Block::ToolCall { id, name: wish.tool, arguments: wish.arguments }
}

/// A text in about four pieces, each ending behind a space, as a stream would bring it.
fn in_pieces(text: &str) -> impl Iterator<Item = &str> {
    let size = (text.len() / 4).max(16);
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let spaces = rest.match_indices(' ').map(|(at, _)| at + 1);
        let cut = spaces.into_iter().find(|at| *at >= size).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(cut);
        rest = tail;
        Some(piece)
    })
}

fn count_words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn words_answered(content: &[Block]) -> u64 {
    let words = content.iter().map(|b| match b {
        Block::Text { text } => count_words(text),
        Block::ToolCall { arguments, .. } => 1 + count_words(&arguments.to_string()),
        Block::Thinking { .. } => 0,
    });
    words.sum()
}

/// Words stand for tokens.
fn words_asked(request: &Request<'_>) -> u64 {
    let words = request.messages.iter().map(|m| match m {
        Message::User(user) => count_words(&user.content.text()),
        Message::Assistant(answer) => words_answered(&answer.content),
        Message::ToolResult(result) => count_words(&result.text()),
        Message::Note(note) => count_words(&note.text),
    });
    count_words(request.system) + words.sum::<u64>()
}

#[cfg(test)]
mod tests;
