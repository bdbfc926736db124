//! Which tools of a server are lent.

use super::McpServer;

/// Whether a tool is lent: included, or nothing is, and not excluded.
pub(super) fn is_lent(server: &McpServer, tool: &str) -> bool {
    let named = |list: &[String]| list.iter().any(|pattern| matches(pattern.trim(), tool));
    (server.include.is_empty() || named(&server.include)) && !named(&server.exclude)
}

/// A name, or one with `*` for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_has_stars() {
        for (pattern, name, fits) in [
            ("read", "read", true),
            ("read", "reader", false),
            ("read_*", "read_file", true),
            ("*", "", true),
            ("*_file", "read_file", true),
            ("*_file", "read_files", false),
            ("r*d*e", "read_file", true),
            ("ab*ba", "aba", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
