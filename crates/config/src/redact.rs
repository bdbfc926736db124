//! Taking the secrets out of a config, so that it can be shown.
//!
//! It goes by the names of keys wherever they are, since most of a config may belong to sections that are not
//! used here. A reference (`${NAME}` alone, or `{source, id}`) is no secret and stays. Comments are not shown at all:
//! nobody can tell whether one holds a secret that was taken out of use, or a note of one.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::doc::{Positions, comments, item_path, join_path};
use crate::secret::SOURCES;

/// What stands in the place of a secret.
pub const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// A copy of `value` in which every secret is [`REDACTED`].
pub fn redact(value: &Value) -> Value {
    let mut copy = value.clone();
    walk(&mut copy, &Names { path: String::new(), key: "", map: "" }, &mut |_| {});
    copy
}

/// `text`, whose content is `value`, with the same secrets and what comments say replaced in place. If a secret cannot be
/// found in the text, the whole is written anew without comments: showing less is better than showing a secret.
pub(crate) fn redact_text(text: &str, value: &Value) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut paths = Vec::new();
    let mut copy = value.clone();
    walk(&mut copy, &Names { path: String::new(), key: "", map: "" }, &mut |path| {
        paths.push(path.to_owned())
    });
    let positions = Positions::scan(text);
    let anew = || serde_json::to_string_pretty(&copy).unwrap_or_default();
    if !positions.repeated().is_empty() {
        // The earlier of two values is in the text and not in the value.
        return anew();
    }
    let quoted = format!("\"{REDACTED}\"");
    let secret =
        |path: &String| Some((positions.get(path).map(|place| place.value..place.end)?, quoted.clone()));
    let secrets: Option<Vec<(Range<usize>, String)>> = paths.iter().map(secret).collect();
    let Some(mut places) = secrets else { return anew() };
    places.extend(comments(text).into_iter().map(|place| {
        let line = text.get(place.clone()).is_some_and(|comment| comment.starts_with("//"));
        (place, if line { format!("// {REDACTED}") } else { format!("/* {REDACTED} */") })
    }));
    places.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut out = text.to_owned();
    for (place, shown) in places {
        if out.get(place.clone()).is_none() {
            return anew();
        }
        out.replace_range(place, &shown);
    }
    // What was written must read as what was meant, or it is not shown.
    match json5::from_str::<Value>(&out) {
        Ok(read) if read == copy => out,
        _ => anew(),
    }
}

/// Where a value is: its path, its key, and the key of the object that holds it.
struct Names<'a> {
    path: String,
    key: &'a str,
    map: &'a str,
}

/// Replaces the secrets under `value` and tells the path of each. Recursion is as deep as the document, which is bounded.
fn walk(value: &mut Value, names: &Names<'_>, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(map) => object(map, names, found),
        Value::Array(items) => {
            for (index, value) in items.iter_mut().enumerate() {
                let path = item_path(&names.path, index);
                walk(value, &Names { path, key: names.key, map: names.map }, found);
            }
        }
        Value::String(text) if is_secret_text(text, names) => {
            found(&names.path);
            *text = REDACTED.to_owned();
        }
        Value::Number(_) if is_secret_key(names.key) => {
            found(&names.path);
            *value = Value::String(REDACTED.to_owned());
        }
        _ => {}
    }
}

fn object(map: &mut Map<String, Value>, names: &Names<'_>, found: &mut dyn FnMut(&str)) {
    if is_reference(map) {
        return;
    }
    for (key, value) in map.iter_mut() {
        let path = join_path(&names.path, key);
        walk(value, &Names { path, key, map: names.key }, found);
    }
}

/// `{source, provider?, id}` as secrets are referred to, and nothing beside it.
fn is_reference(map: &Map<String, Value>) -> bool {
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    text("source").is_some_and(|source| SOURCES.contains(&source))
        && text("id").is_some()
        && map
            .iter()
            .all(|(key, value)| matches!(key.as_str(), "source" | "provider" | "id") && value.is_string())
}

fn is_secret_text(text: &str, names: &Names<'_>) -> bool {
    if text.is_empty() || is_bare_reference(text) {
        return false;
    }
    is_secret_key(names.key) || matches!(names.map, "env" | "vars" | "headers") || has_password(text)
}

/// Whether a key of this name holds a secret.
fn is_secret_key(key: &str) -> bool {
    let name: String =
        key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    // Names of places and counts, not secrets themselves.
    if ends(&["file", "path", "tokens", "url", "env", "id", "ref", "policy", "mode"]) {
        return false;
    }
    ends(&["token", "passwd", "authorization", "cookie"])
        || [
            "password",
            "passphrase",
            "secret",
            "apikey",
            "privatekey",
            "accesskey",
            "credential",
            "encodingaeskey",
        ]
        .iter()
        .any(|part| name.contains(part))
}

/// `${NAME}` or `$NAME`, and nothing else.
fn is_bare_reference(text: &str) -> bool {
    let braced = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let bare = text.strip_prefix('$').filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
    let bare = bare.filter(|name| !name.chars().any(|c| c.is_ascii_lowercase()));
    let name = braced.or(bare);
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// A URL with a password in it.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_go_by_name_wherever_they_are_and_references_stay() {
        let before = json!({
            "gateway": { "auth": { "mode": "token", "token": "s1", "password": 12 }, "remote": { "token": "${TOKEN}" } },
            "models": { "providers": { "a": { "apiKey": "s2", "headers": { "X-Any": "s3" }, "models": [{ "maxTokens": 5 }] } } },
            "channels": { "telegram": { "botToken": "s4", "tokenFile": "/t" }, "x": { "accounts": { "token": { "name": "n", "appSecret": ["s5"] } } } },
            "env": { "vars": { "ANY": "s6" } },
            "hooks": { "token": { "source": "env", "id": "T" }, "url": "http://u:s7@h/", "token_file": "/f" },
            "agents": { "defaults": { "contextTokens": 9 } },
        });
        let shown = redact(&before).to_string();
        for secret in ["s1", "12", "s2", "s3", "s4", "s5", "s6", "s7"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        for kept in [
            "${TOKEN}",
            "\"maxTokens\":5",
            "\"/t\"",
            "\"/f\"",
            "\"id\":\"T\"",
            "\"contextTokens\":9",
            "\"n\"",
        ] {
            assert!(shown.contains(kept), "{kept} not in {shown}");
        }
    }

    #[test]
    fn what_only_looks_like_a_reference_hides_nothing() {
        let before = json!({
            "a": { "source": "git", "id": "x", "apiKey": "s1" },
            "b": { "source": "env", "id": "X", "token": "s2" },
            "c": { "source": "file", "id": { "password": "s3" } },
            "d": { "headers": { "source": "cookie-s4", "id": "s5" } },
        });
        let shown = redact(&before).to_string();
        for secret in ["s1", "s2", "s3", "s4", "s5"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        let reference = json!({ "token": { "source": "exec", "provider": "vault", "id": "a/token" } });
        assert_eq!(redact(&reference), reference);
    }

    #[test]
    fn text_keeps_its_layout_and_loses_its_secrets_and_what_comments_say() {
        let text =
            "{ // was hunter2\n  gateway: { auth: { token: 'abc', mode: /* or s3cret */ \"token\" }, },\n}\n";
        let value = json5::from_str(text).expect("the text is JSON5");
        let want = "{ // __OPENCLAW_REDACTED__\n  gateway: { auth: { token: \"__OPENCLAW_REDACTED__\", mode: /* __OPENCLAW_REDACTED__ */ \"token\" }, },\n}\n";
        assert_eq!(redact_text(text, &value), want);
    }

    #[test]
    fn a_secret_given_twice_is_in_neither_place() {
        let text = "{ token: 'first', token: 'second' }";
        let value = json5::from_str(text).expect("the text is JSON5");
        let shown = redact_text(text, &value);
        assert!(!shown.contains("first") && !shown.contains("second"), "{shown}");
    }
}
