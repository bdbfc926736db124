//! An answer as it comes: hands its text on, and remembers it for the case that the answer is cut.

use super::events::{Events, TurnEvent};
use super::outcome::NO_REPLY;
use llm::StreamEvent;

/// Receives one answer.
pub(super) struct Stream<'a> {
    events: &'a dyn Events,
    item: u32,
    text: String,
    /// Text is held back as long as it may turn out to be `NO_REPLY`, which nobody is to see.
    shown: bool,
}

impl<'a> Stream<'a> {
    pub(super) fn new(events: &'a dyn Events, item: u32) -> Self {
        Self { events, item, text: String::new(), shown: false }
    }

    pub(super) fn take(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Text(delta) => {
                self.text.push_str(&delta);
                if self.shown {
                    self.emit(delta);
                } else if !NO_REPLY.starts_with(self.text.trim()) {
                    self.show();
                }
            }
            StreamEvent::Thinking(delta) => self.events.emit(TurnEvent::Thinking { delta }),
            // Tools are announced when they start; until then the call may still be cut.
            StreamEvent::ToolCall { .. } => {}
        }
    }

    /// The answer is complete: shows what was held back without need.
    pub(super) fn finish(mut self) {
        let text = self.text.trim();
        if !self.shown && !text.is_empty() && text != NO_REPLY {
            self.show();
        }
    }

    /// The text that was shown of an answer that was cut.
    pub(super) fn into_partial(self) -> String {
        if self.shown { self.text } else { String::new() }
    }

    fn show(&mut self) {
        self.shown = true;
        self.emit(self.text.clone());
    }

    fn emit(&self, delta: String) {
        self.events.emit(TurnEvent::TextDelta { item: self.item, delta });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Recorder;

    fn shown(pieces: &[&str], finished: bool) -> String {
        let events = Recorder::default();
        let mut stream = Stream::new(&events, 1);
        for piece in pieces {
            stream.take(StreamEvent::Text((*piece).to_owned()));
        }
        if finished {
            stream.finish();
        }
        events.text()
    }

    #[test]
    fn only_a_whole_no_reply_is_hidden() {
        for (pieces, finished, expected) in [
            (&["NO", "_REPLY"][..], true, ""),
            (&["NO_REPLY\n"], true, ""),
            (&["NO_REPLY", " is what I say"], true, "NO_REPLY is what I say"),
            (&["NO"], true, "NO"),
            (&["NO"], false, ""),
            (&["N", "ow", " then"], true, "Now then"),
            (&["  ", "hi"], true, "  hi"),
            (&["  "], true, ""),
        ] {
            assert_eq!(shown(pieces, finished), expected, "{pieces:?}");
        }
    }
}
