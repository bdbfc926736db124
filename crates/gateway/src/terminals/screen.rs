//! What a shell printed, and who looks at it. Both are changed under one lock, so that whoever comes sees what was printed before in
//! the buffer, and all that comes after as events, and nothing twice; and whoever goes is gone at once.

use crate::connection::hello::to_raw;
use crate::connection::outbound::{ConnHandle, Event};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Bytes of what was printed last that whoever attaches gets to see.
const MAX_KEPT: usize = 256 * 1024;

/// The screen of one shell.
pub(super) struct Screen {
    session_id: String,
    state: Mutex<State>,
    /// Somebody came or went.
    pub(super) changed: Notify,
}

struct State {
    viewer: Option<ConnHandle>,
    /// Since when nobody looks at it.
    left_at: Option<Instant>,
    kept: VecDeque<u8>,
    seq: u64,
}

/// What was printed before somebody came.
pub(crate) struct Printed {
    pub(crate) text: String,
    /// The number of the last event that is in it.
    pub(crate) seq: Option<u64>,
}

impl Screen {
    pub(super) fn new(session_id: String, viewer: ConnHandle) -> Self {
        let state = State { viewer: Some(viewer), left_at: None, kept: VecDeque::new(), seq: 0 };
        Self { session_id, state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Shows what was printed, and keeps the end of it.
    pub(super) fn print(&self, text: &str) {
        let mut state = self.state();
        state.kept.extend(text.as_bytes());
        let over = state.kept.len().saturating_sub(MAX_KEPT);
        state.kept.drain(..over);
        let data = json!({"sessionId": self.session_id, "seq": state.seq, "data": text});
        tell(state.viewer.as_ref(), "terminal.data", &data);
        state.seq += 1;
    }

    /// Lets a connection look at it from now on, and nobody else. It is to be called by the connection's own request: then it
    /// comes before that connection's leaving, which takes it back.
    pub(super) fn come(&self, conn: &ConnHandle) -> Printed {
        let mut state = self.state();
        let before = state.viewer.replace(conn.clone()).filter(|before| before.id() != conn.id());
        let detached = json!({"sessionId": self.session_id, "reason": "detached"});
        tell(before.as_ref(), "terminal.exit", &detached);
        state.left_at = None;
        let kept: Vec<u8> = state.kept.iter().copied().collect();
        let text = String::from_utf8_lossy(without_cut_start(&kept)).into_owned();
        let seq = state.seq.checked_sub(1);
        drop(state);
        self.changed.notify_one();
        Printed { text, seq }
    }

    /// A connection is gone.
    pub(super) fn leave(&self, conn_id: &str) {
        let mut state = self.state();
        if state.viewer.as_ref().is_some_and(|v| v.id() == conn_id) {
            state.viewer = None;
            state.left_at = Some(Instant::now());
            drop(state);
            self.changed.notify_one();
        }
    }

    /// The shell has ended.
    pub(super) fn end(&self, exit: &Value) {
        tell(self.state().viewer.as_ref(), "terminal.exit", exit);
    }

    pub(super) fn left_at(&self) -> Option<Instant> {
        self.state().left_at
    }

    pub(super) fn is_viewed(&self) -> bool {
        self.state().viewer.is_some()
    }

    pub(super) fn is_viewed_by(&self, conn_id: &str) -> bool {
        self.state().viewer.as_ref().is_some_and(|v| v.id() == conn_id)
    }

    /// Bytes on their way to whoever looks at it.
    pub(super) fn unsent(&self) -> usize {
        self.state().viewer.as_ref().map_or(0, ConnHandle::queued_bytes)
    }
}

fn tell(conn: Option<&ConnHandle>, name: &'static str, payload: &Value) {
    if let Some(conn) = conn {
        let event = Event { name, payload: to_raw(payload), versions: None, broadcast: false };
        conn.send_event(&Arc::new(event));
    }
}

/// The bytes without the rest of a character at the start.
fn without_cut_start(bytes: &[u8]) -> &[u8] {
    let rest = bytes.iter().take(3).take_while(|b| **b & 0xC0 == 0x80).count();
    bytes.get(rest..).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::outbound::{Outgoing, Principal};
    use tokio::sync::mpsc;

    fn conn(id: &str) -> (ConnHandle, mpsc::Receiver<Outgoing>) {
        ConnHandle::new(id.into(), Principal::of_test("operator", &["operator.admin"]))
    }

    #[tokio::test]
    async fn whoever_comes_has_each_piece_once_and_whoever_goes_is_gone_at_once() {
        let ((first, _queue), (second, mut heard)) = (conn("1"), conn("2"));
        let screen = Screen::new("s".into(), first);
        assert_eq!(screen.come(&conn("0").0).seq, None, "nothing was printed yet");
        screen.print("a");
        screen.print("b");
        let printed = screen.come(&second);
        assert_eq!((printed.text.as_str(), printed.seq), ("ab", Some(1)));
        screen.print("c");
        let event = heard.recv().await;
        assert!(
            matches!(&event, Some(Outgoing::Event(e)) if e.payload.get().contains(r#""seq":2"#)),
            "the next piece has the next number"
        );
        screen.leave("1");
        assert!(screen.is_viewed_by("2"), "who was sent away leaves nothing behind");
        screen.leave("2");
        assert!(!screen.is_viewed() && screen.left_at().is_some());
    }
}
