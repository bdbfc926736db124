//! Printing: JSON or text, colours only where they are welcome, tables, and failures with their hints. A reader that
//! goes away (`| head`) ends the command quietly.

mod table;

pub(crate) use table::Table;

use crate::args::Global;
use crate::failure::Failure;
use config::Env;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether standard output is for a program.
    pub(crate) json: bool,
    colour: bool,
    colour_err: bool,
}

/// What a piece of text is, to be coloured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong.
    Bad,
    /// Of less weight.
    Dim,
    /// Of more weight.
    Bold,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Dim => "2",
            Tone::Bold => "1",
        }
    }
}

impl Output {
    /// Decides about JSON and colours.
    pub(crate) fn new(global: &Global, env: &Env) -> Self {
        let welcome = !global.no_color
            && !global.json
            && env.get("NO_COLOR").is_none_or(str::is_empty)
            && env.get("TERM") != Some("dumb");
        Self {
            json: global.json,
            colour: welcome && std::io::stdout().is_terminal(),
            colour_err: welcome && std::io::stderr().is_terminal(),
        }
    }

    /// JSON without colours.
    pub(crate) fn plain_json() -> Self {
        Self { json: true, colour: false, colour_err: false }
    }

    /// Text without colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { json: false, colour: false, colour_err: false }
    }

    /// Colours a text for standard output.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.colour, tone, text)
    }

    /// Prints a value as JSON with two spaces.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub(crate) fn json(&self, value: &Value) -> Result<(), Failure> {
        self.line(&format!("{value:#}"))
    }

    /// Prints a value as JSON on one line.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub(crate) fn json_line(&self, value: &Value) -> Result<(), Failure> {
        self.line(&value.to_string())
    }

    /// Prints a text and a line break.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).map_err(|e| {
            if e.kind() == ErrorKind::BrokenPipe {
                return Failure::reader_gone();
            }
            Failure::new(
                crate::failure::Exit::Failed,
                "OUTPUT",
                format!("cannot write to standard output: {e}"),
            )
        })
    }

    /// Prints the payload where JSON is asked for, else what `text` makes of it.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub(crate) fn show(&self, payload: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { self.json(payload) } else { self.line(&text()) }
    }

    /// Tells people something on standard error, beside the result.
    pub(crate) fn remark(&self, text: &str) {
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr(), "{}", paint(self.colour_err, Tone::Dim, text));
    }

    /// Prints a failure with its hints and gives its exit code.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        let exit = ExitCode::from(failure.exit);
        if failure.message.is_empty() && failure.hints.is_empty() {
            return exit;
        }
        if self.json {
            // The exit code still tells what happened when standard output is gone.
            let _ = self.json(&failure.to_json());
        } else {
            let _ = std::io::stderr().write_all(failure_text(self.colour_err, failure).as_bytes());
        }
        exit
    }
}

fn failure_text(colour: bool, failure: &Failure) -> String {
    let mut text = format!("{} {}\n", paint(colour, Tone::Bad, "error:"), printable(&failure.message));
    for hint in &failure.hints {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {} {}", paint(colour, Tone::Bold, "hint:"), printable(hint));
    }
    text
}

fn paint(colour: bool, tone: Tone, text: &str) -> String {
    if colour { format!("\x1b[{}m{text}\x1b[0m", tone.code()) } else { text.to_owned() }
}

/// The text without control characters other than line breaks and tabs: what a peer sent must not steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// A time span as people say it: `450ms`, `12s`, `5m`, `3h`, `2d`.
pub(crate) fn span(ms: i64) -> String {
    let seconds = ms / 1000;
    match seconds {
        _ if ms < 1000 => format!("{}ms", ms.max(0)),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long ago something was; `-` where it never was.
pub(crate) fn ago(now_ms: i64, then_ms: Option<i64>) -> String {
    match then_ms {
        None | Some(0) => "-".into(),
        Some(then) if now_ms - then < 1000 => "just now".into(),
        Some(then) => format!("{} ago", span(now_ms - then)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn spans_are_short_and_ages_never_negative() {
        for (ms, text) in [
            (-5, "0ms"),
            (450, "450ms"),
            (12_000, "12s"),
            (300_000, "5m"),
            (10_800_000, "3h"),
            (172_800_000, "2d"),
        ] {
            assert_eq!(span(ms), text);
        }
        assert_eq!(ago(10, Some(20)), "just now");
        assert_eq!(ago(70_000, Some(1_000)), "1m ago");
        assert_eq!(ago(70_000, None), "-");
    }

    #[test]
    fn a_peer_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}c\nd\r"), "a[2Jbc\nd");
        let text = failure_text(false, &Failure::new(Exit::Failed, "X", "bad \x1b]0;x\x07").hint("h"));
        assert_eq!(text, "error: bad ]0;x\n  hint: h\n");
    }

    #[test]
    fn colours_come_only_where_they_are_welcome() {
        assert_eq!(paint(false, Tone::Good, "ok"), "ok");
        assert_eq!(paint(true, Tone::Good, "ok"), "\x1b[32mok\x1b[0m");
    }
}
