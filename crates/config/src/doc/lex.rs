//! Cutting JSON5 into tokens, for positions and for the depth bound; the parsing itself is json5's.
//!
//! It never fails: what it does not know is a word. Where it could differ from the parser it errs on the side
//! of seeing brackets, so that the depth bound holds for every text.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// Deepest nesting of objects and arrays that is read; the parser recurses once per level.
const MAX_DEPTH: usize = 64;

/// What a [`Token`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of `{ } [ ] : ,`.
    Punct(char),
    /// A quoted string with its quotes.
    Text,
    /// A run of anything else: names, numbers, literals.
    Word,
}

/// A piece of the text, by byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The tokens of a text, without blanks and comments.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, chars: text.char_indices().peekable() }
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn skip_line(&mut self) {
        while self.chars.next_if(|(_, c)| !line_end(*c)).is_some() {}
    }

    fn skip_block(&mut self) {
        while let Some((_, c)) = self.chars.next() {
            if c == '*' && self.chars.next_if(|(_, c)| *c == '/').is_some() {
                return;
            }
        }
    }

    /// To the closing quote, or to a raw line end, where the parser stops with an error.
    fn skip_text(&mut self, quote: char) {
        while let Some((_, c)) = self.chars.next_if(|(_, c)| !matches!(c, '\n' | '\r')) {
            if c == quote {
                return;
            }
            if c == '\\' && self.chars.next().is_some_and(|(_, escaped)| escaped == '\r') {
                // A continued line may end in two characters.
                self.chars.next_if(|(_, c)| *c == '\n');
            }
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let (start, c) = self.chars.next()?;
            let kind = match c {
                c if blank(c) => continue,
                '{' | '}' | '[' | ']' | ':' | ',' => Kind::Punct(c),
                '"' | '\'' => {
                    self.skip_text(c);
                    Kind::Text
                }
                '/' if self.peek() == Some('/') => {
                    self.skip_line();
                    continue;
                }
                '/' if self.peek() == Some('*') => {
                    self.chars.next();
                    self.skip_block();
                    continue;
                }
                '/' => Kind::Word,
                _ => {
                    while self.chars.next_if(|(_, c)| !ends_word(*c)).is_some() {}
                    Kind::Word
                }
            };
            return Some(Token { kind, start, end: self.offset() });
        }
    }
}

/// The byte offset of the first bracket that is nested too deep to be read.
pub(crate) fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for token in Tokens::new(text) {
        match token.kind {
            Kind::Punct('{' | '[') => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(token.start);
                }
            }
            Kind::Punct('}' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Where the text has comments, their marks included.
pub(crate) fn comments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut end = 0;
    let ends = Tokens::new(text).map(|token| (token.start, token.end)).chain([(text.len(), text.len())]);
    for (start, next) in ends {
        // Between tokens there are blanks and comments alone.
        let mut at = end;
        while let Some(begin) = text.get(at..start).and_then(|gap| gap.find('/')).map(|offset| at + offset) {
            let rest = text.get(begin..start).unwrap_or_default();
            let length = match rest.strip_prefix("/*") {
                Some(inner) => inner.find("*/").map_or(rest.len(), |offset| offset + 4),
                None => rest.find(line_end).unwrap_or(rest.len()),
            };
            at = begin + length;
            found.push(begin..at);
        }
        end = next;
    }
    found
}

fn line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

fn ends_word(c: char) -> bool {
    blank(c) || matches!(c, '{' | '}' | '[' | ']' | ':' | ',' | '"' | '\'' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        Tokens::new(text).map(|token| &text[token.start..token.end]).collect()
    }

    #[test]
    fn comments_and_blanks_vanish_and_strings_stay_whole() {
        let text = "{ // a { comment\r'it\\'s': \"a/*b*/\", /* [ */ c: -0x1F,\u{feff}}";
        assert_eq!(pieces(text), ["{", "'it\\'s'", ":", "\"a/*b*/\"", ",", "c", ":", "-0x1F", ",", "}"]);
    }

    #[test]
    fn comments_are_found_wherever_they_are_and_nowhere_else() {
        let text = "// a\n{ /* b **/ 'x//y': 'http://z', /*/ c */ d: 1 // e\u{2028}// f\n} // g";
        let found: Vec<&str> = comments(text).into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, ["// a", "/* b **/", "/*/ c */", "// e", "// f", "// g"]);
        assert!(comments("{ a: 'b/c' }").is_empty());
    }

    #[test]
    fn a_continued_line_is_one_string() {
        assert_eq!(pieces("'a\\\r\nb' c"), ["'a\\\r\nb'", "c"]);
    }

    #[test]
    fn nesting_is_counted_outside_strings_and_comments_only() {
        assert_eq!(too_deep(&"[".repeat(64)), None);
        assert_eq!(too_deep(&"[".repeat(65)), Some(64));
        assert_eq!(too_deep(&format!("'{0}' /*{0}*/ //{0}", "[".repeat(100))), None);
        assert_eq!(too_deep(&"{}".repeat(100)), None);
    }
}
