//! What differs between two documents, as the fewest changes that a text needs.

use crate::doc::{item_path, join_path};
use crate::path::PathStep;
use serde_json::Value;

/// One change: a value that is put where `steps` lead, or taken away there.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) steps: Vec<PathStep>,
    pub(super) value: Option<Value>,
}

/// The changes that make `after` of `before`, in an order in which they can be made.
pub(super) fn diff(before: &Value, after: &Value) -> Vec<Op> {
    let mut ops = Vec::new();
    walk(before, after, &mut Vec::new(), &mut ops);
    ops
}

fn walk(before: &Value, after: &Value, at: &mut Vec<PathStep>, ops: &mut Vec<Op>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                ops.push(op(at, PathStep::key(key), None));
            }
            for (key, value) in new {
                at.push(PathStep::key(key));
                match old.get(key) {
                    Some(was) => walk(was, value, at, ops),
                    None => ops.push(Op { steps: at.clone(), value: Some(value.clone()) }),
                }
                at.pop();
            }
        }
        (Value::Array(old), Value::Array(new)) if new.len() >= old.len() => {
            for (index, value) in new.iter().enumerate() {
                at.push(PathStep::item(index));
                match old.get(index) {
                    Some(was) => walk(was, value, at, ops),
                    None => ops.push(Op { steps: at.clone(), value: Some(value.clone()) }),
                }
                at.pop();
            }
        }
        (Value::Array(old), Value::Array(new)) => match left_out(old, new) {
            // From the back, so that the places of the others stay the same.
            Some(gone) => gone.iter().rev().for_each(|index| ops.push(op(at, PathStep::item(*index), None))),
            None => ops.push(Op { steps: at.clone(), value: Some(after.clone()) }),
        },
        _ => ops.push(Op { steps: at.clone(), value: Some(after.clone()) }),
    }
}

fn op(at: &[PathStep], last: PathStep, value: Option<Value>) -> Op {
    Op { steps: at.iter().cloned().chain([last]).collect(), value }
}

/// The places of `old` that `new` leaves out, if it does nothing else.
fn left_out(old: &[Value], new: &[Value]) -> Option<Vec<usize>> {
    let mut rest = new.iter().peekable();
    let gone = old.iter().enumerate().filter(|(_, value)| rest.next_if(|next| next == value).is_none());
    let gone: Vec<usize> = gone.map(|(index, _)| index).collect();
    rest.next().is_none().then_some(gone)
}

/// The paths of all values that differ, each as deep as it goes; lists count as one value.
pub fn changed_paths(before: &Value, after: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    leaves(Some(before), Some(after), String::new(), &mut paths);
    paths
}

fn leaves(before: Option<&Value>, after: Option<&Value>, path: String, paths: &mut Vec<String>) {
    if before == after {
        return;
    }
    let map = |value: Option<&Value>| value.and_then(Value::as_object).filter(|m| !m.is_empty()).cloned();
    let (old, new) = (map(before), map(after));
    let is_map_or_gone = |value: Option<&Value>| value.is_none_or(Value::is_object);
    if (old.is_none() && new.is_none()) || !is_map_or_gone(before) || !is_map_or_gone(after) {
        paths.push(path);
        return;
    }
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    for (key, value) in &old {
        leaves(Some(value), new.get(key), join_path(&path, key), paths);
    }
    for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        leaves(None, Some(value), join_path(&path, key), paths);
    }
}

/// The path that steps make, for messages.
pub(super) fn written(steps: &[PathStep]) -> String {
    steps.iter().fold(String::new(), |path, step| match step.index.filter(|_| step.bracketed) {
        Some(index) => item_path(&path, index),
        None => join_path(&path, &step.name),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn changed_paths_are_as_deep_as_they_go() {
        let before = json!({"a": {"b": 1, "c": [1]}, "d": {}, "e": 1});
        let after = json!({"a": {"b": 2, "c": [1, 2]}, "d": {"x": {"y": true}}, "f": {}});
        assert_eq!(changed_paths(&before, &after), ["a.b", "a.c", "d.x.y", "e", "f"]);
        assert_eq!(changed_paths(&before, &before), [""; 0]);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4i64).prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[abc]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_changes_make_the_one_of_the_other(before in value(), after in value()) {
            let (before, after) = (json!({"v": before}), json!({"v": after}));
            let mut made = before.clone();
            for op in diff(&before, &after) {
                match &op.value {
                    Some(value) => tree::put(&mut made, &op.steps, value, "x").unwrap(),
                    None => { tree::take(&mut made, &op.steps).unwrap(); }
                }
            }
            prop_assert_eq!(&made, &after);
            prop_assert_eq!(changed_paths(&before, &after).is_empty(), before == after);
        }
    }
}
