//! The check of one frame: which request it answers, which definition it must meet, what the method table promises.

use super::published::schema;
use super::table::{self, Published};
use protocol::methods::{self, MethodSpec};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};

/// A frame in a report is cut to this many characters.
const MAX_FRAME_SHOWN: usize = 600;

/// What was asked on each connection, and what was wrong with what was answered.
#[derive(Default)]
pub(super) struct Connections {
    /// Method by connection and id.
    asked: HashMap<String, HashMap<String, String>>,
    pub(super) problems: Vec<String>,
    /// Problems that were reported already, whatever the frame's data.
    known: BTreeSet<String>,
}

impl Connections {
    /// A request: its answers are known by its id.
    pub(super) fn asked(&mut self, connection: String, id: String, method: String) {
        self.asked.entry(connection).or_default().insert(id, method);
    }

    /// A frame from the gateway.
    pub(super) fn sent(&mut self, connection: &str, text: &str) {
        let problems = match serde_json::from_str::<Value>(text) {
            Err(error) => vec![format!("a frame is no JSON: {error}")],
            Ok(frame) if frame["type"] == "res" => {
                let asked = self.asked.get(connection);
                let id = frame["id"].as_str().unwrap_or_default();
                response(asked.and_then(|asked| asked.get(id)).map_or("", String::as_str), &frame)
            }
            Ok(frame) if frame["type"] == "event" => event(&frame),
            Ok(_) => vec!["a frame is neither an answer nor an event".to_owned()],
        };
        for problem in problems {
            if self.known.insert(without_indices(&problem)) {
                let shown: String = text.chars().take(MAX_FRAME_SHOWN).collect();
                let cut = if shown.len() < text.len() { "…" } else { "" };
                self.problems.push(format!("{problem}\n    {shown}{cut}"));
            }
        }
    }
}

fn response(method: &str, frame: &Value) -> Vec<String> {
    let subject = if method.is_empty() { "an answer to a bad frame" } else { method };
    let mut problems = meets("ResponseFrame", frame, &format!("{subject}: frame"));
    if frame["ok"] == true {
        problems.extend(payload(method, &frame["payload"]));
    } else {
        problems.extend(error(method, &frame["error"]));
    }
    problems
}

fn payload(method: &str, payload: &Value) -> Vec<String> {
    let Some(spec) = methods::find(method) else {
        return vec![format!("{method}: answered, and not in the method table")];
    };
    let mut problems = match table::answer_of(method) {
        Published::Whole(definition) => meets(&definition, payload, &format!("{method}: answer")),
        Published::Nothing => Vec::new(),
        Published::Unknown => vec![format!(
            "{method}: neither published nor listed; crates/testkit/src/contract/table.rs says what is published about each method"
        )],
    };
    for (_, place, definition) in table::PARTS.iter().filter(|row| row.0 == method) {
        for part in parts(payload, place) {
            problems.extend(meets(definition, part, &format!("{method}: answer{place}")));
        }
    }
    match payload {
        Value::Object(_) if spec.result == ["*"] => {}
        Value::Object(map) => problems.extend(promises(spec, map)),
        Value::Array(_) if spec.result == ["[]"] => {}
        Value::Null if table::MAY_BE_NULL.contains(&method) => {}
        Value::Array(_) => problems.push(format!("{method}: the answer is a list (.gives(&[\"[]\"]))")),
        _ => problems.push(format!("{method}: the answer is neither an object nor a list")),
    }
    problems
}

/// What the method table says of an answer: all that there may be, and what is always there.
fn promises(spec: &MethodSpec, answer: &Map<String, Value>) -> Vec<String> {
    let method = spec.name;
    let unknown =
        answer.keys().filter(|name| !spec.answer().any(|(promised, _)| promised == *name)).map(|name| {
            format!("{method}: the answer has '{name}', which the method table does not promise (.gives)")
        });
    let missing = spec.answer().filter(|(name, always)| *always && !answer.contains_key(*name)).map(|(name, _)| {
        format!("{method}: the answer lacks '{name}', which the method table promises (.gives; 'name?' where it may be missing)")
    });
    unknown.chain(missing).collect()
}

fn error(method: &str, error: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if error["code"] == "OTHER" {
        problems.push(format!("{method}: OTHER is no code for the wire"));
    }
    let own = methods::find(method).map_or(&[][..], |spec| spec.errors);
    for name in ["code", "reason"] {
        let Some(code) = error["details"][name].as_str() else { continue };
        // What a node itself said is its own affair, and stands beside what is made of it.
        let is_passed_on = own.contains(&"*") && error["details"]["nodeError"]["code"] == code;
        if !own.contains(&code) && !is_passed_on && !methods::COMMON_ERRORS.contains(&code) {
            problems.push(format!("{method}: details.{name} '{code}' is not in the method table (.fails)"));
        }
    }
    let has_definition = |code: &str| DETAILS.iter().find(|row| row.0 == code);
    if let Some((_, definition)) = error["details"]["code"].as_str().and_then(has_definition) {
        problems.extend(meets(definition, &error["details"], &format!("{method}: error details")));
    }
    problems
}

/// Details that have a definition, by their code.
const DETAILS: &[(&str, &str)] = &[
    ("CRON_JOB_NOT_FOUND", "CronJobNotFoundErrorDetails"),
    ("MISSING_SCOPE", "MissingScopeErrorDetails"),
    ("OUTBOUND_DELIVERY_QUEUED", "OutboundDeliveryQueuedErrorDetails"),
    ("UNKNOWN_AGENT_ID", "UnknownAgentIdErrorDetails"),
];

fn event(frame: &Value) -> Vec<String> {
    let name = frame["event"].as_str().unwrap_or_default();
    let mut problems = meets("EventFrame", frame, &format!("event {name}: frame"));
    if !protocol::events::EVENTS.contains(&name) {
        problems.push(format!("event {name}: not in protocol::events::EVENTS"));
    }
    match table::event_of(name) {
        Published::Whole(definition) => {
            problems.extend(meets(definition, &frame["payload"], &format!("event {name}")));
        }
        Published::Nothing => {}
        Published::Unknown => problems.push(format!(
            "event {name}: not listed; crates/testkit/src/contract/table.rs says what is published about each event"
        )),
    }
    for (_, place, definition) in table::EVENT_PARTS.iter().filter(|row| row.0 == name) {
        for part in parts(&frame["payload"], place) {
            problems.extend(meets(definition, part, &format!("event {name}{place}")));
        }
    }
    problems
}

fn meets(definition: &str, value: &Value, subject: &str) -> Vec<String> {
    let problems = schema().problems(definition, value).into_iter();
    let ours = problems.filter(|problem| {
        let recorded = |name: &String| table::is_recorded(definition, &without_indices(&problem.path), name);
        !problem.unexpected.as_ref().is_some_and(recorded)
    });
    ours.map(|problem| format!("{subject}{}: {} ({definition})", problem.path, problem.what)).collect()
}

/// The values at a place such as `/sessions/*`.
fn parts<'a>(value: &'a Value, place: &str) -> Vec<&'a Value> {
    let mut values = vec![value];
    for step in place.split('/').skip(1) {
        values = values
            .into_iter()
            .flat_map(|value| match step {
                "*" => value.as_array().map_or_else(Vec::new, |items| items.iter().collect()),
                name => value.get(name).filter(|part| !part.is_null()).into_iter().collect(),
            })
            .collect();
    }
    values
}

/// The same problem at another item of a list is the same problem.
fn without_indices(text: &str) -> String {
    text.split('/')
        .map(|step| match step.split_once(|c: char| !c.is_ascii_digit()) {
            Some(("", _)) => step.to_owned(),
            Some((_, rest)) => format!("*{rest}"),
            None if step.is_empty() => String::new(),
            None => "*".to_owned(),
        })
        .collect::<Vec<_>>()
        .join("/")
}
