//! Merging a patch into a document: objects key by key, `null` takes away, anything else replaces. Lists of objects with
//! ids are merged item by item, and no item goes away unless that was said.

use super::EditError;
use crate::doc::join_path;
use serde_json::Value;

/// Merges `patch` into `value`. `replace` names the lists that the patch may shorten, and the objects and lists that it
/// replaces as a whole.
pub(super) fn merge(value: &mut Value, patch: &Value, replace: &[String]) -> Result<(), EditError> {
    let mut lost = Vec::new();
    walk(value, patch, "", &mut Rules { replace, lost: &mut lost });
    if lost.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "the patch would take items away from {}; name the {} in replacePaths (--replace-path) if that is meant, or replace the whole config",
        lost.join(", "),
        if lost.len() == 1 { "list" } else { "lists" },
    );
    Err(EditError::place(&lost.join(", "), problem))
}

struct Rules<'a> {
    replace: &'a [String],
    lost: &'a mut Vec<String>,
}

impl Rules<'_> {
    fn may_replace(&self, path: &str) -> bool {
        self.replace.iter().any(|allowed| allowed == path)
    }

    /// Notes every list within `value` that goes away with it.
    fn gone(&mut self, value: &Value, path: &str) {
        match value {
            Value::Array(_) if !self.may_replace(path) => self.lost.push(path.to_owned()),
            Value::Object(map) if !self.may_replace(path) => {
                map.iter().for_each(|(key, value)| self.gone(value, &join_path(path, key)));
            }
            _ => {}
        }
    }
}

fn walk(value: &mut Value, patch: &Value, path: &str, rules: &mut Rules<'_>) {
    match (&mut *value, patch) {
        (Value::Object(map), Value::Object(changes)) if !rules.may_replace(path) => {
            for (key, change) in changes {
                let at = join_path(path, key);
                if change.is_null() {
                    if let Some(was) = map.shift_remove(key) {
                        rules.gone(&was, &at);
                    }
                } else if let Some(was) = map.get_mut(key) {
                    walk(was, change, &at, rules);
                } else {
                    map.insert(key.clone(), without_nulls(change));
                }
            }
        }
        (Value::Array(items), Value::Array(new)) if !rules.may_replace(path) => {
            if has_ids(items) && has_ids(new) {
                by_id(items, new, path, rules);
                return;
            }
            if !items.iter().all(|item| new.contains(item)) {
                rules.lost.push(path.to_owned());
            }
            *value = patch.clone();
        }
        _ => {
            if value.is_array() || (value.is_object() && !patch.is_object()) {
                rules.gone(value, path);
            }
            *value = without_nulls(patch);
        }
    }
}

fn by_id(items: &mut Vec<Value>, new: &[Value], path: &str, rules: &mut Rules<'_>) {
    for change in new {
        match items.iter_mut().find(|item| item["id"] == change["id"]) {
            Some(item) => walk(item, change, &format!("{path}[]"), rules),
            None => items.push(without_nulls(change)),
        }
    }
}

fn has_ids(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get("id").is_some_and(Value::is_string))
}

/// A patch that becomes a value: `null` in an object says that the key is not there.
fn without_nulls(patch: &Value) -> Value {
    match patch {
        Value::Object(map) => Value::Object(
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v))).collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_what_it_names_and_takes_no_items_away_unasked() {
        let before = json!({"a": {"b": 1, "c": 2}, "list": [1, 2], "models": [{"id": "x", "n": 1, "in": ["t"]}, {"id": "y"}]});
        let merged = |patch: Value, replace: &[&str]| {
            let mut value = before.clone();
            let replace: Vec<String> = replace.iter().map(|s| (*s).to_owned()).collect();
            merge(&mut value, &patch, &replace).map(|()| value).map_err(|e| e.to_string())
        };
        let table = [
            (json!({"a": {"b": 5}}), "/a", json!({"b": 5, "c": 2})),
            (json!({"a": {"b": null}}), "/a", json!({"c": 2})),
            (json!({"a": 7}), "/a", json!(7)),
            (json!({"new": {"x": null, "y": 1}}), "/new", json!({"y": 1})),
            (json!({"list": [2, 1, 3]}), "/list", json!([2, 1, 3])),
            (
                json!({"models": [{"id": "y", "n": 2}, {"id": "z"}]}),
                "/models",
                json!([{"id": "x", "n": 1, "in": ["t"]}, {"id": "y", "n": 2}, {"id": "z"}]),
            ),
        ];
        for (patch, at, want) in table {
            assert_eq!(merged(patch.clone(), &[]).unwrap().pointer(at), Some(&want), "{patch}");
        }
        for (patch, path) in [
            (json!({"list": [1]}), "list"),
            (json!({"list": null}), "list"),
            (json!({"models": [{"id": "x", "in": []}]}), "models[].in"),
        ] {
            let error = merged(patch.clone(), &[]).unwrap_err();
            assert!(error.contains(&format!("away from {path};")), "{patch}: {error}");
            assert!(merged(patch, &[path]).is_ok());
        }
        assert_eq!(merged(json!({"a": {"b": 5}}), &["a"]).unwrap()["a"], json!({"b": 5}));
    }
}
