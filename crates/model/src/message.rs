//! What a transcript is made of. The JSON shape is the one that OpenClaw shows in `chat.history`, so a message is
//! stored and sent as it is (recorded in `samples/rpc.jsonl`, `chat.history`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One entry of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "camelCase")]
pub enum Message {
    /// What a person (or another program on a person's behalf) said.
    User(UserMessage),
    /// What the model answered, tool calls included.
    Assistant(AssistantMessage),
    /// What a tool call gave.
    ToolResult(ToolResultMessage),
    /// What the gateway itself has to tell the model: a compaction summary, a run that was cut.
    Note(NoteMessage),
}

/// A user's message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserMessage {
    /// The text, with images where there are any.
    pub content: Content,
    /// When it was said, in ms since the epoch.
    pub timestamp: i64,
    /// `<runId>:user`; the same submission is never stored twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// Text alone is a plain JSON string on the wire; anything else is a list of parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Text alone.
    Text(String),
    /// Text and images.
    Parts(Vec<Part>),
}

impl Content {
    /// All text, parts joined by line breaks.
    pub fn text(&self) -> String {
        match self {
            Content::Text(t) => t.clone(),
            Content::Parts(parts) => join_text(parts),
        }
    }

    /// The content as parts.
    pub fn parts(&self) -> Vec<Part> {
        match self {
            Content::Text(t) => vec![Part::Text { text: t.clone() }],
            Content::Parts(parts) => parts.clone(),
        }
    }
}

fn join_text(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|p| match p {
            Part::Text { text } => Some(text.as_str()),
            Part::Image { .. } => None,
        })
        .collect();
    texts.join("\n")
}

/// A piece of a user message or a tool result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Part {
    /// Text.
    Text {
        /// The text itself.
        text: String,
    },
    /// An image, inline.
    #[serde(rename_all = "camelCase")]
    Image {
        /// Standard base64 of the file's bytes.
        data: String,
        /// Such as `image/png`.
        mime_type: String,
    },
}

/// An answer of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssistantMessage {
    /// Text, thinking and tool calls in the order they came.
    pub content: Vec<Block>,
    /// The API spoken, such as `openai-completions`.
    pub api: String,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model's id at that provider.
    pub model: String,
    /// What the call used.
    pub usage: Usage,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// When it was complete, in ms since the epoch.
    pub timestamp: i64,
    /// What went wrong, when `stop_reason` is `Error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

impl AssistantMessage {
    /// All visible text, blocks joined by line breaks.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self
            .content
            .iter()
            .filter_map(|b| match b {
                Block::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n")
    }

    /// The tool calls, in order: (id, name, arguments).
    pub fn tool_calls(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.content.iter().filter_map(|b| match b {
            Block::ToolCall { id, name, arguments } => Some((id.as_str(), name.as_str(), arguments)),
            _ => None,
        })
    }
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Block {
    /// Visible text.
    Text {
        /// The text itself.
        text: String,
    },
    /// Reasoning that is kept for the provider and not shown.
    Thinking {
        /// The reasoning's text.
        thinking: String,
        /// What the provider wants back unchanged with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// The wish to call a tool.
    ToolCall {
        /// Unique within the answer; the result carries it.
        id: String,
        /// The tool's name.
        name: String,
        /// An object; what could not be read as one is kept as a string and refused by the tool.
        arguments: Value,
    },
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The model was done.
    Stop,
    /// The output limit was reached.
    Length,
    /// It waits for tool results.
    ToolUse,
    /// The call failed for good.
    Error,
    /// Somebody stopped it.
    Aborted,
}

/// The result of one tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResultMessage {
    /// The call that this answers.
    pub tool_call_id: String,
    /// The tool's name.
    pub tool_name: String,
    /// What the model gets to read.
    pub content: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// When, in ms since the epoch.
    pub timestamp: i64,
}

/// How the text of a result begins whose call was cut by a restart.
pub const CUT_BY_RESTART: &str = "The gateway restarted while this call was running.";
/// How the text of a result begins whose call was stopped under way.
pub const STOPPED_UNDER_WAY: &str = "Stopped before it ended:";
/// How the text of a result begins whose call never began, because its turn was stopped.
pub const NOT_STARTED: &str = "Not started:";
/// How the text of a result begins whose call never began, because a restart ended what it waited for.
pub const NEVER_ALLOWED: &str = "The gateway restarted while this call waited for approval.";

/// What became of a call of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolOutcome {
    /// The tool did it.
    Succeeded,
    /// The tool, or the policy above it, says that it was not done.
    Failed,
    /// It was given up before it began.
    NotBegun,
    /// It was begun and cut: nobody knows.
    Unknown,
}

impl ToolResultMessage {
    /// What became of the call, as far as the gateway itself says so.
    pub fn outcome(&self) -> ToolOutcome {
        let text = self.text();
        let begins = |start: &&str| text.starts_with(*start);
        if !self.is_error {
            ToolOutcome::Succeeded
        } else if [CUT_BY_RESTART, STOPPED_UNDER_WAY].iter().any(begins) {
            ToolOutcome::Unknown
        } else if [NOT_STARTED, NEVER_ALLOWED].iter().any(begins) {
            ToolOutcome::NotBegun
        } else {
            ToolOutcome::Failed
        }
    }

    /// All text of the result.
    pub fn text(&self) -> String {
        join_text(&self.content)
    }
}

/// A remark of the gateway that the model reads as context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoteMessage {
    /// `compaction`, `restart`, `abort` …
    pub kind: String,
    /// What the model reads.
    pub text: String,
    /// When, in ms since the epoch.
    pub timestamp: i64,
}

/// Tokens and money of one or more model calls. `input` excludes what came from or went to the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Tokens read at full price.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to the provider's cache.
    pub cache_write: u64,
    /// US dollars; 0 where the configuration names no price.
    pub cost: f64,
}

impl Usage {
    /// All tokens together.
    pub fn total(&self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }

    /// What the model had before it, in tokens: the size of the context at that call.
    pub fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }

    /// Adds another call's usage.
    pub fn add(&mut self, other: &Usage) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.cost += other.cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_keep_the_recorded_shape() {
        let wire = json!({"role":"toolResult","toolCallId":"call_1","toolName":"exec",
            "content":[{"type":"text","text":"out"}],"isError":false,"timestamp":5});
        let message: Message = serde_json::from_value(wire.clone()).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), wire);

        let wire = json!({"role":"assistant","content":[{"type":"toolCall","id":"c","name":"exec","arguments":{"a":1}}],
            "api":"openai-completions","provider":"p","model":"m",
            "usage":{"input":1,"output":2,"cacheRead":0,"cacheWrite":0,"cost":0.0},"stopReason":"toolUse","timestamp":6});
        let message: Message = serde_json::from_value(wire.clone()).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), wire);
    }

    #[test]
    fn a_plain_text_stays_a_string() {
        let wire = json!({"role":"user","content":"hi","timestamp":1});
        let message: Message = serde_json::from_value(wire.clone()).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), wire);
    }
}
