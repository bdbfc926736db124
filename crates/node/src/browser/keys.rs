//! Keys by their names, as people and models write them: `Enter`, `a`, `Control+Shift+T`.

use serde_json::{Value, json};

/// Names that go for others.
const ALIASES: &[(&str, &str)] = &[
    ("esc", "Escape"),
    ("return", "Enter"),
    ("del", "Delete"),
    ("ctrl", "Control"),
    ("cmd", "Meta"),
    ("command", "Meta"),
    ("option", "Alt"),
    ("space", " "),
    ("up", "ArrowUp"),
    ("down", "ArrowDown"),
    ("left", "ArrowLeft"),
    ("right", "ArrowRight"),
];
/// Modifiers, and the bit that says that they are held.
const MODIFIERS: &[(&str, u32, u32)] =
    &[("Alt", 1, 18), ("Control", 2, 17), ("Meta", 4, 91), ("Shift", 8, 16)];
/// Keys that write nothing, or not what they are called, with the number that pages see and what they write.
const NAMED: &[(&str, u32, &str)] = &[
    ("Enter", 13, "\r"),
    ("Tab", 9, ""),
    ("Escape", 27, ""),
    ("Backspace", 8, ""),
    ("Delete", 46, ""),
    ("Insert", 45, ""),
    ("Home", 36, ""),
    ("End", 35, ""),
    ("PageUp", 33, ""),
    ("PageDown", 34, ""),
    ("ArrowLeft", 37, ""),
    ("ArrowUp", 38, ""),
    ("ArrowRight", 39, ""),
    ("ArrowDown", 40, ""),
];

/// The bits of modifiers by their names.
///
/// # Errors
/// One of them is none.
pub(super) fn modifiers(names: &[String]) -> Result<u32, String> {
    names.iter().try_fold(0, |bits, name| {
        let name = canonical(name);
        let name = if name == "ControlOrMeta" { "Control".to_owned() } else { name };
        let found = MODIFIERS.iter().find(|(known, ..)| *known == name);
        found
            .map(|(_, bit, _)| bits | bit)
            .ok_or_else(|| format!("{name:?} is no modifier; there are Alt, Control, Meta and Shift"))
    })
}

/// The parameters of `Input.dispatchKeyEvent` that press the keys and let go of them.
///
/// # Errors
/// There is no such key.
pub(super) fn chord(text: &str) -> Result<Vec<Value>, String> {
    let (held, last) = match text.rsplit_once('+') {
        // The plus itself.
        Some((held, "")) if held.is_empty() || held.ends_with('+') => (held.trim_end_matches('+'), "+"),
        Some((held, last)) => (held, last),
        None => ("", text),
    };
    let held: Vec<String> = held.split('+').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let bits = modifiers(&held)?;
    let key = canonical(last);
    let (code, writes) = key_code(&key).ok_or_else(|| format!("there is no key {last:?}"))?;
    // With Control, Alt or Meta held, a key is a command and writes nothing.
    let writes = if bits & !8 == 0 { writes } else { String::new() };
    let mut down = json!({"type": if writes.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key,
        "windowsVirtualKeyCode": code, "modifiers": bits});
    if !writes.is_empty() {
        down["text"] = json!(writes);
    }
    let up = json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code, "modifiers": bits});
    Ok(vec![down, up])
}

fn canonical(name: &str) -> String {
    let trimmed = if name == " " { name } else { name.trim() };
    let lower = trimmed.to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == lower).map(|(_, meant)| *meant);
    let named = NAMED.iter().map(|(name, ..)| *name).chain(MODIFIERS.iter().map(|(name, ..)| *name));
    let known = named.into_iter().find(|known| known.to_lowercase() == lower);
    alias.or(known).unwrap_or(trimmed).to_owned()
}

/// The number of a key and what it writes.
fn key_code(key: &str) -> Option<(u32, String)> {
    if let Some((_, code, writes)) = NAMED.iter().find(|(name, ..)| *name == key) {
        return Some((*code, (*writes).to_owned()));
    }
    if let Some((_, _, code)) = MODIFIERS.iter().find(|(name, ..)| *name == key) {
        return Some((*code, String::new()));
    }
    if let Some(number) =
        key.strip_prefix(['F', 'f']).and_then(|n| n.parse::<u32>().ok()).filter(|n| (1..=12).contains(n))
    {
        return Some((111 + number, String::new()));
    }
    let mut chars = key.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if !c.is_control() => {
            let code =
                if c.is_ascii_alphanumeric() || c == ' ' { u32::from(c.to_ascii_uppercase()) } else { 0 };
            Some((code, c.to_string()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_the_names_that_people_use() {
        for (text, key, code, bits, writes) in [
            ("Enter", "Enter", 13, 0, Some("\r")),
            ("return", "Enter", 13, 0, Some("\r")),
            ("a", "a", 65, 0, Some("a")),
            ("ü", "ü", 0, 0, Some("ü")),
            ("+", "+", 0, 0, Some("+")),
            ("Space", " ", 32, 0, Some(" ")),
            ("Ctrl+Shift+t", "t", 84, 10, None),
            ("control++", "+", 0, 2, None),
            ("Shift+A", "A", 65, 8, Some("A")),
            ("F5", "F5", 116, 0, None),
            ("esc", "Escape", 27, 0, None),
        ] {
            let chord = chord(text).unwrap();
            assert_eq!(chord[0]["key"], key, "{text}");
            assert_eq!(
                (&chord[0]["windowsVirtualKeyCode"], &chord[0]["modifiers"]),
                (&json!(code), &json!(bits)),
                "{text}"
            );
            assert_eq!(chord[0]["text"].as_str(), writes, "{text}");
        }
        for text in ["", "NoKey", "Hyper+a", "F13"] {
            assert!(chord(text).is_err(), "{text}");
        }
    }
}
