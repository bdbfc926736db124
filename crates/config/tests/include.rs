//! A config in several files.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use config::{Change, EditError, Editor, Env, Loaded, Paths, load};
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;

struct Place {
    dir: TempDir,
    paths: Paths,
    env: Env,
}

impl Place {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = dir.path().canonicalize().unwrap().join("state");
        let config_file = state_dir.join("openclaw.json");
        let paths = Paths { state_dir, config_file, dev: false, profile: None };
        let place = Self { dir, paths, env: Env::default() };
        files.iter().for_each(|(name, text)| place.write(name, text));
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.paths.state_dir.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.file(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    fn load(&self) -> Loaded {
        load(&self.paths, &self.env).unwrap_or_else(|error| panic!("{error}"))
    }

    fn error(&self) -> String {
        load(&self.paths, &self.env).unwrap_err().to_string()
    }

    fn change(&self, change: Change) -> Result<Vec<String>, EditError> {
        let editor = Editor { paths: &self.paths, env: &self.env, base: None, dry_run: false };
        editor.apply(change).map(|edited| edited.changed)
    }

    fn set(&self, path: &str, value: Value) -> Result<Vec<String>, EditError> {
        self.change(Change::Set { steps: config::path_steps(path).unwrap(), value })
    }
}

#[test]
fn files_are_merged_in_order_and_what_stands_beside_them_comes_last() {
    let place = Place::with(&[
        (
            "openclaw.json",
            "{ channels: { telegram: { $include: ['./a.json5', 'sub/b.json5'], allowFrom: ['3'], groups: { '1': { enabled: true } } } }, agents: { $include: 'agents.json5' } }",
        ),
        (
            "a.json5",
            "{ allowFrom: ['1'], dmPolicy: 'allowlist', groups: { '1': { requireMention: true, enabled: false } } }",
        ),
        ("sub/b.json5", "{ allowFrom: ['2'], groups: { $include: './c.json5' } }"),
        ("sub/c.json5", "{ '2': { requireMention: false } }"),
        ("agents.json5", "{ defaults: { timeoutSeconds: 60 } }"),
    ]);
    let loaded = place.load();
    assert_eq!(
        loaded.source["channels"]["telegram"],
        json!({"allowFrom": ["1", "2", "3"], "dmPolicy": "allowlist",
            "groups": {"1": {"requireMention": true, "enabled": true}, "2": {"requireMention": false}}})
    );
    assert_eq!(loaded.config.agents.defaults.timeout_seconds, 60);
    assert_eq!(loaded.included.len(), 4);
    assert_eq!(loaded.warnings, []);
    place.write("sub/c.json5", "{}");
    let again = place.load();
    assert_eq!(again.hash, loaded.hash);
    assert_ne!(again.revision, loaded.revision, "the revision counts what is included");
}

#[test]
fn what_is_wrong_in_an_included_file_is_named_with_that_file_and_line() {
    let place = Place::with(&[
        (
            "openclaw.json",
            "{\n  gateway: {\n    $include: './gw.json5' },\n  agents: { $include: ['one.json5', 'two.json5'] } }",
        ),
        ("gw.json5", "{\n  // the port\n  port: 'x',\n}"),
        ("one.json5", "{ defaults: { model: 'a/b' } }"),
        ("two.json5", "{ defaults: {\n timeoutSeconds: -1,\n modl: 'x' } }"),
    ]);
    let error = place.error();
    let at = |name: &str, rest: &str| format!("{}:{rest}", place.file(name).display());
    assert!(error.contains(&at("gw.json5", "3:9: gateway.port: \"x\" is not allowed")), "{error}");
    assert!(
        error.contains(&at("two.json5", "2:18: agents.defaults.timeoutSeconds: -1 is not allowed")),
        "{error}"
    );
    place.write("gw.json5", "{ port: 1 }");
    place.write("two.json5", "{ defaults: {\n modl: 'x' } }");
    let warning = place.load().warnings[0].to_string();
    assert_eq!(warning, at("two.json5", "2:2: agents.defaults.modl: unknown key; did you mean `model`?"));
    place.write("gw.json5", "{ port: }");
    assert!(place.error().starts_with(&at("gw.json5", "1:9:")), "{}", place.error());
}

#[test]
fn a_file_that_cannot_be_included_is_refused_with_the_place_that_names_it() {
    let place = Place::with(&[("loop.json5", "{ x: { $include: './openclaw.json' } }")]);
    std::fs::write(place.dir.path().join("outside.json5"), "{}").unwrap();
    std::os::unix::fs::symlink(place.dir.path().join("outside.json5"), place.file("link.json5")).unwrap();
    let outside = place.dir.path().join("outside.json5").display().to_string();
    for (named, want) in [
        ("'./gone.json5'".to_owned(), "gone.json5: No such file"),
        ("'../outside.json5'".to_owned(), "lies outside the directory of the config file"),
        (format!("'{outside}'"), "lies outside the directory of the config file"),
        ("'link.json5'".to_owned(), "lies outside the directory of the config file"),
        ("'loop.json5'".to_owned(), "includes itself"),
        ("'openclaw.json'".to_owned(), "includes itself"),
        ("7".to_owned(), "use the path of a file, or a list of them"),
        ("[]".to_owned(), "use the path of a file, or a list of them"),
        ("['a', 7]".to_owned(), "use the path of a file, or a list of them"),
        ("''".to_owned(), "use the path of a file"),
        (format!("'{}'", "a/".repeat(2100)), "longer than 4096 bytes"),
    ] {
        place.write("openclaw.json", &format!("{{\n  agents: {{ $include: {named} }} }}"));
        let error = place.error();
        assert!(error.contains(want) && error.contains("json"), "{named}: {error}");
        if !want.contains("itself") {
            assert!(error.contains("openclaw.json:2:"), "{named}: {error}");
        }
    }
    let mut place = place;
    place.env = Env::from([("OPENCLAW_INCLUDE_ROOTS", place.dir.path().display().to_string())]);
    place.write("openclaw.json", "{ agents: { $include: 'link.json5' } }");
    assert_eq!(place.load().included.len(), 1, "its directory was allowed");
}

#[test]
fn files_within_files_have_a_limit() {
    let place = Place::with(&[]);
    for n in 0..12 {
        place.write(&format!("{n}.json5"), &format!("{{ a: {{ $include: './{}.json5' }} }}", n + 1));
    }
    place.write("12.json5", "{}");
    place.write("openclaw.json", "{ meta: { $include: '3.json5' } }");
    place.load();
    place.write("openclaw.json", "{ meta: { $include: '2.json5' } }");
    assert!(place.error().contains("more than 10 deep"), "{}", place.error());
}

#[test]
fn changes_go_into_the_config_file_and_never_unfold_what_it_includes() {
    let root =
        "{\n  // mine\n  agents: { $include: './agents.json5' }, // theirs\n  gateway: { port: 1 },\n}\n";
    let agents = "{ defaults: { timeoutSeconds: 60, userTimezone: 'UTC' }, list: [{ id: 'a' }] }";
    let place = Place::with(&[("openclaw.json", root), ("agents.json5", agents)]);
    assert_eq!(place.set("gateway.port", json!(2)).unwrap(), ["gateway.port"]);
    assert_eq!(place.text("openclaw.json"), root.replace("port: 1", "port: 2"));
    place.set("agents.defaults.timeoutSeconds", json!(90)).unwrap();
    let text = place.text("openclaw.json");
    assert!(text.contains("$include: './agents.json5'") && text.contains("// theirs"), "{text}");
    let loaded = place.load();
    assert_eq!(loaded.source["agents"]["defaults"], json!({"timeoutSeconds": 90, "userTimezone": "UTC"}));
    // What only the other file says cannot be taken away or shortened from here.
    for change in [
        Change::Unset { steps: config::path_steps("agents.defaults.userTimezone").unwrap() },
        Change::Set { steps: config::path_steps("agents.list[0].name").unwrap(), value: json!("A") },
        Change::Set { steps: config::path_steps("agents.list").unwrap(), value: json!([]) },
        Change::Merge { patch: json!({"agents": {"defaults": {"userTimezone": null}}}), replace: vec![] },
    ] {
        let error = place.change(change.clone()).unwrap_err();
        assert!(
            matches!(&error, EditError::Included { file, .. } if file.ends_with("agents.json5")),
            "{change:?}: {error}"
        );
    }
    // A whole config without includes, as forms send it: what differs goes into the file.
    let mut whole = place.load().source;
    whole["gateway"]["port"] = json!(3);
    whole["agents"]["defaults"]["maxConcurrent"] = json!(5);
    let changed = place.change(Change::Replace { text: whole.to_string() }).unwrap();
    assert_eq!(changed, ["agents.defaults.maxConcurrent", "gateway.port"]);
    let text = place.text("openclaw.json");
    assert!(
        text.contains("$include") && text.contains("// mine") && !text.contains("userTimezone"),
        "{text}"
    );
    assert_eq!(place.load().source, whole);
    assert_eq!(place.text("agents.json5"), agents);
}

#[test]
fn an_included_secret_is_shown_to_nobody_and_copied_nowhere() {
    let place = Place::with(&[
        ("openclaw.json", "{ gateway: { $include: 'gw.json5' } }"),
        ("gw.json5", "{ auth: { mode: 'token', token: 'deep-secret' } }"),
    ]);
    let loaded = place.load();
    assert!(
        !loaded.redacted().to_string().contains("deep-secret")
            && !loaded.redacted_raw().contains("deep-secret")
    );
    let mut shown = loaded.redacted();
    shown["gateway"]["port"] = json!(5);
    assert_eq!(place.change(Change::Replace { text: shown.to_string() }).unwrap(), ["gateway.port"]);
    assert!(!place.text("openclaw.json").contains("deep-secret"));
    assert_eq!(place.load().source["gateway"]["auth"]["token"], "deep-secret");
}
