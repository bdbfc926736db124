//! One shell, and who looks at it.

use super::Place;
use crate::connection::hello::to_raw;
use crate::connection::outbound::{ConnHandle, Event};
use exec::{Terminal, TerminalEnd};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Bytes of what was printed last that whoever attaches gets to see.
const MAX_KEPT: usize = 256 * 1024;
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

/// What a shell is told.
pub(super) enum Command {
    Input(String),
    Resize { cols: u16, rows: u16 },
    Close,
    Attach { conn: ConnHandle, answer: oneshot::Sender<String> },
    Left { conn_id: String },
}

/// One shell.
pub(super) struct Session {
    place: Place,
    conn: Option<ConnHandle>,
    /// How long it waits for another connection.
    grace: Duration,
    gone_since: Option<Instant>,
    kept: VecDeque<u8>,
    decoder: Decoder,
    seq: u64,
}

/// Why it ended.
struct Ended {
    reason: &'static str,
    end: Option<TerminalEnd>,
}

enum Next {
    Printed(usize),
    Command(Option<Command>),
    Shell(Option<TerminalEnd>),
    Grace,
    Look,
}

impl Session {
    pub(super) fn new(place: Place, conn: ConnHandle, grace: Duration) -> Self {
        Self {
            place,
            conn: Some(conn),
            grace,
            gone_since: None,
            kept: VecDeque::new(),
            decoder: Decoder::default(),
            seq: 0,
        }
    }

    /// Runs until the shell ends, somebody closes it, or nobody comes back to it.
    pub(super) async fn run(mut self, mut terminal: Terminal, mut commands: mpsc::Receiver<Command>) {
        let ended = self.serve(&mut terminal, &mut commands).await;
        terminal.shell.kill();
        let mut exit = json!({"sessionId": self.place.id, "reason": ended.reason});
        if let Some(end) = ended.end {
            exit["exitCode"] = json!(end.exit_code);
            exit["signal"] = json!(end.signal);
        }
        self.tell("terminal.exit", &exit);
    }

    async fn serve(&mut self, terminal: &mut Terminal, commands: &mut mpsc::Receiver<Command>) -> Ended {
        let mut buffer = vec![0; CHUNK];
        let mut at_end = false;
        loop {
            let behind = self.conn.as_ref().is_some_and(|c| c.queued_bytes() > MAX_UNSENT);
            let grace = self.gone_since.map(|since| since + self.grace);
            let next = tokio::select! {
                command = commands.recv() => Next::Command(command),
                n = terminal.output.read(&mut buffer), if !behind && !at_end => Next::Printed(n),
                end = terminal.shell.wait() => Next::Shell(end.ok()),
                () = tokio::time::sleep_until(grace.unwrap_or_else(Instant::now)), if grace.is_some() => Next::Grace,
                () = tokio::time::sleep(LOOK), if behind => Next::Look,
            };
            match next {
                Next::Printed(0) => at_end = true,
                Next::Printed(n) => self.print(buffer.get(..n).unwrap_or_default()),
                Next::Shell(end) => {
                    self.drain(terminal, &mut buffer).await;
                    return Ended { reason: "process_exit", end };
                }
                Next::Command(None | Some(Command::Close)) => return Ended { reason: "closed", end: None },
                Next::Command(Some(command)) => self.obey(terminal, command).await,
                Next::Grace => return Ended { reason: "disconnected", end: None },
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
                let write = terminal.input.write(data.as_bytes());
                if !tokio::time::timeout(WRITE, write).await.unwrap_or(false) {
                    tracing::debug!(terminal = %self.place.id, "input was dropped: nobody reads it");
                }
            }
            Command::Resize { cols, rows } => {
                if !terminal.input.resize(cols, rows) {
                    tracing::debug!(terminal = %self.place.id, "the terminal was not resized");
                }
            }
            Command::Attach { conn, answer } => self.attach(conn, answer),
            Command::Left { conn_id } => {
                if self.conn.as_ref().is_some_and(|c| c.id() == conn_id) {
                    self.conn = None;
                    self.gone_since = Some(Instant::now());
                }
            }
            Command::Close => {}
        }
    }

    fn attach(&mut self, conn: ConnHandle, answer: oneshot::Sender<String>) {
        let kept: Vec<u8> = self.kept.iter().copied().collect();
        let printed = String::from_utf8_lossy(without_cut_start(&kept)).into_owned();
        if answer.send(printed).is_err() {
            return;
        }
        let before = self.conn.as_ref().filter(|before| before.id() != conn.id());
        if before.is_some() {
            self.tell("terminal.exit", &json!({"sessionId": self.place.id, "reason": "detached"}));
        }
        self.place.set_connection(Some(conn.id()));
        self.conn = Some(conn);
        self.gone_since = None;
    }

    fn print(&mut self, bytes: &[u8]) {
        let text = self.decoder.push(bytes);
        if text.is_empty() {
            return;
        }
        self.kept.extend(text.as_bytes());
        let over = self.kept.len().saturating_sub(MAX_KEPT);
        self.kept.drain(..over);
        self.tell("terminal.data", &json!({"sessionId": self.place.id, "seq": self.seq, "data": text}));
        self.seq += 1;
    }

    fn tell(&self, name: &'static str, payload: &Value) {
        if let Some(conn) = &self.conn {
            let event = Event { name, payload: to_raw(payload), versions: None, broadcast: false };
            conn.send_event(&Arc::new(event));
        }
    }
}

/// The bytes without the rest of a character at the start.
fn without_cut_start(bytes: &[u8]) -> &[u8] {
    let rest = bytes.iter().take(3).take_while(|b| **b & 0xC0 == 0x80).count();
    bytes.get(rest..).unwrap_or(bytes)
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
