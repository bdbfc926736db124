//! What a draft shows, made of what happens in its turn.

use agent::turn::{Events, TurnEvent};
use config::{CommandText, StreamingConfig, StreamingMode};
use serde_json::Value;
use std::collections::VecDeque;
use tokio::sync::watch;

use crate::runs::events::RunEvents;
use crate::runs::reply::{self, ReplyTo};

/// Characters of a line about a tool.
const MAX_LINE: usize = 120;
/// Characters of what the agent said it is at.
const MAX_HEADLINE: usize = 300;
/// Lines about tools that are remembered: no configuration shows more.
const MAX_LINES: usize = 100;

/// What has happened so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Which answer of the turn the text is.
    item: u32,
    text: String,
    /// What the agent said last before it used a tool.
    headline: String,
    /// A line for each tool since then.
    tools: VecDeque<String>,
}

/// The events of a turn, of which its draft sees what it shows. The draft ends with it.
pub(crate) struct Watched<'a> {
    pub(super) events: &'a RunEvents,
    /// With whether commands are shown.
    pub(super) feed: Option<(watch::Sender<Seen>, CommandText)>,
}

impl Events for Watched<'_> {
    fn emit(&self, event: TurnEvent) {
        if let Some((feed, commands)) = &self.feed {
            // Nobody is woken for what a draft does not show.
            feed.send_if_modified(|seen| seen.take(&event, *commands));
        }
        self.events.emit(event);
    }
}

impl Seen {
    /// Whether that changed something.
    pub(super) fn take(&mut self, event: &TurnEvent, commands: CommandText) -> bool {
        match event {
            TurnEvent::TextDelta { item, delta } => {
                if self.item != *item {
                    self.item = *item;
                    self.text.clear();
                    self.tools.clear();
                }
                self.text.push_str(delta);
                true
            }
            TurnEvent::TextReset { item } if self.item == *item => {
                self.text.clear();
                true
            }
            TurnEvent::ToolStart { name, arguments, .. } => {
                if self.tools.is_empty() && !self.text.trim().is_empty() {
                    self.headline = first(reply::read(self.text.trim(), true).text.trim(), MAX_HEADLINE);
                }
                if self.tools.len() == MAX_LINES {
                    self.tools.pop_front();
                }
                self.tools.push_back(line(name, arguments, commands));
                true
            }
            _ => false,
        }
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
    pub(super) fn show(&self, how: &StreamingConfig, shown: usize) -> String {
        let so_far = reply::so_far(self.text.get(..shown).unwrap_or(&self.text)).text;
        let head: &str = match how.mode {
            StreamingMode::Progress if self.headline.is_empty() => &how.label,
            StreamingMode::Progress => &self.headline,
            StreamingMode::Partial | StreamingMode::Block => &so_far,
            StreamingMode::Off => "",
        };
        let from =
            if how.tool_progress { self.tools.len().saturating_sub(how.max_lines) } else { self.tools.len() };
        let lines: Vec<&str> = self.tools.iter().skip(from).map(String::as_str).collect();
        let parts = [head.trim_end(), &lines.join("\n")].map(str::to_owned);
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    /// How much of the text is shown where `so_far` bytes are: by paragraphs, once there are enough of them, and by words where a
    /// paragraph gets long.
    pub(super) fn step(&self, so_far: usize, how: &StreamingConfig) -> usize {
        let Some(new) = self.text.get(so_far..) else { return 0 };
        let count = new.chars().count();
        if how.mode != StreamingMode::Block || !self.tools.is_empty() {
            return self.text.len();
        }
        if count < how.min_chars {
            return so_far;
        }
        let cut = new.rfind("\n\n").or_else(|| new.rfind([' ', '\n']).filter(|_| count > how.max_chars));
        cut.map_or(so_far, |at| so_far + at)
    }
}

/// `🔧 exec`, with what the tool is about where that is to be shown.
fn line(name: &str, arguments: &Value, commands: CommandText) -> String {
    let hidden = commands == CommandText::Status && arguments.get("command").is_some();
    let about = ["command", "path", "url", "action"].iter().find_map(|key| arguments.get(*key)?.as_str());
    let about = about.filter(|_| !hidden).map(|text| first(&text.replace(['`', '\n'], " "), MAX_LINE));
    match about.filter(|text| !text.trim().is_empty()) {
        Some(text) => format!("🔧 {name}: `{}`", text.trim()),
        None => format!("🔧 {name}"),
    }
}

/// The first characters of a text.
fn first(text: &str, characters: usize) -> String {
    let cut: String = text.chars().take(characters).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
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

    fn seen(events: &[TurnEvent], commands: CommandText) -> Seen {
        let mut seen = Seen::default();
        for event in events {
            seen.take(event, commands);
        }
        seen
    }

    fn how(mode: StreamingMode) -> StreamingConfig {
        StreamingConfig { mode, min_chars: 5, max_chars: 20, ..StreamingConfig::default() }
    }

    #[test]
    fn tools_stand_below_the_text_until_the_next_answer_begins() {
        let events = [text(1, "Let me "), text(1, "look."), tool("exec", json!({"command": "ls `x`"}))];
        let partial = how(StreamingMode::Partial);
        let shown = |seen: &Seen| seen.show(&partial, usize::MAX);
        let hidden = seen(&events, CommandText::Status);
        assert_eq!(shown(&hidden), "Let me look.\n\n🔧 exec");
        let mut raw = seen(&events, CommandText::Raw);
        raw.take(&tool("read", json!({"path": "a_b.txt"})), CommandText::Raw);
        assert_eq!(shown(&raw), "Let me look.\n\n🔧 exec: `ls  x`\n🔧 read: `a_b.txt`");
        raw.take(&text(2, "There"), CommandText::Raw);
        assert_eq!(shown(&raw), "There");
        raw.take(&TurnEvent::TextReset { item: 2 }, CommandText::Raw);
        assert_eq!(shown(&raw), "");
        let quiet = StreamingConfig { tool_progress: false, ..partial.clone() };
        assert_eq!(hidden.show(&quiet, usize::MAX), "Let me look.");
    }

    #[test]
    fn progress_says_what_the_agent_said_last_and_nothing_of_its_answer() {
        let progress = StreamingConfig { tool_progress: false, ..how(StreamingMode::Progress) };
        let mut seen = seen(&[tool("ls", json!({}))], CommandText::Status);
        assert_eq!(seen.show(&progress, 0), "Working…");
        seen.take(&text(2, "Now I read it."), CommandText::Status);
        assert_eq!(seen.show(&progress, 0), "Working…");
        seen.take(&tool("read", json!({"path": "x"})), CommandText::Status);
        assert_eq!(seen.show(&progress, 0), "Now I read it.");
        let lines = StreamingConfig { tool_progress: true, max_lines: 1, ..progress };
        seen.take(&tool("write", json!({"path": "y"})), CommandText::Status);
        assert_eq!(seen.show(&lines, 0), "Now I read it.\n\n🔧 write: `y`");
    }

    #[test]
    fn blocks_are_whole_paragraphs_unless_they_get_long() {
        let block = how(StreamingMode::Block);
        let step =
            |text_now: &str, so_far| seen(&[text(1, text_now)], CommandText::Status).step(so_far, &block);
        assert_eq!(step("Hi", 0), 0);
        assert_eq!(step("Hello there", 0), 0, "no whole paragraph yet");
        assert_eq!(step("Hello.\n\nAnd", 0), 6);
        assert_eq!(step("Hello.\n\nAnd", 6), 6);
        assert_eq!(step("one long paragraph without an end", 0), 29);
        assert_eq!(step("short", 20), 0, "another answer begins at its beginning");
    }
}
