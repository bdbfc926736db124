//! Keeps the frames of a run, one JSON object a line. Tokens are masked; what is long is cut.

use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// A longer frame is kept as its size.
const MAX_FRAME: usize = 16 * 1024;
/// 32 bytes in base64url.
const DEVICE_TOKEN: usize = 43;
/// Properties that say what a server can and has, and nothing about a case.
const CUT: [&str; 6] = ["features", "snapshot", "policy", "presence", "health", "agents"];

/// Where the frames of one connection go. Cloning gives another handle on the same recording.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    lines: Option<Arc<Mutex<Vec<String>>>>,
    case: String,
    connection: String,
    token: String,
}

impl Recorder {
    /// Records everything, with this secret masked.
    pub(crate) fn all(token: &str) -> Self {
        Self { lines: Some(Arc::default()), token: token.to_owned(), ..Self::default() }
    }

    /// For a connection of a case.
    pub(crate) fn of(&self, case: &str, connection: &str) -> Self {
        Self { case: case.to_owned(), connection: connection.to_owned(), ..self.clone() }
    }

    /// A frame that was sent (`c>s`) or came (`s>c`).
    pub(crate) fn frame(&self, direction: &str, text: &str) {
        if self.lines.is_none() {
            return;
        }
        let text = text.replace(&self.token, "<shared-token>");
        self.keep(match serde_json::from_str::<Value>(&text) {
            Ok(mut frame) if text.len() <= 4 * MAX_FRAME => {
                cut(&mut frame);
                json!({"dir": direction, "frame": frame})
            }
            Err(_) if text.len() <= MAX_FRAME => json!({"dir": direction, "text": text}),
            _ => json!({"dir": direction, "bytes": text.len()}),
        });
    }

    /// The server closed the connection.
    pub(crate) fn closed(&self, (code, reason): &(u16, String)) {
        self.keep(json!({"dir": "s>c", "close": {"code": code, "reason": reason}}));
    }

    fn keep(&self, what: Value) {
        let Some(lines) = &self.lines else { return };
        let mut line = json!({"case": self.case, "conn": self.connection});
        if let (Some(line), Value::Object(what)) = (line.as_object_mut(), what) {
            line.extend(what);
        }
        // A line is pushed whole or not at all.
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_string());
    }

    /// All lines so far.
    pub(crate) fn text(&self) -> String {
        let Some(lines) = &self.lines else { return String::new() };
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

/// Cuts what is long and masks what opens doors.
fn cut(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > 500 => {
            let end = text.char_indices().nth(60).map_or(text.len(), |(at, _)| at);
            *text = format!("{}…[+{} bytes]", &text[..end], text.len() - end);
        }
        Value::Array(items) => items.iter_mut().for_each(cut),
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                match name.as_str() {
                    "deviceToken" if value.is_string() => *value = "<device-token>".into(),
                    // A device may show its token in the field of the shared one, and a rotation gives one there.
                    "token" if value.as_str().is_some_and(|text| text.len() == DEVICE_TOKEN) => {
                        *value = "<device-token>".into();
                    }
                    name if CUT.contains(&name) && !value.is_string() => *value = "…".into(),
                    _ => cut(value),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_kept() {
        let recorder = Recorder::all("very-secret");
        let connection = recorder.of("area/case", "a");
        connection.frame("c>s", r#"{"params":{"auth":{"token":"very-secret"}}}"#);
        connection.frame("s>c", r#"{"payload":{"auth":{"deviceToken":"also-secret"}}}"#);
        let rotated = format!("{}-secret", "x".repeat(36));
        connection.frame("s>c", &format!(r#"{{"payload":{{"token":"{rotated}"}}}}"#));
        connection.frame("c>s", "not JSON, but very-secret");
        let text = recorder.text();
        assert!(!text.contains("-secret"), "{text}");
        assert_eq!(text.lines().count(), 4);
        assert!(text.starts_with(r#"{"case":"area/case","conn":"a","dir":"c>s","frame":"#), "{text}");
    }
}
