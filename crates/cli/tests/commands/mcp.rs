//! `openclaw mcp`: servers of tools in the configuration, and speaking with them.

use crate::support::Home;
use serde_json::json;

const CONFIG: &str =
    "{\n  // mine\n  mcp: { servers: {\n    // the old one\n    old: { command: 'true' },\n  } },\n}\n";

/// Answers each request at once, and lends two tools where it knows the secret.
const SERVER: &str = r#"[ "$KEY" = hunter2 ] || { echo 'no key' >&2; exit 3; }
say() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
while IFS= read -r line; do
  id=${line#*'"id":'}; id=${id%%,*}
  case "$line" in
    *'"initialize"'*) say '{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"prompts":{}},"serverInfo":{"name":"s","version":"1"}}' ;;
    *'"tools/list"'*) say '{"tools":[{"name":"search"},{"name":"delete"}]}' ;;
  esac
done
"#;

fn text(home: &Home) -> String {
    std::fs::read_to_string(home.state().join("openclaw.json")).unwrap()
}

fn home() -> (Home, String) {
    let home = Home::with_config(CONFIG);
    let script = home.path().join("server.sh");
    std::fs::write(&script, SERVER).unwrap();
    (home, script.display().to_string())
}

#[test]
fn a_server_is_spoken_with_before_it_is_kept_and_its_secret_is_kept_by_name() {
    let (home, script) = home();
    let add = ["mcp", "add", "docs", "--command", "/bin/sh", "--arg", &script, "--env", "KEY=${DOCS_KEY}"];
    let vars = [("PATH", "/usr/bin:/bin"), ("DOCS_KEY", "wrong")];
    let refused = home.run_with(&add, &vars);
    assert_eq!((refused.code, text(&home)), (1, CONFIG.to_owned()), "{}", refused.err);
    assert!(
        refused.err.contains("cannot be spoken with") && refused.err.contains("--no-probe"),
        "{}",
        refused.err
    );

    let vars = [("PATH", "/usr/bin:/bin"), ("DOCS_KEY", "hunter2")];
    let kept = home.run_with(&add, &vars);
    assert_eq!(kept.code, 0, "{}", kept.err);
    assert!(
        kept.err.contains("docs__delete, docs__prompts_get, docs__prompts_list, docs__search"),
        "{}",
        kept.err
    );
    let now = text(&home);
    assert!(now.contains("// mine") && now.contains("// the old one"), "{now}");
    assert!(now.contains("${DOCS_KEY}") && !now.contains("hunter2"), "{now}");

    let fewer = home.run(&["mcp", "tools", "docs", "--exclude", "delete"]);
    assert_eq!(fewer.code, 0, "{}", fewer.err);
    let seen = home.run_with(&["mcp", "probe", "docs", "--json"], &vars);
    assert_eq!(seen.code, 0, "{}{}", seen.out, seen.err);
    let seen = seen.json();
    assert_eq!(seen["tools"], json!(["docs__prompts_get", "docs__prompts_list", "docs__search"]), "{seen}");
    let docs = &seen["servers"]["docs"];
    assert_eq!(
        (&docs["tools"], &docs["prompts"], &docs["resources"]),
        (&json!(3), &json!(true), &json!(null))
    );
    assert_eq!(docs["listChanged"], json!({"tools": true, "resources": false, "prompts": false}));

    let all = home.run_with(&["mcp", "probe", "--json"], &vars);
    assert_eq!(all.code, 1, "the old one ends at once");
    assert_eq!(all.json()["diagnostics"][0]["server"], "old", "{}", all.out);
    assert_eq!(all.json()["tools"], seen["tools"], "what answers is shown all the same");
}

#[test]
fn parts_of_a_server_are_changed_and_the_rest_of_the_file_stays() {
    let (home, _) = home();
    let run = |args: &[&str]| {
        let ran = home.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        ran
    };
    run(&["mcp", "set", "web", "{ type: 'http', url: 'https://mcp.example/mcp' }"]);
    run(&["mcp", "configure", "web", "--timeout", "20", "--include", "a,b*", "--disable"]);
    let shown = run(&["mcp", "show", "web", "--json"]).json();
    let want = json!({"url": "https://mcp.example/mcp", "transport": "streamable-http", "requestTimeoutMs": 20_000,
                      "toolFilter": {"include": ["a", "b*"]}, "enabled": false});
    assert_eq!(shown, want);
    run(&["mcp", "configure", "web", "--enable", "--clear-tools", "--clear-timeouts"]);
    let shown = run(&["mcp", "show", "web", "--json"]).json();
    assert_eq!(shown, json!({"url": "https://mcp.example/mcp", "transport": "streamable-http"}));
    run(&["mcp", "remove", "web"]);
    assert_eq!(run(&["mcp", "list"]).out, "old\n");
    assert!(text(&home).contains("// the old one\n    old: { command: 'true' }"), "{}", text(&home));
    for (args, code) in [
        (&["mcp", "unset", "web"][..], 1),
        (&["mcp", "add", "old", "--command", "x", "--no-probe"], 2),
        (&["mcp", "add", "new", "--url", "ftp://x", "--no-probe"], 6),
        (&["mcp", "set", "new", "[]"], 2),
        (&["mcp", "configure", "old", "--approval", "auto"], 2),
        (&["mcp", "serve", "--verbose"], 2),
    ] {
        let before = text(&home);
        let ran = home.run(args);
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.out, ran.err);
        assert_eq!(text(&home), before, "{args:?}");
    }
}

#[test]
fn a_look_at_the_descriptions_finds_what_cannot_work_and_shows_no_secret() {
    let home = Home::with_config(
        r#"{ mcp: { servers: {
            gone: { command: "no-such-program", cwd: "/no/such/place" },
            off: { command: "no-such-program", enabled: false },
            web: { url: "https://mcp.example", headers: { Authorization: "Bearer hunter2" } },
            args: { command: "/bin/sh", args: ["--api-key", "hunter3"], env: { TOKEN: "${T}" } },
        } } }"#,
    );
    let ran = home.run(&["mcp", "doctor", "--json"]);
    assert_eq!(ran.code, 9, "{}", ran.err);
    let report = ran.json();
    let of = |name: &str| {
        let server =
            report["servers"].as_array().unwrap().iter().find(|server| server["name"] == name).unwrap();
        (server["ok"].clone(), server["issues"].as_array().unwrap().len())
    };
    assert_eq!((of("gone"), of("off")), ((json!(false), 2), (json!(true), 2)), "{report}");
    assert_eq!((of("web"), of("args")), ((json!(true), 1), (json!(true), 0)), "{report}");
    for args in [
        &["mcp", "show"][..],
        &["mcp", "status", "--verbose"],
        &["mcp", "list", "--json"],
        &["mcp", "doctor"],
    ] {
        let ran = home.run(args);
        assert!(!ran.out.contains("hunter") && !ran.err.contains("hunter"), "{args:?}: {}", ran.out);
    }
    assert_eq!(home.run(&["mcp", "doctor", "args"]).code, 0);
}
