//! The schema and what the reader does are one.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use config::{ConfigError, Env, ReloadKind, lookup, parse, reload_kind, schema, sensitive_paths};
use serde_json::{Value, json};
use std::path::Path;

/// Puts `value` where the path leads, with names for `*` and lists for `[]`.
fn document(path: &str, value: Value) -> String {
    let mut out = value;
    for step in path.replace("[]", ".[]").split('.').rev() {
        out = match step {
            "[]" => json!([out]),
            "*" => json!({ "x1": out }),
            key => json!({ key: out }),
        };
    }
    out.to_string()
}

/// Every leaf of the schema by path.
fn leaves(node: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if let Some(properties) = node["properties"].as_object().filter(|_| node.get("required").is_none()) {
        properties.iter().for_each(|(key, node)| leaves(node, &join(key), out));
    } else if let Some(any) = node.get("additionalProperties") {
        leaves(any, &join("*"), out);
    } else if node["type"] == "array" && node["items"]["properties"].is_object() {
        leaves(&node["items"], &format!("{path}[]"), out);
    } else {
        out.push((path.to_owned(), node.clone()));
    }
}

#[test]
fn what_the_schema_forbids_the_reader_refuses() {
    let mut all = Vec::new();
    leaves(&schema(), "", &mut all);
    let mut checked = 0;
    for (path, node) in all {
        let wrong: Vec<Value> = match node["type"].as_str() {
            Some("boolean") => vec![json!("yes"), json!(1)],
            Some("integer") => {
                let too_large =
                    node["maximum"].as_u64().filter(|max| *max < u64::MAX).map(|max| json!(max + 1));
                [json!("x"), json!(1.5), json!(-1)].into_iter().chain(too_large).collect()
            }
            Some("number") => vec![json!("x"), json!(-1)],
            Some("string") if node.get("enum").is_some() => vec![json!("no such word"), json!(1)],
            Some("string") => vec![json!(1), json!([])],
            Some("array") => vec![json!("x"), json!([[]])],
            _ => continue,
        };
        for value in wrong {
            let text = document(&path, value);
            match parse(&text, Path::new("openclaw.json"), &Env::default()) {
                Err(ConfigError::Invalid(errors)) => {
                    let plain = path.replace("[]", "[0]").replace('*', "x1");
                    let found = errors.iter().any(|error| error.path.starts_with(&plain));
                    assert!(found, "{text}: {errors:?}");
                }
                other => panic!("{path} takes {text}: {other:?}"),
            }
            checked += 1;
        }
    }
    assert!(checked > 100, "the schema has become small: {checked}");
}

#[test]
fn words_and_bounds_are_those_of_the_reader() {
    let schema = schema();
    let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).clone();
    assert_eq!(
        at("/properties/gateway/properties/port"),
        json!({"type": "integer", "minimum": 1, "maximum": 65535})
    );
    assert_eq!(
        at("/properties/gateway/properties/auth/properties/mode"),
        json!({"type": "string", "enum": ["none", "token", "password", "trusted-proxy"]})
    );
    assert_eq!(at("/properties/gateway/properties/auth/properties/token/anyOf/0"), json!({"type": "string"}));
    assert_eq!(
        at("/properties/agents/properties/defaults/properties/model/anyOf/1/properties/primary"),
        json!({"type": "string"})
    );
    assert_eq!(
        at(
            "/properties/models/properties/providers/additionalProperties/properties/models/items/properties/id"
        ),
        json!({"type": "string"})
    );
    let kept = at("/properties/ui/description");
    assert!(kept.as_str().unwrap().contains("keeps as it is"), "{kept}");
    let secrets = sensitive_paths();
    for path in [
        "gateway.auth.token",
        "gateway.remote.password",
        "channels.telegram.botToken",
        "models.providers.*.apiKey",
        "models.providers.*.headers.*",
    ] {
        assert!(secrets.iter().any(|secret| secret == path), "{path}: {secrets:?}");
    }
}

#[test]
fn one_value_can_be_looked_up_by_its_path_with_names_or_without() {
    for path in [
        "models.providers.*.models[].id",
        "models.providers.local.models[0].id",
        "models/providers/local/models/0/id",
        "agents.entries.ops.name",
        "agents.list[2].name",
    ] {
        assert_eq!(
            lookup(path).unwrap_or_else(|| panic!("{path}")).schema,
            json!({"type": "string"}),
            "{path}"
        );
    }
    let gateway = lookup("gateway").unwrap();
    assert_eq!((gateway.schema, gateway.reload), (json!({"type": "object"}), ReloadKind::Restart));
    let child = |key: &str| gateway.children.iter().find(|child| child.key == key).unwrap();
    assert_eq!(
        (child("port").path.as_str(), child("port").kind.clone()),
        ("gateway.port", Some(json!("integer")))
    );
    assert!(child("auth").has_children && !child("port").has_children);
    assert!(lookup("gateway.auth.token").unwrap().sensitive);
    let auth = lookup("gateway.auth").unwrap();
    assert!(auth.children.iter().any(|child| child.key == "token" && child.sensitive));
    for path in ["nothing", "gateway.port.x", "gateway.prt", "models.providers[0].apiKey", "a..b"] {
        assert!(lookup(path).is_none(), "{path}");
    }
}

#[test]
fn a_change_needs_a_restart_applies_at_once_or_concerns_nobody() {
    for (path, want) in [
        ("gateway.port", ReloadKind::Restart),
        ("gateway.auth.token", ReloadKind::Restart),
        ("gateway.auth.rateLimit.maxAttempts", ReloadKind::Hot),
        ("logging.level", ReloadKind::Hot),
        ("channels.telegram.allowFrom", ReloadKind::Hot),
        ("models.providers.local.apiKey", ReloadKind::Hot),
        ("agents.entries.ops.workspace", ReloadKind::Hot),
        ("agents.list", ReloadKind::Hot),
        ("gateway.remote.url", ReloadKind::None),
        ("browser.headless", ReloadKind::None),
        ("no.such.key", ReloadKind::None),
    ] {
        assert_eq!(reload_kind(path), want, "{path}");
    }
}
