//! The commands of this host alone: the configuration, what is set up in it, and what is said where nothing is.

use crate::book::{Book, Scene};
use crate::support::Home;

const CONFIG: &str = r#"{
  // kept
  gateway: { mode: "local", port: 18790, auth: { mode: "token", token: "hunter2-hunter2-hunter2" } },
  models: { providers: { lab: { baseUrl: "http://127.0.0.1:9/v1", apiKey: "hunter3",
    models: [{ id: "large", name: "Large", contextWindow: 64000 }] } } },
  agents: { defaults: { model: { primary: "lab/large" } } },
}
"#;

pub(crate) fn run(book: &Book) {
    let (empty, home) = (Home::new(), Home::with_config(CONFIG));
    book.know(empty.path().to_str().unwrap(), "/home/new");
    book.know(home.path().to_str().unwrap(), "/home/me");
    let scene = |home| Scene { book, home, gateway: None, vars: &[("OPENCLAW_TEST", "1")] };
    let staff = Home::with_config("{ agents: { entries: { main: { default: true }, writer: {} } } }");
    book.know(staff.path().to_str().unwrap(), "/home/staff");
    nothing_yet(&scene(&empty));
    agents(&scene(&staff));
    configuration(&scene(&home));
    models(&scene(&home));
    channels(&scene(&home));
    mcp(&scene(&home));
    approvals(&scene(&home));
    others(&scene(&home));
    onboarding(book);
}

fn agents(scene: &Scene) {
    let bind = ["agents", "bind", "--agent", "writer", "--bind", "telegram:alerts"];
    scene.shows(&["agents", "bindings"]);
    scene.shows(&[&bind[..], &["--bind", "slack"]].concat());
    scene.shows(&bind);
    scene.shows(&bind);
    scene.shows(&["agents", "bind", "--bind", "telegram:alerts"]);
    scene.shows(&["agents", "bindings"]);
    scene.shows(&["agents", "unbind", "--agent", "writer", "--all"]);
}

fn nothing_yet(empty: &Scene) {
    for args in [
        &["config", "file"][..],
        &["config", "get"],
        &["config", "validate"],
        &["channels", "list"],
        &["models", "fallbacks", "list"],
        &["models", "aliases", "list"],
        &["models", "auth", "list"],
        &["mcp", "list"],
        &["approvals", "get"],
        &["devices", "list", "--local"],
        &["gateway", "tls", "fingerprint"],
        &["gateway", "tls", "rotate"],
        &["remote", "status"],
        &["remote", "logs"],
        &["remote", "up"],
        &["remote", "down"],
        &["dns", "setup"],
    ] {
        empty.shows_when("with nothing set up", args);
    }
}

fn configuration(scene: &Scene) {
    scene.shows(&["config", "file"]);
    scene.shows(&["config", "get"]);
    scene.shows(&["config", "get", "gateway.auth.mode"]);
    scene.shows(&["config", "get", "gateway.auth.nothing"]);
    scene.shows(&["config", "schema", "gateway.port"]);
    scene.shows(&["config", "validate"]);
    scene.shows(&["config", "set", "gateway.port", "18791", "--dry-run"]);
    scene.shows(&["config", "set", "gateway.port", "18791"]);
    scene.shows(&["config", "set", "gateway.port", "many"]);
    let batch = r#"[{"path": "gateway.port", "value": 18792}, {"path": "logging.level", "value": "info"}]"#;
    scene.shows(&["config", "set", "--batch-json", batch, "--dry-run"]);
    scene.shows(&["config", "unset", "gateway.port"]);
    let by_name = ["--ref-source", "env", "--ref-id", "LAB_KEY", "--dry-run"];
    scene.shows(&[&["config", "set", "models.providers.lab.apiKey"], &by_name[..]].concat());
    std::fs::write(scene.home.path().join("patch.json5"), "{ gateway: { bind: 'lan' } }").unwrap();
    scene.shows(&["config", "patch", "--file", "patch.json5"]);
    scene.shows(&["models", "set", "anthropic/claude-sonnet-4-5"]);
    scene.shows(&["models", "set", "nobody/model"]);
    let file = scene.home.state().join("openclaw.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"lan\"", "\"everywhere\"").replace("64000", "'many'")).unwrap();
    scene.shows_when("with two mistakes", &["config", "validate"]);
    std::fs::write(&file, text).unwrap();
}

fn models(scene: &Scene) {
    scene.shows(&["models", "aliases", "add", "fast", "openai/gpt-4.1-mini"]);
    scene.shows(&["models", "aliases", "add", "two words", "openai/gpt-4.1-mini"]);
    scene.shows(&["models", "aliases", "list"]);
    scene.shows(&["models", "fallbacks", "add", "fast"]);
    scene.shows(&["models", "fallbacks", "add", "openrouter/some-model"]);
    scene.shows(&["models", "fallbacks", "list"]);
    scene.shows(&["models", "fallbacks", "remove", "fast"]);
    scene.shows(&["models", "fallbacks", "remove", "nobody/model"]);
    scene.shows(&["models", "fallbacks", "clear"]);
    scene.shows(&["models", "aliases", "remove", "fast"]);
    let of = ["--provider", "openai"];
    scene.shows_fed(&[&["models", "auth", "paste-api-key"], &of[..]].concat(), "hunter8");
    let token = ["--profile-id", "openai:work", "--expires-in", "90d"];
    scene.shows_fed(&[&["models", "auth", "paste-token"], &of[..], &token].concat(), "hunter9");
    scene.shows_fed(&["models", "auth", "setup-token"], "hunter9");
    scene.shows_fed(&["models", "auth", "setup-token"], "sk-ant-oat01-hunter9");
    scene.shows(&[&["models", "auth", "order", "get"], &of[..]].concat());
    scene.shows(&[&["models", "auth", "order", "set"], &of[..], &["openai:work"]].concat());
    scene.shows(&["models", "auth", "list"]);
    scene.shows(&[&["models", "auth", "order", "clear"], &of[..]].concat());
    scene.shows(&["models", "auth", "logout", "openai:work"]);
    scene.shows(&["models", "auth", "logout", "openai:work", "--yes"]);
}

fn channels(scene: &Scene) {
    let add = ["channels", "add", "--channel", "telegram"];
    scene.shows(&add);
    scene.shows(&[&add[..], &["--token", "1:hunter4", "--allow-from", "1001"]].concat());
    std::fs::write(scene.home.path().join("bot.token"), "2:hunter4\n").unwrap();
    scene.shows(&[&add[..], &["--account", "alerts", "--token-file", "bot.token"]].concat());
    scene.shows(&["channels", "list"]);
    scene.shows(&["channels", "remove", "--channel", "telegram", "--account", "alerts"]);
    let delete = ["channels", "remove", "--channel", "telegram", "--account", "alerts", "--delete"];
    scene.shows(&delete);
    scene.shows(&[&delete[..], &["--yes"]].concat());
}

fn mcp(scene: &Scene) {
    let docs = ["mcp", "add", "docs", "--command", "/opt/docs/server", "--env", "API_KEY=hunter10"];
    scene.shows(&docs);
    scene.shows(&[&docs[..], &["--no-probe"]].concat());
    scene.shows_when("that is there already", &["mcp", "add", "docs", "--command", "x", "--no-probe"]);
    let notes =
        "{ type: 'http', url: 'https://mcp.example/mcp', headers: { Authorization: 'Bearer ${NOTES}' } }";
    scene.shows(&["mcp", "set", "notes", notes]);
    scene.shows(&["mcp", "configure", "notes", "--disable", "--timeout", "20", "--connect-timeout", "5"]);
    scene.shows(&["mcp", "tools", "notes", "--include", "search,read_*"]);
    scene.shows(&["mcp", "list"]);
    scene.shows(&["mcp", "show", "docs"]);
    scene.shows(&["mcp", "status"]);
    scene.shows(&["mcp", "status", "--verbose"]);
    scene.shows(&["mcp", "doctor"]);
    scene.shows(&["mcp", "probe"]);
    scene.shows(&["mcp", "unset", "notes"]);
    scene.shows(&["mcp", "show", "notes"]);
}

fn approvals(scene: &Scene) {
    scene.shows(&["approvals", "allowlist", "add", "/usr/bin/git"]);
    scene.shows(&["approvals", "allowlist", "add", "~/bin/*", "--agent", "main"]);
    scene.shows(&["approvals", "get"]);
    scene.shows(&["approvals", "allowlist", "remove", "/usr/bin/git"]);
    let document = "{ version: 1, defaults: { security: 'allowlist', ask: 'on-miss' } }";
    std::fs::write(scene.home.path().join("new.json5"), document).unwrap();
    scene.shows(&["approvals", "set", "--file", "new.json5"]);
}

fn others(scene: &Scene) {
    let identity = scene.json(&["node", "identity"]);
    scene.book.know(identity["publicKey"].as_str().unwrap(), "<public key>");
    scene.shows(&["node", "identity"]);
    scene.shows(&["exit-codes"]);
    scene.shows(&["dns", "setup", "--domain", "example.com"]);
    scene.shows(&["man", "--dir", "pages"]);
}

fn onboarding(book: &Book) {
    let home = Home::new();
    book.know(home.path().to_str().unwrap(), "/home/new");
    let vars = [("ANTHROPIC_API_KEY", "hunter5"), ("BOT", "1:hunter6")];
    let scene = Scene { book, home: &home, gateway: None, vars: &vars };
    let flags = ["onboard", "--non-interactive", "--accept-risk", "--skip-health"];
    let model = ["--auth-choice", "anthropic-api-key", "--secret-input-mode", "ref"];
    let telegram = ["--telegram-token-ref-env", "BOT", "--telegram-allow-from", "1001"];
    scene.shows(&[&flags[..], &model, &telegram].concat());
    scene.shows_when("a second time", &flags);
    scene.shows(&[&flags[..], &["--remote-url", "ws://127.0.0.1:9", "--remote-token", "hunter7"]].concat());
    scene.shows_when("without a terminal", &["onboard"]);
}
