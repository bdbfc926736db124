//! Questions to whoever sits at a terminal, a line each. They go to standard error; a secret is not shown while it is typed.

use crate::failure::{Exit, Failure};
use crate::output::printable;
use model::{ExposeSecret, SecretString};
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::io::{BufRead, IsTerminal, Read, Stderr, Stdin, Write, stderr, stdin};

/// Longest secret and line that is taken, in bytes.
const LONGEST: usize = 16 * 1024;

/// A terminal with somebody at it.
pub(crate) struct Terminal {
    from: Stdin,
    to: Stderr,
}

impl Terminal {
    /// The terminal that this program was started at; `None` where nobody can see a question or answer it.
    pub(crate) fn open() -> Option<Self> {
        let (from, to) = (stdin(), stderr());
        (from.is_terminal() && to.is_terminal()).then_some(Self { from, to })
    }

    /// Says something, on lines of its own.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.to, "{}", printable(text)).map_err(|_| gone())
    }

    /// Asks for a line; an empty answer is `default`.
    ///
    /// # Errors
    /// Nobody is there any more.
    pub(crate) fn line(&mut self, question: &str, default: &str) -> Result<String, Failure> {
        self.prompt(question, default)?;
        let mut answer = String::new();
        let bound = u64::try_from(LONGEST).unwrap_or(u64::MAX);
        match self.from.lock().take(bound).read_line(&mut answer) {
            Ok(0) | Err(_) => return Err(gone()),
            Ok(_) => {}
        }
        let answer = answer.trim();
        Ok(if answer.is_empty() { default } else { answer }.to_owned())
    }

    /// Asks for one of some; gives its place. Asks again until it is one.
    ///
    /// # Errors
    /// Nobody is there any more.
    pub(crate) fn choose(
        &mut self,
        question: &str,
        choices: &[&str],
        default: usize,
    ) -> Result<usize, Failure> {
        self.say(question)?;
        for (place, choice) in choices.iter().enumerate() {
            self.say(&format!("  {}) {choice}", place + 1))?;
        }
        loop {
            let answer = self.line("Number", &(default + 1).to_string())?;
            match answer.parse::<usize>() {
                Ok(number) if (1..=choices.len()).contains(&number) => return Ok(number - 1),
                _ => self.say(&format!("a number from 1 to {}", choices.len()))?,
            }
        }
    }

    /// Asks yes or no. Asks again until it is one of these.
    ///
    /// # Errors
    /// Nobody is there any more.
    pub(crate) fn yes(&mut self, question: &str, default: bool) -> Result<bool, Failure> {
        loop {
            let answer = self.line(&format!("{question} (y/n)"), if default { "y" } else { "n" })?;
            match answer.to_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("y or n")?,
            }
        }
    }

    /// Asks for a secret; `None` where nothing was typed. What is typed does not appear, and the terminal is afterwards as it
    /// was.
    ///
    /// # Errors
    /// Ctrl-C, or nobody is there any more.
    pub(crate) fn secret(&mut self, question: &str) -> Result<Option<SecretString>, Failure> {
        let unseen = Unseen::begin()?;
        self.prompt(&format!("{question} (not shown)"), "")?;
        let typed = typed(&mut self.from.lock());
        drop(unseen);
        // The line break of whoever typed it did not appear, either.
        self.say("")?;
        Ok(Some(typed?).filter(|secret| !secret.expose_secret().is_empty()))
    }

    fn prompt(&mut self, question: &str, default: &str) -> Result<(), Failure> {
        let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        write!(self.to, "{}{}: ", printable(question), printable(&default))
            .and_then(|()| self.to.flush())
            .map_err(|_| gone())
    }
}

fn gone() -> Failure {
    Failure::new(Exit::Interrupted, "INTERRUPTED", "nothing was changed")
}

/// While this lives, the terminal shows nothing of what is typed, and gives it byte by byte: Ctrl-C is one of these, so that
/// it cannot end the program before the terminal is as it was.
struct Unseen {
    before: Termios,
}

impl Unseen {
    fn begin() -> Result<Self, Failure> {
        let terminal = stdin();
        let failed = |error| {
            Failure::new(
                Exit::Failed,
                "TERMINAL",
                format!("this terminal does not hide what is typed: {error}"),
            )
            .hint("give secrets by environment variable: openclaw onboard --secret-input-mode ref")
        };
        let before = termios::tcgetattr(&terminal).map_err(failed)?;
        let mut unseen = before.clone();
        unseen.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        unseen.special_codes[SpecialCodeIndex::VMIN] = 1;
        unseen.special_codes[SpecialCodeIndex::VTIME] = 0;
        termios::tcsetattr(&terminal, OptionalActions::Drain, &unseen).map_err(failed)?;
        Ok(Self { before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to be put back.
        let _ = termios::tcsetattr(stdin(), OptionalActions::Drain, &self.before);
    }
}

/// What is typed up to the end of the line, with what Backspace and Ctrl-U do to it.
fn typed(from: &mut impl Read) -> Result<SecretString, Failure> {
    // Grows no more, so that no copy of it is left behind.
    let mut text = String::with_capacity(LONGEST);
    let mut pending = Vec::with_capacity(4);
    loop {
        let mut byte = [0];
        match from.read(&mut byte) {
            Ok(1) => {}
            _ => return Err(gone()),
        }
        match byte[0] {
            b'\r' | b'\n' => return Ok(SecretString::from(text)),
            // Ctrl-C; Ctrl-D, where nothing was typed.
            0x03 => return Err(gone()),
            0x04 if text.is_empty() => return Err(gone()),
            0x08 | 0x7f => drop(text.pop()),
            0x15 => text.clear(),
            control if control < 0x20 => {}
            other if text.len() + 4 <= LONGEST => {
                pending.push(other);
                if let Ok(whole) = std::str::from_utf8(&pending) {
                    text.push_str(whole);
                    pending.clear();
                } else if pending.len() == 4 {
                    pending.clear();
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_is_left_of_what_was_typed() {
        for (keys, secret) in [
            (&b"sk-1\n"[..], Some("sk-1")),
            (b"wrong\x15right\x7f\x7fht\r", Some("right")),
            ("gr\u{fc}\u{df}e\n".as_bytes(), Some("gr\u{fc}\u{df}e")),
            ("\u{fc}\x7fu\n".as_bytes(), Some("u")),
            (b"\n", Some("")),
            (b"half\x03\n", None),
            (b"\x04", None),
            (b"no end", None),
        ] {
            let got = typed(&mut &*keys).ok();
            assert_eq!(got.as_ref().map(|s| s.expose_secret().to_owned()).as_deref(), secret, "{keys:?}");
        }
    }
}
