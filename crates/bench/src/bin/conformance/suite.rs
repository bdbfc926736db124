//! The cases: those that are built in, or those of other files.

use crate::check;
use crate::step::Step;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::PathBuf;

/// The files of `conformance/` at the root of the repository, by area.
const BUILT_IN: [(&str, &str); 9] = [
    ("shared", include_str!("../../../../../conformance/cases/shared.jsonl")),
    ("handshake", include_str!("../../../../../conformance/cases/handshake.jsonl")),
    ("errors", include_str!("../../../../../conformance/cases/errors.jsonl")),
    ("pairing", include_str!("../../../../../conformance/cases/pairing.jsonl")),
    ("invoke", include_str!("../../../../../conformance/cases/invoke.jsonl")),
    ("chat", include_str!("../../../../../conformance/cases/chat.jsonl")),
    ("idempotency", include_str!("../../../../../conformance/cases/idempotency.jsonl")),
    ("ordering", include_str!("../../../../../conformance/cases/ordering.jsonl")),
    ("backpressure", include_str!("../../../../../conformance/cases/backpressure.jsonl")),
];

const CLIENTS: &str = include_str!("../../../../../conformance/clients.json");

/// What a case may ask of the server beside an address and a token.
pub(crate) const NEEDS: [(&str, &str); 5] = [
    ("approves-local", "gateway.nodes.pairing.autoApproveLocal is true: who is local is paired at once"),
    ("asks-for-pairing", "gateway.nodes.pairing.autoApproveLocal is false: every device has to be approved"),
    ("model", "an agent whose model answers every message with text"),
    ("slow-model", "that model keeps silent for a minute on messages that contain CONFORMANCE-WAIT"),
    ("telegram", "Telegram is configured, and its chat 42 exists"),
];

/// A case.
#[derive(Debug)]
pub(crate) struct Case {
    /// `AREA/NAME`.
    pub(crate) name: String,
    pub(crate) head: Head,
    pub(crate) steps: Vec<Step>,
}

/// The line that begins a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    case: String,
    /// What holds if it passes.
    pub(crate) proves: String,
    /// Where that is known from.
    pub(crate) source: String,
    /// Names from [`NEEDS`].
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    /// Servers that are known to do otherwise.
    #[serde(default)]
    pub(crate) known: Vec<Known>,
}

/// A server that does otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// `server.version` of its `hello-ok`.
    pub(crate) version: String,
    /// The step that then fails, from 1.
    pub(crate) step: usize,
    /// A part of how it fails: another failure, or that of another step, is not excused.
    pub(crate) fails: String,
    /// What it does, and why that is not what the case asks for.
    pub(crate) why: String,
}

/// The line that begins steps that several cases use.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedHead {
    shared: String,
    /// For readers.
    #[serde(rename = "does")]
    _does: String,
}

/// Cases and what they refer to.
#[derive(Debug, Default)]
pub(crate) struct Suite {
    pub(crate) cases: Vec<Case>,
    pub(crate) shared: HashMap<String, Vec<Step>>,
    /// Parameters of `connect`, by name.
    pub(crate) clients: Map<String, Value>,
}

impl Suite {
    /// The built-in cases.
    pub(crate) fn built_in() -> Result<Self, String> {
        let files = BUILT_IN.iter().map(|(area, text)| ((*area).to_owned(), (*text).to_owned()));
        Self::of(files.collect())
    }

    /// The cases of these files, with what is shared built in. The area is the file's name.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, String> {
        let (area, text) = BUILT_IN[0];
        let mut files = vec![(area.to_owned(), text.to_owned())];
        for path in paths {
            let area = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            files.push((area, text));
        }
        Self::of(files)
    }

    /// Reads and checks all of it.
    pub(crate) fn of(files: Vec<(String, String)>) -> Result<Self, String> {
        let clients = serde_json::from_str(CLIENTS).map_err(|e| format!("clients.json: {e}"))?;
        let mut suite = Suite { clients, ..Suite::default() };
        for (area, text) in files {
            suite.add(&area, &text)?;
        }
        check::suite(&suite)?;
        Ok(suite)
    }

    fn add(&mut self, area: &str, text: &str) -> Result<(), String> {
        let mut shared: Option<String> = None;
        let before = self.cases.len();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = at + 1;
            let wrong = |e: String| format!("{area}.jsonl:{at}: {e}");
            let written: Value = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
            if written.get("case").is_some() {
                let head: Head = serde_json::from_value(written).map_err(|e| wrong(e.to_string()))?;
                let name = format!("{area}/{}", head.case);
                self.cases.push(Case { name, head, steps: vec![] });
                shared = None;
            } else if written.get("shared").is_some() {
                let head: SharedHead = serde_json::from_value(written).map_err(|e| wrong(e.to_string()))?;
                if self.shared.insert(head.shared.clone(), vec![]).is_some() {
                    return Err(wrong(format!("{:?} is there twice", head.shared)));
                }
                shared = Some(head.shared);
            } else {
                let step = Step::read(at, &written).map_err(wrong)?;
                let steps = match &shared {
                    Some(name) => self.shared.get_mut(name),
                    None => self.cases[before..].last_mut().map(|case| &mut case.steps),
                };
                steps.ok_or_else(|| wrong("a step before any case".into()))?.push(step);
            }
        }
        Ok(())
    }
}

impl Case {
    /// What is done before all cases: whether anybody is there who lets an operator in, and of which version.
    pub(crate) fn greeting() -> Result<Self, String> {
        let hello =
            json!({"ok": true, "payload": {"type": "hello-ok", "server": {"version": "$bind:version"}}});
        let connect = json!({"on": "a", "connect": "operator", "response": hello});
        let steps = [json!({"open": "a"}), connect];
        let steps = steps.iter().map(|step| Step::read(0, step)).collect::<Result<_, _>>()?;
        let head = Head {
            case: "greeting".into(),
            proves: "the server lets an operator in".into(),
            source: String::new(),
            needs: vec![],
            known: vec![],
        };
        Ok(Self { name: "greeting".into(), head, steps })
    }

    /// What excuses that the step of this line failed so, with a server of this version.
    pub(crate) fn known(&self, version: &str, line: usize, how: &str) -> Option<&Known> {
        let is_it = |known: &&Known| {
            let step = known.step.checked_sub(1).and_then(|at| self.steps.get(at));
            known.version == version
                && how.contains(&known.fails)
                && step.is_some_and(|step| step.line == line)
        };
        self.head.known.iter().find(is_it)
    }

    /// The part of its name before the slash.
    pub(crate) fn area(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// What it needs and these promises do not give.
    pub(crate) fn lacks<'a>(&'a self, promised: &[String]) -> Vec<&'a str> {
        let lacking = self.head.needs.iter().filter(|need| !promised.contains(need));
        lacking.map(String::as_str).collect()
    }
}
