//! The command lines of a page: those of its blocks, and those that stand in a sentence.

use crate::page;

/// What a line in a sentence begins with; whatever else stands between backquotes is no command line.
const PROGRAMS: &[&str] = &[
    "openclaw ",
    "apt-get ",
    "cargo ",
    "chmod ",
    "chown ",
    "curl ",
    "docker ",
    "install -m ",
    "journalctl ",
    "jq ",
    "loginctl ",
    "nano ",
    "scripts/",
    "ssh ",
    "ssh-copy-id ",
    "ssh-keygen ",
    "sudo ",
    "systemctl ",
    "tailscale ",
    "timedatectl ",
];

/// A command line and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The number of its line on the page.
    pub(crate) at: usize,
    /// The whole of it, without a comment.
    pub(crate) text: String,
}

/// All of a page's, in their order; one that stands there twice is given once.
pub(crate) fn lines(name: &str) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    for line in all(&page(name)) {
        if !found.iter().any(|other| other.text == line.text) {
            found.push(line);
        }
    }
    found
}

fn all(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut prose = String::new();
    let mut block: Option<&str> = None;
    let mut whole = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        match (line.strip_prefix("```"), block) {
            (Some(language), None) => {
                sentences(&prose, number - prose.lines().count(), &mut found);
                prose.clear();
                block = Some(language);
            }
            (Some(_), Some(_)) => block = None,
            (None, None) => prose.push_str(&format!("{line}\n")),
            (None, Some(language)) => {
                let (text, goes_on) = match line.strip_suffix('\\') {
                    Some(text) => (text, true),
                    None => (line, false),
                };
                whole.push_str(text);
                if !goes_on {
                    found.extend(in_block(language, &std::mem::take(&mut whole), number));
                }
            }
        }
    }
    sentences(&prose, text.lines().count() + 1 - prose.lines().count(), &mut found);
    found
}

/// In a block for a shell everything is a command line; elsewhere, what begins with our program.
fn in_block(language: &str, line: &str, at: usize) -> Option<Line> {
    let shell = ["sh", "bash"].contains(&language);
    let ours = ["", "text"].contains(&language) && line.starts_with("openclaw ");
    let text = line.split(" #").next().unwrap_or_default().trim();
    ((shell || ours) && !text.is_empty() && !text.starts_with('#'))
        .then(|| Line { at, text: text.to_owned() })
}

/// What stands between backquotes, over the end of a line too, but not over that of a paragraph.
fn sentences(prose: &str, first: usize, found: &mut Vec<Line>) {
    let mut at = first;
    for paragraph in prose.split("\n\n") {
        let mut line = at;
        for (place, part) in paragraph.split('`').enumerate() {
            let text = part.split_whitespace().collect::<Vec<_>>().join(" ");
            if place % 2 == 1 && PROGRAMS.iter().any(|program| text.starts_with(program)) {
                found.push(Line { at: line, text });
            }
            line += part.matches('\n').count();
        }
        at += paragraph.matches('\n').count() + 2;
    }
}

#[test]
fn lines_are_found_in_blocks_and_in_sentences() {
    let text = "# A\nSay `openclaw nodes\npending`, not `nodes` or `install --port`.\n\n```sh\n# first\nA=1 openclaw x \\\n  --y   # why\n```\n\
                ```\nopenclaw z\nother\n```\n```json5\nopenclaw no\n```\nThen `sudo ls` twice.\n";
    let found: Vec<(usize, String)> = all(text).into_iter().map(|line| (line.at, line.text)).collect();
    let wanted =
        [(2, "openclaw nodes pending"), (8, "A=1 openclaw x --y"), (11, "openclaw z"), (17, "sudo ls")];
    assert_eq!(found, wanted.map(|(at, text)| (at, text.to_owned())));
}
