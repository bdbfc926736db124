//! Reading a shell's command line far enough to know every program that it starts.
//!
//! Understood are simple commands, joined by `;`, `&&`, `||`, `|` and line ends, with words that are plain, quoted or
//! escaped. Whatever else a shell can do, substitutions, redirections, groups, variables, functions, is *unclear*, and unclear
//! is never allowed by a list: what is not understood cannot be vouched for.

use super::Unclear;
use std::ops::Range;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Without quotes and escapes.
    pub(super) text: String,
    /// Where it stands in the line.
    pub(super) at: Range<usize>,
    /// Whether the shell takes it as it is: no pattern of file names, no `~`.
    pub(super) literal: bool,
    /// Whether any of it was quoted or escaped.
    quoted: bool,
}

/// A simple command: at least one word.
pub(super) type Segment = Vec<Word>;

/// Words that begin something larger than a simple command.
const RESERVED: &[&str] = &[
    "!", "[[", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "time", "until", "while",
];

/// Reads a line, which may be many lines.
pub(super) fn parse(line: &str) -> Result<Vec<Segment>, Unclear> {
    Reader { line, at: 0, segments: Vec::new(), words: Vec::new(), joined: false }.read()
}

struct Reader<'a> {
    line: &'a str,
    at: usize,
    segments: Vec<Segment>,
    words: Segment,
    /// The last thing was `&&`, `||` or `|`: a command must follow.
    joined: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.line.get(self.at..)?.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn read(mut self) -> Result<Vec<Segment>, Unclear> {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' => {
                    self.take();
                }
                '\n' | ';' | '&' | '|' => self.operator()?,
                '#' => return Err(Unclear("a comment")),
                _ => {
                    let word = self.word()?;
                    self.push(word)?;
                }
            }
        }
        if self.joined && self.words.is_empty() {
            return Err(Unclear("an operator without a command"));
        }
        self.end_segment();
        if self.segments.is_empty() {
            return Err(Unclear("no command"));
        }
        Ok(self.segments)
    }

    fn push(&mut self, word: Word) -> Result<(), Unclear> {
        if self.words.is_empty() {
            check_first(&word)?;
        }
        self.joined = false;
        self.words.push(word);
        Ok(())
    }

    fn end_segment(&mut self) {
        if !self.words.is_empty() {
            self.segments.push(std::mem::take(&mut self.words));
        }
    }

    fn operator(&mut self) -> Result<(), Unclear> {
        let first = self.take();
        let doubled = first.is_some() && self.peek() == first;
        let (joins, ends_line) = match (first, doubled) {
            (Some('&' | '|'), true) => {
                self.take();
                (true, false)
            }
            (Some('|'), false) => (true, false),
            (Some('\n'), _) => (false, true),
            (Some(';'), false) => (false, false),
            (Some('&'), false) => return Err(Unclear("a command in the background")),
            _ => return Err(Unclear("an operator that is not understood")),
        };
        if self.words.is_empty() {
            // Empty lines are nothing, and a line may end behind an operator.
            return if ends_line { Ok(()) } else { Err(Unclear("an operator without a command")) };
        }
        self.end_segment();
        self.joined = joins;
        Ok(())
    }

    fn word(&mut self) -> Result<Word, Unclear> {
        let begin = self.at;
        let mut word = Word { text: String::new(), at: begin..begin, literal: true, quoted: false };
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' => break,
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '\\' => self.escaped(&mut word)?,
                '$' | '`' => return Err(Unclear("a substitution")),
                '<' | '>' => return Err(Unclear("a redirection")),
                '(' | ')' | '{' | '}' => return Err(Unclear("a group, function or brace expansion")),
                // Which of the others divide words is a matter of the shell and its locale.
                c if c.is_control() || !c.is_ascii() => return Err(Unclear("a character that needs quotes")),
                c => {
                    self.take();
                    word.literal &= !matches!(c, '*' | '?' | '[' | '~');
                    word.text.push(c);
                }
            }
        }
        word.at = begin..self.at;
        Ok(word)
    }

    fn single_quoted(&mut self, word: &mut Word) -> Result<(), Unclear> {
        self.take();
        word.quoted = true;
        loop {
            match self.take() {
                Some('\'') => return Ok(()),
                Some('\0') | None => return Err(Unclear("a quote that does not end")),
                Some(c) => word.text.push(c),
            }
        }
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), Unclear> {
        self.take();
        word.quoted = true;
        loop {
            match self.take() {
                Some('"') => return Ok(()),
                Some('$' | '`') => return Err(Unclear("a substitution")),
                Some('\\') => match self.take() {
                    Some(c @ ('"' | '\\' | '$' | '`')) => word.text.push(c),
                    Some('\n') | None => return Err(Unclear("a line that goes on")),
                    Some(c) => word.text.extend(['\\', c]),
                },
                Some('\0') | None => return Err(Unclear("a quote that does not end")),
                Some(c) => word.text.push(c),
            }
        }
    }

    fn escaped(&mut self, word: &mut Word) -> Result<(), Unclear> {
        self.take();
        word.quoted = true;
        match self.take() {
            Some('\n' | '\0') | None => Err(Unclear("a line that goes on")),
            Some(c) => {
                word.text.push(c);
                Ok(())
            }
        }
    }
}

/// The word that says which program runs.
fn check_first(word: &Word) -> Result<(), Unclear> {
    if !word.literal {
        return Err(Unclear("a program that is named by a pattern"));
    }
    if word.text.is_empty() {
        return Err(Unclear("a program without a name"));
    }
    if !word.quoted && RESERVED.contains(&word.text.as_str()) {
        return Err(Unclear("a compound command"));
    }
    // Quotes within the value change nothing, and quotes within the name are rare enough to be refused too.
    let sets = word.text.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    if sets { Err(Unclear("a variable that is set")) } else { Ok(()) }
}

/// `text` as one word that a shell takes as it is.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<String>> {
        let segments = parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        segments.iter().map(|s| s.iter().map(|w| w.text.clone()).collect()).collect()
    }

    #[test]
    fn every_command_of_a_line_is_seen() {
        assert_eq!(words("rg -n 'a b' src"), [["rg", "-n", "a b", "src"]]);
        assert_eq!(words("a;b&&c||d|e"), [["a"], ["b"], ["c"], ["d"], ["e"]]);
        assert_eq!(words("a\nb\n\n"), [["a"], ["b"]]);
        assert_eq!(words("a ;"), [["a"]]);
        assert_eq!(words("a &&\n b"), [["a"], ["b"]]);
        assert_eq!(words(r#""r"m 'a;b' "c && d" e\;f"#), [["rm", "a;b", "c && d", "e;f"]]);
        assert_eq!(words(r#"a "\$x\q" ''"#), [["a", r"$x\q", ""]]);
        assert_eq!(words("a *.rs ~/x"), [["a", "*.rs", "~/x"]]);
    }

    #[test]
    fn what_is_not_understood_is_unclear() {
        for line in [
            "",
            " \n",
            "a $(b)",
            "a `b`",
            "a \"$(b)\"",
            "a \"`b`\"",
            "a $x",
            "a > b",
            "a < b",
            "a 2>&1",
            "a <<E\nE",
            "(a)",
            "{ a; }",
            "a {b,c}",
            "a & b",
            "a &",
            "a |& b",
            "a ;; b",
            "; a",
            "&& a",
            "a &&",
            "a || ; b",
            "a # b",
            "X=1 a",
            "X+=1 a",
            "X=1",
            "if a",
            "! a",
            "time a",
            "while a",
            "f() { a; }",
            "a 'b",
            "a \"b",
            "a \\",
            "a \\\n b",
            "/bin/r?",
            "~/a",
            "[ a ]",
            "''",
            "a\rb",
            "a\u{a0}b",
            "a\0b",
            "a '\0'",
        ] {
            assert!(parse(line).is_err(), "{line:?}: {:?}", parse(line));
        }
    }
}
