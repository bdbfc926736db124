//! `config.schema` and `config.schema.lookup`: what the configuration may say, as the reader checks it.

use crate::methods::{Answer, Call, Reply};
use config::{Child, Lookup};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Params {
    path: String,
}

/// The whole, as a JSON Schema.
pub(super) async fn whole(call: Call) -> Answer {
    let secrets = config::sensitive_paths().into_iter().map(|path| (path, json!({"sensitive": true})));
    Ok(Reply::from(json!({
        "schema": config::schema(),
        "uiHints": Map::from_iter(secrets),
        "version": call.shared.version,
        "generatedAt": time(call.shared.started_at_ms),
    })))
}

/// One value and what is directly below it.
pub(super) async fn lookup(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let Some(Lookup { schema, reload, sensitive, children }) = config::lookup(&p.path) else {
        return Err(ErrorShape::invalid("config schema path not found")
            .with_details(json!({"code": "CONFIG_PATH_UNKNOWN", "path": p.path})));
    };
    let children: Vec<Value> = children.iter().map(child).collect();
    let mut answer =
        json!({"path": p.path, "schema": schema, "reloadKind": reload.as_str(), "children": children});
    hint(&mut answer, &p.path, sensitive);
    Ok(answer.into())
}

fn child(child: &Child) -> Value {
    let mut out = json!({
        "key": child.key, "path": child.path, "required": false, "hasChildren": child.has_children,
        "reloadKind": child.reload.as_str(),
    });
    if let Some(kind) = &child.kind {
        out["type"] = kind.clone();
    }
    hint(&mut out, &child.path, child.sensitive);
    out
}

fn hint(out: &mut Value, path: &str, sensitive: bool) {
    if sensitive {
        out["hint"] = json!({"sensitive": true});
        out["hintPath"] = json!(path);
    }
}

/// The schema is as old as the program that runs.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}
