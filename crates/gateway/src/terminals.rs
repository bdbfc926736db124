//! Shells for administrators on the gateway's host. Each is a task that owns its shell; a connection holds it while it looks at
//! it, and another may take it over. A shell without a connection is kept for a while, then killed, and all of them end with
//! the gateway.

mod screen;
mod session;

use crate::connection::outbound::ConnHandle;
use crate::shared::Shared;
use protocol::ErrorShape;
use screen::{Printed, Screen};
use serde_json::{Value, json};
use session::{Command, Session};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Shells at the same time, over all operators.
const MAX_TERMINALS: usize = 32;
/// Things that may be typed and not yet taken in: a program that does not read holds its own terminal up, and nobody else.
const MAX_QUEUED: usize = 256;
/// Bytes of one `terminal.input`.
const MAX_INPUT: usize = 256 * 1024;

/// What is known of a shell.
#[derive(Debug, Clone)]
pub(crate) struct Info {
    pub(crate) session_id: String,
    pub(crate) agent_id: String,
    pub(crate) shell: String,
    pub(crate) cwd: String,
    pub(crate) created_at_ms: i64,
}

struct Entry {
    info: Info,
    /// What it printed, and the connection that looks at it.
    screen: Arc<Screen>,
    /// Ends it.
    closed: CancellationToken,
    commands: mpsc::Sender<Command>,
}

/// All shells.
#[derive(Default)]
pub(crate) struct Terminals(Mutex<HashMap<String, Entry>>);

impl Terminals {
    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Opens one for a connection.
    pub(crate) async fn open(
        &self,
        shared: &Arc<Shared>,
        conn: &ConnHandle,
        spec: exec::TerminalSpec,
        agent_id: String,
    ) -> Result<Info, ErrorShape> {
        let info = Info {
            session_id: model::new_id(),
            agent_id,
            shell: spec.shell.clone(),
            cwd: spec.cwd.display().to_string(),
            created_at_ms: shared.clock.now_ms(),
        };
        let (commands, receiver) = mpsc::channel(MAX_QUEUED);
        let screen = Arc::new(Screen::new(info.session_id.clone(), conn.clone()));
        let closed = CancellationToken::new();
        {
            // The place is taken before the shell is there, so that no number of requests at once gets more.
            let mut entries = self.entries();
            if entries.len() >= MAX_TERMINALS {
                return Err(ErrorShape::unavailable(format!(
                    "{MAX_TERMINALS} terminals are open already; close one (terminal.list, terminal.close)"
                ))
                .retryable());
            }
            let (screen, closed) = (screen.clone(), closed.clone());
            entries.insert(info.session_id.clone(), Entry { info: info.clone(), screen, closed, commands });
        }
        let place = Place { shared: shared.clone(), id: info.session_id.clone() };
        let terminal = exec::open_terminal(spec).await.map_err(|e| ErrorShape::unavailable(e.to_string()))?;
        let grace = Duration::from_secs(shared.settings().terminal.detached_seconds);
        let session = Session::new(place, screen, closed, grace);
        let soft = shared.lifecycle.soft().clone();
        shared.lifecycle.spawn(async move {
            tokio::select! {
                () = soft.cancelled() => {}
                () = session.run(terminal, receiver) => {}
            }
        });
        Ok(info)
    }

    /// Sends something to a shell that this connection looks at; false where it does not, or too much is queued.
    fn send(&self, conn_id: &str, session_id: &str, command: Command) -> bool {
        let entries = self.entries();
        let Some(entry) = entries.get(session_id) else { return false };
        entry.screen.is_viewed_by(conn_id) && entry.commands.try_send(command).is_ok()
    }

    /// Types something.
    pub(crate) fn input(&self, conn_id: &str, session_id: &str, data: String) -> Result<bool, ErrorShape> {
        if data.len() > MAX_INPUT {
            return Err(ErrorShape::invalid(format!(
                "invalid terminal.input params: at /data: must not have more than {MAX_INPUT} bytes"
            )));
        }
        Ok(self.send(conn_id, session_id, Command::Input(data)))
    }

    /// Says how large the screen is.
    pub(crate) fn resize(&self, conn_id: &str, session_id: &str, cols: u16, rows: u16) -> bool {
        self.send(conn_id, session_id, Command::Resize { cols, rows })
    }

    /// Ends one.
    pub(crate) fn close(&self, conn_id: &str, session_id: &str) -> bool {
        let entries = self.entries();
        let Some(entry) = entries.get(session_id).filter(|e| e.screen.is_viewed_by(conn_id)) else {
            return false;
        };
        entry.closed.cancel();
        true
    }

    /// Whether this connection looks at a shell.
    pub(crate) fn is_viewed_by(&self, conn_id: &str, session_id: &str) -> bool {
        self.entries().get(session_id).is_some_and(|entry| entry.screen.is_viewed_by(conn_id))
    }

    /// Lets this connection look at a shell instead of the one that did: what is known of it, and what was printed last.
    pub(crate) fn attach(&self, conn: &ConnHandle, session_id: &str) -> Option<(Info, Printed)> {
        let entries = self.entries();
        let entry = entries.get(session_id)?;
        Some((entry.info.clone(), entry.screen.come(conn)))
    }

    /// All of them, the oldest first.
    pub(crate) fn list(&self) -> Vec<Value> {
        let entries = self.entries();
        let mut all: Vec<&Entry> = entries.values().collect();
        all.sort_by(|a, b| {
            (a.info.created_at_ms, &a.info.session_id).cmp(&(b.info.created_at_ms, &b.info.session_id))
        });
        all.iter()
            .map(|e| {
                json!({
                    "sessionId": e.info.session_id, "agentId": e.info.agent_id, "shell": e.info.shell,
                    "cwd": e.info.cwd, "confined": false, "attached": e.screen.is_viewed(), "owner": "conn",
                    "createdAtMs": e.info.created_at_ms,
                })
            })
            .collect()
    }

    /// A connection is gone: its shells wait for another.
    pub(crate) fn connection_left(&self, conn_id: &str) {
        self.entries().values().for_each(|entry| entry.screen.leave(conn_id));
    }
}

/// A shell's place in the list; it goes with it.
pub(super) struct Place {
    shared: Arc<Shared>,
    id: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.terminals.entries().remove(&self.id);
    }
}
