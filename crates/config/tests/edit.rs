//! Changing one value of a config file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use config::REDACTED;
use config::edit::{EditError, set, unset, write_atomically};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TEXT: &str = r#"// my gateway
{
  gateway: {
    port: 18789, // as always
    auth: { mode: 'token', },
  },
  /* models */
  "models": {
    providers: {
      local: { baseUrl: 'http://127.0.0.1:1/v1', models: [ { id: 'a', name: 'A' }, { id: 'b' } ] },
    },
  },
  unknownKey: [ 1, .5, 0x10, +3, ],
  channels: { "my.bot": { enabled: true } },
}
"#;

#[test]
fn one_value_changes_and_all_else_stays_letter_by_letter() {
    let table = [
        ("gateway.port", json!(5000), "port: 18789,", "port: 5000,"),
        ("gateway.auth.mode", json!("none"), "mode: 'token'", "mode: \"none\""),
        ("models.providers.local.models[0].id", json!("c"), "id: 'a'", "id: \"c\""),
        ("models.providers.local.models.1.id", json!("é \"x\" \\ \n"), "id: 'b'", r#"id: "é \"x\" \\ \n""#),
        ("channels[\"my.bot\"].enabled", json!(false), "enabled: true", "enabled: false"),
        ("unknownKey[3]", json!(null), "+3,", "null,"),
    ];
    for (path, value, before, after) in table {
        assert_eq!(set(TEXT, path, &value).unwrap(), TEXT.replace(before, after), "{path}");
    }
}

#[test]
fn what_is_missing_on_the_way_is_made() {
    let table = [
        ("agents.defaults.model.primary", "/agents/defaults/model/primary", json!("fake/m")),
        ("gateway.nodes.pairing.autoApproveLocal", "/gateway/nodes/pairing/autoApproveLocal", json!(true)),
        ("models.providers.local.models[2].id", "/models/providers/local/models/2/id", json!("third")),
        ("agents.list[0].id", "/agents/list/0/id", json!("first")),
        (
            "channels.telegram.groups.-100123.requireMention",
            "/channels/telegram/groups/-100123/requireMention",
            json!(false),
        ),
        ("channels.telegram.allowFrom", "/channels/telegram/allowFrom", json!([1, "2", { "a": [] }])),
    ];
    for (path, pointer, value) in table {
        let out = set(TEXT, path, &value).unwrap();
        let read: Value = json5::from_str(&out).unwrap();
        assert_eq!(read.pointer(pointer), Some(&value), "{path}: {out}");
        for kept in ["// my gateway", "// as always", "/* models */", "unknownKey: [ 1, .5, 0x10, +3, ]"] {
            assert!(out.contains(kept), "{kept}: {out}");
        }
    }
    for empty in ["", " \n", "{}"] {
        let out = set(empty, "gateway.port", &json!(1)).unwrap();
        assert_eq!(json5::from_str::<Value>(&out).unwrap(), json!({"gateway": {"port": 1}}));
    }
}

#[test]
fn what_is_unset_is_gone_alone() {
    for path in
        ["gateway.port", "gateway", "models.providers.local.models[0]", "unknownKey.2", "channels['my.bot']"]
    {
        let out = unset(TEXT, path).unwrap();
        let read: Value = json5::from_str(&out).unwrap();
        assert!(out.contains("// my gateway"), "{out}");
        let before: Value = json5::from_str(TEXT).unwrap();
        assert_ne!(read, before, "{path}");
    }
    for path in ["gateway.nope", "gateway.port.x", "unknownKey[9]", "unknownKey.x", "a.b"] {
        assert!(matches!(unset(TEXT, path), Err(EditError::Place { .. })), "{path}");
    }
    assert!(matches!(unset("", "a"), Err(EditError::Place { .. })));
}

#[test]
fn what_cannot_be_done_is_said_with_its_place() {
    let refused = |text: &str, path: &str, value: Value| set(text, path, &value).unwrap_err().to_string();
    for (path, says) in [
        ("gateway.port.x", "gateway.port is a number"),
        ("unknownKey[9]", "unknownKey has 4 items; the next one is unknownKey[4]"),
        ("unknownKey.x", "unknownKey has 4 items"),
        ("agents.list[1].id", "agents.list has 0 items"),
        ("", "the path is empty"),
        ("a..b", "empty part"),
    ] {
        let error = refused(TEXT, path, json!(1));
        assert!(error.contains(says), "{path}: {error}");
    }
    let error = refused("{\n  a: 1,\n  b: ?\n}", "a", json!(2));
    assert!(error.contains(":3:"), "{error}");
    assert!(refused("[1]", "a", json!(2)).contains("must be an object"));
    let deep = format!("{{a: {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(refused(&deep, "b", json!(1)).contains("64 levels"));
    // The last of two counts, and an edit of the first would say nothing.
    let error = refused("{a: 1, b: 0, a: 2}", "a", json!(3));
    assert!(error.contains("a is given more than once"), "{error}");
}

#[test]
fn a_value_that_stands_for_a_secret_is_refused() {
    for value in [json!(REDACTED), json!({"auth": [{"token": REDACTED}]})] {
        assert!(matches!(set(TEXT, "gateway", &value), Err(EditError::Place { .. })));
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_replaced_whole_and_the_one_before_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("new/openclaw.json");
    let backup = dir.path().join("new/openclaw.json.bak");
    let read = |file| std::fs::read_to_string(file).unwrap();
    write_atomically(&real, "{a: 1}").unwrap();
    assert!(!backup.exists());
    let link = dir.path().join("openclaw.json");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    write_atomically(&link, "{a: 2}").unwrap();
    assert_eq!((read(&real), read(&backup)), ("{a: 2}".into(), "{a: 1}".into()));
    assert!(link.is_symlink());
    for file in [&real, &backup] {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(dir.path().join("new")).unwrap().count(), 2, "nothing is left over");
    let error = write_atomically(&real.join("below"), "{}").unwrap_err().to_string();
    assert!(error.contains("below") && error.contains("nothing was changed"), "{error}");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z\"\\. é]{0,4}", inner), 0..4)
                .prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

proptest! {
    #[test]
    fn a_set_value_is_read_back_and_unset_again(value in any_value(), pretty: bool, name in "[a-c]{1,2}") {
        let document = json!({"a": {"b": [1, {"c": 2}]}, "ab": value.clone()});
        let text = if pretty { format!("{document:#}") } else { document.to_string() };
        let out = set(&text, &name, &value).unwrap();
        let mut wanted = document.clone();
        wanted[&name] = value;
        prop_assert_eq!(json5::from_str::<Value>(&out).unwrap(), wanted.clone());
        let without = unset(&out, &name).unwrap();
        wanted.as_object_mut().unwrap().remove(&name);
        prop_assert_eq!(json5::from_str::<Value>(&without).unwrap(), wanted);
    }

    #[test]
    fn no_text_and_no_path_makes_it_panic(text in "[\\{\\}\\[\\]:,a-c0-9'\"/\\* \n\\\\]{0,40}", path in "[a-c0-1\\.\\[\\]]{0,8}") {
        for out in [set(&text, &path, &json!({"x": 1})), unset(&text, &path)].into_iter().flatten() {
            prop_assert!(json5::from_str::<Value>(&out).is_ok());
        }
    }
}
