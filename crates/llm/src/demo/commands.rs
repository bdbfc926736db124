//! What the demo model understands as a wish to use a tool.

use serde_json::{Map, Value, json};

/// A tool to call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish {
    pub(super) tool: String,
    pub(super) arguments: Value,
}

/// Reads the wishes of a text; none is an empty list.
///
/// # Errors
/// Arguments that are no JSON object: what to tell the user.
pub(super) fn read(text: &str) -> Result<Vec<Wish>, String> {
    let mut wishes = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("TOOL:") {
        let (wish, behind) = tool_and_arguments(behind)?;
        wishes.extend(wish);
        rest = behind;
    }
    if !wishes.is_empty() {
        return Ok(wishes);
    }
    let line = without_envelope(text);
    if let Some(words) = strip_word(line, "use") {
        // "use the stairs" is talk; arguments, or a tool's name alone, are a wish.
        return match tool_and_arguments(words) {
            Ok((Some(wish), behind)) if behind.trim().is_empty() => Ok(vec![wish]),
            Ok(_) => Ok(Vec::new()),
            Err(why) => Err(why),
        };
    }
    Ok(strip_word(line, "run").and_then(run).into_iter().collect())
}

/// `<name> [{json}]` at the beginning; gives what stands behind it too.
fn tool_and_arguments(text: &str) -> Result<(Option<Wish>, &str), String> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
        .unwrap_or(text.len());
    let (name, behind) = text.split_at(end);
    if name.is_empty() {
        return Ok((None, behind));
    }
    let wish = |arguments| Some(Wish { tool: name.to_owned(), arguments });
    if !behind.trim_start().starts_with('{') {
        return Ok((wish(Value::Object(Map::new())), behind));
    }
    let mut values = serde_json::Deserializer::from_str(behind).into_iter::<Value>();
    match values.next() {
        Some(Ok(arguments)) => Ok((wish(arguments), behind.get(values.byte_offset()..).unwrap_or_default())),
        Some(Err(e)) => Err(format!(
            "The arguments of {name} are no JSON object: {e}. Write TOOL:{name} {{\"key\":\"value\"}}."
        )),
        None => Ok((wish(Value::Object(Map::new())), behind)),
    }
}

/// The text behind what channels and clients put before it, such as `[Telegram Ada 10:15] `.
fn without_envelope(text: &str) -> &str {
    let mut text = text.trim();
    while let Some((_, behind)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        text = behind.trim_start();
    }
    text
}

/// The text behind a first word, in whatever case.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (first, behind) = text.split_once(char::is_whitespace)?;
    first.eq_ignore_ascii_case(word).then(|| behind.trim())
}

/// `<command> [on <node>]`. In backticks the command may hold anything.
fn run(text: &str) -> Option<Wish> {
    let (command, place) = match text.strip_prefix('`').and_then(|t| t.split_once('`')) {
        Some((command, behind)) => (command, strip_word(behind.trim(), "on")),
        None => match text.rsplit_once(" on ") {
            // A node's name is one word, perhaps with an article.
            Some((command, place)) if node_name(place).is_some() => (command, Some(place)),
            _ => (text, None),
        },
    };
    let command = command.trim();
    if command.is_empty() {
        return None;
    }
    let arguments = match place.and_then(node_name) {
        None => json!({ "command": command }),
        Some("") => json!({ "command": command, "host": "node" }),
        Some(node) => json!({ "command": command, "host": "node", "node": node }),
    };
    Some(Wish { tool: "exec".to_owned(), arguments })
}

/// The node that a text names: empty for the only one ("node", "my node"), `None` when it is no name.
fn node_name(text: &str) -> Option<&str> {
    let text = text.trim().trim_end_matches(['.', '!']);
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["node"] | ["the" | "my" | "a", "node"] => Some(""),
        [name] | ["node", name] | ["the", "node", name] => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wishes_are_read_in_all_their_forms() {
        let cases: &[(&str, &[(&str, Value)])] = &[
            ("hello", &[]),
            ("TOOL:ls {\"path\":\"a\"}", &[("ls", json!({"path":"a"}))]),
            ("[Telegram Ada] TOOL:ls", &[("ls", json!({}))]),
            (
                "TOOL:a {\"x\":1}\nTOOL:b {\n\"y\":2\n} thanks",
                &[("a", json!({"x":1})), ("b", json!({"y":2}))],
            ),
            ("use read {\"path\":\"A.md\"}", &[("read", json!({"path":"A.md"}))]),
            ("Use nodes", &[("nodes", json!({}))]),
            ("use the stairs", &[]),
            ("run uptime", &[("exec", json!({"command":"uptime"}))]),
            ("run uptime on node", &[("exec", json!({"command":"uptime","host":"node"}))]),
            (
                "[10:15] Run `echo on top` on pi.",
                &[("exec", json!({"command":"echo on top","host":"node","node":"pi"}))],
            ),
            ("run ls -la on my node", &[("exec", json!({"command":"ls -la","host":"node"}))]),
            ("run", &[]),
            ("run  ", &[]),
        ];
        for (text, want) in cases {
            let want: Vec<Wish> =
                want.iter().map(|(tool, a)| Wish { tool: (*tool).into(), arguments: a.clone() }).collect();
            assert_eq!(read(text), Ok(want), "{text}");
        }
        assert!(read("TOOL:ls {path:1}").is_err_and(|e| e.contains("ls")));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(TOOL:|use |run | on |`|\\{|\\}|\"|\\[|\\]|\\PC|\\n){0,40}") {
            let _ = read(&text);
        }
    }
}
