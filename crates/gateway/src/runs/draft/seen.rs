//! What a draft shows, made of what happens in its turn.

use agent::turn::{Events, TurnEvent};
use config::{BreakPreference, CommandText, StreamingConfig, StreamingMode};
use serde_json::Value;
use std::collections::VecDeque;
use tokio::sync::watch;

use crate::runs::events::RunEvents;
use crate::runs::marks;
use crate::runs::reply::{self, ReplyTo};

/// Lines that are remembered: no configuration shows more.
const MAX_LINES: usize = 100;

/// What has happened so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    how: StreamingConfig,
    /// What stands there before the agent has said what it is at.
    label: String,
    /// Which answer of the turn the text is.
    item: u32,
    text: String,
    /// The answer of which the agent's words are at the head, or among the lines.
    told: Option<u32>,
    /// What the agent said last before it used a tool.
    headline: String,
    /// Whether it has used one.
    has_worked: bool,
    /// A line for each tool: since the text began, or of the whole turn where no text is shown.
    lines: VecDeque<String>,
}

/// The events of a turn, of which its draft sees what it shows. The draft ends with it.
pub(crate) struct Watched<'a> {
    pub(super) events: &'a RunEvents,
    pub(super) feed: Option<watch::Sender<Seen>>,
    /// Where it is told how far the turn is.
    pub(crate) marks: Option<watch::Sender<&'static str>>,
}

impl Events for Watched<'_> {
    fn emit(&self, event: TurnEvent) {
        if let Some(feed) = &self.feed {
            // Nobody is woken for what a draft does not show.
            feed.send_if_modified(|seen| seen.take(&event));
        }
        if let (Some(marks), Some(mark)) = (&self.marks, marks::of_event(&event)) {
            marks.send_if_modified(|shown| std::mem::replace(shown, mark) != mark);
        }
        self.events.emit(event);
    }
}

impl Seen {
    /// Nothing yet. The same run has the same label.
    pub(super) fn new(how: StreamingConfig, run_id: &str) -> Self {
        let at = run_id.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let label = how.labels.get(at % how.labels.len().max(1)).cloned().unwrap_or_default();
        Self { how, label, ..Self::default() }
    }

    /// Whether only what the agent is at is shown, and nothing of its answer.
    fn is_status(&self) -> bool {
        self.how.mode == StreamingMode::Progress
    }

    /// Whether that changed something that is shown.
    pub(super) fn take(&mut self, event: &TurnEvent) -> bool {
        match event {
            TurnEvent::TextDelta { item, delta } => {
                if self.item != *item {
                    self.item = *item;
                    self.text.clear();
                    if !self.is_status() {
                        self.lines.clear();
                    }
                }
                self.text.push_str(delta);
                !self.is_status()
            }
            TurnEvent::TextReset { item } if self.item == *item => {
                self.text.clear();
                !self.is_status()
            }
            // What it says elsewhere is no work.
            TurnEvent::ToolStart { name, .. } if name == tools::MESSAGE => false,
            TurnEvent::ToolStart { name, arguments, .. } => {
                self.said();
                if self.how.tool_progress {
                    self.push(line(name, arguments, &self.how));
                }
                self.has_worked = true;
                true
            }
            _ => false,
        }
    }

    /// What the agent said before it used a tool is at the head from now on, or a line.
    fn said(&mut self) {
        if self.told == Some(self.item) || self.text.trim().is_empty() || !self.is_status() {
            return;
        }
        self.told = Some(self.item);
        let said = reply::read(self.text.trim(), true).text;
        let said = in_words(&said, self.how.max_line_chars);
        if self.how.commentary {
            self.push(format!("💬 {said}"));
        } else {
            self.headline = said;
        }
    }

    fn push(&mut self, line: String) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Whether the agent has used a tool.
    pub(super) fn has_worked(&self) -> bool {
        self.has_worked
    }

    /// Which answer of the turn is shown, and how much there is of it in bytes.
    pub(super) fn at(&self) -> (u32, usize) {
        (self.item, self.text.len())
    }

    /// Which message the answer says that it is a reply to.
    pub(super) fn answers(&self) -> Option<ReplyTo> {
        reply::so_far(&self.text).reply_to
    }

    /// What is to be seen of it: Markdown, empty where there is nothing yet. Of the text, the first `shown` bytes.
    pub(super) fn show(&self, shown: usize) -> String {
        let lines: Vec<&str> = self
            .lines
            .iter()
            .skip(self.lines.len().saturating_sub(self.how.max_lines))
            .map(String::as_str)
            .collect();
        let so_far = reply::so_far(self.text.get(..shown).unwrap_or(&self.text)).text;
        let is_labelled =
            (self.headline.is_empty() || self.how.label_stays) && lines.len() < self.how.max_lines;
        let label = if is_labelled { self.label.as_str() } else { "" };
        let parts = match self.how.mode {
            StreamingMode::Progress if self.has_worked => [label, &self.headline],
            StreamingMode::Partial | StreamingMode::Block => [so_far.trim_end(), ""],
            StreamingMode::Progress | StreamingMode::Off => return String::new(),
        };
        let lines = lines.join("\n");
        let parts = parts.into_iter().chain([lines.as_str()]);
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    /// How much of the text is shown where `so_far` bytes are: by paragraphs, once there are enough of them, and by words where a
    /// paragraph gets long.
    pub(super) fn step(&self, so_far: usize) -> usize {
        let Some(new) = self.text.get(so_far..) else { return 0 };
        let count = new.chars().count();
        if self.how.mode != StreamingMode::Block || !self.lines.is_empty() {
            return self.text.len();
        }
        if count < self.how.min_chars {
            return so_far;
        }
        let cut = match self.how.break_at {
            BreakPreference::Paragraph => new.rfind("\n\n"),
            BreakPreference::Newline => new.rfind('\n'),
            BreakPreference::Sentence => {
                let ends = [". ", "! ", "? ", ".\n", "!\n", "?\n"];
                ends.iter().filter_map(|end| new.rfind(end)).max().map(|at| at + 1).max(new.rfind("\n\n"))
            }
        };
        let cut = cut.or_else(|| new.rfind([' ', '\n']).filter(|_| count > self.how.max_chars));
        cut.map_or(so_far, |at| so_far + at)
    }
}

/// `🔧 exec`, with what the tool is about where that is to be shown.
fn line(name: &str, arguments: &Value, how: &StreamingConfig) -> String {
    let hidden = how.command_text == CommandText::Status && arguments.get("command").is_some();
    let about = ["command", "path", "url", "action"].iter().find_map(|key| arguments.get(*key)?.as_str());
    let room = how.max_line_chars.saturating_sub(name.chars().count() + 4);
    let about = about.filter(|_| !hidden).map(|text| middle(text.replace(['`', '\n'], " ").trim(), room));
    match about.filter(|text| !text.is_empty()) {
        Some(text) => format!("🔧 {name}: `{text}`"),
        None => format!("🔧 {name}"),
    }
}

/// One line of so many characters, cut between words.
fn in_words(text: &str, characters: usize) -> String {
    let mut line = String::new();
    let mut left = characters;
    for word in text.split_whitespace() {
        let length = word.chars().count() + usize::from(!line.is_empty());
        if length > left {
            return if line.is_empty() { middle(word, characters) } else { line + "…" };
        }
        left -= length;
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// A text without its middle, where it has more characters: the end of a path or a command says most.
fn middle(text: &str, characters: usize) -> String {
    let count = text.chars().count();
    if count <= characters {
        return text.to_owned();
    }
    let kept = characters.saturating_sub(1);
    let first: String = text.chars().take(kept / 2).collect();
    let last: String = text.chars().skip(count - (kept - kept / 2)).collect();
    format!("{}…{}", first.trim_end(), last.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(item: u32, delta: &str) -> TurnEvent {
        TurnEvent::TextDelta { item, delta: delta.into() }
    }

    fn tool(name: &str, arguments: Value) -> TurnEvent {
        TurnEvent::ToolStart { tool_call_id: "1".into(), name: name.into(), arguments }
    }

    fn seen(how: &StreamingConfig, events: &[TurnEvent]) -> Seen {
        let mut seen = Seen::new(how.clone(), "run");
        for event in events {
            seen.take(event);
        }
        seen
    }

    fn how(mode: StreamingMode) -> StreamingConfig {
        let tool_progress = mode != StreamingMode::Progress;
        StreamingConfig { mode, tool_progress, min_chars: 5, max_chars: 20, ..StreamingConfig::default() }
    }

    #[test]
    fn tools_stand_below_the_text_until_the_next_answer_begins() {
        let events = [
            text(1, "Let me "),
            text(1, "look."),
            tool("message", json!({"to": "1"})),
            tool("exec", json!({"command": "ls `x`"})),
        ];
        let partial = how(StreamingMode::Partial);
        assert_eq!(seen(&partial, &events).show(usize::MAX), "Let me look.\n\n🔧 exec");
        let mut raw = seen(&StreamingConfig { command_text: CommandText::Raw, ..partial.clone() }, &events);
        raw.take(&tool("read", json!({"path": "a_b.txt"})));
        assert_eq!(raw.show(usize::MAX), "Let me look.\n\n🔧 exec: `ls  x`\n🔧 read: `a_b.txt`");
        raw.take(&text(2, "There"));
        assert_eq!(raw.show(usize::MAX), "There");
        raw.take(&TurnEvent::TextReset { item: 2 });
        assert_eq!(raw.show(usize::MAX), "");
        let quiet = StreamingConfig { tool_progress: false, ..partial };
        assert_eq!(seen(&quiet, &events).show(usize::MAX), "Let me look.");
    }

    #[test]
    fn progress_says_what_the_agent_said_last_and_nothing_of_its_answer() {
        let progress = how(StreamingMode::Progress);
        let idle = seen(&progress, &[text(1, "An answer without work")]);
        assert_eq!((idle.show(0), idle.has_worked()), (String::new(), false));
        let mut quiet = seen(&progress, &[]);
        let mut lines = Seen::new(StreamingConfig { tool_progress: true, max_lines: 2, ..progress }, "run");
        for (event, quietly, with_lines) in [
            (tool("ls", json!({})), "Working", "Working\n\n🔧 ls"),
            (text(2, "Now I\nread it."), "Working", "Working\n\n🔧 ls"),
            (tool("read", json!({"path": "x"})), "Now I read it.", "Now I read it.\n\n🔧 ls\n🔧 read: `x`"),
            (
                tool("write", json!({"path": "y"})),
                "Now I read it.",
                "Now I read it.\n\n🔧 read: `x`\n🔧 write: `y`",
            ),
        ] {
            quiet.take(&event);
            lines.take(&event);
            assert_eq!((quiet.show(0).as_str(), lines.show(0).as_str()), (quietly, with_lines));
        }
    }

    #[test]
    fn a_label_of_ones_own_stays_and_what_is_said_may_be_a_line() {
        let events = [text(1, "First this."), tool("ls", json!({})), tool("ls", json!({}))];
        let progress = how(StreamingMode::Progress);
        let own = StreamingConfig { labels: vec!["Busy".into()], label_stays: true, ..progress.clone() };
        assert_eq!(seen(&own, &events).show(0), "Busy\n\nFirst this.");
        let none = StreamingConfig { labels: vec![], ..progress.clone() };
        assert_eq!(seen(&none, &events).show(0), "First this.");
        assert_eq!(seen(&none, &events[1..]).show(0), "");
        let line = StreamingConfig { commentary: true, tool_progress: true, ..progress.clone() };
        assert_eq!(seen(&line, &events).show(0), "Working\n\n💬 First this.\n🔧 ls\n🔧 ls");
        let many = StreamingConfig { labels: vec!["a".into(), "b".into()], ..progress };
        let labels: Vec<String> = ["1", "2"].iter().map(|run| Seen::new(many.clone(), run).label).collect();
        assert_eq!(labels, ["b", "a"], "each run has one of them");
    }

    #[test]
    fn lines_are_no_longer_than_they_may_be() {
        let short = StreamingConfig {
            max_line_chars: 20,
            tool_progress: true,
            command_text: CommandText::Raw,
            ..how(StreamingMode::Progress)
        };
        let long = tool("exec", json!({"command": "cargo build --release --workspace"}));
        let said = text(1, "Now I build all of it, and then I look");
        assert_eq!(seen(&short, &[said, long]).show(0), "Now I build all of…\n\n🔧 exec: `cargo…kspace`");
    }

    #[test]
    fn blocks_are_whole_paragraphs_unless_they_get_long() {
        let block = how(StreamingMode::Block);
        let step = |text_now: &str, so_far| seen(&block, &[text(1, text_now)]).step(so_far);
        assert_eq!(step("Hi", 0), 0);
        assert_eq!(step("Hello there", 0), 0, "no whole paragraph yet");
        assert_eq!(step("Hello.\n\nAnd", 0), 6);
        assert_eq!(step("Hello.\n\nAnd", 6), 6);
        assert_eq!(step("one long paragraph without an end", 0), 29);
        assert_eq!(step("short", 20), 0, "another answer begins at its beginning");
        let sentences = StreamingConfig { break_at: BreakPreference::Sentence, ..block.clone() };
        assert_eq!(seen(&sentences, &[text(1, "One here. Two. Thr")]).step(0), 14);
        let lines = StreamingConfig { break_at: BreakPreference::Newline, ..block };
        assert_eq!(seen(&lines, &[text(1, "One here\nTwo")]).step(0), 8);
    }
}
