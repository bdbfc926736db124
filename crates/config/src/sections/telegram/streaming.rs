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
        /// As `partial`, by whole paragraphs, and another message begins where one gets long.
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

choice! {
    /// Where an answer is cut as it grows.
    BreakPreference {
        /// Between paragraphs.
        Paragraph => "paragraph",
        /// Between lines.
        Newline => "newline",
        /// Between sentences.
        Sentence => "sentence",
    }
}

choice! {
    /// Where a long text is split. Here it is between paragraphs wherever that is possible, whatever stands there.
    ChunkMode {
        /// By length.
        Length => "length",
        /// Between paragraphs first.
        Newline => "newline",
    }
}

/// `channels.telegram.streaming`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingConfig {
    /// `mode`, progress by default.
    pub mode: StreamingMode,
    /// `preview.toolProgress` (true), with `mode: "progress"` `progress.toolProgress` (else the former where it is there, else false):
    /// whether a line is there for each tool.
    pub tool_progress: bool,
    /// `progress.commandText`, else `preview.commandText`, status by default.
    pub command_text: CommandText,
    /// `preview.chunk.minChars`: with `mode: "block"` it grows by no less, 200 by default.
    pub min_chars: usize,
    /// `preview.chunk.maxChars`: and a message has no more, 800 by default.
    pub max_chars: usize,
    /// `preview.chunk.breakPreference`, paragraph by default.
    pub break_at: BreakPreference,
    /// `progress.label`, or one of `progress.labels`: what stands there before the agent has said what it is at; none where `label`
    /// is false.
    pub labels: Vec<String>,
    /// Whether one was configured: then it stands above what the agent says too.
    pub label_stays: bool,
    /// `progress.maxLines`: so many lines, the latest, 8 by default.
    pub max_lines: usize,
    /// `progress.maxLineChars`: characters of a line, 120 by default.
    pub max_line_chars: usize,
    /// `block.enabled`: whether an answer comes as messages of at most `block.coalesce.maxChars` (1200) characters, each once it is
    /// complete, whatever `mode` says; false by default.
    pub is_whole: bool,
    /// Whether what stands here keeps answers from coming in such messages where agents are to have them so.
    pub says_how: bool,
    /// `progress.commentary`: whether what the agent says before it uses a tool is a line among the others, and not at their head;
    /// false by default.
    pub commentary: bool,
}

/// What stands in a message that says what the agent is at, before it has said so itself.
const LABEL: &str = "Working";

impl Default for StreamingConfig {
    fn default() -> Self {
        Self {
            mode: StreamingMode::Progress,
            tool_progress: false,
            command_text: CommandText::Status,
            min_chars: 200,
            max_chars: 800,
            break_at: BreakPreference::Paragraph,
            labels: vec![LABEL.to_owned()],
            label_stays: false,
            max_lines: 8,
            max_line_chars: 120,
            is_whole: false,
            says_how: false,
            commentary: false,
        }
    }
}

/// Characters of a message that is not changed any more.
const WHOLE: usize = 1200;

/// `block`: how long the messages are, where answers come in such.
fn block(s: &Section<'_>) -> (Option<usize>, bool) {
    let is_enabled = s.boolean("enabled");
    let max_chars = s.section("coalesce", |coalesce| {
        coalesce.unsupported("minChars", "a message is as long as whole paragraphs allow");
        coalesce.unsupported("idleMs", "a message goes out when it is full, however long that takes");
        size(coalesce, "maxChars", 4096)
    });
    ((is_enabled == Some(true)).then(|| max_chars.unwrap_or(WHOLE)), is_enabled.is_some())
}

/// What stands under `preview`.
#[derive(Default)]
struct Preview {
    tool_progress: Option<bool>,
    command_text: Option<CommandText>,
    min_chars: Option<usize>,
    max_chars: Option<usize>,
    break_at: Option<BreakPreference>,
}

impl Preview {
    fn read(s: &Section<'_>) -> Self {
        let chunk = s.section("chunk", |chunk| {
            let size = |key| size(chunk, key, 4096);
            (size("minChars"), size("maxChars"), chunk.choice("breakPreference"))
        });
        Self {
            tool_progress: s.boolean("toolProgress"),
            command_text: s.choice("commandText"),
            min_chars: chunk.0,
            max_chars: chunk.1,
            break_at: chunk.2,
        }
    }
}

/// What stands under `progress`.
#[derive(Default)]
struct Progress {
    tool_progress: Option<bool>,
    command_text: Option<CommandText>,
    labels: Option<Vec<String>>,
    max_lines: Option<usize>,
    max_line_chars: Option<usize>,
    commentary: Option<bool>,
}

impl Progress {
    fn read(s: &Section<'_>) -> Self {
        // On Telegram what stands at the head is the agent's own words, whatever this says.
        s.boolean("narration");
        let labels: Vec<String> = s.texts("labels").unwrap_or_default();
        let labels: Vec<String> =
            labels.iter().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect();
        Self {
            tool_progress: s.boolean("toolProgress"),
            command_text: s.choice("commandText"),
            labels: label(s, labels),
            max_lines: size(s, "maxLines", 100),
            max_line_chars: size(s, "maxLineChars", 1000),
            commentary: s.boolean("commentary"),
        }
    }
}

fn size(s: &Section<'_>, key: &'static str, most: u64) -> Option<usize> {
    s.integer(key, 1..=most).and_then(|n| usize::try_from(n).ok())
}

impl StreamingConfig {
    /// `None` where there is no such section.
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let default = Self::default();
        s.choice::<ChunkMode>("chunkMode");
        let (whole, says_whole) = s.section("block", block);
        let own_mode: Option<StreamingMode> = s.choice("mode");
        let mode = own_mode.unwrap_or(default.mode);
        let mode = if whole.is_some() { StreamingMode::Block } else { mode };
        let preview = s.section("preview", Preview::read);
        let progress = s.section("progress", Progress::read);
        let tool_progress = match mode {
            StreamingMode::Progress => progress.tool_progress.or(preview.tool_progress).unwrap_or(false),
            _ => whole.is_none() && preview.tool_progress.unwrap_or(true),
        };
        s.exists().then(|| Self {
            mode,
            tool_progress,
            command_text: progress.command_text.or(preview.command_text).unwrap_or(default.command_text),
            // Whole messages are as long as they may be anyway.
            min_chars: if whole.is_some() { 1 } else { preview.min_chars.unwrap_or(default.min_chars) },
            max_chars: whole.or(preview.max_chars).unwrap_or(default.max_chars),
            is_whole: whole.is_some(),
            says_how: says_whole || own_mode.is_some_and(|mode| mode != StreamingMode::Off),
            break_at: preview.break_at.unwrap_or(default.break_at),
            label_stays: progress.labels.is_some(),
            labels: progress.labels.unwrap_or(default.labels),
            max_lines: progress.max_lines.unwrap_or(default.max_lines),
            max_line_chars: progress.max_line_chars.unwrap_or(default.max_line_chars),
            commentary: progress.commentary.unwrap_or(default.commentary),
        })
    }
}

impl StreamingConfig {
    /// With what agents are to do wherever a channel says nothing of its own: answers as messages of at most so many characters.
    pub fn or_whole(&self, max_chars: Option<usize>) -> Self {
        match max_chars.filter(|_| !self.says_how) {
            None => self.clone(),
            Some(max_chars) => Self {
                mode: StreamingMode::Block,
                tool_progress: false,
                min_chars: 1,
                max_chars,
                is_whole: true,
                ..self.clone()
            },
        }
    }
}

/// What to choose from: `label`, `"auto"` for one of `labels`, or false for none. `None` where nothing is said.
fn label(s: &Section<'_>, labels: Vec<String>) -> Option<Vec<String>> {
    let pool = |labels: Vec<String>| if labels.is_empty() { vec![LABEL.to_owned()] } else { labels };
    match s.raw("label") {
        None => (!labels.is_empty()).then_some(labels),
        Some(serde_json::Value::String(text)) => match text.trim() {
            "" => Some(pool(labels)),
            auto if auto.eq_ignore_ascii_case("auto") => Some(pool(labels)),
            text => Some(vec![text.to_owned()]),
        },
        Some(serde_json::Value::Bool(false)) => Some(Vec::new()),
        Some(_) => {
            s.error("label", "use a text or false");
            None
        }
    }
}
