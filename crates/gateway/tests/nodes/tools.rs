//! Tools that a node lends: described by it, approved by their command, had by agents, made by a call to it.
use crate::flow::{self, Bench, MAIN, Operator, reply};
use crate::support::Raw;
use crate::support::ask::{Ask, Device};
use serde_json::{Value, json};

/// A node whose commands are approved.
pub(super) async fn node(bench: &Bench, operator: &mut Operator, number: u8, commands: &[&str]) -> Raw {
    let id = Device::new(number).id();
    let node = Raw::connected(bench.gateway.port(), &Ask::node(Device::new(number), commands)).await;
    let asks =
        |e: &client::EventFrame| e.event == "node.pair.requested" && e.payload["nodeId"] == id.as_str();
    let request = operator.events.next("request", asks).await;
    operator.call("node.pair.approve", json!({"requestId": request["requestId"]})).await;
    node
}

/// A tool of a server on the node, and one of a plugin there.
fn lent() -> Value {
    json!([
        {
            "pluginId": "node-mcp", "name": "files_search", "description": "Searches files.",
            "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            "command": "mcp.tools.call.v1", "mcp": {"server": "files", "tool": "search"},
        },
        {"pluginId": "lamp", "name": "lamp_on", "description": "Switches the lamp on.", "command": "lamp.on"},
    ])
}

fn names(payload: &Value, group: &str) -> Vec<String> {
    let groups = payload["groups"].as_array().unwrap().iter().filter(|g| g["id"] == group);
    let tools = groups.flat_map(|g| g["tools"].as_array().unwrap());
    tools.map(|t| t["id"].as_str().unwrap().to_owned()).collect()
}

/// What an agent has of nodes.
async fn had(operator: &Operator) -> [Vec<String>; 2] {
    let effective = operator.call("tools.effective", json!({"sessionKey": MAIN})).await;
    [names(&effective, "mcp"), names(&effective, "plugin")]
}

const LAMP: &str = r#""lamp.on", "file.fetch""#;

/// A configuration with these further properties of `gateway.nodes`, and of the whole.
pub(super) fn config(model: &testkit::fake_model::FakeModel, more: &str, whole: &str) -> String {
    let token = testkit::gateway::TOKEN;
    let config = testkit::gateway::config_with_model(&model.url(), whole);
    let plain = format!(r#"gateway: {{ mode: "local", auth: {{ mode: "token", token: "{token}" }} }}"#);
    let ours = format!(
        r#"gateway: {{ mode: "local", auth: {{ mode: "token", token: "{token}" }},
           nodes: {{ {more} commands: {{ allow: [{LAMP}] }} }} }}"#
    );
    assert!(config.contains(&plain), "{config}");
    config.replace(&plain, &ours)
}

/// A gateway with such a configuration.
async fn bench(more: &str, whole: &str) -> Bench {
    let model = testkit::fake_model::FakeModel::start().await;
    let config = config(&model, more, whole);
    let options = testkit::gateway::TestOptions { config, ..testkit::gateway::TestOptions::default() };
    Bench { gateway: testkit::gateway::TestGateway::with(options).await, model }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_has_what_a_node_lends_and_a_call_of_it_is_a_call_to_the_node() {
    let bench = bench("", "").await;
    let mut operator = bench.operator().await;
    let mut node = node(&bench, &mut operator, 1, &["mcp.tools.call.v1", "lamp.on"]).await;
    let published = node.call("node.pluginTools.update", json!({"tools": lent()})).await;
    assert_eq!(published, json!({"nodeId": Device::new(1).id(), "tools": lent()}));
    let described = operator.call("node.describe", json!({"nodeId": Device::new(1).id()})).await;
    assert_eq!(described["nodePluginTools"], lent());
    assert_eq!(had(&operator).await, [vec!["files_search".to_owned()], vec!["lamp_on".to_owned()]]);
    let catalog = operator.call("tools.catalog", json!({})).await;
    assert_eq!(names(&catalog, "plugin:lamp"), ["lamp_on"]);
    assert_eq!(names(&catalog, "plugin:node-mcp"), ["files_search"]);

    let turn = operator.agent("k", r#"TOOL:files_search {"text": "needle"}"#);
    let work = async {
        let invoked = node.invoked().await;
        let found = json!({"content": [{"type": "text", "text": "in the haystack"}]});
        node.result(&invoked, &found).await;
        invoked
    };
    let (answer, invoked) = tokio::join!(turn, work);
    let answer = answer.unwrap();
    assert_eq!(invoked["command"], "mcp.tools.call.v1");
    let params: Value = serde_json::from_str(invoked["paramsJSON"].as_str().unwrap()).unwrap();
    assert_eq!(params, json!({"server": "files", "tool": "search", "arguments": {"text": "needle"}}));
    assert!(reply(&answer).contains("in the haystack"), "{answer}");
    let asked = bench.model.requests();
    let told = asked[0]["tools"].as_array().unwrap().iter().find(|t| t["function"]["name"] == "files_search");
    let function = &told.unwrap()["function"];
    assert_eq!(function["description"], "Searches files. (on node sample-node)");
    assert_eq!(function["parameters"]["required"], json!(["text"]));

    let call = operator.call("tools.invoke", json!({"name": "lamp_on", "args": {"bright": true}}));
    let work = async {
        let invoked = node.invoked().await;
        node.result(&invoked, &json!({"on": true})).await;
        invoked
    };
    let (answer, invoked) = tokio::join!(call, work);
    assert_eq!(invoked["paramsJSON"], r#"{"bright":true}"#);
    assert_eq!((&answer["ok"], &answer["source"]), (&json!(true), &json!("plugin")), "{answer}");
    bench.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_approved_or_is_the_systems_own_is_not_lent_and_what_leaves_is_gone() {
    let bench = bench("", "").await;
    let mut operator = bench.operator().await;
    let mut lamp = node(&bench, &mut operator, 1, &["lamp.on", "system.run"]).await;
    let mut tools = lent();
    let shell =
        json!({"pluginId": "sh", "name": "sh", "description": "Runs anything.", "command": "system.run"});
    tools.as_array_mut().unwrap().push(shell);
    tools
        .as_array_mut()
        .unwrap()
        .push(json!({"pluginId": "x", "name": "nothing", "description": "No command."}));
    let published = lamp.call("node.pluginTools.update", json!({"tools": tools})).await;
    assert_eq!(published["tools"], json!([lent()[1]]), "one of four has a command that may be called");
    assert_eq!(had(&operator).await, [vec![], vec!["lamp_on".to_owned()]]);
    operator.call("node.pair.remove", json!({"nodeId": Device::new(1).id()})).await;
    assert_eq!(had(&operator).await, [Vec::<String>::new(), vec![]], "the approval was taken back");

    let mut other = node(&bench, &mut operator, 2, &["lamp.on"]).await;
    other.call("node.pluginTools.update", json!({"tools": lent()})).await;
    assert_eq!(had(&operator).await, [vec![], vec!["lamp_on".to_owned()]]);
    other.call("node.pluginTools.update", json!({"tools": []})).await;
    assert_eq!(had(&operator).await, [Vec::<String>::new(), vec![]], "all of them at once");
    other.call("node.pluginTools.update", json!({"tools": lent()})).await;
    other.leave().await;
    let gone = |e: &client::EventFrame| e.event == "presence";
    while had(&operator).await[1] != Vec::<String>::new() {
        operator.events.next("the node's leaving", gone).await;
    }
    bench.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_unique_and_the_policy_holds_for_them() {
    let bench = bench("", "").await;
    let mut operator = bench.operator().await;
    let mut first = node(&bench, &mut operator, 1, &["lamp.on"]).await;
    let mut second = node(&bench, &mut operator, 2, &["lamp.on"]).await;
    let tools = json!([
        lent()[1], {"pluginId": "lamp", "name": "read", "description": "Reads the lamp.", "command": "lamp.on"},
    ]);
    for node in [&mut first, &mut second] {
        node.call("node.pluginTools.update", json!({"tools": tools})).await;
    }
    let [_, names] = had(&operator).await;
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with("node_")).count(), 3, "{names:?}");
    assert!(names.contains(&"lamp_on".to_owned()) && !names.contains(&"read".to_owned()), "{names:?}");
    bench.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_wants_none_has_none() {
    for (more, whole, published) in [
        ("pluginTools: { enabled: false },", "", json!([])),
        ("", r#"tools: { deny: ["nodes"] },"#, json!([lent()[1]])),
        ("", r#"tools: { deny: ["lamp_on"] },"#, json!([lent()[1]])),
        ("", r#"tools: { allow: ["read"] },"#, json!([lent()[1]])),
    ] {
        let bench = bench(more, whole).await;
        let mut operator = bench.operator().await;
        let mut node = node(&bench, &mut operator, 1, &["lamp.on"]).await;
        let answer = node.call("node.pluginTools.update", json!({"tools": lent()})).await;
        assert_eq!(answer["tools"], published, "{more}{whole}");
        assert_eq!(had(&operator).await, [Vec::<String>::new(), vec![]], "{more}{whole}");
        let refused = operator.call("tools.invoke", json!({"name": "lamp_on"})).await;
        assert_eq!(refused["error"]["code"], "not_found", "{more}{whole}");
        bench.gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_is_there_again_when_it_is_wanted_again() {
    let bench = bench("", "").await;
    let mut operator = bench.operator().await;
    let mut node = node(&bench, &mut operator, 1, &["lamp.on"]).await;
    node.call("node.pluginTools.update", json!({"tools": lent()})).await;
    assert_eq!(had(&operator).await[1], ["lamp_on"]);
    for (wanted, expected) in [(false, vec![]), (true, vec!["lamp_on".to_owned()])] {
        let base = operator.call("config.get", json!({})).await["hash"].clone();
        let patch = json!({"gateway": {"nodes": {"pluginTools": {"enabled": wanted}}}}).to_string();
        operator.call("config.patch", json!({"raw": patch, "baseHash": base})).await;
        assert_eq!(had(&operator).await, [vec![], expected], "enabled: {wanted}");
    }
    let (answer, _) = tokio::join!(operator.call("tools.invoke", json!({"name": "lamp_on"})), async {
        let asked = node.invoked().await;
        node.result(&asked, &json!({"on": true})).await
    });
    assert_eq!(answer["ok"], true, "{answer}");
    bench.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_cut_goes_on_with_the_tools_that_it_used() {
    let (dir, model) = (tempfile::tempdir().unwrap(), testkit::fake_model::FakeModel::start().await);
    let config = config(&model, "", "");
    let bench = Bench { gateway: flow::gateway_at(dir.path(), config.clone()).await, model };
    let mut operator = bench.operator().await;
    let mut first = node(&bench, &mut operator, 1, &["lamp.on"]).await;
    first.call("node.pluginTools.update", json!({"tools": lent()})).await;
    operator.send("k", "TOOL:lamp_on {}").await;
    first.invoked().await;
    bench.gateway.stop().await;

    let bench = Bench { gateway: flow::gateway_at(dir.path(), config).await, ..bench };
    let operator = bench.operator().await;
    let mut again = Raw::connected(bench.gateway.port(), &Ask::node(Device::new(1), &["lamp.on"])).await;
    again.call("node.pluginTools.update", json!({"tools": lent()})).await;
    assert_eq!(operator.wait_for("k").await["status"], "ok");
    let requests = bench.model.requests();
    let has = |request: &Value| {
        request["tools"].as_array().unwrap().iter().any(|tool| tool["function"]["name"] == "lamp_on")
    };
    assert!(requests.len() >= 2 && requests.iter().all(has), "in each request of the run");
    bench.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_not_in_order_changes_nothing() {
    let bench = bench("", "").await;
    let mut operator = bench.operator().await;
    let mut node = node(&bench, &mut operator, 1, &["lamp.on"]).await;
    node.call("node.pluginTools.update", json!({"tools": lent()})).await;
    let with = |place: &str, value: Value| {
        let mut tool = lent()[1].clone();
        tool[place] = value;
        json!({"tools": [tool]})
    };
    let many: Vec<Value> =
        (0..129).map(|n| with("name", json!(format!("t{n}")))["tools"][0].clone()).collect();
    for (params, problem) in [
        (with("name", json!("1lamp")), "at /tools/0/name: must match pattern"),
        (with("name", json!("x".repeat(65))), "at /tools/0/name: must match pattern"),
        (with("description", json!("")), "at /tools/0/description: must not have fewer than 1 characters"),
        (with("command", json!("")), "at /tools/0/command: must not have fewer than 1 characters"),
        (with("extra", json!(1)), "at /tools/0: unknown field `extra`"),
        (with("mcp", json!({"server": "s"})), "at /tools/0: missing field `tool`"),
        (
            json!({"tools": [lent()[1], lent()[1]]}),
            "at /tools/1/name: \"lamp_on\" is the name of another tool",
        ),
        (json!({"tools": many}), "at /tools: must not have more than 128 items"),
    ] {
        let error = node.fails("node.pluginTools.update", params).await;
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with(&format!("invalid node.pluginTools.update params: {problem}")),
            "{message}"
        );
    }
    assert_eq!(had(&operator).await, [vec![], vec!["lamp_on".to_owned()]]);
    let refused = operator.refused("node.pluginTools.update", json!({"tools": []})).await;
    assert_eq!(refused.message, "unauthorized role: operator");
    bench.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_fetches_a_file_where_the_operator_lets_it_and_has_no_such_tool_elsewhere() {
    let nodes = r#"{ "sample-node": { allowReadPaths: ["/srv/*"] } }"#;
    let whole = format!(
        r#"plugins: {{ entries: {{ "file-transfer": {{ config: {{ policyVersion: 2, nodes: {nodes} }} }} }} }},"#
    );
    let bench = bench("", &whole).await;
    let mut operator = bench.operator().await;
    let mut node = node(&bench, &mut operator, 1, &["file.fetch"]).await;
    let turn = operator.agent("k", r#"TOOL:file_fetch {"node": "sample-node", "path": "/srv/a.txt"}"#);
    let seen = json!({"ok": true, "path": "/srv/a.txt", "binding": {"kind": "existing", "device": "1", "inode": "2"}});
    let work = async {
        let looked = node.invoked().await;
        node.result(&looked, &seen).await;
        let invoked = node.invoked().await;
        let mut fetched = seen.clone();
        let sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        for (name, value) in [("base64", "aGVsbG8="), ("mimeType", "text/plain"), ("sha256", sha)] {
            fetched[name] = json!(value);
        }
        fetched["size"] = json!(5);
        node.result(&invoked, &fetched).await;
    };
    let (answer, ()) = tokio::join!(turn, work);
    let answer = answer.unwrap();
    let said = reply(&answer);
    assert!(said.contains("hello") && said.contains("mediaId: a---"), "{said}");
    let kept = bench.gateway.state_dir().join("media/tool-file-transfer");
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 1);

    let denied =
        operator.agent("d", r#"TOOL:file_fetch {"node": "sample-node", "path": "/etc/shadow"}"#).await;
    assert!(reply(&denied.unwrap()).contains("nodes.sample-node.allowReadPaths"));
    bench.gateway.stop().await;

    let plain = self::bench("", "").await;
    let operator = plain.operator().await;
    let catalog = operator.call("tools.catalog", json!({})).await;
    assert_eq!(names(&catalog, "nodes"), ["nodes"]);
    plain.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skills_of_a_node_are_told_and_read_while_it_is_connected_and_commands_may_be_run_on_it() {
    let text = "---\nname: pdf\ndescription: Reads PDFs.\n---\nRun pdftotext.\n";
    let skills = json!([
        {"name": "pdf", "description": "Reads PDFs.", "content": text},
        {"name": "other", "description": "Says another name of itself.", "content": text},
    ]);
    let location = format!("node://{}/skills/pdf/SKILL.md", Device::new(1).id());
    for (more, whole, command, told) in [
        ("", "", "system.run", true),
        ("", "", "lamp.on", false),
        ("allowSkills: false,", "", "system.run", false),
        ("", r#"tools: { exec: { security: "deny" } },"#, "system.run", false),
        ("", r#"tools: { deny: ["exec"] },"#, "system.run", false),
    ] {
        let bench = bench(more, whole).await;
        let mut operator = bench.operator().await;
        let mut node = node(&bench, &mut operator, 1, &[command]).await;
        let answer = node.call("node.skills.update", json!({"skills": skills})).await;
        let taken = if more.is_empty() { json!([skills[0]]) } else { json!([]) };
        assert_eq!(answer, json!({"nodeId": Device::new(1).id(), "skills": taken}), "{more}{whole}");
        let read = format!(r#"TOOL:read {{"path": "{location}"}}"#);
        let answer = operator.agent("k", &read).await.unwrap();
        let prompt = bench.model.requests()[0]["messages"][0]["content"].to_string();
        assert_eq!(prompt.contains(&location), told, "{more}{whole}{command}: {prompt}");
        let readable = told || whole.contains(r#"deny: ["exec"]"#);
        assert_eq!(reply(&answer).contains("Run pdftotext."), readable, "{more}{whole}{command}: {answer}");
        node.leave().await;
        let gone = |e: &client::EventFrame| e.event == "presence";
        operator.events.next("the node's leaving", gone).await;
        let after = operator.agent("k2", &read).await.unwrap();
        assert!(!reply(&after).contains("Run pdftotext."), "{after}");
        bench.gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_has_the_agent_told_of_the_skills_that_it_names_alone() {
    let fake = testkit::fake_telegram::FakeTelegram::start(crate::flow::BOT_TOKEN).await;
    let groups = r#"allowFrom: [777], groups: { "-1": { requireMention: false, skills: ["a"] },
        "-2": { requireMention: false, skills: [] }, "-3": { requireMention: false } },"#;
    let bench = bench("", &crate::flow::telegram(&fake, groups)).await;
    let mut operator = bench.operator().await;
    let mut node = node(&bench, &mut operator, 1, &["system.run"]).await;
    let skill = |name: &str| {
        let content = format!("---\nname: {name}\ndescription: Does {name}.\n---\nDo it.\n");
        json!({"name": name, "description": format!("Does {name}."), "content": content})
    };
    node.call("node.skills.update", json!({"skills": [skill("a"), skill("b")]})).await;
    for (count, (group, told)) in
        [(-1, [true, false]), (-2, [false, false]), (-3, [true, true])].into_iter().enumerate()
    {
        fake.push_text(group, 777, "hi");
        fake.wait_for_sent(count + 1, crate::flow::PATIENCE).await.unwrap();
        let prompt = bench.model.requests()[count]["messages"][0]["content"].to_string();
        assert_eq!(["Does a.", "Does b."].map(|skill| prompt.contains(skill)), told, "{group}: {prompt}");
    }
    bench.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_skills_that_is_not_in_order_changes_nothing() {
    let bench = bench("", "").await;
    let mut operator = bench.operator().await;
    let mut node = node(&bench, &mut operator, 1, &["system.run"]).await;
    let skill = |name: &str, description: &str, content: &str| json!({"name": name, "description": description, "content": content});
    let many: Vec<Value> = (0..65).map(|n| skill(&format!("s{n}"), "d", "c")).collect();
    for (skills, problem) in [
        (json!(many), "at /skills: must not have more than 64 items"),
        (json!([skill("A", "d", "c")]), "at /skills/0/name: must be of small letters"),
        (json!([skill("a", "", "c")]), "at /skills/0/description: must have 1 to 1024"),
        (json!([skill("a", "d", &"x".repeat(65_537))]), "at /skills/0/content: must have 1 to 65536"),
        (
            json!([{"name": "a", "description": "d", "content": "c", "extra": 1}]),
            "at /skills/0: unknown field `extra`",
        ),
    ] {
        let error = node.fails("node.skills.update", json!({"skills": skills})).await;
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("invalid node.skills.update params: {problem}")), "{message}");
    }
    let refused = operator.refused("node.skills.update", json!({"skills": []})).await;
    assert_eq!(refused.message, "unauthorized role: operator");
    bench.gateway.stop().await;
}
