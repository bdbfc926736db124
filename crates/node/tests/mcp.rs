//! Servers of tools on the node: lent to the gateway, called by it, and none of them can hold the node up.

// The helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "mcp/http.rs"]
mod http;
#[path = "../../gateway/tests/support/logged.rs"]
mod logged;
mod support;

use logged::Logged;
use node::{McpProgram, McpServer, McpWay, NodeOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use support::{Bench, Peer, invoke, payload, read_pipe, result};

/// A server in a few lines of shell: it answers each request as `$1` says, which has the method in `$method`, the line in
/// `$line` and the number of the request in `$id`, and `say` for the answer's result.
const SERVER: &str = r#"
say() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
tools() { say "{\"tools\":[{\"name\":\"$1\",\"description\":\"Does $1.\",\"inputSchema\":{\"type\":\"object\"}}]}"; }
while IFS= read -r line; do
  id=${line#*'"id":'}; id=${id%%,*}
  method=${line#*'"method":"'}; method=${method%%'"'*}
  case "$method" in
    initialize) say '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}'"$CAN"'},"serverInfo":{"name":"s","version":"1"}}' ;;
    notifications/initialized) ;;
    *) eval "$ANSWERS" ;;
  esac
done
"#;

fn server(name: &str, answers: &str) -> McpServer {
    McpServer {
        name: name.into(),
        way: McpWay::Program(McpProgram {
            argv: vec!["/bin/sh".into(), "-c".into(), SERVER.into()],
            env: vec![("ANSWERS".into(), answers.to_owned().into())],
            cwd: None,
        }),
        connection_timeout: Duration::from_secs(20),
        request_timeout: None,
        include: Vec::new(),
        exclude: Vec::new(),
    }
}

fn by(argv: Vec<String>) -> McpWay {
    McpWay::Program(McpProgram { argv, env: Vec::new(), cwd: None })
}

fn with(bench: &Bench, servers: Vec<McpServer>) -> NodeOptions {
    NodeOptions { mcp: tokio::sync::watch::channel(Arc::new(servers)).1, ..bench.options() }
}

/// A connection of a gateway that takes tools.
async fn welcome(bench: &Bench) -> Peer {
    let takes = |hello: &mut Value| {
        hello["features"]["methods"].as_array_mut().unwrap().push("node.pluginTools.update".into());
    };
    bench.gateway.welcome_with(takes).await.0
}

/// The next list of tools that the node lends.
async fn lent(peer: &mut Peer) -> Vec<Value> {
    loop {
        let (id, method, mut params) = peer.request().await;
        peer.answer(&id, json!({"ok": true})).await;
        if method == "node.pluginTools.update" {
            let Value::Array(tools) = params["tools"].take() else { panic!("{params}") };
            return tools;
        }
        assert_eq!((method.as_str(), &params["event"]), ("node.event", &json!("node.host.stats")));
    }
}

/// The names in the next list that has these many tools; others are on the way to it.
async fn names(peer: &mut Peer, count: usize) -> Vec<String> {
    loop {
        let tools = lent(peer).await;
        if tools.len() == count {
            return tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
        }
    }
}

async fn call(peer: &mut Peer, id: &str, server: &str, tool: &str) {
    let params = json!({"server": server, "tool": tool, "arguments": {"text": "needle"}});
    invoke(peer, id, "mcp.tools.call.v1", params).await;
}

/// The next result, which is an error: code and message.
async fn failure(peer: &mut Peer) -> (String, String) {
    let (result, _) = result(peer).await;
    let text = |name: &str| result["error"][name].as_str().unwrap_or_else(|| panic!("{result}")).to_owned();
    (text("code"), text("message"))
}

#[tokio::test]
async fn tools_of_servers_are_lent_under_their_names_and_a_call_gives_what_the_server_gave() {
    let bench = Bench::new().await;
    let answers = r#"case "$method" in
        tools/list) case "$line" in
            *cursor*) say '{"tools":[{"name":"remove"},{"name":"look up"}]}' ;;
            *) say '{"tools":[{"name":"search","description":"Searches.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}}],"nextCursor":"2"}' ;;
        esac ;;
        tools/call) case "$line" in *needle*) say '{"content":[{"type":"text","text":"in the haystack"}]}' ;; esac ;;
    esac"#;
    let mut files = server("local files", answers);
    files.exclude = vec!["rem*".into()];
    bench
        .during_with(with(&bench, vec![files]), async {
            let mut peer = welcome(&bench).await;
            let tools = lent(&mut peer).await;
            assert_eq!(
                tools[1],
                json!({
                    "pluginId": "node-mcp", "name": "local_files_search", "description": "Searches.",
                    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
                    "command": "mcp.tools.call.v1", "mcp": {"server": "local files", "tool": "search"},
                })
            );
            assert_eq!((tools.len(), &tools[0]["name"]), (2, &json!("local_files_look_up")), "{tools:?}");
            call(&mut peer, "1", "local files", "search").await;
            let given = json!({"content": [{"type": "text", "text": "in the haystack"}]});
            assert_eq!(payload(&mut peer).await, given);
            for (server, tool, code) in [
                ("local files", "remove", "MCP_TOOL_UNAVAILABLE"),
                ("other", "search", "MCP_SERVER_UNAVAILABLE"),
            ] {
                call(&mut peer, tool, server, tool).await;
                assert_eq!(failure(&mut peer).await.0, code);
            }
            invoke(&mut peer, "bad", "mcp.tools.call.v1", json!({"server": "local files"})).await;
            assert_eq!(failure(&mut peer).await.0, "INVALID_REQUEST");

            drop(peer);
            let mut again = welcome(&bench).await;
            assert_eq!(lent(&mut again).await.len(), 2, "each connection is told");
            again
                .event("node.pair.resolved", json!({"nodeId": bench.node_id(), "decision": "approved"}))
                .await;
            assert_eq!(lent(&mut again).await.len(), 2, "and told again when the commands were approved");
        })
        .await;
}

#[tokio::test]
async fn tools_that_change_are_lent_anew_and_a_server_that_asks_is_answered() {
    let bench = Bench::new().await;
    let answers = r#"case "$method" in
        tools/list) tools "t${n:=1}" ;;
        tools/call) n=$((n+1)); call=$id
            echo '{"jsonrpc":"2.0","id":"q","method":"ping"}'
            IFS= read -r pong
            printf '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n'
            id=$call; case "$pong" in *'"id":"q"'*'"result":{}'*) say '{"content":[]}' ;; esac ;;
    esac"#;
    bench
        .during_with(with(&bench, vec![server("s", answers)]), async {
            let mut peer = welcome(&bench).await;
            assert_eq!(names(&mut peer, 1).await, ["s_t1"]);
            call(&mut peer, "1", "s", "t1").await;
            assert_eq!(payload(&mut peer).await, json!({"content": []}));
            assert_eq!(names(&mut peer, 1).await, ["s_t2"]);
        })
        .await;
}

#[tokio::test]
async fn a_server_that_dies_fails_its_calls_is_withdrawn_and_started_again() {
    let bench = Bench::new().await;
    let mark = bench.work().join("mark");
    let answers = format!(
        r#"case "$method" in tools/list) tools t ;; tools/call)
            if [ -e {0} ]; then say '{{"content":[]}}'; else : > {0}; echo 'out of memory' >&2; exit 3; fi ;; esac"#,
        mark.display()
    );
    let steady = server("steady", r#"case "$method" in tools/list) tools t ;; esac"#);
    bench
        .during_with(with(&bench, vec![server("frail", &answers), steady]), async {
            let mut peer = welcome(&bench).await;
            assert_eq!(names(&mut peer, 2).await, ["frail_t", "steady_t"]);
            call(&mut peer, "1", "frail", "t").await;
            // The failed call and the shorter list are told in either order.
            let (mut failed, mut withdrawn, mut back) = (None, false, false);
            while failed.is_none() || !withdrawn || !back {
                let (id, method, params) = peer.request().await;
                peer.answer(&id, json!({"ok": true})).await;
                match method.as_str() {
                    "node.invoke.result" => failed = Some(params["error"]["code"].clone()),
                    "node.pluginTools.update" if params["tools"].as_array().unwrap().len() == 1 => {
                        withdrawn = true
                    }
                    "node.pluginTools.update" => back = withdrawn,
                    _ => {}
                }
            }
            assert_eq!(failed.unwrap(), "MCP_SERVER_UNAVAILABLE");
            call(&mut peer, "2", "frail", "t").await;
            assert_eq!(payload(&mut peer).await, json!({"content": []}));
        })
        .await;
}

#[tokio::test]
async fn a_server_that_lists_its_tools_and_ends_again_and_again_is_started_ever_later() {
    let bench = Bench::new().await;
    let (logged, _listening) = Logged::listen();
    let pauses = || -> Vec<String> {
        let lines = logged.lines().into_iter().filter(|line| line.contains("a server of tools is not there"));
        lines
            .filter_map(|line| Some(line.split("again_in_ms=").nth(1)?.split(' ').next()?.to_owned()))
            .collect()
    };
    let frail = server("frail", r#"case "$method" in tools/list) tools t ;; tools/call) exit 3 ;; esac"#);
    bench
        .during_with(with(&bench, vec![frail]), async {
            let mut peer = welcome(&bench).await;
            let mut calls = 0;
            while pauses().len() < 3 {
                let (id, method, params) = peer.request().await;
                peer.answer(&id, json!({"ok": true})).await;
                if method == "node.pluginTools.update" && params["tools"].as_array().unwrap().len() == 1 {
                    calls += 1;
                    call(&mut peer, &calls.to_string(), "frail", "t").await;
                }
            }
        })
        .await;
    assert_eq!(pauses().get(..3).unwrap(), ["250", "500", "1000"]);
}

#[tokio::test]
async fn resources_and_prompts_of_a_server_are_lent_as_tools_as_far_as_the_filter_lets_them_through() {
    let bench = Bench::new().await;
    let answers = r#"case "$method" in
        tools/list) say '{"tools":[{"name":"prompts_list"}]}' ;;
        tools/call) say '{"content":[{"type":"text","text":"its own"}]}' ;;
        resources/list) case "$line" in
            *cursor*) say '{"resources":[{"uri":"doc:2"}]}' ;;
            *) say '{"resources":[{"uri":"doc:1"}],"nextCursor":"2"}' ;;
        esac ;;
        resources/read) case "$line" in *'"uri":"doc:1"'*) say '{"contents":[{"uri":"doc:1","text":"one"}]}' ;; esac ;;
        prompts/get) say '{"messages":[{"role":"user","content":{"type":"text","text":"Review it."}}]}' ;;
    esac"#;
    let mut docs = server("docs", answers);
    docs.exclude = vec!["prompts_get".into()];
    let McpWay::Program(program) = &mut docs.way else { panic!("a program") };
    program.env.push(("CAN".into(), r#","resources":{},"prompts":{}"#.to_owned().into()));
    bench
        .during_with(with(&bench, vec![docs]), async {
            let mut peer = welcome(&bench).await;
            let lent = names(&mut peer, 3).await;
            assert_eq!(lent, ["docs_prompts_list", "docs_resources_list", "docs_resources_read"]);
            let ask = async |peer: &mut Peer, tool: &str, arguments: Value| {
                let params = json!({"server": "docs", "tool": tool, "arguments": &arguments});
                invoke(peer, &format!("{tool}{arguments}"), "mcp.tools.call.v1", params).await;
            };
            let text = |payload: Value| payload["content"][0]["text"].as_str().unwrap().to_owned();
            ask(&mut peer, "prompts_list", json!({})).await;
            assert_eq!(text(payload(&mut peer).await), "its own", "a tool goes before what is offered");
            ask(&mut peer, "resources_list", json!({})).await;
            let listed: Value = serde_json::from_str(&text(payload(&mut peer).await)).unwrap();
            assert_eq!(listed, json!({"resources": [{"uri": "doc:1"}, {"uri": "doc:2"}]}));
            ask(&mut peer, "resources_read", json!({"uri": "doc:1"})).await;
            assert!(text(payload(&mut peer).await).contains("one"));
            ask(&mut peer, "resources_read", json!({"arguments": {}})).await;
            assert_eq!(failure(&mut peer).await, ("MCP_TOOL_ERROR".into(), "uri is required".into()));
            ask(&mut peer, "prompts_get", json!({"name": "review"})).await;
            assert_eq!(failure(&mut peer).await.0, "MCP_TOOL_UNAVAILABLE");
        })
        .await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_so_and_started_anew_when_it_is_not_there_any_more() {
    let bench = Bench::new().await;
    let told = bench.pipe("told");
    // It reads on and answers nothing of a call; asked whether it is there, it does not say.
    let answers = format!(
        r#"case "$method" in tools/list) tools t ;; notifications/cancelled) echo "$line" > {} ;; esac"#,
        told.display()
    );
    let mut hung = server("hung", &answers);
    hung.request_timeout = Some(Duration::from_secs(2));
    bench
        .during_with(with(&bench, vec![hung]), async {
            let mut peer = welcome(&bench).await;
            names(&mut peer, 1).await;
            call(&mut peer, "1", "hung", "t").await;
            let (code, message) = failure(&mut peer).await;
            assert_eq!(code, "MCP_TOOL_TIMEOUT", "{message}");
            let cancelled: Value = serde_json::from_str(&read_pipe(&told).await).unwrap();
            assert!(cancelled["params"]["requestId"].is_u64(), "{cancelled}");
            assert_eq!(names(&mut peer, 0).await, [""; 0]);
            assert_eq!(names(&mut peer, 1).await, ["hung_t"]);
        })
        .await;
}

#[tokio::test]
async fn servers_that_flood_or_talk_nonsense_or_never_begin_are_left_and_the_others_go_on() {
    let bench = Bench::new().await;
    let program = |name: &str, script: &str| {
        let argv = vec!["/bin/sh".into(), "-c".into(), script.into()];
        McpServer { way: by(argv), ..server(name, "") }
    };
    let flood = bench.pipe("flood");
    let servers = vec![
        // A line without end, and lines that are nothing.
        program("endless", &format!("exec 3>{}; cat /dev/zero | tr '\\0' x", flood.display())),
        program("nonsense", "yes nonsense"),
        McpServer { connection_timeout: Duration::from_millis(500), ..program("silent", "sleep 1000") },
        McpServer { way: by(vec!["/no/such/program".into()]), ..server("missing", "") },
        server(
            "refusing",
            r#"case "$method" in tools/list) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":"no"}}\n' "$id" ;; esac"#,
        ),
        server(
            "good",
            r#"case "$method" in tools/list) tools t ;; tools/call) say '{"content":[]}' ;; esac"#,
        ),
    ];
    bench
        .during_with(with(&bench, servers), async {
            let mut peer = welcome(&bench).await;
            assert_eq!(names(&mut peer, 1).await, ["good_t"]);
            read_pipe(&flood).await;
            call(&mut peer, "1", "good", "t").await;
            assert_eq!(payload(&mut peer).await, json!({"content": []}));
            call(&mut peer, "2", "silent", "t").await;
            assert_eq!(failure(&mut peer).await.0, "MCP_SERVER_UNAVAILABLE");
        })
        .await;
}

#[tokio::test]
async fn a_result_that_is_too_large_ends_the_server_and_an_error_is_the_callers() {
    let bench = Bench::new().await;
    let answers = r#"case "$method" in tools/list) say '{"tools":[{"name":"big"},{"name":"bad"}]}' ;;
        tools/call) case "$line" in
            *big*) printf '{"jsonrpc":"2.0","id":%s,"result":"' "$id"; head -c 9000000 /dev/zero | tr '\0' x; echo '"}' ;;
            *) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":"no such file"}}\n' "$id" ;;
        esac ;; esac"#;
    bench
        .during_with(with(&bench, vec![server("s", answers)]), async {
            let mut peer = welcome(&bench).await;
            names(&mut peer, 2).await;
            call(&mut peer, "1", "s", "bad").await;
            assert_eq!(failure(&mut peer).await, ("MCP_TOOL_ERROR".to_owned(), "no such file".to_owned()));
            call(&mut peer, "2", "s", "big").await;
            loop {
                let (id, method, params) = peer.request().await;
                peer.answer(&id, json!({"ok": true})).await;
                if method == "node.invoke.result" {
                    assert_eq!(params["error"]["code"], "MCP_SERVER_UNAVAILABLE");
                    break;
                }
            }
        })
        .await;
}

#[tokio::test]
async fn servers_and_what_they_started_end_with_the_node() {
    let bench = Bench::new().await;
    let held = bench.pipe("held");
    // A child in the background ignores that the server is asked to end; it has the pipe before the tools are listed.
    let answers = format!(
        r#"case "$method" in tools/list) exec 3>{}; (trap '' TERM; sleep 1000) >/dev/null & exec 3>&-; tools t ;; esac"#,
        held.display()
    );
    let ((), ()) = tokio::join!(
        bench.during_with(with(&bench, vec![server("s", &answers)]), async {
            let mut peer = welcome(&bench).await;
            names(&mut peer, 1).await;
        }),
        async {
            read_pipe(&held).await;
        }
    );
}

#[tokio::test]
async fn skills_of_the_node_are_told_and_commands_run_where_they_are() {
    let bench = Bench::new().await;
    let text = "---\nname: pdf\ndescription: Reads PDFs.\n---\nRun tool.sh.\n";
    let folder = bench.dir.path().join("state/skills/pdf");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("SKILL.md"), text).unwrap();
    bench
        .during(async {
            let takes = |hello: &mut Value| {
                hello["features"]["methods"].as_array_mut().unwrap().push("node.skills.update".into());
            };
            let (mut peer, _) = bench.gateway.welcome_with(takes).await;
            let told = loop {
                let (id, method, params) = peer.request().await;
                peer.answer(&id, json!({"ok": true})).await;
                if method == "node.skills.update" {
                    break params;
                }
            };
            assert_eq!(
                told,
                json!({"skills": [{"name": "pdf", "description": "Reads PDFs.", "content": text}]})
            );
            let locator = format!("node://{}/skills/pdf", bench.node_id());
            let command = json!(["/bin/cat", "SKILL.md"]);
            invoke(&mut peer, "1", "system.run.prepare", json!({"command": command, "cwd": locator})).await;
            let planned = payload(&mut peer).await;
            assert_eq!(planned["plan"]["cwd"], json!(folder.canonicalize().unwrap()));
            invoke(&mut peer, "2", "system.run", json!({"command": command, "cwd": locator})).await;
            assert_eq!(payload(&mut peer).await["stdout"], text);
            let params = json!({"command": command, "cwd": "node://other/skills/pdf"});
            invoke(&mut peer, "3", "system.run", params).await;
            assert_eq!(failure(&mut peer).await.0, "INVALID_REQUEST");
        })
        .await;
}
