//! The file of variables in the state directory (`.env`): a service does not have its user's shell, and a key has to be
//! somewhere. It is read as OpenClaw reads it: `NAME=value` on lines of their own, a value in quotes where it has blanks at its
//! ends, a `#` or line breaks in it. Nothing in it is looked up or run.

use crate::Env;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than this is no file of variables.
const MOST_BYTES: u64 = 256 * 1024;
/// They say where the file is, and count no more when it is read.
const TOO_LATE: &[&str] =
    &["OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_PROFILE", "HOME"];

impl Env {
    /// Adds what the file says, where this environment does not say it already ([`Env::is_kept`] tells it apart). Gives whole
    /// sentences about what was left out, without values. A file that is missing says nothing.
    pub fn add_file(&mut self, file: &Path) -> Vec<String> {
        let text = match read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => return vec![format!("{} is left out: {error}", file.display())],
        };
        let (variables, wrong) = parse(&text);
        let place = file.display();
        let mut warnings: Vec<String> =
            wrong.iter().map(|line| format!("{place}:{line} is no NAME=value, and is left out")).collect();
        for (name, value) in variables {
            if TOO_LATE.contains(&name.as_str()) {
                warnings.push(format!("{name} in {place} has no effect: it says where that file is"));
            } else {
                self.add_kept(&name, &value);
            }
        }
        warnings
    }
}

fn read(file: &Path) -> io::Result<String> {
    // Opening a pipe would wait for somebody who writes.
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let open = File::open(file)?;
    let mut text = String::new();
    let read = open.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it is larger than {MOST_BYTES} bytes")));
    }
    Ok(text)
}

/// The variables, the last of a name, and the numbers of the lines that are none.
fn parse(text: &str) -> (BTreeMap<String, String>, Vec<usize>) {
    let (mut variables, mut wrong) = (BTreeMap::new(), Vec::new());
    let (mut rest, mut number) = (text.strip_prefix('\u{feff}').unwrap_or(text), 1);
    while !rest.is_empty() {
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let line = rest[..end].trim();
        let mut used = end;
        if !line.is_empty() && !line.starts_with('#') {
            match entry(rest, end) {
                Some((name, value, length)) => {
                    variables.insert(name, value);
                    used = length;
                }
                None => wrong.push(number),
            }
        }
        number += rest[..used].matches('\n').count();
        rest = &rest[used..];
    }
    (variables, wrong)
}

/// The entry at the beginning of `rest`, whose first line is `end` long: name, value, and how much of `rest` it takes.
fn entry(rest: &str, end: usize) -> Option<(String, String, usize)> {
    let line = &rest[..end];
    let (before, _) = line.split_once('=')?;
    let name = before.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) {
        return None;
    }
    let after = before.len() + 1;
    let value = rest[after..end].trim_start();
    let begins = end - value.len();
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '\'' | '"' | '`')) else {
        let plain = value.split('#').next().unwrap_or_default();
        return Some((name.to_owned(), plain.trim().to_owned(), end));
    };
    let inner = &rest[begins + 1..];
    let length = closing(inner, quote)?;
    let text = &inner[..length];
    let text = if quote == '"' { text.replace("\\n", "\n").replace("\\r", "\r") } else { text.to_owned() };
    let behind = begins + 1 + length + 1;
    let used = rest[behind..].find('\n').map_or(rest.len(), |at| behind + at + 1);
    let tail = rest[behind..used].trim();
    (tail.is_empty() || tail.starts_with('#')).then(|| (name.to_owned(), text, used))
}

/// Where the closing quote is; one behind a backslash is none.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            c if c == quote && !escaped => return Some(at),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_read_as_they_are_elsewhere() {
        for (text, value) in [
            ("A=b", "b"),
            ("  export A = b c  # d", "b c"),
            ("A=", ""),
            ("A=b=c$D", "b=c$D"),
            ("A='b # c'", "b # c"),
            ("A=\"b\\nc\" # d", "b\nc"),
            ("A='b\\nc'", "b\\nc"),
            ("A=\"b\nc\"\r\n", "b\nc"),
            ("A=`it's \"b\"`", "it's \"b\""),
            ("\u{feff}# first\n\nA=a\r\nA=b\r\n", "b"),
        ] {
            let (variables, wrong) = parse(text);
            assert_eq!((variables.get("A").map(String::as_str), wrong), (Some(value), vec![]), "{text:?}");
        }
        let (variables, wrong) = parse("A='b\nB\n=c\nC D=e\nE='f' g\nF=h\nG=\"1\n2\"\nwhat");
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        assert_eq!((names, wrong), (vec!["F", "G"], vec![1, 2, 3, 4, 5, 9]));
    }

    proptest! {
        #[test]
        fn a_quoted_value_is_what_was_written_and_nothing_panics(value in "[^'\\\\]*", junk in "(?s).*") {
            let (variables, _) = parse(&format!("A='{value}'\nB=c"));
            prop_assert_eq!(variables.get("A"), Some(&value));
            prop_assert_eq!(variables.get("B").map(String::as_str), Some("c"));
            parse(&junk);
        }
    }

    #[test]
    fn what_is_set_already_wins_and_what_says_where_the_file_is_counts_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".env");
        let mut env = Env::from([("A", "mine"), ("B", "")]);
        assert!(env.add_file(&file).is_empty());
        std::fs::write(&file, "A=theirs\nB=b\nC=c\nOPENCLAW_STATE_DIR=/x\nsecret words\n").unwrap();
        let warnings = env.add_file(&file).join("\n");
        assert_eq!([env.get("A"), env.get("B"), env.get("C")], [Some("mine"), Some("b"), Some("c")]);
        assert_eq!(env.get("OPENCLAW_STATE_DIR"), None);
        assert_eq!(["A", "B", "C", "D"].map(|name| env.is_kept(name)), [false, true, true, false]);
        let without = env.without("B");
        assert_eq!((without.get("B"), without.is_kept("B"), without.is_kept("C")), (None, false, true));
        assert!(warnings.contains(".env:5 is no") && warnings.contains("OPENCLAW_STATE_DIR"), "{warnings}");
        assert!(!warnings.contains("secret words"), "{warnings}");
        let warnings = env.add_file(dir.path());
        assert!(warnings[0].contains("is no file"), "{warnings:?}");
    }
}
