//! The config as a JSON Schema, made from what the reader asks for (`doc/describe.rs`) and from the keys that are known
//! and kept (`doc/names.rs`). There is no second description that could differ from what is checked.

use crate::doc::{Description, Doc, Fact, Keys, Section, names};
use crate::include::Places;
use crate::path::{PathStep, path_steps};
use crate::reload::{ReloadKind, holds_restart, reload_kind};
use crate::{Config, Env};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::LazyLock;

/// Deepest nesting that is described.
const MAX_DEPTH: usize = 24;

/// What is said of a key that this version keeps and does not use.
const KEPT: &str = "A key of OpenClaw that this version keeps as it is and does not use.";

static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    let places = Places::empty();
    let doc = Doc::new(Path::new(""), &places, Env::default()).describing();
    let empty = Value::Object(Map::new());
    Section::root(&doc, &empty, Config::read);
    doc.into_description()
});

/// The whole config as a JSON Schema.
pub fn schema() -> Value {
    let mut whole = section("", 0);
    if let Some(map) = whole.as_object_mut() {
        map.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        map.insert("title".to_owned(), json!("openclaw.json"));
    }
    whole
}

/// What is known of one value.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Its schema without what is below it.
    pub schema: Value,
    /// What a change of it needs.
    pub reload: ReloadKind,
    /// Whether it is a secret.
    pub sensitive: bool,
    /// What is directly below it.
    pub children: Vec<Child>,
}

/// What is directly below a value.
#[derive(Debug, Clone)]
pub struct Child {
    /// Its key; `*` for any, `[]` for items of a list.
    pub key: String,
    /// Its path.
    pub path: String,
    /// The JSON Schema type, where there is one.
    pub kind: Option<Value>,
    /// Whether there is something below it.
    pub has_children: bool,
    /// What a change of it needs.
    pub reload: ReloadKind,
    /// Whether it is a secret.
    pub sensitive: bool,
}

/// What is known of the value at `path` (`models.providers.*.apiKey`, or with real names); `None` where there is no
/// such value. `.` or `/` stand between keys, `[]` stands for any item.
pub fn lookup(path: &str) -> Option<Lookup> {
    let path = path.replace('/', ".").replace("[]", "[*]");
    let steps = path_steps(path.trim_matches('.')).ok()?;
    let facts = walk(&steps)?;
    let plain = steps.iter().fold(String::new(), |at, step| crate::doc::join_path(&at, &step.name));
    let mut shallow = node(&facts, MAX_DEPTH);
    if let Some(map) = shallow.as_object_mut() {
        ["properties", "additionalProperties", "items"].iter().for_each(|key| {
            map.remove(*key);
        });
    }
    let children = children(&facts).into_iter().map(|(key, facts)| child(&plain, key, &facts)).collect();
    Some(Lookup { schema: shallow, reload: kind_of(&plain), sensitive: is_secret(&facts), children })
}

fn child(parent: &str, key: String, facts: &[Fact]) -> Child {
    let path = if key == "[]" { format!("{parent}[]") } else { crate::doc::join_path(parent, &key) };
    Child {
        kind: node(facts, MAX_DEPTH).get("type").cloned(),
        has_children: !children(facts).is_empty(),
        reload: kind_of(&path),
        sensitive: is_secret(facts),
        path,
        key,
    }
}

/// For a section: the most that anything in it needs.
fn kind_of(path: &str) -> ReloadKind {
    if holds_restart(path) { ReloadKind::Restart } else { reload_kind(path) }
}

/// Every path whose value is a secret, with `*` and `[]`.
pub fn sensitive_paths() -> Vec<String> {
    let mut out = Vec::new();
    for (section, keys) in &DESCRIPTION.sections {
        for (key, facts) in keys {
            let path = crate::doc::join_path(section, key);
            if is_secret(facts) {
                out.push(path);
            } else if facts.iter().any(|f| matches!(f, Fact::MapOf(of) if **of == Fact::Secret)) {
                out.push(format!("{path}.*"));
            }
        }
    }
    out
}

/// Whether the reader asks for the value at `path`, or for one above or below it.
pub(crate) fn is_used(path: &str) -> bool {
    let used = |facts: Vec<Fact>| facts.iter().any(|fact| !matches!(fact, Fact::Unsupported(_)));
    path_steps(path).ok().and_then(|steps| walk(&steps)).is_some_and(used)
}

/// What is asked of the value that the path leads to. Below a value that is taken as it is, anything is asked.
fn walk(steps: &[PathStep]) -> Option<Vec<Fact>> {
    let mut facts = vec![Fact::Section(String::new())];
    for step in steps {
        if facts == [Fact::Any] {
            return Some(facts);
        }
        facts = children(&facts)
            .into_iter()
            .find(|(key, _)| {
                *key == step.name || (key == "*" && !step.bracketed) || (key == "[]" && is_item(step))
            })
            .map(|(_, facts)| facts)?;
    }
    Some(facts)
}

fn is_item(step: &PathStep) -> bool {
    step.index.is_some() || step.name == "[]" || step.name == "*"
}

/// What is directly below a value with these facts.
fn children(facts: &[Fact]) -> Vec<(String, Vec<Fact>)> {
    let mut out: Vec<(String, Vec<Fact>)> = Vec::new();
    for fact in facts {
        match fact {
            Fact::Section(path) => {
                out.extend(keys(path).iter().map(|(key, facts)| ((*key).to_owned(), facts.clone())));
                let asked = |key: &str| keys(path).iter().any(|(name, _)| *name == key);
                let kept = names::known(path).iter().filter(|key| !asked(key));
                out.extend(kept.map(|key| ((*key).to_owned(), vec![Fact::Unsupported(KEPT.to_owned())])));
            }
            Fact::MapOf(of) => out.push(("*".to_owned(), vec![(**of).clone()])),
            Fact::ListOf(of) if matches!(**of, Fact::Section(_)) => {
                out.push(("[]".to_owned(), vec![(**of).clone()]));
            }
            _ => {}
        }
    }
    out
}

fn keys(section: &str) -> &'static Keys {
    static NO_KEYS: Keys = Vec::new();
    DESCRIPTION.sections.get(section).unwrap_or(&NO_KEYS)
}

fn is_secret(facts: &[Fact]) -> bool {
    facts.contains(&Fact::Secret)
}

fn section(path: &str, depth: usize) -> Value {
    let mut properties = Map::new();
    if depth < MAX_DEPTH {
        for (key, facts) in children(&[Fact::Section(path.to_owned())]) {
            // Of keys that may have any name, there is nothing to say.
            if key != "*" {
                properties.insert(key, node(&facts, depth + 1));
            }
        }
    }
    json!({"type": "object", "properties": properties})
}

/// The schema of a value.
fn node(facts: &[Fact], depth: usize) -> Value {
    let shapes: Vec<Value> = facts.iter().filter_map(|fact| shape(fact, depth)).collect();
    let mut out = match shapes.len() {
        0 => json!({}),
        1 => shapes.into_iter().next().unwrap_or_default(),
        _ => json!({"anyOf": shapes}),
    };
    let said = facts.iter().find_map(|fact| match fact {
        Fact::Unsupported(consequence) if consequence == KEPT => Some(consequence.clone()),
        Fact::Unsupported(consequence) => Some(format!("Not done by this version yet: {consequence}.")),
        _ => None,
    });
    if let (Some(said), Some(map)) = (said, out.as_object_mut()) {
        map.insert("description".to_owned(), Value::String(said));
    }
    out
}

fn shape(fact: &Fact, depth: usize) -> Option<Value> {
    Some(match fact {
        Fact::Text => json!({"type": "string"}),
        Fact::Boolean => json!({"type": "boolean"}),
        Fact::Integer(min, u64::MAX) => json!({"type": "integer", "minimum": min}),
        Fact::Integer(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Fact::Number => json!({"type": "number", "minimum": 0}),
        Fact::Choice(words) => json!({"type": "string", "enum": words}),
        Fact::Secret => json!({"anyOf": [{"type": "string"}, secret_reference()]}),
        Fact::Id => json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        Fact::ListOf(of) => json!({"type": "array", "items": node(std::slice::from_ref(of), depth + 1)}),
        Fact::MapOf(of) => {
            json!({"type": "object", "additionalProperties": node(std::slice::from_ref(of), depth + 1)})
        }
        Fact::Section(path) => section(path, depth),
        Fact::Any | Fact::Unsupported(_) => return None,
    })
}

fn secret_reference() -> Value {
    json!({
        "type": "object",
        "required": ["source", "id"],
        "properties": {
            "source": {"type": "string", "enum": crate::secret::SOURCES},
            "provider": {"type": "string"},
            "id": {"type": "string"},
        },
    })
}
