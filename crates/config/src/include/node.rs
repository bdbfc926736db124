//! A document in the making: each value with the file that it comes from and its path there.

use crate::doc::{item_path, join_path};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The file, by its number, and the path there.
pub(super) type Origin = (usize, String);

/// A value on its way into the merged document.
pub(super) struct Node {
    kind: Kind,
    file: usize,
    local: String,
}

enum Kind {
    Leaf(Value),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

impl Node {
    pub(super) fn leaf(value: Value, file: usize, local: String) -> Self {
        Self { kind: Kind::Leaf(value), file, local }
    }

    pub(super) fn object(entries: Vec<(String, Node)>, file: usize, local: String) -> Self {
        Self { kind: Kind::Object(entries), file, local }
    }

    pub(super) fn array(items: Vec<Node>, file: usize, local: String) -> Self {
        Self { kind: Kind::Array(items), file, local }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    /// How many objects and lists are within each other, as deep as it goes.
    pub(super) fn depth(&self) -> usize {
        match &self.kind {
            Kind::Leaf(_) => 0,
            Kind::Object(entries) => 1 + entries.iter().map(|(_, node)| node.depth()).max().unwrap_or(0),
            Kind::Array(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
        }
    }

    /// This, and `later` over it.
    pub(super) fn merge(self, later: Node) -> Node {
        let (file, local) = (later.file, later.local.clone());
        match (self.kind, later.kind) {
            (Kind::Object(mut entries), Kind::Object(over)) => {
                for (key, node) in over {
                    match entries.iter().position(|(name, _)| *name == key) {
                        Some(at) => {
                            let (name, before) = entries.remove(at);
                            entries.insert(at, (name, before.merge(node)));
                        }
                        None => entries.push((key, node)),
                    }
                }
                Node { kind: Kind::Object(entries), file, local }
            }
            (Kind::Array(mut items), Kind::Array(more)) => {
                items.extend(more);
                Node { kind: Kind::Array(items), file, local }
            }
            (_, kind) => Node { kind, file, local },
        }
    }

    /// The value, and where each part of it comes from, by its path in the value: all that is not in the first file at
    /// the very same path.
    pub(super) fn into_value(self) -> (Value, HashMap<String, Origin>) {
        let mut origins = HashMap::new();
        let value = self.collect(String::new(), &mut origins);
        (value, origins)
    }

    fn collect(self, path: String, origins: &mut HashMap<String, Origin>) -> Value {
        let value = match self.kind {
            Kind::Leaf(value) => value,
            Kind::Object(entries) => Value::Object(Map::from_iter(entries.into_iter().map(|(key, node)| {
                let value = node.collect(join_path(&path, &key), origins);
                (key, value)
            }))),
            Kind::Array(items) => Value::Array(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(index, node)| node.collect(item_path(&path, index), origins))
                    .collect(),
            ),
        };
        if self.file != 0 || self.local != path {
            origins.insert(path, (self.file, self.local));
        }
        value
    }
}
