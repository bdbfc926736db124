//! Placeholders that come back: whoever was shown a config without its secrets sends it back without them. Each
//! placeholder becomes the secret that it stood for, or nothing is changed.

use super::EditError;
use crate::doc::{item_path, join_path};
use crate::{REDACTED, redact};
use serde_json::Value;

/// Puts the secrets of `current` where `incoming` has their placeholder.
pub(super) fn restore(incoming: &mut Value, current: &Value) -> Result<(), EditError> {
    let shown = redact(current);
    walk(incoming, Some(current), Some(&shown), "")
}

fn walk(
    incoming: &mut Value,
    current: Option<&Value>,
    shown: Option<&Value>,
    path: &str,
) -> Result<(), EditError> {
    match incoming {
        Value::String(text) if text == REDACTED => {
            let secret = current.filter(|_| shown.is_some_and(|shown| shown == REDACTED));
            *incoming = secret.cloned().ok_or_else(|| refusal(path))?;
            Ok(())
        }
        Value::String(text) if text.contains(REDACTED) => Err(refusal(path)),
        Value::Object(map) => map.iter_mut().try_for_each(|(key, value)| {
            if key.contains(REDACTED) {
                return Err(refusal(&join_path(path, key)));
            }
            walk(
                value,
                current.and_then(|c| c.get(key)),
                shown.and_then(|s| s.get(key)),
                &join_path(path, key),
            )
        }),
        Value::Array(items) => {
            let count = items.len();
            items.iter_mut().enumerate().try_for_each(|(index, item)| {
                let from =
                    current.and_then(Value::as_array).and_then(|was| counterpart(item, index, count, was));
                let at = |value: Option<&'_ Value>| from.and_then(|from| value?.get(from).cloned());
                walk(item, at(current).as_ref(), at(shown).as_ref(), &item_path(path, index))
            })
        }
        _ => Ok(()),
    }
}

/// Which item of the list as it was this one is: the one with the same id, or the one at the same place where the list
/// has as many items as before.
fn counterpart(item: &Value, index: usize, count: usize, was: &[Value]) -> Option<usize> {
    match item.get("id").filter(|id| id.is_string()) {
        Some(id) => was.iter().position(|item| item.get("id") == Some(id)),
        None => (was.len() == count).then_some(index),
    }
}

fn refusal(path: &str) -> EditError {
    let problem = format!(
        "{REDACTED} at {path} stands for a secret that was not shown, and there is none at that place; give the secret itself, or leave {path} out"
    );
    EditError::place(path, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_placeholder_becomes_the_secret_of_its_place_and_of_no_other() {
        let current = json!({
            "gateway": {"auth": {"token": "s1", "mode": "token"}, "port": 1},
            "accounts": [{"id": "a", "token": "s2"}, {"id": "b", "token": "s3"}],
            "keys": {"apiKeys": ["s4", "s5"]},
        });
        let mut same = redact(&current);
        restore(&mut same, &current).unwrap();
        assert_eq!(same, current);

        let mut turned =
            json!({"accounts": [{"id": "b", "token": REDACTED}, {"id": "a", "token": REDACTED}]});
        restore(&mut turned, &current).unwrap();
        assert_eq!(turned, json!({"accounts": [{"id": "b", "token": "s3"}, {"id": "a", "token": "s2"}]}));

        for refused in [
            json!({"gateway": {"remote": {"token": REDACTED}}}),
            json!({"gateway": {"auth": {"mode": REDACTED}}}),
            json!({"gateway": {"port": REDACTED}}),
            json!({"gateway": {"auth": {"token": format!("x{REDACTED}")}}}),
            json!({"accounts": [{"id": "c", "token": REDACTED}]}),
            json!({"keys": {"apiKeys": [REDACTED]}}),
            json!({ REDACTED: 1 }),
        ] {
            assert!(restore(&mut refused.clone(), &current).is_err(), "{refused}");
        }
    }
}
