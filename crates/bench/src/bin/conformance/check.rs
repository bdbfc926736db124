//! What can be known of a case before it runs: every word is known, every name was given before it is used, every
//! connection was opened.

use crate::step::{Claimed, Connect, Repeat, Step, Verb};
use crate::suite::{Case, NEEDS, Suite};
use crate::words::{Operator, Word, operator, word};
use serde_json::Value;
use std::collections::HashSet;

/// Checks all cases.
///
/// # Errors
/// The first problem, with its place.
pub(crate) fn suite(suite: &Suite) -> Result<(), String> {
    // First: what used itself would have no end below.
    if let Some(name) = suite.shared.iter().find_map(|(name, steps)| uses_shared(steps).then_some(name)) {
        return Err(format!("shared.jsonl: {name}: what is shared uses nothing shared"));
    }
    let mut names = HashSet::new();
    for case in &suite.cases {
        let wrong = |e: String| format!("{}: {e}", case.name);
        if !names.insert(&case.name) {
            return Err(wrong("there are two of this name".into()));
        }
        head(case).map_err(wrong)?;
        Checker::new(suite).steps(&case.steps, case.area()).map_err(wrong)?;
    }
    Ok(())
}

fn uses_shared(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.verb {
        Verb::Use(_) => true,
        Verb::Repeat(repeat) => uses_shared(&repeat.steps),
        _ => false,
    })
}

fn head(case: &Case) -> Result<(), String> {
    let known = |need: &str| NEEDS.iter().any(|(name, _)| *name == need);
    match case.head.needs.iter().find(|need| !known(need)) {
        Some(need) => Err(format!("{need:?} is nothing that a server can be asked for")),
        None if contradicts_itself(case) => Err("no server both approves and asks".into()),
        None if case.steps.is_empty() => Err("a case without steps proves nothing".into()),
        None if case.head.known.iter().any(|known| known.step == 0 || known.step > case.steps.len()) => {
            Err("what is known to fail is one of its steps, from 1".into())
        }
        None => Ok(()),
    }
}

/// Whether it needs what excludes each other.
fn contradicts_itself(case: &Case) -> bool {
    ["approves-local", "asks-for-pairing"].iter().all(|need| case.head.needs.iter().any(|n| n == need))
}

struct Checker<'a> {
    suite: &'a Suite,
    names: HashSet<String>,
    connections: HashSet<String>,
    repeats: usize,
}

impl<'a> Checker<'a> {
    fn new(suite: &'a Suite) -> Self {
        Self { suite, names: HashSet::new(), connections: HashSet::new(), repeats: 0 }
    }

    fn steps(&mut self, steps: &[Step], file: &str) -> Result<(), String> {
        for step in steps {
            self.step(step, file).map_err(|e| format!("{file}.jsonl:{}: {e}", step.line))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, file: &str) -> Result<(), String> {
        match &step.verb {
            Verb::Open(open) => {
                open.headers.values().try_for_each(|value| self.sent(value))?;
                if open.refused.is_none() && !self.connections.insert(open.open.clone()) {
                    return Err(format!("{} is open already", open.open));
                }
            }
            Verb::Leave(leave) => {
                self.on(&leave.leave)?;
                self.connections.remove(&leave.leave);
            }
            Verb::Repeat(repeat) => self.repeat(repeat, file)?,
            Verb::Use(used) => {
                let Some(steps) = self.suite.shared.get(&used.name) else {
                    return Err(format!("nothing shared is called {:?}", used.name));
                };
                self.steps(steps, "shared")?;
            }
            Verb::Connect(connect) => self.connect(connect)?,
            Verb::Call(call) => {
                self.on(&call.on)?;
                call.params.iter().chain(&call.id).try_for_each(|value| self.sent(value))?;
                if call.id.is_none() && step.expected.is_none() {
                    return Err("a call waits for its answer, or has an id for a later one".into());
                }
            }
            Verb::Answer(answer) => {
                self.on(&answer.on)?;
                self.sent(&answer.answer)?;
                if step.expected.is_none() {
                    return Err("an answer is expected to be ok, error or response".into());
                }
            }
            Verb::Send(send) => self.on(&send.on).and_then(|()| self.sent(&send.send))?,
            Verb::Text(text) => {
                self.on(&text.on)?;
                [&text.text].into_iter().chain(&text.id).try_for_each(|value| self.sent(value))?;
            }
            Verb::Binary(binary) => {
                self.on(&binary.on)?;
                hex::decode(&binary.binary).map_err(|e| e.to_string())?;
            }
            Verb::Event(event) => {
                self.on(&event.on)?;
                event.payload.iter().try_for_each(|pattern| self.expected(pattern))?;
            }
            Verb::NoEvent(event) => {
                self.on(&event.on)?;
                event.payload.iter().try_for_each(|pattern| self.expected(pattern))?;
            }
            Verb::Counted(counted) => self.on(&counted.on)?,
            Verb::Closed(closed) => {
                self.on(&closed.on)?;
                self.expected(&closed.closed)?;
                self.connections.remove(&closed.on);
            }
        }
        step.expected.iter().try_for_each(|pattern| self.expected(pattern))
    }

    fn connect(&mut self, connect: &Connect) -> Result<(), String> {
        self.on(&connect.on)?;
        if !self.suite.clients.contains_key(&connect.connect) {
            return Err(format!("no client is called {:?}", connect.connect));
        }
        if !matches!(connect.signed, 2 | 3) {
            return Err("signatures have version 2 or 3".into());
        }
        for (place, value) in connect.with.iter() {
            if !place.starts_with('/') {
                return Err(format!("{place:?} is no place such as /client/id"));
            }
            if value != "$absent" {
                self.sent(value)?;
            }
        }
        let Claimed { id, public_key, nonce, signature, .. } = &connect.claims;
        let claims = [id, public_key, nonce, signature];
        claims.into_iter().flatten().try_for_each(|value| self.sent(value))
    }

    fn repeat(&mut self, repeat: &Repeat, file: &str) -> Result<(), String> {
        self.repeats += 1;
        let steps = self.steps(&repeat.steps, file);
        self.repeats -= 1;
        steps
    }

    fn on(&self, connection: &str) -> Result<(), String> {
        let is_open = self.connections.contains(connection);
        is_open.then_some(()).ok_or_else(|| format!("no connection {connection:?} is open"))
    }

    /// Something that is sent.
    fn sent(&mut self, value: &Value) -> Result<(), String> {
        self.walk(value, true)
    }

    /// Something that is expected.
    fn expected(&mut self, value: &Value) -> Result<(), String> {
        self.walk(value, false)
    }

    fn walk(&mut self, value: &Value, sent: bool) -> Result<(), String> {
        match value {
            Value::String(text) => word(text).map_or(Ok(()), |word| self.word(text, word?, sent)),
            Value::Array(items) => items.iter().try_for_each(|item| self.walk(item, sent)),
            Value::Object(map) => match operator(map) {
                Some(found) => self.operator(found?, sent),
                None => {
                    let mut values = map.values().filter(|value| !sent || *value != "$absent");
                    values.try_for_each(|value| self.walk(value, sent))
                }
            },
            _ => Ok(()),
        }
    }

    fn word(&mut self, text: &str, word: Word<'_>, sent: bool) -> Result<(), String> {
        match word {
            Word::Any | Word::Kind(_) | Word::Time | Word::Absent | Word::Bind(_) if sent => {
                Err(format!("{text:?} cannot be sent"))
            }
            Word::Bind(name) => {
                self.names.insert(name.to_owned());
                Ok(())
            }
            Word::Bound(name) if !self.names.contains(name) => {
                Err(format!("{text:?}: no word, and nothing was given this name before"))
            }
            Word::Index if self.repeats == 0 => Err("$index is for the steps of a repeat".into()),
            _ => Ok(()),
        }
    }

    fn operator(&mut self, (operator, operand): (Operator, &Value), sent: bool) -> Result<(), String> {
        if sent && !operator.makes_a_value() {
            return Err(format!("{operator:?} cannot be sent"));
        }
        let fits = match operator {
            Operator::Text | Operator::Has | Operator::OneOf => operand.is_array(),
            Operator::Repeat => {
                matches!(operand.as_array().map(Vec::as_slice), Some([Value::String(_), Value::Number(_)]))
            }
            Operator::Only => operand.is_object(),
            Operator::Least => operand.is_number(),
            Operator::Json | Operator::Starts | Operator::Contains | Operator::Each | Operator::Not => true,
        };
        if !fits {
            return Err(format!("{operator:?} does not take {operand}"));
        }
        let made = operator.makes_a_value() || matches!(operator, Operator::Starts | Operator::Contains);
        self.walk(operand, sent || made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"case":"x","proves":"p","source":"s"}"#;
    const OPEN: &str = r#"{"open":"a"}"#;

    fn problem(lines: &[&str]) -> String {
        let text = [&[HEAD], lines].concat().join("\n");
        Suite::of(vec![("test".into(), text)]).map(|_| String::new()).unwrap_err()
    }

    #[test]
    fn what_is_not_in_the_language_is_refused_with_its_place() {
        let cases: [(&[&str], &str); 14] = [
            (&[], "proves nothing"),
            (&[r#"{"dance":"a"}"#], "test.jsonl:2: a step has one verb"),
            (&[r#"{"open":"a","leave":"a"}"#], "test.jsonl:2: a step has one verb"),
            (&[r#"{"open":"a","color":1}"#], "unknown field `color`"),
            (&[r#"{"open":"a","within":1}"#], "waits for nothing"),
            (&[r#"{"on":"a","call":"health","ok":"$any"}"#], "no connection \"a\" is open"),
            (&[OPEN, OPEN], "open already"),
            (&[OPEN, r#"{"on":"a","call":"health"}"#], "waits for its answer"),
            (&[OPEN, r#"{"on":"a","call":"health","ok":1,"error":1}"#], "one is enough"),
            (&[OPEN, r#"{"on":"a","call":"health","ok":"$nonsense"}"#], "nothing was given this name"),
            (&[OPEN, r#"{"on":"a","call":"health","ok":{"$sum":[1]}}"#], "unknown word \"$sum\""),
            (&[OPEN, r#"{"on":"a","call":"health","params":{"a":"$any"},"ok":1}"#], "cannot be sent"),
            (&[OPEN, r#"{"on":"a","connect":"nobody","ok":1}"#], "no client is called \"nobody\""),
            (&[r#"{"use":"nothing"}"#], "nothing shared is called"),
        ];
        for (lines, says) in cases {
            let problem = problem(lines);
            assert!(problem.contains(says), "{lines:?}: {problem}");
        }
    }

    #[test]
    fn a_head_is_read_strictly() {
        let read = |head: &str| Suite::of(vec![("test".into(), format!("{head}\n{OPEN}"))]);
        assert!(read(HEAD).is_ok());
        for (head, says) in [
            (r#"{"case":"x","proves":"p"}"#, "missing field `source`"),
            (r#"{"case":"x","proves":"p","source":"s","color":1}"#, "unknown field `color`"),
            (r#"{"case":"x","proves":"p","source":"s","needs":["luck"]}"#, "\"luck\" is nothing"),
            (
                r#"{"case":"x","proves":"p","source":"s","known":[{"version":"1","step":2,"fails":"f","why":"w"}]}"#,
                "one of its steps",
            ),
            (
                r#"{"case":"x","proves":"p","source":"s","needs":["approves-local","asks-for-pairing"]}"#,
                "both approves and asks",
            ),
        ] {
            let problem = read(head).map(|_| String::new()).unwrap_err();
            assert!(problem.contains(says), "{head}: {problem}");
        }
    }

    #[test]
    fn what_is_shared_may_not_use_itself() {
        let shared = r#"{"shared":"loop","does":"nothing"}"#;
        let around = r#"{"repeat":2,"steps":[{"use":"loop"}]}"#;
        let text = [shared, around, HEAD, r#"{"use":"loop"}"#].join("\n");
        let problem = Suite::of(vec![("shared".into(), text)]).map(|_| String::new()).unwrap_err();
        assert_eq!(problem, "shared.jsonl: loop: what is shared uses nothing shared");
    }

    #[test]
    fn the_built_in_cases_are_sound() {
        let suite = Suite::built_in().unwrap();
        assert!(suite.cases.len() > 80, "{}", suite.cases.len());
    }
}
