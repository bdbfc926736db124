//! Where in the text each key and value stands.

use std::collections::HashMap;

use super::lex::{Kind, Token, Tokens};

/// Most places that are remembered, which bounds the memory for a large file; later values have no position.
const MAX_PLACES: usize = 50_000;

/// Most bytes of paths that are remembered; a few very long keys could otherwise fill the memory.
const MAX_PATH_BYTES: usize = 16 * 1024 * 1024;

/// Byte offsets of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where its key begins; for array items and the whole document, where the value does.
    pub(crate) key: usize,
    /// Where it begins.
    pub(crate) value: usize,
    /// Where it ends, for strings, numbers and literals; for objects and arrays the end of the opening bracket.
    pub(crate) end: usize,
}

/// The places of all values by path (`gateway.auth.mode`, `agents.list[0].id`).
#[derive(Debug, Default)]
pub(crate) struct Positions {
    places: HashMap<String, Place>,
    lines: Vec<usize>,
    repeated: Vec<String>,
    path_bytes: usize,
    text: String,
}

/// What may come next inside an object or array.
enum Frame {
    /// A key, a comma or the end.
    Key { path: String },
    /// The colon after the key.
    Colon { path: String, key: String, at: usize },
    /// The value after the colon.
    Value { path: String, key: String, at: usize },
    /// An item, a comma or the end.
    Item { path: String, index: usize },
    /// A comma or the end of an array.
    AfterItem { path: String, index: usize },
}

impl Positions {
    /// Knows lines and columns, and no paths: for texts that may be too deep to scan.
    pub(crate) fn lines_of(text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { lines, text: text.to_owned(), ..Self::default() }
    }

    /// Reads the text as far as it looks like JSON5; what comes after a surprise has no position. The depth of the
    /// text must be bounded, since every level makes the paths longer.
    pub(crate) fn scan(text: &str) -> Self {
        let mut positions = Self::lines_of(text);
        let mut stack: Vec<Frame> = Vec::new();
        let mut tokens = Tokens::new(text);
        match tokens.next() {
            Some(token) => positions.value(String::new(), token.start, token, &mut stack),
            None => return positions,
        }
        for token in tokens {
            let Some(frame) = stack.pop() else { break };
            let full = positions.places.len() >= MAX_PLACES || positions.path_bytes >= MAX_PATH_BYTES;
            if full || !positions.step(frame, token, &mut stack) {
                break;
            }
        }
        positions
    }

    /// Takes one token inside the innermost object or array; false at a surprise.
    fn step(&mut self, frame: Frame, token: Token, stack: &mut Vec<Frame>) -> bool {
        match (frame, token.kind) {
            (Frame::Key { .. }, Kind::Punct('}')) => {}
            (Frame::Item { .. } | Frame::AfterItem { .. }, Kind::Punct(']')) => {}
            (Frame::Key { path }, Kind::Punct(',')) => stack.push(Frame::Key { path }),
            (Frame::AfterItem { path, index }, Kind::Punct(',')) => {
                stack.push(Frame::Item { path, index: index + 1 });
            }
            (Frame::Key { path }, Kind::Text | Kind::Word) => match self.key_name(token) {
                Some(key) => stack.push(Frame::Colon { path, key, at: token.start }),
                None => return false,
            },
            (Frame::Colon { path, key, at }, Kind::Punct(':')) => stack.push(Frame::Value { path, key, at }),
            (Frame::Value { path, key, at }, kind) if starts_value(kind) => {
                let own = join(&path, &key);
                stack.push(Frame::Key { path });
                self.value(own, at, token, stack);
            }
            (Frame::Item { path, index }, kind) if starts_value(kind) => {
                let own = item(&path, index);
                stack.push(Frame::AfterItem { path, index });
                self.value(own, token.start, token, stack);
            }
            _ => return false,
        }
        true
    }

    fn value(&mut self, path: String, key: usize, token: Token, stack: &mut Vec<Frame>) {
        match token.kind {
            Kind::Punct('{') => stack.push(Frame::Key { path: path.clone() }),
            Kind::Punct('[') => stack.push(Frame::Item { path: path.clone(), index: 0 }),
            _ => {}
        }
        self.path_bytes = self.path_bytes.saturating_add(path.len());
        let place = Place { key, value: token.start, end: token.end };
        if self.places.insert(path.clone(), place).is_some() {
            self.repeated.push(path);
        }
    }

    fn key_name(&self, token: Token) -> Option<String> {
        let raw = self.text.get(token.start..token.end)?;
        match token.kind {
            Kind::Text => json5::from_str(raw).ok(),
            _ if raw.contains('\\') => json5::from_str(&format!("\"{raw}\"")).ok(),
            _ => Some(raw.to_owned()),
        }
    }

    /// Where `path` stands, if it was seen.
    pub(crate) fn get(&self, path: &str) -> Option<Place> {
        self.places.get(path).copied()
    }

    /// Paths that were given more than once; the last one counts.
    pub(crate) fn repeated(&self) -> &[String] {
        &self.repeated
    }

    /// Line and column, both from 1, of a byte offset.
    pub(crate) fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    /// Line and column of the value at `path`, or of its key. A value that is not there has the place of the
    /// nearest that holds it; `(0, 0)` when nothing was seen at all.
    pub(crate) fn of(&self, path: &str, key: bool) -> (usize, usize) {
        let mut path = path;
        loop {
            if let Some(place) = self.get(path) {
                return self.line_column(if key { place.key } else { place.value });
            }
            if path.is_empty() {
                return (0, 0);
            }
            path = path.rfind(['.', '[']).and_then(|at| path.get(..at)).unwrap_or("");
        }
    }
}

fn starts_value(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Word | Kind::Punct('{' | '['))
}

/// The path of `key` below `parent`: with a dot, or in brackets when the key has unusual characters.
pub(crate) fn join(parent: &str, key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '*' | '/');
    match (!key.is_empty() && key.chars().all(plain), parent.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{parent}.{key}"),
        (false, _) => format!("{parent}[{key:?}]"),
    }
}

/// The path of item `index` of the array `parent`.
pub(crate) fn item(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "// head\n{\n  gateway: { 'auth': {mode: \"token\",}, },\n  \"a.b\": [1, {x: 2}, [3]],\n  é: 'ü', f: 1\n}\n";

    #[test]
    fn every_value_has_its_line_and_column() {
        let positions = Positions::scan(TEXT);
        let table = [
            ("", (2, 1)),
            ("gateway", (3, 12)),
            ("gateway.auth", (3, 22)),
            ("gateway.auth.mode", (3, 29)),
            ("[\"a.b\"]", (4, 10)),
            ("[\"a.b\"][0]", (4, 11)),
            ("[\"a.b\"][1].x", (4, 18)),
            ("[\"a.b\"][2][0]", (4, 23)),
            ("é", (5, 6)),
            ("f", (5, 14)),
            ("nowhere", (2, 1)),
            ("gateway.auth.token", (3, 22)),
            ("gateway.nodes[3].x", (3, 12)),
        ];
        for (path, place) in table {
            assert_eq!(positions.of(path, false), place, "{path}");
        }
        assert_eq!(positions.of("gateway.auth", true), (3, 14));
    }

    #[test]
    fn a_key_given_twice_is_noticed_and_the_last_counts() {
        let positions = Positions::scan("{a: 1, b: 2, 'a': 3}");
        assert_eq!(positions.repeated(), ["a"]);
        assert_eq!(positions.of("a", false), (1, 19));
    }

    #[test]
    fn after_a_surprise_there_are_no_more_positions() {
        let positions = Positions::scan("{a: 1, : 2, b: 3}");
        assert_eq!(positions.of("a", false), (1, 5));
        assert!(positions.get("b").is_none());
    }
}
