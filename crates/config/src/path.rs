//! Config paths as people write them: `gateway.auth.mode`, `models[0].id`, `models.0.id`, `channels["my.bot"]`.

use serde_json::Value;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStep {
    /// The key's name.
    pub(crate) name: String,
    /// Whether it can be a place in a list.
    pub(crate) index: Option<usize>,
    /// Whether it was written as a place in a list, `[0]`.
    pub(crate) bracketed: bool,
}

impl PathStep {
    /// Into an object, by name.
    pub fn key(name: &str) -> Self {
        Self { name: name.to_owned(), index: None, bracketed: false }
    }

    /// Into a list, by place.
    pub(crate) fn item(index: usize) -> Self {
        Self { name: index.to_string(), index: Some(index), bracketed: true }
    }

    /// The key, or the place in a list, as text.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Reads a path; an empty one is the whole document.
///
/// # Errors
/// What is wrong with it, in words.
pub fn path_steps(path: &str) -> Result<Vec<PathStep>, String> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        let (name, after) = match rest.strip_prefix('[') {
            Some(inner) => bracket(path, inner)?,
            None => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                (name.to_owned(), after)
            }
        };
        if name.is_empty() {
            return Err(format!("the path {path:?} has an empty part; write it like gateway.auth.mode"));
        }
        let quoted = rest.starts_with("[\"") || rest.starts_with("['");
        let index = if quoted { None } else { name.parse().ok() };
        steps.push(PathStep { bracketed: index.is_some() && rest.starts_with('['), name, index });
        rest = match after.strip_prefix('.') {
            Some("") => return Err(format!("the path {path:?} ends with a dot")),
            Some(more) => more,
            None => after,
        };
    }
    Ok(steps)
}

/// What stands between brackets, quoted or not, and what follows.
fn bracket<'a>(path: &str, inner: &'a str) -> Result<(String, &'a str), String> {
    let open = || format!("a bracket is not closed in {path:?}; write it like models[0].id");
    let (name, after) = match inner.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => {
            let (name, after) = inner.get(1..).and_then(|t| t.split_once(quote)).ok_or_else(open)?;
            (name, after.strip_prefix(']').ok_or_else(open)?)
        }
        None => inner.split_once(']').ok_or_else(open)?,
    };
    if !(after.is_empty() || after.starts_with(['.', '['])) {
        return Err(format!("a dot is missing after a bracket in {path:?}; write it like models[0].id"));
    }
    Ok((name.to_owned(), after))
}

/// The value that the path leads to.
pub fn find<'a>(value: &'a Value, steps: &[PathStep]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.index?),
        Value::Object(map) => map.get(&step.name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let value = json!({"a":{"b":[{"id":"x"}],"7":true},"my.bot":{"t":1}});
        for (path, found) in [
            ("a.b[0].id", Some(json!("x"))),
            ("a.b.0.id", Some(json!("x"))),
            ("a.7", Some(json!(true))),
            ("[\"my.bot\"].t", Some(json!(1))),
            ("['my.bot']", Some(json!({"t":1}))),
            ("a.b[1]", None),
            ("a.b.c", None),
            ("a.b[0].id.x", None),
            ("", Some(value.clone())),
        ] {
            assert_eq!(find(&value, &path_steps(path).unwrap()).cloned(), found, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_in_words() {
        for path in ["a..b", ".a", "a.", "a[0", "a[\"x]", "a[]", "a[0]b"] {
            assert!(path_steps(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(path in "[a\\.\\[\\]\"'0é ]{0,20}") {
            if let Ok(steps) = path_steps(&path) {
                find(&json!({"a":[{"0":{}}]}), &steps);
            }
        }
    }
}
