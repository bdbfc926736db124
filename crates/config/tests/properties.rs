//! What holds for every text.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use config::{ConfigError, Diagnostic, Env, Level, parse, redact};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Pieces that make texts which are nearly configs.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "'",
    "\"",
    "\\",
    "//",
    "/*",
    "*/",
    "\n",
    "\r",
    "\u{2028}",
    " ",
    "\\u0061",
    "gateway",
    "auth",
    "token",
    "mode",
    "channels",
    "telegram",
    "models",
    "providers",
    "agents",
    "list",
    "entries",
    "env",
    "vars",
    "secrets",
    "${A}",
    "$${",
    "1",
    "-0x1",
    ".5e9",
    "Infinity",
    "NaN",
    "null",
    "true",
    "é",
    "\u{feff}",
    "\u{0}",
];

/// Keys that are known somewhere, and one that is not.
const KEYS: &[&str] = &[
    "gateway",
    "auth",
    "token",
    "password",
    "mode",
    "port",
    "bind",
    "remote",
    "url",
    "channels",
    "telegram",
    "groups",
    "allowFrom",
    "botToken",
    "models",
    "providers",
    "apiKey",
    "headers",
    "agents",
    "entries",
    "list",
    "model",
    "env",
    "vars",
    "secrets",
    "defaults",
    "source",
    "id",
    "tools",
    "exec",
    "a b",
    "zebra",
    "maxTokens",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(&["local", "token", "${A}", "file", "env", "http://h", "*"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let key = prop::sample::select(KEYS).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6).prop_map(|pairs| Value::from(Map::from_iter(pairs))),
        ]
    })
}

fn remarks(text: &str) -> Vec<Diagnostic> {
    match parse(text, Path::new("f"), &Env::from([("A", "x")])) {
        Ok(loaded) => loaded.warnings,
        Err(ConfigError::Invalid(errors)) => errors,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            Vec::new()
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        remarks(&text);
    }

    #[test]
    fn no_heap_of_pieces_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..120)) {
        remarks(&pieces.concat());
    }

    #[test]
    fn every_value_that_is_there_has_a_place(value in value()) {
        let text = serde_json::to_string_pretty(&value).expect("JSON");
        let found = remarks(&text);
        prop_assert!(found.iter().all(|remark| remark.line > 0), "{text}\n{found:?}");
    }

    #[test]
    fn a_config_that_is_read_keeps_everything_and_shows_no_secret(value in value()) {
        let text = json!({ "zebra": value, "gateway": { "auth": { "token": "hush-hush" } } }).to_string();
        let loaded = parse(&text, Path::new("f"), &Env::default()).expect("unknown keys stop nothing");
        prop_assert_eq!(&loaded.source, &json5::from_str::<Value>(&text).expect("JSON5"));
        prop_assert!(loaded.warnings.iter().any(|warning| warning.path == "zebra" && warning.level == Level::Warning));
        let shown = loaded.redacted_raw();
        prop_assert!(!shown.contains("hush-hush"));
        prop_assert_eq!(json5::from_str::<Value>(&shown).expect("JSON5"), redact(&loaded.source));
        prop_assert_eq!(redact(&redact(&loaded.source)), redact(&loaded.source));
    }
}
