//! `channels.telegram.streaming`: what people see of an answer while it is being written.

use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// What is seen meanwhile.
    StreamingMode {
        /// Nothing: the answer comes when it is done.
        Off => "off",
        /// A message that grows with the answer, and is the answer in the end.
        Partial => "partial",
        /// As `partial`, by whole paragraphs.
        Block => "block",
        /// A message that says what the agent is at; it goes when the answer comes.
        Progress => "progress",
    }
}

choice! {
    /// What the line about a command says.
    CommandText {
        /// That there is one.
        Status => "status",
        /// The command itself.
        Raw => "raw",
    }
}

/// `channels.telegram.streaming`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingConfig {
    /// `mode`, off by default.
    pub mode: StreamingMode,
    /// `preview.toolProgress` (true), with `mode: "progress"` `progress.toolProgress` (false): whether a line is there for each tool.
    pub tool_progress: bool,
    /// `preview.commandText` or `progress.commandText`, status by default.
    pub command_text: CommandText,
    /// `preview.chunk.minChars`: with `mode: "block"` it grows by no less, 200 by default.
    pub min_chars: usize,
    /// `preview.chunk.maxChars`: and not by paragraphs alone where there is so much, 800 by default.
    pub max_chars: usize,
    /// `progress.label`: what stands there before the agent has said what it is at; empty where it is false.
    pub label: String,
    /// `progress.maxLines`: so many lines about tools, the latest, 8 by default.
    pub max_lines: usize,
}

/// What stands in a message that says what the agent is at, before it has said so itself.
const LABEL: &str = "Working…";

impl Default for StreamingConfig {
    fn default() -> Self {
        Self {
            mode: StreamingMode::Off,
            tool_progress: true,
            command_text: CommandText::Status,
            min_chars: 200,
            max_chars: 800,
            label: LABEL.to_owned(),
            max_lines: 8,
        }
    }
}

impl StreamingConfig {
    /// `None` where there is no such section.
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let default = Self::default();
        s.unsupported("chunkMode", "long answers are split between paragraphs where that is possible");
        s.unsupported("block", "answers come whole, or as one message that grows (mode)");
        let mode = s.choice("mode").unwrap_or(default.mode);
        let (preview, chunk) = s.section("preview", |preview| {
            let chunk = preview.section("chunk", |chunk| {
                chunk.unsupported("breakPreference", "it grows by paragraphs");
                let size = |key| chunk.integer(key, 1..=4096).and_then(|n| usize::try_from(n).ok());
                (size("minChars"), size("maxChars"))
            });
            ((preview.boolean("toolProgress"), preview.choice("commandText")), chunk)
        });
        let (progress, label, max_lines) = s.section("progress", |progress| {
            for (key, why) in [
                ("labels", "the label is always the same"),
                ("maxLineChars", "a line has 120 characters"),
                ("commentary", "what the agent says before it uses a tool takes the label's place"),
                ("narration", "there is none"),
            ] {
                progress.unsupported(key, why);
            }
            let lines = progress.integer("maxLines", 1..=100).and_then(|n| usize::try_from(n).ok());
            ((progress.boolean("toolProgress"), progress.choice("commandText")), label(progress), lines)
        });
        let own =
            if mode == StreamingMode::Progress { (progress.0.or(Some(false)), progress.1) } else { preview };
        s.exists().then(|| Self {
            mode,
            tool_progress: own.0.unwrap_or(default.tool_progress),
            command_text: own.1.unwrap_or(default.command_text),
            min_chars: chunk.0.unwrap_or(default.min_chars),
            max_chars: chunk.1.unwrap_or(default.max_chars),
            label: label.unwrap_or(default.label),
            max_lines: max_lines.unwrap_or(default.max_lines),
        })
    }
}

/// A text, `"auto"` for the usual one, or false for none.
fn label(s: &Section<'_>) -> Option<String> {
    match s.raw("label")? {
        serde_json::Value::String(text) if text == "auto" => None,
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Bool(false) => Some(String::new()),
        _ => {
            s.error("label", "use a text or false");
            None
        }
    }
}
