//! One shell: what is typed goes in, what is printed goes to its screen, until it ends.

use super::Place;
use super::screen::Screen;
use exec::{Terminal, TerminalEnd};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// With more than this on its way to the client, nothing more is read: then the terminal holds up the program that prints.
const MAX_UNSENT: usize = 512 * 1024;
/// How often a client that was behind is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;
/// What is typed is written within this time, or the rest of it is dropped: its program does not read.
const WRITE: Duration = Duration::from_secs(5);
/// What is printed is read on for so long after the shell has ended.
const DRAIN: Duration = Duration::from_millis(500);

/// What a shell is told in turn. That it is to end, and who looks at it, does not wait behind this.
pub(super) enum Command {
    Input(String),
    Resize { cols: u16, rows: u16 },
}

/// One shell.
pub(super) struct Session {
    place: Place,
    screen: Arc<Screen>,
    closed: CancellationToken,
    /// How long it waits for another connection.
    grace: Duration,
    decoder: Decoder,
}

/// Why it ended.
struct Ended {
    reason: &'static str,
    end: Option<TerminalEnd>,
}

enum Next {
    Printed(usize),
    Command(Command),
    Shell(Option<TerminalEnd>),
    Closed,
    /// At who looks at it, and how far they are behind.
    Look,
}

impl Session {
    pub(super) fn new(place: Place, screen: Arc<Screen>, closed: CancellationToken, grace: Duration) -> Self {
        Self { place, screen, closed, grace, decoder: Decoder::default() }
    }

    /// Runs until the shell ends, somebody closes it, or nobody comes back to it.
    pub(super) async fn run(mut self, mut terminal: Terminal, mut commands: mpsc::Receiver<Command>) {
        let ended = self.serve(&mut terminal, &mut commands).await;
        terminal.shell.kill();
        let Self { place, screen, .. } = self;
        let mut exit = json!({"sessionId": place.id, "reason": ended.reason});
        if let Some(end) = ended.end {
            exit["exitCode"] = json!(end.exit_code);
            exit["signal"] = json!(end.signal);
        }
        // Whoever hears of its end does not find it any more.
        drop(place);
        screen.end(&exit);
    }

    async fn serve(&mut self, terminal: &mut Terminal, commands: &mut mpsc::Receiver<Command>) -> Ended {
        let mut buffer = vec![0; CHUNK];
        let mut at_end = false;
        let screen = self.screen.clone();
        loop {
            let behind = screen.unsent() > MAX_UNSENT;
            let grace = screen.left_at().map(|left| left + self.grace);
            // However much is typed still.
            if grace.is_some_and(|grace| grace <= Instant::now()) {
                return Ended { reason: "disconnected", end: None };
            }
            let next = tokio::select! {
                () = self.closed.cancelled() => Next::Closed,
                Some(command) = commands.recv() => Next::Command(command),
                n = terminal.output.read(&mut buffer), if !behind && !at_end => Next::Printed(n),
                end = terminal.shell.wait() => Next::Shell(end.ok()),
                () = tokio::time::sleep_until(grace.unwrap_or_else(Instant::now)), if grace.is_some() => Next::Look,
                () = screen.changed.notified() => Next::Look,
                () = tokio::time::sleep(LOOK), if behind => Next::Look,
            };
            match next {
                Next::Printed(0) => at_end = true,
                Next::Printed(n) => self.print(buffer.get(..n).unwrap_or_default()),
                Next::Shell(end) => {
                    self.drain(terminal, &mut buffer).await;
                    return Ended { reason: "process_exit", end };
                }
                Next::Closed => return Ended { reason: "closed", end: None },
                Next::Command(command) => self.obey(terminal, command).await,
                Next::Look => {}
            }
        }
    }

    /// What the shell printed before it ended.
    async fn drain(&mut self, terminal: &mut Terminal, buffer: &mut [u8]) {
        let until = Instant::now() + DRAIN;
        while let Ok(n @ 1..) = tokio::time::timeout_at(until, terminal.output.read(buffer)).await {
            self.print(buffer.get(..n).unwrap_or_default());
        }
    }

    async fn obey(&mut self, terminal: &mut Terminal, command: Command) {
        match command {
            Command::Input(data) => {
                let write = tokio::time::timeout(WRITE, terminal.input.write(data.as_bytes()));
                let written = tokio::select! {
                    () = self.closed.cancelled() => return,
                    written = write => written.unwrap_or(false),
                };
                if !written {
                    tracing::debug!(terminal = %self.place.id, "input was dropped: nobody reads it");
                }
            }
            Command::Resize { cols, rows } => {
                if !terminal.input.resize(cols, rows) {
                    tracing::debug!(terminal = %self.place.id, "the terminal was not resized");
                }
            }
        }
    }

    fn print(&mut self, bytes: &[u8]) {
        let text = self.decoder.push(bytes);
        if !text.is_empty() {
            self.screen.print(&text);
        }
    }
}

/// Makes text of bytes that come in pieces: a character that is cut waits for its rest.
#[derive(Default)]
struct Decoder(Vec<u8>);

impl Decoder {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let keep = match std::str::from_utf8(&self.0) {
            Ok(_) => 0,
            // Something is wrong before the end: only what is unfinished at the very end waits.
            Err(_) => unfinished(&self.0),
        };
        let rest = self.0.split_off(self.0.len() - keep);
        let text = String::from_utf8_lossy(&self.0).into_owned();
        self.0 = rest;
        text
    }
}

/// How many bytes at the end begin a character that is not whole yet.
fn unfinished(bytes: &[u8]) -> usize {
    (1..=3usize.min(bytes.len()))
        .find(|n| {
            let tail = bytes.get(bytes.len() - n..).unwrap_or_default();
            std::str::from_utf8(tail).is_err_and(|e| e.error_len().is_none() && e.valid_up_to() == 0)
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_cut_waits_for_its_rest() {
        for text in ["aé😀b", "é", "", "plain"] {
            for cut in 0..=text.len() {
                let mut decoder = Decoder::default();
                let (one, two) = text.as_bytes().split_at(cut);
                assert_eq!(decoder.push(one) + &decoder.push(two), text, "{cut}");
            }
        }
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"a\xffb\xc3"), "a\u{fffd}b");
        assert_eq!(decoder.push(b"\xa9"), "é");
    }
}
