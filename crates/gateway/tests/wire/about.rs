//! What a gateway says of its machine, its owner and its providers' keys, and of what it has none of.
use crate::flow::gateway_at;
use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_of, gateway_with};
use config::Env;
use serde_json::{Value, json};
use testkit::gateway::{TestGateway, TestOptions, default_config};

#[tokio::test]
async fn the_machine_is_the_one_that_the_gateway_runs_on() {
    let gateway = gateway_with("").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator().scopes(&["operator.read"])).await;
    let info = operator.call("system.info", json!({})).await;
    let read = |file: &str| std::fs::read_to_string(file).unwrap().trim().to_owned();
    assert_eq!(info["hostname"], read("/proc/sys/kernel/hostname"), "{info}");
    assert_eq!(info["release"], read("/proc/sys/kernel/osrelease"), "{info}");
    assert_eq!(info["platform"], "linux");
    assert_eq!(info["pid"], std::process::id());
    assert_eq!(info["port"], gateway.port());
    assert_eq!(info["processInstanceId"], operator.hello["server"]["bootId"]);
    assert_eq!(info["diskPath"], gateway.state_dir().display().to_string());
    let number = |name: &str| info[name].as_u64().unwrap();
    assert!(number("cpuCount") > 0 && number("memoryTotalBytes") > number("memoryFreeBytes"), "{info}");
    assert!(number("diskTotalBytes") >= number("diskAvailableBytes"), "{info}");
    let again = operator.call("system.info", json!({})).await;
    assert!(again["uptimeMs"].as_u64() >= info["uptimeMs"].as_u64());
    gateway.stop().await;
}

#[tokio::test]
async fn whoever_is_let_in_as_an_operator_is_the_owner_of_old() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = gateway_at(dir.path(), default_config("")).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let profile = operator.call("users.self", json!({})).await["profile"].clone();
    assert_eq!(profile["id"], "gateway-owner");
    let mut device = Raw::connected(gateway.port(), &Ask::operator().device(Device::new(1))).await;
    assert_eq!(device.call("users.self", json!({})).await["profile"], profile);
    let mut node = Raw::connected(gateway.port(), &Ask::node(Device::new(2), &[])).await;
    assert_eq!(node.fails("users.self", json!({})).await["message"], "unauthorized role: node");
    gateway.stop().await;
    let gateway = gateway_at(dir.path(), default_config("")).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    assert_eq!(operator.call("users.self", json!({})).await["profile"], profile, "since when is kept");
    gateway.stop().await;
}

#[tokio::test]
async fn nothing_is_plugged_in_and_no_update_is_known() {
    let gateway = gateway_with("").await;
    let mut reader = Raw::connected(gateway.port(), &Ask::operator().scopes(&["operator.read"])).await;
    let plugins = json!({"plugins": [], "diagnostics": [], "mutationAllowed": false});
    assert_eq!(reader.call("plugins.list", json!({})).await, plugins);
    assert_eq!(reader.fails("update.status", json!({})).await["message"], "missing scope: operator.admin");
    let mut owner = Raw::connected(gateway.port(), &Ask::operator()).await;
    let update = owner.call("update.status", json!({"refreshCheckout": true})).await;
    assert_eq!(update, json!({"sentinel": null, "updateAvailable": null}));
    gateway.stop().await;
}

/// Providers with a key of each kind, and their names.
const PROVIDERS: &str = r#"
    models: { providers: {
        written: { baseUrl: "http://127.0.0.1:9/v1", apiKey: "sk-written-out", api: "openai-completions" },
        named: { baseUrl: "http://127.0.0.1:9/v1", apiKey: "${NAMED_KEY}", api: "openai-completions" },
        gone: { baseUrl: "http://127.0.0.1:9/v1", apiKey: { source: "env", id: "GONE_KEY" }, api: "openai-completions" },
        vaulted: { baseUrl: "http://127.0.0.1:9/v1", apiKey: { source: "exec", provider: "vault", id: "k" }, api: "openai-completions" },
        free: { baseUrl: "http://127.0.0.1:9/v1", api: "openai-completions" },
    } },
    secrets: { providers: { vault: { source: "exec", command: "/usr/bin/false" } } },
    agents: { defaults: { model: { primary: "openrouter/some-model" } } },"#;

async fn with_keys() -> TestGateway {
    let env = Env::from([("NAMED_KEY", "sk-from-a-variable"), ("OPENAI_API_KEY", "sk-well-known")]);
    TestGateway::with(TestOptions { config: default_config(PROVIDERS), env, ..TestOptions::default() }).await
}

fn keep_profile(gateway: &TestGateway, text: &str) {
    let file = gateway.state_dir().join("agents/main/auth-profiles.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn provider<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["providers"].as_array().unwrap().iter().find(|p| p["provider"] == name).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn where_each_key_comes_from_is_told_and_no_key_is() {
    let gateway = with_keys().await;
    let key = r#"{"version": 1, "profiles": {"anthropic:work": {"type": "api_key", "provider": "anthropic", "key": "sk-kept"}}}"#;
    keep_profile(&gateway, key);
    let mut operator = Raw::connected(gateway.port(), &Ask::operator().scopes(&["operator.read"])).await;
    let answer = operator.call("models.authStatus", json!({"agentId": "main", "refresh": true})).await;
    assert_eq!(provider(&answer, "written")["apiKey"], json!({"source": "config"}), "{answer}");
    assert_eq!(provider(&answer, "named")["apiKey"], json!({"source": "env", "envVar": "NAMED_KEY"}));
    assert_eq!(provider(&answer, "openai")["apiKey"], json!({"source": "env", "envVar": "OPENAI_API_KEY"}));
    let kept = &provider(&answer, "anthropic")["profiles"][0];
    assert_eq!(*kept, json!({"profileId": "anthropic:work", "type": "api_key", "status": "static"}));
    for (name, status) in
        [("written", "static"), ("named", "static"), ("openai", "static"), ("anthropic", "static")]
    {
        assert_eq!(provider(&answer, name)["status"], status, "{name}");
    }
    assert_eq!(provider(&answer, "gone")["status"], "missing", "its variable is not set");
    assert_eq!(provider(&answer, "vaulted")["status"], "missing", "its program fails");
    assert_eq!(
        provider(&answer, "openrouter")["status"],
        "missing",
        "the agent's model asks for a key of it"
    );
    assert_eq!(*provider(&answer, "free"), Value::Null, "it needs none");
    assert!(!answer.to_string().contains("sk-"), "a key was told: {answer}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_file_of_keys_that_cannot_be_read_is_named_and_so_is_an_agent_that_is_not_there() {
    let gateway = with_keys().await;
    keep_profile(&gateway, "{");
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let error = operator.fails("models.authStatus", json!({})).await;
    assert_eq!(error["code"], "UNAVAILABLE");
    assert!(error["message"].as_str().unwrap().contains("auth-profiles.json: not JSON"), "{error}");
    let error = operator.fails("models.authStatus", json!({"agentId": "nobody"})).await;
    assert!(error["message"].as_str().unwrap().starts_with("unknown agent id \"nobody\""), "{error}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_gateway_without_a_model_has_no_key_to_tell_of() {
    let gateway = gateway_of(default_config("")).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let answer = operator.call("models.authStatus", json!({})).await;
    assert_eq!(answer["providers"], json!([]));
    let known: Vec<&str> = answer["providerCapabilities"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["apiKeySupported"] == true)
        .map(|p| p["provider"].as_str().unwrap())
        .collect();
    assert_eq!(known, ["anthropic", "openai", "openrouter"]);
    gateway.stop().await;
}
