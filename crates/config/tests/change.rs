//! Changing the file: known before, good afterwards, and never with a placeholder in it.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use config::{Base, Change, EditError, Edited, Editor, Env, Paths, REDACTED, load};
use serde_json::{Value, json};
use tempfile::TempDir;

const TEXT: &str = "// head\n{\n  gateway: { port: 18789, auth: { mode: 'token', token: 'sekrit' } }, // gw\n  later: { kept: [1, 2,], },\n  tools: { deny: ['exec', 'read'] },\n}\n";

struct Place {
    _dir: TempDir,
    paths: Paths,
}

fn place(text: &str) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().to_path_buf();
    let config_file = state_dir.join("openclaw.json");
    std::fs::write(&config_file, text).unwrap();
    Place { _dir: dir, paths: Paths { state_dir, config_file, dev: false, profile: None } }
}

impl Place {
    fn text(&self) -> String {
        std::fs::read_to_string(&self.paths.config_file).unwrap()
    }

    fn beside(&self, suffix: &str) -> Option<String> {
        std::fs::read_to_string(format!("{}{suffix}", self.paths.config_file.display())).ok()
    }

    fn change(&self, change: Change) -> Result<Edited, EditError> {
        Editor { paths: &self.paths, env: &Env::default(), base: None, dry_run: false }.apply(change)
    }

    fn on(&self, given: &str, change: Change) -> Result<Edited, EditError> {
        let base = Some(Base { given, name: &|sha: &str| format!("h:{sha}") });
        Editor { paths: &self.paths, env: &Env::default(), base, dry_run: false }.apply(change)
    }

    fn merge(&self, patch: Value) -> Result<Vec<String>, EditError> {
        self.change(Change::Merge { patch, replace: vec![] }).map(|edited| edited.changed)
    }

    fn replace(&self, text: &str) -> Result<Vec<String>, EditError> {
        self.change(Change::Replace { text: text.to_owned() }).map(|edited| edited.changed)
    }
}

#[test]
fn a_patch_changes_what_it_names_and_the_rest_stays_letter_by_letter() {
    let place = place(TEXT);
    let changed = place
        .merge(json!({"gateway": {"port": 5000, "auth": {"token": REDACTED}}, "logging": {"level": "debug"}}))
        .unwrap();
    assert_eq!(changed, ["gateway.port", "logging.level"]);
    let text = place.text();
    assert!(
        text.contains("// head") && text.contains("// gw") && text.contains("later: { kept: [1, 2,], }"),
        "{text}"
    );
    assert!(text.contains("port: 5000") && text.contains("token: 'sekrit'"), "{text}");
    assert_eq!(place.beside(".bak").as_deref(), Some(TEXT));
    place.merge(json!({"logging": null})).unwrap();
    let want: Value = json5::from_str(&TEXT.replace("18789", "5000")).unwrap();
    assert_eq!(json5::from_str::<Value>(&place.text()).unwrap(), want);
    let before = place.text();
    let error = place.merge(json!({"tools": {"deny": ["read"]}})).unwrap_err().to_string();
    assert!(error.contains("tools.deny") && error.contains("replacePaths"), "{error}");
    assert_eq!(place.text(), before);
    let shorter =
        Change::Merge { patch: json!({"tools": {"deny": ["read"]}}), replace: vec!["tools.deny".into()] };
    assert_eq!(place.change(shorter).unwrap().changed, ["tools.deny"]);
}

#[test]
fn a_key_gets_another_name_where_it_stands_and_takes_nobody_elses() {
    let text = "{\n  // groups\n  channels: { telegram: { groups: {\n    '-5': { requireMention: false }, // tea\n    \"-6\": {},\n    a: {},\n  } } },\n}\n";
    let rename = |from: &str, to: &str| {
        let path = format!("channels.telegram.groups[\"{from}\"]");
        Change::Rename(vec![(config::path_steps(&path).unwrap(), to.to_owned())])
    };
    let place = place(text);
    place.change(rename("-5", "-1005")).unwrap();
    place.change(rename("a", "b")).unwrap();
    assert_eq!(place.text(), text.replace("'-5'", "\"-1005\"").replace("a: {}", "\"b\": {}"));
    let before = place.text();
    for (from, to) in [("-1005", "-6"), ("-7", "-8")] {
        let error = place.change(rename(from, to)).unwrap_err().to_string();
        assert!(error.contains(from) && error.contains(to), "{error}");
    }
    assert_eq!(place.text(), before);
}

#[test]
fn nothing_to_do_leaves_the_file_alone() {
    let place = place(TEXT);
    assert_eq!(place.merge(json!({"gateway": {"port": 18789}})).unwrap(), [""; 0]);
    assert_eq!(place.replace(TEXT).unwrap(), [""; 0]);
    assert_eq!((place.text(), place.beside(".bak")), (TEXT.to_owned(), None));
    let dry = Editor { paths: &place.paths, env: &Env::default(), base: None, dry_run: true };
    let edited =
        dry.apply(Change::Merge { patch: json!({"gateway": {"port": 1}}), replace: vec![] }).unwrap();
    assert_eq!((edited.changed, place.text()), (vec!["gateway.port".to_owned()], TEXT.to_owned()));
}

#[test]
fn a_file_that_changed_meanwhile_is_refused_with_both_hashes() {
    let place = place(TEXT);
    let known = format!("h:{}", load(&place.paths, &Env::default()).unwrap().hash);
    std::fs::write(&place.paths.config_file, "{ gateway: { port: 7 } }").unwrap();
    let now = format!("h:{}", load(&place.paths, &Env::default()).unwrap().hash);
    let set = || Change::Merge { patch: json!({"gateway": {"port": 8}}), replace: vec![] };
    match place.on(&known, set()).unwrap_err() {
        EditError::Conflict { given, now: found, .. } => assert_eq!((given, found), (known, now.clone())),
        other => panic!("{other}"),
    }
    assert_eq!(place.text(), "{ gateway: { port: 7 } }");
    assert_eq!(place.on(&now, set()).unwrap().changed, ["gateway.port"]);
}

#[test]
fn a_whole_config_without_comments_changes_values_and_one_with_comments_replaces_the_text() {
    let place = place(TEXT);
    let mut shown = load(&place.paths, &Env::default()).unwrap().redacted();
    shown["gateway"]["port"] = json!(1234);
    shown.as_object_mut().unwrap().shift_remove("tools");
    assert_eq!(place.replace(&format!("{shown:#}")).unwrap(), ["gateway.port", "tools.deny"]);
    let text = place.text();
    assert!(text.contains("// head") && text.contains("// gw") && text.contains("'sekrit'"), "{text}");

    // As `config.get` shows the text: the comments are still those of the file.
    let raw = load(&place.paths, &Env::default()).unwrap().redacted_raw();
    assert!(!raw.contains("head") && raw.contains(&format!("// {REDACTED}")), "{raw}");
    assert_eq!(place.replace(&raw.replace("1234", "4321")).unwrap(), ["gateway.port"]);
    assert_eq!(place.text(), text.replace("1234", "4321"));

    let mine = format!("{{ // new\n gateway: {{ auth: {{ mode: 'token', token: '{REDACTED}' }} }} }}\n");
    place.replace(&mine).unwrap();
    assert_eq!(place.text(), mine.replace(&format!("'{REDACTED}'"), "\"sekrit\""));
}

#[test]
fn a_placeholder_is_never_written() {
    let place = place(TEXT);
    let steps = |path: &str| config::path_steps(path).unwrap();
    let placeholder = || Value::from(REDACTED);
    let rows = [
        Change::Set { steps: steps("gateway.remote.token"), value: placeholder() },
        Change::Set { steps: steps("gateway.auth.mode"), value: placeholder() },
        Change::Set { steps: steps("gateway.remote"), value: json!({"url": "ws://h", "token": REDACTED}) },
        Change::Merge { patch: json!({"channels": {"telegram": {"botToken": REDACTED}}}), replace: vec![] },
        Change::Merge { patch: json!({"env": {"vars": {"A": format!("x{REDACTED}y")}}}), replace: vec![] },
        Change::Replace {
            text: format!("{{ gateway: {{ auth: {{ mode: 'password', password: '{REDACTED}' }} }} }}"),
        },
    ];
    for change in rows {
        let error = place.change(change.clone()).unwrap_err().to_string();
        assert!(error.contains(REDACTED) && !error.contains("sekrit"), "{change:?}: {error}");
        assert_eq!(place.text(), TEXT, "{change:?}");
    }
    let set = Change::Set {
        steps: steps("gateway.auth"),
        value: json!({"mode": "token", "token": REDACTED, "rateLimit": {"maxAttempts": 3}}),
    };
    assert_eq!(place.change(set).unwrap().changed, ["gateway.auth.rateLimit.maxAttempts"]);
    assert!(place.text().contains("'sekrit'"));
}

#[test]
fn what_would_not_start_is_not_written() {
    let place = place(TEXT);
    for change in [
        Change::Merge { patch: json!({"gateway": {"port": "x"}}), replace: vec![] },
        Change::Merge { patch: json!([1]), replace: vec![] },
        Change::Replace { text: "{ gateway: { port: 'x' } }".into() },
        Change::Replace { text: "{ gateway".into() },
        Change::Replace { text: "[]".into() },
    ] {
        assert!(place.change(change).is_err());
        assert_eq!((place.text(), place.beside(".bak")), (TEXT.to_owned(), None));
    }
    let env = Env::from([("OPENCLAW_CONFIG_READONLY", "1")]);
    let editor = Editor { paths: &place.paths, env: &env, base: None, dry_run: false };
    let refused = editor.apply(Change::Merge { patch: json!({"gateway": {"port": 1}}), replace: vec![] });
    assert!(refused.unwrap_err().to_string().contains("OPENCLAW_CONFIG_READONLY"));
}

#[test]
fn a_broken_file_can_be_replaced_and_is_not_taken_for_the_last_good_one() {
    let place = place(TEXT);
    place.merge(json!({"gateway": {"port": 1}})).unwrap();
    let good = place.text();
    place.merge(json!({"gateway": {"port": 2}})).unwrap();
    std::fs::write(&place.paths.config_file, "{ broken").unwrap();
    assert!(place.merge(json!({"gateway": {"port": 3}})).is_err(), "nobody knows what it says");
    place.replace("{ gateway: { port: 4 } }").unwrap();
    assert_eq!(place.beside(".bak"), Some(good));
    assert_eq!(place.beside(".broken").as_deref(), Some("{ broken"));
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let place = place("{}");
    std::thread::scope(|scope| {
        for n in 0..4 {
            let place = &place;
            scope.spawn(move || {
                for m in 0..3 {
                    place.merge(json!({"later": {format!("w{n}"): m}})).unwrap();
                }
            });
        }
    });
    let later = load(&place.paths, &Env::default()).unwrap().source["later"].clone();
    assert_eq!(later.as_object().unwrap().len(), 4);
    assert!(later.as_object().unwrap().values().all(|v| *v == json!(2)), "{later}");
}
