//! Which request, or requests, an action is.

use crate::args;
use serde_json::{Map, Value, json};

/// What an act is told, beside its kind.
const ACT: &[&str] = &[
    "kind",
    "targetId",
    "ref",
    "doubleClick",
    "button",
    "modifiers",
    "x",
    "y",
    "text",
    "submit",
    "key",
    "values",
    "fields",
    "width",
    "height",
    "timeMs",
    "textGone",
    "selector",
    "url",
    "loadState",
    "fn",
    "timeoutMs",
    "startRef",
    "endRef",
    "actions",
    "stopOnError",
    "slowly",
    "delayMs",
];

/// What `emulate` may be told, what of the browser's settings that is, and what it is called there.
const EMULATED: &[(&str, &str, &str)] = &[
    ("device", "device", "name"),
    ("colorScheme", "media", "colorScheme"),
    ("timezoneId", "timezone", "timezoneId"),
    ("locale", "locale", "locale"),
];

/// A request to the browser.
#[derive(Debug, PartialEq)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) query: Value,
    pub(super) body: Value,
}

/// The requests that an action is, one after the other.
///
/// # Errors
/// What is missing or wrong, for the model.
pub(super) fn all(args: &Map<String, Value>) -> Result<Vec<Ask>, String> {
    if args::action_of(args) != "emulate" {
        return Ok(vec![one(args)?]);
    }
    let word =
        |name: &str| args.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let set = EMULATED.iter().filter_map(|(name, what, key)| {
        let mut body = json!({*key: word(name)?});
        if let Some(target) = word("targetId") {
            body["targetId"] = json!(target);
        }
        Some(Ask { method: "POST", path: format!("/set/{what}"), query: json!({}), body })
    });
    let all: Vec<Ask> = set.collect();
    if all.is_empty() {
        return Err(
            "emulate takes at least one of device, colorScheme, timezoneId and locale. Nothing was done."
                .into(),
        );
    }
    Ok(all)
}

fn one(args: &Map<String, Value>) -> Result<Ask, String> {
    let word =
        |name: &str| args.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let missing = |name: &str| format!("{name} is missing. Nothing was done.");
    let of = |names: &[&str]| {
        let given = names.iter().filter_map(|name| Some(((*name).to_owned(), args.get(*name)?.clone())));
        Value::Object(given.collect())
    };
    let make = |method, path: &str, query, body| Ok(Ask { method, path: path.to_owned(), query, body });
    let (none, url) = (json!({}), word("targetUrl").or(word("url")));
    match args::action_of(args) {
        "status" => make("GET", "/", none.clone(), none),
        "profiles" => make("GET", "/profiles", none.clone(), none),
        "doctor" => make("GET", "/doctor", none.clone(), none),
        "console" => make("GET", "/console", of(&["targetId", "level"]), none),
        "errors" => make("GET", "/errors", of(&["targetId", "clear"]), none),
        "requests" => make("GET", "/requests", of(&["targetId", "filter", "clear"]), none),
        "pdf" => make("POST", "/pdf", none, of(&["targetId"])),
        "download" => match (word("ref"), word("path")) {
            (Some(_), Some(_)) => make("POST", "/download", none, of(&["targetId", "ref", "path"])),
            (None, _) => Err(missing("ref")),
            (_, None) => Err(missing("path")),
        },
        "waitfordownload" => make("POST", "/wait/download", none, of(&["targetId", "path"])),
        "upload" => make(
            "POST",
            "/hooks/file-chooser",
            none,
            of(&["targetId", "ref", "inputRef", "element", "timeoutMs"]),
        ),
        "dialog" => {
            let mut body = of(&["targetId", "accept", "promptText", "dialogId", "timeoutMs"]);
            if body.get("accept").is_none() {
                body["accept"] = json!(false);
            }
            make("POST", "/hooks/dialog", none, body)
        }
        "start" => make("POST", "/start", none.clone(), none),
        "stop" => make("POST", "/stop", none.clone(), none),
        "tabs" => make("GET", "/tabs", none.clone(), none),
        "open" => {
            let mut body = of(&["label"]);
            body["url"] = json!(url.ok_or_else(|| missing("targetUrl"))?);
            make("POST", "/tabs/open", none, body)
        }
        "navigate" => {
            let mut body = of(&["targetId"]);
            body["url"] = json!(url.ok_or_else(|| missing("targetUrl"))?);
            make("POST", "/navigate", none, body)
        }
        "focus" => make("POST", "/tabs/focus", none, of(&["targetId"])),
        "close" => match word("targetId") {
            Some(target) if !target.contains('/') => {
                make("DELETE", &format!("/tabs/{target}"), none.clone(), none)
            }
            Some(_) => Err("targetId is no tab's name. Nothing was done.".into()),
            None => make("POST", "/act", none, json!({"kind": "close"})),
        },
        "snapshot" => {
            let mut query = of(&[
                "targetId",
                "mode",
                "interactive",
                "compact",
                "depth",
                "maxChars",
                "limit",
                "selector",
                "urls",
                "frame",
            ]);
            if let Some(format) = word("snapshotFormat") {
                query["format"] = json!(format);
            }
            make("GET", "/snapshot", query, none)
        }
        "text" => make("GET", "/text", of(&["targetId", "selector", "maxChars"]), none),
        "screenshot" => make(
            "POST",
            "/screenshot",
            none,
            of(&["targetId", "fullPage", "ref", "element", "type", "labels"]),
        ),
        "act" => {
            let mut body = match args.get("request") {
                Some(Value::Object(request)) => Value::Object(request.clone()),
                _ => json!({}),
            };
            for (name, value) in ACT.iter().filter_map(|name| Some((*name, args.get(*name)?))) {
                if body.get(name).is_none() {
                    body[name] = value.clone();
                }
            }
            if body["kind"].as_str().is_none() {
                return Err(missing("kind"));
            }
            make("POST", "/act", none, body)
        }
        other => Err(format!("browser has no action {:?}. Nothing was done.", crate::text::head(other, 40))),
    }
}
