//! The lines of JSON-RPC between node and server, and what is read of them.

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// The revision of the protocol that is asked for; a server may answer with another one, and what is used here is the same in all.
const VERSION: &str = "2025-06-18";
/// Bytes of a line. The gateway's frames hold 25 MiB, and a result is a text within a text there.
pub(super) const MAX_LINE: usize = 8 * 1024 * 1024;
/// Characters of what a server says is wrong.
const MAX_MESSAGE: usize = 1024;

/// A line of a server.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// The answer to the request of this number.
    Answer(u64, Result<Value, String>),
    /// Its tools have changed.
    ToolsChanged,
    /// It asks something; the reply is this.
    Asks(String),
    /// Something that means nothing to us.
    Other,
    /// It is no JSON-RPC.
    Garbage,
}

/// A request.
pub(super) fn request(id: u64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// A message that nobody answers.
pub(super) fn notification(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

/// The parameters of `initialize`, for a client of this name.
pub(super) fn introduction(name: &str) -> Value {
    json!({
        "protocolVersion": VERSION,
        "capabilities": {},
        "clientInfo": {"name": name, "version": env!("CARGO_PKG_VERSION")},
    })
}

/// Reads a line.
pub(super) fn read(line: &[u8]) -> Said {
    let Ok(Value::Object(mut message)) = serde_json::from_slice(line) else { return Said::Garbage };
    let method = message.get("method").and_then(Value::as_str);
    let id = message.get("id").filter(|id| !id.is_null());
    match (method, id) {
        (Some("ping"), Some(id)) => Said::Asks(json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string()),
        (Some(method), Some(id)) => {
            let shown: String = method.chars().take(80).collect();
            let error = json!({"code": -32601, "message": format!("a node does not know {shown}")});
            Said::Asks(json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string())
        }
        (Some("notifications/tools/list_changed"), None) => Said::ToolsChanged,
        (Some(_), None) => Said::Other,
        (None, Some(id)) => match (id.as_u64(), message.contains_key("result")) {
            (Some(id), true) => Said::Answer(id, Ok(message.remove("result").unwrap_or_default())),
            (Some(id), false) => match message.get("error") {
                Some(error) => Said::Answer(id, Err(problem(error))),
                None => Said::Garbage,
            },
            (None, _) => Said::Other,
        },
        (None, None) => Said::Garbage,
    }
}

fn problem(error: &Value) -> String {
    let message = error["message"].as_str().unwrap_or("the server reported a failure without saying why");
    message.chars().take(MAX_MESSAGE).collect()
}

/// The next line, without its end. `None` at the end of what is said.
///
/// # Errors
/// The line is longer than [`MAX_LINE`], or the pipe is broken.
pub(super) async fn next_line(pipe: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    loop {
        let had = pipe.fill_buf().await.map_err(|e| e.to_string())?;
        if had.is_empty() {
            return Ok((!line.is_empty()).then_some(line));
        }
        let end = had.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(had.len());
        if line.len() + taken > MAX_LINE {
            return Err(format!("it wrote a line of more than {MAX_LINE} bytes"));
        }
        line.extend_from_slice(had.get(..taken).unwrap_or_default());
        pipe.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_an_answer_a_question_or_news() {
        let read = |value: Value| super::read(value.to_string().as_bytes());
        assert_eq!(read(json!({"id": 1, "result": {"a": 1}})), Said::Answer(1, Ok(json!({"a": 1}))));
        assert_eq!(
            read(json!({"id": 1, "error": {"code": 1, "message": "no"}})),
            Said::Answer(1, Err("no".into()))
        );
        assert_eq!(read(json!({"method": "notifications/tools/list_changed"})), Said::ToolsChanged);
        assert_eq!(read(json!({"method": "notifications/message"})), Said::Other);
        assert_eq!(read(json!({"id": "theirs", "result": 1})), Said::Other);
        for garbage in [json!(1), json!({}), json!({"id": 1}), json!([])] {
            assert_eq!(read(garbage.clone()), Said::Garbage, "{garbage}");
        }
        for (method, part) in [("ping", r#""result":{}"#), ("roots/list", "-32601")] {
            let Said::Asks(reply) = read(json!({"id": "x", "method": method})) else { panic!("{method}") };
            assert!(reply.contains(part) && reply.contains(r#""id":"x""#), "{reply}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes);
        }
    }
}
