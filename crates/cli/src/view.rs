//! Reading a payload whose fields may be missing: another gateway, older or newer, may have sent it.

use serde_json::Value;

/// The text at a JSON pointer.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// The text at a JSON pointer, or `-`.
pub(crate) fn cell(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(s)) if s.is_empty() => "-".into(),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    }
}

/// The whole number at a JSON pointer.
pub(crate) fn number(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer)?.as_i64()
}

/// Whether true stands at a JSON pointer.
pub(crate) fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The list at a JSON pointer, empty where there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of the list at a JSON pointer, joined by commas; `-` where there are none.
pub(crate) fn joined(value: &Value, pointer: &str) -> String {
    let texts: Vec<&str> = list(value, pointer).iter().filter_map(Value::as_str).collect();
    if texts.is_empty() { "-".into() } else { texts.join(", ") }
}

/// So many of something, in words.
pub(crate) fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_or_of_another_type_reads_as_nothing() {
        let value = json!({"a":{"b":"x","n":3,"t":true,"l":["p","q",1],"e":""},"z":null});
        assert_eq!((text(&value, "/a/b"), text(&value, "/a/n"), text(&value, "/q")), (Some("x"), None, None));
        assert_eq!(
            (cell(&value, "/a/n"), cell(&value, "/z"), cell(&value, "/a/e")),
            ("3".into(), "-".into(), "-".into())
        );
        assert_eq!((number(&value, "/a/n"), number(&value, "/a/b")), (Some(3), None));
        assert!(flag(&value, "/a/t") && !flag(&value, "/a/b"));
        assert_eq!(
            (counted(1, "node", "nodes"), counted(0, "node", "nodes")),
            ("1 node".into(), "0 nodes".into())
        );
        assert_eq!((joined(&value, "/a/l"), joined(&value, "/a")), ("p, q".into(), "-".into()));
    }
}
