//! Changing one value of the file, and leaving everything else alone.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use config::{EditError, Env, Paths};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

struct Place {
    dir: tempfile::TempDir,
    paths: Paths,
}

fn place(text: Option<&str>) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("state");
    let config_file = state_dir.join("openclaw.json");
    if let Some(text) = text {
        std::fs::create_dir_all(&state_dir).unwrap();
        std::fs::write(&config_file, text).unwrap();
    }
    Place { dir, paths: Paths { state_dir, config_file, dev: false, profile: None } }
}

impl Place {
    fn set(&self, key: &str, value: Value) -> Result<String, EditError> {
        let steps: Vec<String> = key.split('.').map(str::to_owned).collect();
        config::set(&self.paths, &Env::default(), &steps, &value)?;
        Ok(self.text())
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.paths.config_file).unwrap()
    }
}

#[test]
fn a_missing_file_is_made_and_is_private() {
    let place = place(None);
    place.set("agents.defaults.model.primary", json!("ollama/llama")).unwrap();
    let loaded = config::load(&place.paths, &Env::default()).unwrap();
    assert_eq!(loaded.config.agents.model("main").primary.as_deref(), Some("ollama/llama"));
    let mode = std::fs::metadata(&place.paths.config_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let files = std::fs::read_dir(place.dir.path().join("state")).unwrap().count();
    assert_eq!(files, 1, "nothing is left beside it");
}

#[test]
fn comments_layout_and_other_keys_stay() {
    let text = "// mine\n{\n  gateway: {\n    port: 18789, // the usual\n    'bind': 'loopback',\n  },\n  unknown: [1, 2],\n}\n";
    let place = place(Some(text));
    std::fs::set_permissions(&place.paths.config_file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let changed = place.set("gateway.port", json!(5000)).unwrap();
    assert_eq!(changed, text.replace("18789", "5000"));
    let changed = place.set("gateway.bind", json!("lan")).unwrap();
    assert!(changed.contains("// the usual") && changed.contains("unknown: [1, 2]"), "{changed}");
    let mode = std::fs::metadata(&place.paths.config_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn items_of_lists_are_replaced_where_they_are() {
    let place = place(Some("{ tools: { deny: ['exec', 'process'] } }"));
    place.set("tools.deny.0", json!("write")).unwrap();
    assert_eq!(config::load(&place.paths, &Env::default()).unwrap().config.tools.deny, ["write", "process"]);
    assert!(matches!(place.set("tools.deny.7", json!("x")), Err(EditError::Place { .. })));
}

#[test]
fn what_would_stop_the_start_is_not_written() {
    let text = "{ gateway: { port: 18789 } }";
    let place = place(Some(text));
    for (key, value) in [
        ("gateway.port", json!("many")),
        ("gateway.port.deeper", json!(1)),
        ("gateway", json!([])),
        ("channels.telegram.dmPolicy", json!("open")),
    ] {
        assert!(place.set(key, value).is_err(), "{key}");
        assert_eq!(place.text(), text);
    }
}

#[test]
fn a_file_that_is_a_link_stays_one() {
    let place = place(Some("{}"));
    let target = place.dir.path().join("real.json");
    std::fs::rename(&place.paths.config_file, &target).unwrap();
    std::os::unix::fs::symlink(&target, &place.paths.config_file).unwrap();
    place.set("gateway.port", json!(5000)).unwrap();
    assert!(std::fs::symlink_metadata(&place.paths.config_file).unwrap().is_symlink());
    assert!(std::fs::read_to_string(target).unwrap().contains("5000"));
}

#[test]
fn values_are_read_as_in_the_file() {
    for (text, value) in [
        ("5000", Some(json!(5000))),
        ("[1, 'a',]", Some(json!([1, "a"]))),
        ("{a: true}", Some(json!({"a": true}))),
        ("anthropic/claude-sonnet-4-5", None),
        ("123:abc", None),
        ("", None),
    ] {
        assert_eq!(config::read_value(text), value, "{text}");
    }
}

proptest! {
    // Each case writes files and waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_is_set_is_read_back(key in "[a-z\"'\\\\é ]{1,8}", text in "\\PC{0,20}") {
        let place = place(Some("{ env: { vars: { A: 'b' } } }"));
        let steps = ["env".to_owned(), "vars".to_owned(), key.clone()];
        // Text that looks like a reference to a variable is one.
        prop_assume!(!text.contains('$'));
        let loaded = config::set(&place.paths, &Env::default(), &steps, &json!(text)).unwrap();
        prop_assert_eq!(&loaded.source["env"]["vars"][&key], &json!(text));
        prop_assert_eq!(&loaded.source["env"]["vars"]["A"], &json!("b"));
    }
}
