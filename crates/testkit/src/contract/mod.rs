//! The published contract: what OpenClaw's clients may rely on in every frame of a gateway. [`Contract`] looks on at a
//! gateway's connections and says afterwards which frames broke it.
//!
//! Every answer and event is held against the definition that npm's `@openclaw/gateway-protocol` publishes for it
//! ([`table`] says which), and against what the method table promises: the properties of an answer, the codes of an error.

mod check;
pub mod published;
pub mod table;

use check::Connections;
use gateway::Tap;
use std::sync::{Mutex, PoisonError};

/// Problems that one report shows; a wrong frame that is sent often is shown once anyway.
const MAX_SHOWN: usize = 20;
/// A frame that was seen.
enum Seen {
    /// A request: its id and method. Its parameters are the client's affair.
    Asked(String, String),
    /// A frame of ours.
    Sent(String),
}

/// What a request is known by.
#[derive(serde::Deserialize)]
struct Head {
    id: String,
    method: String,
}

/// Keeps the frames of a gateway until somebody asks what was wrong with them. Checking waits until then, so that a test
/// runs as fast with it as without.
#[derive(Default)]
pub struct Contract {
    seen: Mutex<Vec<(String, Seen)>>,
}

impl Contract {
    /// A contract to hold a gateway against.
    ///
    /// # Panics
    /// The published schema is not installed.
    #[must_use]
    pub fn new() -> Self {
        published::schema();
        Self::default()
    }

    /// How many requests and how many frames of the gateway are kept.
    pub fn kept(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = seen.iter().filter(|(_, seen)| matches!(seen, Seen::Asked(..))).count();
        (asked, seen.len() - asked)
    }

    fn keep(&self, connection: &str, seen: Seen) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push((connection.to_owned(), seen));
    }

    /// What was wrong with the frames so far, each kind of problem once; they are forgotten. `None` where nothing was.
    pub fn verdict(&self) -> Option<String> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let mut connections = Connections::default();
        for (connection, seen) in seen {
            match seen {
                Seen::Asked(id, method) => connections.asked(connection, id, method),
                Seen::Sent(text) => connections.sent(&connection, &text),
            }
        }
        let problems = connections.problems;
        if problems.is_empty() {
            return None;
        }
        let mut report = format!("{} kinds of frames break the contract:", problems.len());
        for problem in problems.iter().take(MAX_SHOWN) {
            report.push_str(&format!("\n- {problem}"));
        }
        if problems.len() > MAX_SHOWN {
            report.push_str(&format!("\n… and {} more", problems.len() - MAX_SHOWN));
        }
        Some(report)
    }
}

impl Tap for Contract {
    fn came(&self, connection: &str, text: &str) {
        // What is no request is answered by no method.
        if let Ok(Head { id, method }) = serde_json::from_str(text) {
            self.keep(connection, Seen::Asked(id, method));
        }
    }

    fn leaves(&self, connection: &str, frame: &str) {
        self.keep(connection, Seen::Sent(frame.to_owned()));
    }
}
