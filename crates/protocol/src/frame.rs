//! Frames: one JSON object per WebSocket text message.

use crate::error::ErrorShape;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Answers what came without a usable id: a response always has one.
pub const NO_ID: &str = "invalid";

/// A request, client to server. `Debug` does not show the parameters: they hold credentials and what people write.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// Comes back with the response; not empty.
    pub id: String,
    /// The method's name.
    pub method: String,
    /// The method's parameters; absent reads as `{}`.
    pub params: Value,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("id", &self.id).field("method", &self.method).finish_non_exhaustive()
    }
}

/// What a text from a client turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    /// A request.
    Request(Request),
    /// JSON, and no request frame.
    Bad {
        /// The id to answer to; [`NO_ID`] where it had none that is usable.
        id: String,
        /// What is wrong, such as `at /id: must be string`.
        problem: String,
    },
    /// No JSON at all.
    NotJson,
}

/// Reads a text from a client. Never fails: what is wrong is part of the answer.
pub fn read_client_frame(text: &str) -> ClientFrame {
    let mut frame = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(frame)) => frame,
        Ok(_) => return ClientFrame::Bad { id: NO_ID.into(), problem: "must be object".into() },
        Err(_) => return ClientFrame::NotJson,
    };
    let id = frame.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()).unwrap_or(NO_ID).to_owned();
    if let Some(problem) = problem_of(&frame) {
        return ClientFrame::Bad { id, problem };
    }
    let params = frame.remove("params").unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let Some(Value::String(method)) = frame.remove("method") else {
        return ClientFrame::Bad { id, problem: "at /method: must be string".into() };
    };
    ClientFrame::Request(Request { id, method, params })
}

fn problem_of(frame: &serde_json::Map<String, Value>) -> Option<String> {
    let required = |name: &str| format!("must have required property '{name}'");
    match frame.get("type") {
        None => return Some(required("type")),
        Some(Value::String(t)) if t == "req" => {}
        Some(_) => return Some("at /type: must be equal to constant".into()),
    }
    for name in ["id", "method"] {
        match frame.get(name) {
            None => return Some(required(name)),
            Some(Value::String(s)) if s.is_empty() => {
                return Some(format!("at /{name}: must not have fewer than 1 characters"));
            }
            Some(Value::String(_)) => {}
            Some(_) => return Some(format!("at /{name}: must be string")),
        }
    }
    None
}

/// A response, server to client. A request may get more than one (`agent`: accepted, then final).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The request's id.
    pub id: String,
    /// Whether it worked.
    pub ok: bool,
    /// The result, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// What went wrong, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorShape>,
}

/// An event, server to client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventFrame {
    /// Its name.
    pub event: String,
    /// What happened.
    #[serde(default)]
    pub payload: Value,
    /// Counts up per connection over broadcast events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Which presence and health this event knows of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_version: Option<Value>,
}

/// What a server sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ServerFrame {
    /// A response.
    #[serde(rename = "res")]
    Response(Response),
    /// An event.
    #[serde(rename = "event")]
    Event(EventFrame),
}

/// Writes a request.
pub fn encode_request(id: &str, method: &str, params: &Value) -> String {
    #[derive(Serialize)]
    struct Frame<'a> {
        r#type: &'static str,
        id: &'a str,
        method: &'a str,
        params: &'a Value,
    }
    encode(&Frame { r#type: "req", id, method, params })
}

/// Writes a response whose payload is JSON already.
pub fn encode_ok(id: &str, payload: &RawValue) -> String {
    #[derive(Serialize)]
    struct Frame<'a> {
        r#type: &'static str,
        id: &'a str,
        ok: bool,
        payload: &'a RawValue,
    }
    encode(&Frame { r#type: "res", id, ok: true, payload })
}

/// Writes an error response.
pub fn encode_error(id: &str, error: &ErrorShape) -> String {
    #[derive(Serialize)]
    struct Frame<'a> {
        r#type: &'static str,
        id: &'a str,
        ok: bool,
        error: &'a ErrorShape,
    }
    encode(&Frame { r#type: "res", id, ok: false, error })
}

/// Writes an event. The payload is shared by all who get it; `seq` is the connection's own.
pub fn encode_event(
    event: &str,
    payload: &RawValue,
    seq: Option<u64>,
    state_version: Option<&RawValue>,
) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame<'a> {
        r#type: &'static str,
        event: &'a str,
        payload: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        state_version: Option<&'a RawValue>,
    }
    encode(&Frame { r#type: "event", event, payload, seq, state_version })
}

/// Serialising these frames cannot fail: every key is a string, and every part is JSON already or plain data.
fn encode(frame: &impl Serialize) -> String {
    serde_json::to_string(frame).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_frame_says_what_is_wrong_and_keeps_its_id() {
        let cases = [
            (r#"{"type":"req","id":5,"method":"x"}"#, "invalid", "at /id: must be string"),
            (r#"{"type":"req","id":"a"}"#, "a", "must have required property 'method'"),
            (r#"{"id":"a","method":"x"}"#, "a", "must have required property 'type'"),
            (r#"{"type":"event","id":"a","method":"x"}"#, "a", "at /type: must be equal to constant"),
            (
                r#"{"type":"req","id":"","method":"x"}"#,
                "invalid",
                "at /id: must not have fewer than 1 characters",
            ),
        ];
        for (text, id, problem) in cases {
            let expected = ClientFrame::Bad { id: id.into(), problem: problem.into() };
            assert_eq!(read_client_frame(text), expected, "{text}");
        }
        for text in ["[]", "5", "null", "\"x\""] {
            let expected = ClientFrame::Bad { id: NO_ID.into(), problem: "must be object".into() };
            assert_eq!(read_client_frame(text), expected, "{text}");
        }
        for text in ["", "nonsense", "{"] {
            assert_eq!(read_client_frame(text), ClientFrame::NotJson, "{text}");
        }
    }

    #[test]
    fn a_request_does_not_print_what_it_carries() {
        let text = r#"{"type":"req","id":"1","method":"connect","params":{"auth":{"token":"hunter2"}}}"#;
        let shown = format!("{:?}", read_client_frame(text));
        assert!(shown.contains("connect") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn an_event_carries_the_shared_payload_and_its_own_seq() {
        let payload = RawValue::from_string(r#"{"ts":1}"#.into()).unwrap();
        assert_eq!(
            encode_event("tick", &payload, Some(3), None),
            r#"{"type":"event","event":"tick","payload":{"ts":1},"seq":3}"#
        );
    }
}
