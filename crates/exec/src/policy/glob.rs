//! Patterns for paths and names: `*` and `?` within a directory, `**` across directories.

/// Whether all of `text` fits the pattern. Takes time in the product of their lengths, whatever the pattern.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let tokens = tokens(pattern);
    let text: Vec<char> = text.chars().collect();
    // `reach[i]`: the tokens so far fit the first `i` characters.
    let mut reach = vec![false; text.len() + 1];
    if let Some(start) = reach.first_mut() {
        *start = true;
    }
    for token in tokens {
        reach = step(token, &reach, &text);
    }
    reach.last().copied().unwrap_or(false)
}

#[derive(Clone, Copy)]
enum Token {
    One(char),
    AnyOne,
    Any,
    AnyDeep,
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '*' if rest.peek() == Some(&'*') => {
                rest.next();
                Token::AnyDeep
            }
            '*' => Token::Any,
            '?' => Token::AnyOne,
            c => Token::One(c),
        });
    }
    tokens
}

fn step(token: Token, reach: &[bool], text: &[char]) -> Vec<bool> {
    let mut next = vec![false; reach.len()];
    let at = |list: &[bool], i: usize| list.get(i).copied().unwrap_or(false);
    for i in 0..reach.len() {
        let last = i.checked_sub(1).and_then(|i| text.get(i).map(|c| (i, *c)));
        let fits = match (token, last) {
            (Token::One(wanted), Some((before, c))) => c == wanted && at(reach, before),
            (Token::AnyOne, Some((before, c))) => c != '/' && at(reach, before),
            (Token::One(_) | Token::AnyOne, None) => false,
            // Nothing more, or one more than what already fitted.
            (Token::Any, last) => {
                at(reach, i) || last.is_some_and(|(before, c)| c != '/' && at(&next, before))
            }
            (Token::AnyDeep, last) => at(reach, i) || last.is_some_and(|(before, _)| at(&next, before)),
        };
        if let Some(slot) = next.get_mut(i) {
            *slot = fits;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stay_within_a_directory_and_double_stars_do_not() {
        for (pattern, text, expected) in [
            ("/usr/bin/rg", "/usr/bin/rg", true),
            ("/usr/bin/rg", "/usr/bin/rgx", false),
            ("/usr/bin/*", "/usr/bin/rg", true),
            ("/usr/bin/*", "/usr/bin/a/rg", false),
            ("/opt/**/rg", "/opt/a/b/rg", true),
            ("/opt/**", "/opt/a/b/rg", true),
            ("/opt/**/rg", "/opt/a/b/rm", false),
            ("python?", "python3", true),
            ("a?b", "a/b", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("[a]", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        assert!(!fits(&"**a".repeat(300), &"a".repeat(299)));
        assert!(fits(&"**a".repeat(300), &"a".repeat(300)));
    }
}
