//! The browser's protocol (CDP) over a pair of pipes: JSON messages, each ended by a NUL.

use crate::calls::{CallError, Calls};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Messages on the way to the browser: a page that loads a few hundred files at once is told about each of them.
const QUEUE: usize = 1024;
/// Bytes of a message; the largest is a picture of a whole page.
const MAX_MESSAGE: usize = 48 * 1024 * 1024;
/// Characters of what the browser says is wrong.
const MAX_PROBLEM: usize = 500;

/// The calls to a running browser.
#[derive(Debug, Clone)]
pub(super) struct Cdp(Arc<Calls>);

impl Cdp {
    /// The calls, and the messages that are to be written.
    pub(super) fn new() -> (Self, mpsc::Receiver<String>) {
        let (calls, messages) = Calls::with_queue(QUEUE);
        (Self(calls), messages)
    }

    /// Calls a method, of a session with one target or of the browser itself.
    pub(super) async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: Value,
        deadline: Instant,
    ) -> Result<Value, CallError> {
        let timeout = deadline.saturating_duration_since(Instant::now());
        self.0.ask(|id| message(id, session, method, params), timeout, |_| None).await
    }

    /// Calls a method whose answer nobody waits for. False where the browser does not read any more.
    pub(super) fn tell(&self, session: Option<&str>, method: &str, params: Value) -> bool {
        self.0.tell(|id| message(id, session, method, params))
    }

    /// Hands an answer to its call.
    pub(super) fn answer(&self, message: &mut Map<String, Value>, id: u64) {
        let answer = match message.get("error") {
            Some(error) => {
                Err(error["message"].as_str().unwrap_or("it failed").chars().take(MAX_PROBLEM).collect())
            }
            None => Ok(message.remove("result").unwrap_or_default()),
        };
        self.0.answer(id, answer);
    }

    /// Ends all calls, and those to come: the browser is gone.
    pub(super) fn end(&self) {
        self.0.end();
    }
}

fn message(id: u64, session: Option<&str>, method: &str, params: Value) -> String {
    let mut message = json!({"id": id, "method": method, "params": params});
    if let Some(session) = session {
        message["sessionId"] = json!(session);
    }
    message.to_string()
}

/// Writes messages to the browser until it reads no more.
pub(super) async fn write(mut pipe: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<String>) -> String {
    while let Some(message) = messages.recv().await {
        let mut bytes = message.into_bytes();
        bytes.push(0);
        if pipe.write_all(&bytes).await.is_err() || pipe.flush().await.is_err() {
            break;
        }
    }
    "it reads no more".into()
}

/// What the browser says. A wait for the next message may be given up without a loss.
pub(super) struct Messages<R> {
    pipe: R,
    begun: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Messages<R> {
    pub(super) fn new(pipe: R) -> Self {
        Self { pipe, begun: Vec::new() }
    }

    /// The next message.
    ///
    /// # Errors
    /// Why there is none any more.
    pub(super) async fn next(&mut self) -> Result<Map<String, Value>, String> {
        loop {
            let had = self.pipe.fill_buf().await.map_err(|e| e.to_string())?;
            if had.is_empty() {
                return Err("it has ended".into());
            }
            let end = had.iter().position(|byte| *byte == 0);
            let taken = end.unwrap_or(had.len());
            if self.begun.len() + taken > MAX_MESSAGE {
                return Err(format!("it wrote a message of more than {MAX_MESSAGE} bytes"));
            }
            self.begun.extend_from_slice(had.get(..taken).unwrap_or_default());
            self.pipe.consume(end.map_or(taken, |end| end + 1));
            if end.is_some() {
                let bytes = std::mem::take(&mut self.begun);
                return match serde_json::from_slice(&bytes) {
                    Ok(Value::Object(message)) => Ok(message),
                    _ => Err("it wrote what is no message of its protocol".into()),
                };
            }
        }
    }
}
