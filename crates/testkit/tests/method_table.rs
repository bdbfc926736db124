//! The method table beside the published one: the same scopes, and parameters that take what OpenClaw's clients send.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use protocol::Access;
use protocol::methods;
use protocol::shape::{Kind, Shape};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use testkit::contract::published::schema;
use testkit::contract::table::{NOT_PUBLISHED, params_of};

#[path = "method_table/choices.rs"]
mod choices;

use choices::{IGNORED, LOOSE, NARROWER, NO_PARAMS, OURS, OWN_CHOICE, REFUSED};

fn who(access: Access) -> &'static str {
    match access {
        Access::Anyone => "anyone",
        Access::Operator(scope) => scope.as_str(),
        Access::Node => "node",
    }
}

#[test]
fn whoever_may_call_a_method_is_who_the_published_table_says() {
    let published: BTreeMap<String, String> = schema().methods().into_iter().collect();
    let mut wrong = Vec::new();
    for method in methods::all() {
        let ours = who(method.access);
        let choice = OWN_CHOICE.iter().find(|row| row.0 == method.name).map(|row| row.1);
        match (published.get(method.name).map(String::as_str), choice) {
            (None, None) if NOT_PUBLISHED.contains(&method.name) => {}
            (None, _) => wrong.push(format!("{}: not published (table.rs, NOT_PUBLISHED)", method.name)),
            (Some(scope), Some(_)) if scope == ours => {
                wrong.push(format!("{}: no choice of ours any more (OWN_CHOICE)", method.name));
            }
            (Some(scope), None) if scope == ours => {}
            (Some(_), Some(choice)) if choice == ours => {}
            (Some(scope), _) => wrong.push(format!("{}: {ours}, published: {scope}", method.name)),
        }
    }
    wrong.extend(OWN_CHOICE.iter().filter(|row| methods::find(row.0).is_none()).map(|row| row.0.to_owned()));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_published_parameter_is_taken_and_no_other() {
    let mut found = Found::default();
    for method in methods::all().filter(|method| method.name != "connect") {
        ignored(method.name, "", method.params, &mut found);
        match params_of(method.name) {
            None => found.row("NO_PARAMS", method.name, ""),
            Some(name) => {
                let published = Properties::of(&schema().definition(&name).unwrap());
                compare(method.name, "", method.params, &published, &mut found);
            }
        }
    }
    let listed = listed();
    let unlisted: Vec<_> = found.rows.difference(&listed).collect();
    assert!(found.wrong.is_empty() && unlisted.is_empty(), "{:#?}\nnot listed: {unlisted:#?}", found.wrong);
    let stale: Vec<_> = listed.difference(&found.rows).collect();
    assert!(stale.is_empty(), "listed, and not so any more: {stale:#?}");
}

/// What a list has to have a row for: the list, the method, the parameter.
type Rows = BTreeSet<(&'static str, String, String)>;

fn listed() -> Rows {
    let mut rows = Rows::new();
    let lists = [
        ("IGNORED", IGNORED),
        ("LOOSE", LOOSE),
        ("NARROWER", NARROWER),
        ("OURS", OURS),
        ("REFUSED", REFUSED),
    ];
    for (list, (methods, names, _)) in
        lists.iter().flat_map(|(list, rows)| rows.iter().map(move |row| (*list, row)))
    {
        for (method, name) in methods.iter().flat_map(|method| names.iter().map(move |name| (method, name))) {
            let row = (list, (*method).to_owned(), (*name).to_owned());
            assert!(rows.insert(row), "{list}: {method} {name} has two rows");
        }
    }
    rows.extend(NO_PARAMS.split_whitespace().map(|method| ("NO_PARAMS", method.to_owned(), String::new())));
    rows
}

#[derive(Default)]
struct Found {
    rows: Rows,
    /// What no list can excuse.
    wrong: Vec<String>,
}

impl Found {
    fn row(&mut self, list: &'static str, method: &str, name: &str) {
        self.rows.insert((list, method.to_owned(), name.to_owned()));
    }
}

/// The published parameters; of alternatives, all that one of them has, and what each of them demands.
struct Properties {
    all: BTreeMap<String, Value>,
    required: BTreeSet<String>,
}

impl Properties {
    fn of(definition: &Value) -> Self {
        let mut all = BTreeMap::new();
        let mut required: Option<BTreeSet<String>> = None;
        for one in alternatives(definition) {
            let properties = one["properties"].as_object().into_iter().flatten();
            all.extend(properties.map(|(name, property)| (name.clone(), property.clone())));
            let names = one["required"].as_array().into_iter().flatten();
            let names: BTreeSet<String> = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
            required =
                Some(required.map_or_else(|| names.clone(), |r| r.intersection(&names).cloned().collect()));
        }
        Self { all, required: required.unwrap_or_default() }
    }
}

fn ignored(method: &str, within: &str, shape: &Shape, found: &mut Found) {
    for name in shape.ignored {
        found.row("IGNORED", method, &format!("{within}{name}"));
    }
    for field in shape.fields {
        if let Kind::Object(inner) = field.kind {
            ignored(method, &format!("{within}{}/", field.name), inner, found);
        }
    }
}

/// A definition, or each of its alternatives. Some only say besides which properties go together.
fn alternatives(definition: &Value) -> Vec<&Value> {
    match definition["anyOf"].as_array().or_else(|| definition["oneOf"].as_array()) {
        Some(several) if definition.get("properties").is_none() => {
            several.iter().flat_map(alternatives).collect()
        }
        _ => vec![definition],
    }
}

fn compare(method: &str, within: &str, ours: &Shape, published: &Properties, found: &mut Found) {
    for (name, property) in &published.all {
        let place = format!("{within}{name}");
        match ours.fields.iter().find(|field| field.name == name) {
            None if ours.ignored.contains(&name.as_str()) => {}
            None => found.row("REFUSED", method, &place),
            Some(field) => {
                if field.required && !published.required.contains(name) {
                    found.wrong.push(format!("{method}: '{place}' is optional, and demanded here"));
                }
                compare_kinds(method, &place, field.kind, property, found);
            }
        }
    }
    let names = ours.fields.iter().map(|field| field.name).chain(ours.ignored.iter().copied());
    for name in names.filter(|name| !published.all.contains_key(*name)) {
        found.row("OURS", method, &format!("{within}{name}"));
    }
}

fn compare_kinds(method: &str, place: &str, kind: Kind, property: &Value, found: &mut Found) {
    let (types, words) = described(property);
    let (kind, or_null) = match kind {
        Kind::OrNull(inner) => (*inner, true),
        kind => (kind, false),
    };
    let Some(taken) = type_of(kind) else {
        // Any JSON is taken where a kind could be named.
        if matches!(kind, Kind::Any) && types.len() == 1 && !types.contains("any") {
            found.row("LOOSE", method, place);
        }
        return;
    };
    let mut ours = BTreeSet::from([taken]);
    ours.extend(or_null.then_some("null"));
    if ours != types {
        found.wrong.push(format!("{method}: '{place}' is {kind:?} here, and published as {property}"));
    }
    let taken: Option<BTreeSet<&str>> = match kind {
        Kind::OneOf(words) => Some(words.iter().copied().collect()),
        _ => None,
    };
    match (taken, words) {
        (Some(taken), Some(words)) if !taken.is_subset(&words) => {
            found.wrong.push(format!("{method}: '{place}' takes other words than {words:?}"));
        }
        (Some(taken), words) if words.as_ref() != Some(&taken) => found.row("NARROWER", method, place),
        (None, Some(words)) => found.wrong.push(format!("{method}: '{place}' is one of {words:?}")),
        _ => {}
    }
    if let Kind::Object(shape) = kind {
        compare(method, &format!("{place}/"), shape, &Properties::of(property), found);
    }
}

/// The types of a published property, and the words, where it has to be one of some.
fn described(property: &Value) -> (BTreeSet<&str>, Option<BTreeSet<&str>>) {
    let (mut types, mut words, mut is_free) = (BTreeSet::new(), BTreeSet::new(), false);
    for one in alternatives(property) {
        let kind = one["type"].as_str().unwrap_or("any");
        types.insert(if kind == "number" { "integer" } else { kind });
        if kind == "string" {
            let constants = one["enum"].as_array().into_iter().flatten().chain(one.get("const"));
            let before = words.len();
            words.extend(constants.filter_map(Value::as_str));
            is_free |= words.len() == before;
        }
    }
    let words = (!is_free && !words.is_empty()).then_some(words);
    (types, words)
}

/// The type that a kind is; nothing for what is any JSON, or refused by name.
fn type_of(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Any | Kind::Unset | Kind::OrNull(_) => return None,
        Kind::Date | Kind::Text | Kind::Filled | Kind::Name | Kind::Label | Kind::OneOf(_) => "string",
        Kind::Int(_) => "integer",
        Kind::Bool => "boolean",
        Kind::Names | Kind::List => "array",
        Kind::Map | Kind::Object(_) => "object",
    })
}
