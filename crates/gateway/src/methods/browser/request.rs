//! `browser.request`: a request to a browser, shaped as HTTP: to that of a node, or to the gateway's own. What the browser answers is
//! the answer; files that come with it are kept beside the gateway, and their paths there stand in it.

use super::files;
use crate::hub::nodes::{By, Invoke, foreground};
use crate::methods::{Answer, Call};
use crate::runs::host::GatewayHost;
use crate::shared::Shared;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tools::Host;

/// How long a browser may take where nobody says, and at most.
const TIMEOUT: Duration = Duration::from_secs(20);
const MAX_TIMEOUT: Duration = Duration::from_secs(120);
/// How much longer its node has, so that the browser's own word on what took too long comes back.
const SLACK: Duration = Duration::from_secs(5);
/// Requests to nodes, and with files for a page.
const COMMAND: &str = "browser.proxy";
const UPLOAD: &str = "browser.proxy.upload.v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    method: String,
    path: String,
    query: Option<Value>,
    body: Option<Value>,
    timeout_ms: Option<u64>,
    target: Option<String>,
    node: Option<String>,
    upload: Option<Value>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let mut p: Params = call.params()?;
    if p.node.is_some() && p.target.as_deref() == Some("host") {
        return Err(ErrorShape::invalid("node requires target=\"node\""));
    }
    let shared = call.shared.clone();
    let node = node(&shared, &p).await?;
    if p.upload.is_none() && p.method == "POST" && p.path == "/hooks/file-chooser" {
        p.upload = files::read(&shared, p.body.as_mut()).await?;
    }
    let timeout = p.timeout_ms.filter(|ms| *ms > 0).map_or(TIMEOUT, Duration::from_millis).min(MAX_TIMEOUT);
    let command = if p.upload.is_some() { UPLOAD } else { COMMAND };
    let word = |of: &Option<Value>| of.as_ref().and_then(|of| of["profile"].as_str().map(str::to_owned));
    let profile = word(&p.query).or_else(|| word(&p.body));
    let mut params = json!({"method": p.method, "path": p.path, "query": p.query, "body": p.body,
        "timeoutMs": timeout.as_millis() as u64, "profile": profile, "errorEnvelope": "browser-v1"});
    if let Some(upload) = p.upload {
        params["upload"] = upload;
    }
    let answer = match (node, &shared.browser) {
        (None, Some(browser)) => {
            browser.request(command, params, timeout).await.map_err(ErrorShape::invalid)?
        }
        (None, None) => return Err(ErrorShape::unavailable("there is no browser beside the gateway")),
        (Some(node_id), _) => {
            let (command, params) = (command.to_owned(), Some(params));
            let idempotency_key = model::new_id();
            let (by, timeout) = (By::Client(call.conn.clone()), timeout + SLACK);
            let invoke = Invoke { by, node_id, command, params, timeout, idempotency_key };
            let text = foreground::invoke(&shared, invoke).await?.unwrap_or_default();
            serde_json::from_str(&text)
                .map_err(|e| ErrorShape::unavailable(format!("the browser's answer is no JSON: {e}")))?
        }
    };
    answered(&shared, answer).await
}

/// The node whose browser is meant; `None` is the gateway's own.
async fn node(shared: &Arc<Shared>, p: &Params) -> Result<Option<String>, ErrorShape> {
    let host = GatewayHost(Arc::downgrade(shared));
    let nodes = host.nodes().await;
    let settings = shared.settings();
    let defaults = tools::BrowserDefaults { host: shared.browser.is_some(), ..settings.browser.clone() };
    let (target, node) = (p.target.as_deref(), p.node.as_deref());
    let node = tools::browser_node(&nodes, &defaults, (target, node));
    node.map(|node| node.map(|node| node.node_id.clone())).map_err(ErrorShape::unavailable)
}

/// What a browser answered: its result with the files kept, or its refusal as an error.
async fn answered(shared: &Shared, mut answer: Value) -> Answer {
    if let Some(status) = answer["error"]["status"].as_u64() {
        let body = answer["error"]["body"].take();
        let why: String =
            body["error"].as_str().unwrap_or("it does not say why").chars().take(2000).collect();
        let error = if status >= 500 { ErrorShape::unavailable(why) } else { ErrorShape::invalid(why) };
        return Err(error.with_details(details(&body)));
    }
    let Some(result) = answer.get_mut("result").map(Value::take).filter(Value::is_object) else {
        return Err(ErrorShape::unavailable("the browser gave no result"));
    };
    let files = answer["files"].take();
    Ok(files::keep(shared, result, &files).await?.into())
}

/// What is passed on of a refusal: the words that clients know.
fn details(body: &Value) -> Value {
    let mut details = json!({"error": body["error"]});
    for name in ["code", "reason"] {
        let known = body[name].as_str().filter(|word| {
            protocol::methods::find("browser.request").is_some_and(|method| method.errors.contains(word))
        });
        if let Some(word) = known {
            details[name] = json!(word);
        }
    }
    details
}
