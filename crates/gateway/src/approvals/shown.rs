//! What people are shown of a command. They decide by it, so it must say all that runs, and nothing in it may hide.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Characters of a command and its variables that people can be expected to read.
pub(crate) const MAX_SHOWN: usize = 16_000;

/// A text whose every character can be seen: what moves the cursor, turns the direction of writing around or takes no room
/// is written as its number.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hides(c) {
            // Writing into a string does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn hides(c: char) -> bool {
    let moves = c.is_control() && !matches!(c, '\n' | '\t');
    moves
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What is said of the variables that a command is given; `None` where it is given none.
pub(crate) fn variables(env: &[(String, String)]) -> Option<String> {
    (!env.is_empty()).then(|| format!("It sets variables: {}", visible(&exec::display_env(env))))
}

/// What tells one set of variables from another, whatever their order; empty where there are none.
pub(crate) fn digest(env: &[(String, String)]) -> String {
    if env.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<_> = env.iter().collect();
    sorted.sort_unstable();
    let mut hash = Sha256::new();
    for (name, value) in sorted {
        for part in [name, value] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hex::encode(hash.finalize())
}

/// The names of the variables, in order.
pub(crate) fn names(env: &[(String, String)]) -> Vec<&str> {
    let mut names: Vec<&str> = env.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn nothing_hides_in_what_is_shown() {
        assert_eq!(visible("ls\t-l\n# é 日本"), "ls\t-l\n# é 日本");
        assert_eq!(visible("a\u{202e}b\u{200b}\r\u{1b}[2K"), "a\\u{202e}b\\u{200b}\\u{d}\\u{1b}[2K");
    }

    #[test]
    fn variables_are_told_apart_by_name_and_value_and_not_by_order() {
        let one = digest(&env(&[("A", "1"), ("B", "2")]));
        assert_eq!(one, digest(&env(&[("B", "2"), ("A", "1")])));
        for other in [&[("A", "1")][..], &[("A", "2"), ("B", "1")], &[("A", "1B"), ("B", "2")], &[]] {
            assert_ne!(one, digest(&env(other)), "{other:?}");
        }
        assert_eq!((digest(&[]), variables(&[])), (String::new(), None));
        assert_eq!(variables(&env(&[("A", "x y")])).unwrap(), "It sets variables: A=\"x y\"");
    }
}
