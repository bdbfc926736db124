//! One step of a case, as it is written: one object with one verb. Unknown verbs and properties are refused.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// A step and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Line of its file, from 1.
    pub(crate) line: usize,
    pub(crate) verb: Verb,
    /// What the response must be, where the step waits for one.
    pub(crate) expected: Option<Value>,
    /// How long it waits at least, in milliseconds, where the usual time is too short.
    pub(crate) within: Option<u64>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub(crate) enum Verb {
    Open(Open),
    Connect(Box<Connect>),
    Call(Call),
    Answer(Answer),
    Send(Send),
    Text(Text),
    Binary(Binary),
    Event(Event),
    NoEvent(NoEvent),
    Counted(Counted),
    Closed(Closed),
    Leave(Leave),
    Repeat(Repeat),
    Use(Use),
}

/// Opens a connection and reads its challenge.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Open {
    /// Its name.
    pub(crate) open: String,
    /// Of the upgrade.
    #[serde(default)]
    pub(crate) headers: Map<String, Value>,
    /// The status that the upgrade is refused with.
    #[serde(default)]
    pub(crate) refused: Option<u16>,
}

/// Shakes hands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connect {
    pub(crate) on: String,
    /// The client of `clients.json` whose parameters it has.
    pub(crate) connect: String,
    /// Other values at places such as `/client/id`; `$absent` takes one away.
    #[serde(default)]
    pub(crate) with: Map<String, Value>,
    /// The device that it comes with.
    #[serde(default)]
    pub(crate) device: Option<String>,
    /// The version of the signature: 3 or 2.
    #[serde(default = "three")]
    pub(crate) signed: u8,
    /// What the proof says where it lies.
    #[serde(default)]
    pub(crate) claims: Claimed,
}

fn three() -> u8 {
    3
}

/// Lies of a proof.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Claimed {
    #[serde(default)]
    pub(crate) id: Option<Value>,
    #[serde(default)]
    pub(crate) public_key: Option<Value>,
    #[serde(default)]
    pub(crate) nonce: Option<Value>,
    #[serde(default)]
    pub(crate) signature: Option<Value>,
    /// Signed so many milliseconds before the challenge came.
    #[serde(default)]
    pub(crate) age: i64,
}

/// Calls a method, and waits for the answer where one is named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) on: String,
    pub(crate) call: String,
    /// Not sent where it is not given.
    #[serde(default)]
    pub(crate) params: Option<Value>,
    /// The request's id, for an `answer` later.
    #[serde(default)]
    pub(crate) id: Option<Value>,
    /// How many answers it may get.
    #[serde(default = "one")]
    pub(crate) answers: u32,
}

fn one() -> u32 {
    1
}

/// Waits for the next answer to a request that was sent before.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) on: String,
    /// The request's id.
    pub(crate) answer: Value,
    /// It comes after everything that was taken before, and what is taken next comes after it.
    #[serde(default, rename = "in-order")]
    pub(crate) in_order: bool,
}

/// Sends a frame that is JSON. One with a text for `id` may be answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Send {
    pub(crate) on: String,
    pub(crate) send: Value,
    /// White space behind it, until it has so many bytes.
    #[serde(default)]
    pub(crate) bytes: Option<usize>,
}

/// Sends a text as it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) on: String,
    pub(crate) text: Value,
    /// The id under which it may be answered.
    #[serde(default)]
    pub(crate) id: Option<Value>,
}

/// Sends a binary frame.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binary {
    pub(crate) on: String,
    /// In hexadecimal digits.
    pub(crate) binary: String,
}

/// Waits for the next event that fits, after everything that was taken before. Others in between are passed over.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) on: String,
    pub(crate) event: String,
    #[serde(default)]
    pub(crate) payload: Option<Value>,
    /// It may have come at any time, and those that are taken next may have come before it.
    #[serde(default)]
    pub(crate) anywhere: bool,
}

/// After everything that was taken before, no such event came until a `health` that is asked for now was answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoEvent {
    pub(crate) on: String,
    #[serde(rename = "no-event")]
    pub(crate) no_event: String,
    #[serde(default)]
    pub(crate) payload: Option<Value>,
}

/// At least so many events with a `seq` have come, once a `health` that is asked for now was answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counted {
    pub(crate) on: String,
    pub(crate) counted: u64,
}

/// Waits until the server closes the connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Closed {
    pub(crate) on: String,
    /// `{"code": …, "reason": …}`; 1005 stands for a close frame without a code, 1006 for an end without a close frame.
    pub(crate) closed: Value,
}

/// Hangs up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leave {
    /// The connection.
    pub(crate) leave: String,
}

/// Does steps several times.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    pub(crate) times: u64,
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRepeat {
    repeat: u64,
    steps: Vec<Value>,
}

/// Does the steps that are kept under this name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Use {
    #[serde(rename = "use")]
    pub(crate) name: String,
}

const VERBS: [&str; 14] = [
    "open", "connect", "call", "answer", "send", "text", "binary", "event", "no-event", "counted", "closed",
    "leave", "repeat", "use",
];

/// Verbs that may wait for a response, and those that wait for something.
const RESPONSES: [&str; 3] = ["connect", "call", "answer"];
const WAITS: [&str; 5] = ["connect", "call", "answer", "event", "closed"];

impl Step {
    /// Reads the step of a line.
    pub(crate) fn read(line: usize, written: &Value) -> Result<Self, String> {
        let mut written = written.as_object().ok_or("a step is an object")?.clone();
        let mut verbs = VERBS.iter().filter(|verb| written.contains_key(**verb));
        let (Some(&verb), None) = (verbs.next(), verbs.next()) else {
            return Err(format!("a step has one verb of {}", VERBS.join(", ")));
        };
        // For readers.
        written.shift_remove("note");
        let within = match written.shift_remove("within") {
            None => None,
            Some(time) if WAITS.contains(&verb) => Some(time.as_u64().ok_or("within: milliseconds")?),
            Some(_) => return Err(format!("{verb} waits for nothing, so it has no within")),
        };
        let expected = if RESPONSES.contains(&verb) { take_expected(&mut written)? } else { None };
        Ok(Self { line, verb: read_verb(line, verb, Value::Object(written))?, expected, within })
    }
}

/// Takes what the response must be out of a step: `ok`, `error` or `response`.
fn take_expected(written: &mut Map<String, Value>) -> Result<Option<Value>, String> {
    let [ok, error, response] = ["ok", "error", "response"].map(|name| written.shift_remove(name));
    Ok(match (ok, error, response) {
        (None, None, None) => None,
        (Some(payload), None, None) => Some(json!({"ok": true, "payload": payload})),
        (None, Some(error), None) => Some(json!({"ok": false, "error": error})),
        (None, None, Some(response)) => Some(response),
        _ => return Err("of ok, error and response one is enough".into()),
    })
}

fn read_verb(line: usize, verb: &str, written: Value) -> Result<Verb, String> {
    Ok(match verb {
        "open" => Verb::Open(read(written)?),
        "connect" => Verb::Connect(Box::new(read(written)?)),
        "call" => Verb::Call(read(written)?),
        "answer" => Verb::Answer(read(written)?),
        "send" => Verb::Send(read(written)?),
        "text" => Verb::Text(read(written)?),
        "binary" => Verb::Binary(read(written)?),
        "event" => Verb::Event(read(written)?),
        "no-event" => Verb::NoEvent(read(written)?),
        "counted" => Verb::Counted(read(written)?),
        "closed" => Verb::Closed(read(written)?),
        "leave" => Verb::Leave(read(written)?),
        "use" => Verb::Use(read(written)?),
        _ => {
            let WrittenRepeat { repeat: times, steps } = read(written)?;
            let steps = steps.iter().map(|step| Step::read(line, step));
            Verb::Repeat(Repeat { times, steps: steps.collect::<Result<_, _>>()? })
        }
    })
}

fn read<T: DeserializeOwned>(written: Value) -> Result<T, String> {
    serde_json::from_value(written).map_err(|e| e.to_string())
}
