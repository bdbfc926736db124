//! What a node lends by its own configuration, used by the agent of a gateway: a server of tools, and a browser. And the same of the
//! gateway itself.

use crate::live::{self, Node, Program, TOKEN};
use crate::support::Home;
use crate::world::{self, PAIRING, World};
use serde_json::Value;
use std::path::Path;

/// Answers each request at once; a child holds the pipe that `$HELD` names open, for as long as it lives.
const SERVER: &str = r#"#!/bin/sh
exec 3>"$HELD"; (trap '' TERM; sleep 1000) >/dev/null 2>&1 &
exec 3>&-
say() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
while IFS= read -r line; do
  id=${line#*'"id":'}; id=${id%%,*}
  case "$line" in
    *'"initialize"'*) say '{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}' ;;
    *'"tools/list"'*) say '{"tools":[{"name":"search","description":"Searches files.","inputSchema":{"type":"object"}}]}' ;;
    *'"tools/call"'*) say "{\"content\":[{\"type\":\"text\",\"text\":\"found in $PLACE\"}]}" ;;
  esac
done
"#;

/// The home of a node that runs the server.
fn home() -> Home {
    let home = Home::new();
    let (script, held) = (home.path().join("server.sh"), home.path().join("held"));
    std::fs::write(&script, SERVER).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&held).status().unwrap().success());
    let text = format!(
        r#"{{ nodeHost: {{ mcp: {{ servers: {{
            docs: {{ command: "/bin/sh", args: ["{}"], env: {{ PLACE: "the haystack", HELD: "{}" }} }},
            off: {{ enabled: false }},
        }} }} }} }}"#,
        script.display(),
        held.display()
    );
    std::fs::create_dir_all(home.state()).unwrap();
    std::fs::write(home.state().join("openclaw.json"), text).unwrap();
    home
}

/// Ends when all who write to the pipe are gone.
fn read_to_the_end(pipe: &Path) -> std::thread::JoinHandle<()> {
    let pipe = pipe.to_owned();
    std::thread::spawn(move || {
        std::fs::read(pipe).unwrap();
    })
}

fn run_node(world: &World, home: &Home) -> Program {
    let host = ["--host", "127.0.0.1", "--port", &world.gateway.port, "--display-name", "box"];
    let mut command = home.command(&[&["node", "run", "--json"], &host[..]].concat());
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN).env("PATH", "/usr/bin:/bin");
    let program = Program::start("node", command);
    program.wait_for_json("a connection", |v| (v["type"] == "connected").then_some(()));
    program
}

/// The tools of the node that an agent may use now, once there are as many.
fn effective(world: &World, count: usize) -> Vec<String> {
    for _ in 0..500 {
        let params = r#"{"sessionKey":"agent:main:main"}"#;
        let answer = world.json(&["gateway", "call", "tools.effective", "--params", params]);
        let groups = answer["groups"].as_array().unwrap().iter().filter(|group| group["id"] == "mcp");
        let tools: Vec<&Value> = groups.flat_map(|group| group["tools"].as_array().unwrap()).collect();
        if tools.len() == count {
            return tools.iter().map(|tool| tool["id"].as_str().unwrap().to_owned()).collect();
        }
    }
    panic!("there never are {count} tools of servers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_uses_a_server_of_the_node_and_the_server_does_not_outlive_a_node_that_is_killed() {
    let world = World::start().await;
    let home = home();
    let held = read_to_the_end(&home.path().join("held"));
    let node = Node { program: run_node(&world, &home), home };
    let pending = world.json(&["nodes", "pending"]);
    assert_eq!(effective(&world, 0), [""; 0], "nothing is lent before its command is approved");
    world.json(&["nodes", "approve", pending[0]["requestId"].as_str().unwrap()]);
    assert_eq!(effective(&world, 1), ["docs_search"]);
    let answer = world.run(&["agent", "-m", r#"TOOL:docs_search {"text": "needle"}"#]);
    assert!(answer.out.contains("found in the haystack"), "{}{}", answer.out, answer.err);
    let described = world.json(&["nodes", "describe", "--node", "box"]);
    assert_eq!(described["nodePluginTools"][0]["mcp"]["server"], "docs", "{described}");

    node.program.kill();
    held.join().unwrap();
    assert_eq!(effective(&world, 0), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_drives_the_browser_of_the_node_which_does_not_outlive_a_node_that_is_killed() {
    let world = World::start().await;
    let home = Home::with_config(
        r#"{ browser: { executablePath: "/usr/bin/chromium", noSandbox: true, ssrfPolicy: { allowedHostnames: ["127.0.0.1"] } } }"#,
    );
    assert!(Path::new("/usr/bin/chromium").is_file(), "Chromium is missing; scripts/test installs it");
    let node = Node { program: run_node(&world, &home), home };
    let pending = world.json(&["nodes", "pending"]);
    let open = format!(
        r#"TOOL:browser {{"action": "open", "targetUrl": "http://127.0.0.1:{}/", "label": "status"}}"#,
        world.gateway.port
    );
    let without = world.run(&["agent", "-m", &open, "--session-key", "before"]);
    assert!(!without.out.contains("suggestedTargetId"), "{}", without.out);
    world.json(&["nodes", "approve", pending[0]["requestId"].as_str().unwrap()]);
    let opened = world.run(&["agent", "-m", &open, "--session-key", "after"]);
    assert!(opened.out.contains("\"suggestedTargetId\":\"status\""), "{}{}", opened.out, opened.err);
    let inner = world.run(&[
        "agent",
        "-m",
        r#"TOOL:browser {"action": "navigate", "targetUrl": "http://127.0.0.2/"}"#,
    ]);
    assert!(
        inner.out.contains("403") && inner.out.contains("browser.ssrfPolicy"),
        "{}{}",
        inner.out,
        inner.err
    );

    let status =
        ["nodes", "invoke", "--node", "box", "--command", "browser.proxy", "--params", r#"{"path": "/"}"#];
    let pid = world.json(&status)["payload"]["result"]["pid"].as_u64().unwrap();
    let stat = format!("/proc/{pid}/stat");
    assert!(std::fs::exists(&stat).unwrap());
    node.program.kill();
    browser_ended(&stat).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateways_own_servers_follow_its_configuration_and_do_not_outlive_it() {
    let place = home();
    let (script, first, second) =
        (place.path().join("server.sh"), place.path().join("held"), place.path().join("second"));
    assert!(std::process::Command::new("mkfifo").arg(&second).status().unwrap().success());
    let (first_held, second_held) = (read_to_the_end(&first), read_to_the_end(&second));
    let more = format!(
        r#"mcp: {{ servers: {{
            "my docs": {{ command: "/bin/sh", args: ["{}"], env: {{ PLACE: "the haystack", HELD: "{}" }} }},
            locked: {{ command: "/bin/cat", env: {{ KEY: {{ source: "env", provider: "default", id: "NO_SUCH_THING" }} }} }},
            off: {{ enabled: false }},
        }} }}, tools: {{ deny: ["nothing__*"] }},"#,
        script.display(),
        first.display()
    );
    let world = World::with("openai-completions", PAIRING, &more).await;
    let left_out = |line: &str| line.contains("NO_SUCH_THING").then(|| line.to_owned());
    let told = world.gateway.program.wait_for("a secret that cannot be had", left_out);
    assert!(told.contains("left out") && told.contains("mcp.servers.locked.env.KEY"), "{told}");
    assert_eq!(effective(&world, 1), ["my-docs__search"]);
    let answer = world.run(&["agent", "-m", r#"TOOL:my-docs__search {"text": "needle"}"#]);
    assert!(answer.out.contains("found in the haystack"), "{}{}", answer.out, answer.err);

    // Described otherwise, it is started anew; the gateway goes on.
    let file = world.home.state().join("openclaw.json");
    let change = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
    };
    change(
        &format!(r#""the haystack", HELD: "{}""#, first.display()),
        &format!(r#""the attic", HELD: "{}""#, second.display()),
    );
    first_held.join().unwrap();
    assert_eq!(effective(&world, 1), ["my-docs__search"]);
    let found = || {
        let params = r#"{"name": "my-docs__search", "args": {}}"#;
        world.json(&["gateway", "call", "tools.invoke", "--params", params]).to_string()
    };
    assert!(found().contains("found in the attic"), "{}", found());
    change("nothing__*", "my-docs__*");
    assert_eq!(effective(&world, 0), [""; 0], "the list of denied tools names the whole server");
    change("my-docs__*", "nothing__*");
    assert_eq!(effective(&world, 1), ["my-docs__search"]);

    world.gateway.program.kill();
    second_held.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_has_a_browser_itself_only_where_its_configuration_says_so_and_it_ends_with_it() {
    let plain = World::start().await;
    let none = plain.run(&["browser", "status", "--target", "host"]);
    assert!(none.code == 1 && none.err.contains("browser.enabled"), "{}{}", none.out, none.err);
    drop(plain);
    let browser = r#"browser: { enabled: true, headless: true, executablePath: "/usr/bin/chromium", noSandbox: true,
        ssrfPolicy: { allowedHostnames: ["127.0.0.1"] } }, "#;
    let world = World::with("openai-completions", world::PAIRING, browser).await;
    let page = format!("http://127.0.0.1:{}/", world.gateway.port);
    let opened = world.json(&["browser", "open", &page, "--label", "status"]);
    assert_eq!(opened["suggestedTargetId"], "status", "{opened}");
    let picture = world.json(&["browser", "screenshot", "--target", "host"]);
    assert!(std::fs::read(picture["path"].as_str().unwrap()).unwrap().starts_with(b"\x89PNG"), "{picture}");
    let snapshot = world.json(&["browser", "snapshot", "--labels"]);
    for (drawn, path) in
        [(&world.json(&["browser", "screenshot", "--labels"]), "path"), (&snapshot, "imagePath")]
    {
        assert_eq!(drawn["labels"], true, "{drawn}");
        assert!(std::fs::read(drawn[path].as_str().unwrap()).unwrap().starts_with(b"\x89PNG"), "{drawn}");
    }
    let node = world.run(&["browser", "status", "--target", "node"]);
    assert!(node.code == 1 && node.err.contains("No connected node"), "{}{}", node.out, node.err);
    let asked = r#"TOOL:browser {"action": "snapshot", "target": "host", "targetId": "status"}"#;
    let said = world.run(&["agent", "-m", asked]);
    assert!(
        said.out.contains("On the gateway's host") && said.out.contains("<<<web "),
        "{}{}",
        said.out,
        said.err
    );
    // A node of the same computer finds the profile held.
    let shared = Home::with_config(
        r#"{ browser: { executablePath: "/usr/bin/chromium", headless: true, noSandbox: true } }"#,
    );
    let held = world.home.state().join("browser");
    std::os::unix::fs::symlink(&held, shared.state().join("browser")).unwrap();
    let node = Node { program: run_node(&world, &shared), home: shared };
    let pending = world.json(&["nodes", "pending"]);
    world.json(&["nodes", "approve", pending[0]["requestId"].as_str().unwrap()]);
    let second = world.run(&["browser", "start", "--node", "box"]);
    assert!(second.code == 1 && second.err.contains("another process"), "{}{}", second.out, second.err);
    node.program.kill();

    let pid = world.json(&["browser", "status"])["pid"].as_u64().unwrap();
    let stat = format!("/proc/{pid}/stat");
    assert!(std::fs::exists(&stat).unwrap());
    world.gateway.program.kill();
    browser_ended(&stat).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_leaves_out_a_server_whose_secret_cannot_be_had_names_it_and_lends_the_others() {
    let world = World::start().await;
    let home = home();
    let file = home.state().join("openclaw.json");
    let locked = r#"servers: { locked: { command: "/bin/cat", env: { KEY: { source: "env", provider: "default", id: "NOT_THERE_KEY" } } },"#;
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("servers: {", locked)).unwrap();
    let held = read_to_the_end(&home.path().join("held"));
    let node = Node { program: run_node(&world, &home), home };
    let left_out = |line: &str| line.contains("NOT_THERE_KEY").then(|| line.to_owned());
    let told = node.program.wait_for("a secret that cannot be had", left_out);
    assert!(told.contains("left out") && told.contains("nodeHost.mcp.servers.locked.env.KEY"), "{told}");
    let pending = world.json(&["nodes", "pending"]);
    world.json(&["nodes", "approve", pending[0]["requestId"].as_str().unwrap()]);
    assert_eq!(effective(&world, 1), ["docs_search"]);
    node.program.kill();
    held.join().unwrap();
}

#[test]
fn a_configuration_that_cannot_be_used_stops_the_node_and_names_the_key() {
    let home = Home::with_config(r#"{ nodeHost: { mcp: { servers: { docs: { args: ["x"] } } } } }"#);
    let args = ["node", "run", "--host", "127.0.0.1", "--port", "1"];
    let ran = home.run_with(&args, &[("OPENCLAW_GATEWAY_TOKEN", TOKEN)]);
    assert_eq!(ran.code, 6, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("nodeHost.mcp.servers.docs.command"), "{}", ran.err);
}

/// Waits until the process with this file of `/proc` has ended.
async fn browser_ended(stat: &str) {
    let gone =
        || std::fs::read_to_string(stat).map_or(true, |stat| stat.contains(") Z ") || stat.contains(") X "));
    let ended = async {
        while !gone() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(live::PATIENCE, ended).await.expect("the browser lives on");
}
