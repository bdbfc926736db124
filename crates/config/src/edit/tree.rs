//! The same change twice: to the value that is wanted, and to the text's tree.

use super::EditError;
use crate::doc::{item_path, join_path};
use crate::path::PathStep;
use jsonc_parser::cst::{CstInputValue, CstNode, CstRootNode, ObjectPropName};
use serde_json::{Map, Value};

/// Puts `new` where `steps` lead.
pub(super) fn put(value: &mut Value, steps: &[PathStep], new: &Value, path: &str) -> Result<(), EditError> {
    let mut value = value;
    let mut at = String::new();
    let mut rest = steps;
    while let Some((step, after)) = rest.split_first() {
        if value.is_null() {
            *value = if step.bracketed { Value::Array(vec![]) } else { Value::Object(Map::new()) };
        }
        value = match value {
            Value::Object(map) => {
                at = join_path(&at, &step.name);
                map.entry(step.name.clone()).or_insert(Value::Null)
            }
            Value::Array(items) => {
                let len = items.len();
                let too_far = || no_such_item(path, &at, len);
                let index = step.index.filter(|index| *index <= len).ok_or_else(too_far)?;
                if index == len {
                    items.push(Value::Null);
                }
                let item = items.get_mut(index).ok_or_else(too_far)?;
                at = item_path(&at, index);
                item
            }
            other => {
                let found = kind(other);
                let problem = format!(
                    "{path} cannot be set: {at} is {found}, which holds no other values; set or unset {at} first"
                );
                return Err(EditError::place(path, problem));
            }
        };
        rest = after;
    }
    *value = new.clone();
    Ok(())
}

fn no_such_item(path: &str, at: &str, len: usize) -> EditError {
    EditError::place(path, format!("{path} cannot be set: {at} has {len} items; the next one is {at}[{len}]"))
}

/// Takes out what `steps` lead to.
pub(super) fn take(value: &mut Value, steps: &[PathStep]) -> Option<Value> {
    let (last, way) = steps.split_last()?;
    let holder = way.iter().try_fold(value, |value, step| match value {
        Value::Object(map) => map.get_mut(&step.name),
        Value::Array(items) => items.get_mut(step.index?),
        _ => None,
    })?;
    match holder {
        Value::Object(map) => map.shift_remove(&last.name),
        Value::Array(items) => {
            last.index.filter(|index| *index < items.len()).map(|index| items.remove(index))
        }
        _ => None,
    }
}

/// Gives the key that `steps` lead to another name, in its place; `None` where it is not there, or another has that name.
pub(super) fn rename_value(value: &mut Value, steps: &[PathStep], name: &str) -> Option<()> {
    let (last, way) = steps.split_last()?;
    let holder = way.iter().try_fold(value, |value, step| value.get_mut(&step.name))?.as_object_mut()?;
    if !holder.contains_key(&last.name) || holder.contains_key(name) {
        return None;
    }
    let old = std::mem::take(holder);
    let named = |key: String| if key == last.name { name.to_owned() } else { key };
    *holder = old.into_iter().map(|(key, value)| (named(key), value)).collect();
    Some(())
}

/// As [`rename_value`], in the text's tree.
pub(super) fn rename(root: &CstRootNode, steps: &[PathStep], name: &str) -> Option<()> {
    let (last, way) = steps.split_last()?;
    let holder =
        way.iter().try_fold(root.value()?, |node, step| node.as_object()?.get(&step.name)?.value())?;
    let name = Value::from(name).to_string();
    match holder.as_object()?.get(&last.name)?.name()? {
        ObjectPropName::String(old) => old.set_raw_value(name),
        ObjectPropName::Word(old) => old.set_raw_value(name),
    }
    Some(())
}

/// `new` inside the objects and lists that the rest of the path asks for.
fn nested(steps: &[PathStep], new: &Value) -> Value {
    steps.iter().rev().fold(new.clone(), |inner, step| {
        if step.bracketed {
            // The first place: [`put`] has refused every other one in a list that is not there.
            Value::Array(vec![inner])
        } else {
            Value::Object(Map::from_iter([(step.name.clone(), inner)]))
        }
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Sets the value in the text's tree; `None` where the tree is not like the value that was read from it.
pub(super) fn set(root: &CstRootNode, steps: &[PathStep], new: &Value) -> Option<()> {
    let mut node = root.value()?;
    let mut rest = steps;
    loop {
        let (step, after) = rest.split_first()?;
        let insert = || input(&nested(after, new));
        let next = if let Some(object) = node.as_object() {
            match object.get(&step.name) {
                Some(property) => {
                    let value = property.value()?;
                    if after.is_empty() || value.as_null_keyword().is_some() {
                        property.set_value(insert());
                        return Some(());
                    }
                    value
                }
                None => {
                    object.append(&step.name, insert());
                    return Some(());
                }
            }
        } else {
            let list = node.as_array()?;
            match list.elements().get(step.index?) {
                Some(item) if after.is_empty() || item.as_null_keyword().is_some() => {
                    return replace(item, insert());
                }
                Some(item) => item.clone(),
                None => {
                    list.append(insert());
                    return Some(());
                }
            }
        };
        (node, rest) = (next, after);
    }
}

/// Removes the value from the text's tree.
pub(super) fn remove(root: &CstRootNode, steps: &[PathStep]) -> Option<()> {
    let (last, way) = steps.split_last()?;
    let holder = way.iter().try_fold(root.value()?, |node, step| match node.as_object() {
        Some(object) => object.get(&step.name)?.value(),
        None => node.as_array()?.elements().get(step.index?).cloned(),
    })?;
    match holder.as_object() {
        Some(object) => object.get(&last.name)?.remove(),
        None => holder.as_array()?.elements().get(last.index?)?.clone().remove(),
    }
    Some(())
}

fn replace(node: &CstNode, new: CstInputValue) -> Option<()> {
    let replaced = if let Some(node) = node.as_object() {
        node.replace_with(new)
    } else if let Some(node) = node.as_array() {
        node.replace_with(new)
    } else if let Some(node) = node.as_string_lit() {
        node.replace_with(new)
    } else if let Some(node) = node.as_number_lit() {
        node.replace_with(new)
    } else if let Some(node) = node.as_boolean_lit() {
        node.replace_with(new)
    } else {
        node.as_null_keyword()?.replace_with(new)
    };
    replaced.map(|_| ())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(yes) => CstInputValue::Bool(*yes),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(map) => {
            CstInputValue::Object(map.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}
