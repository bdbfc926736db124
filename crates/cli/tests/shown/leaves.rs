//! Every command that does something by itself, with its example, as `docs/commands.md` has them.

use std::path::Path;

/// A command's words, and its example without the program's name.
pub(crate) type Leaf = (String, Vec<String>);

/// All of them, in the order of the page.
pub(crate) fn all() -> Vec<Leaf> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let page = std::fs::read_to_string(page).unwrap();
    let leaves: Vec<Leaf> = page.split("\n## openclaw ").skip(1).map(leaf).collect();
    assert!(leaves.len() > 100, "the page has every command");
    leaves
}

fn leaf(part: &str) -> Leaf {
    let name = part.lines().next().unwrap().to_owned();
    let lines = part.lines().skip_while(|line| *line != "Example:").skip(1);
    let example: Vec<&str> = lines.take_while(|line| line.starts_with("  ")).map(str::trim).collect();
    let mut words = words(&example.join(" "));
    assert_eq!(words.remove(0), "openclaw", "{name}");
    (name, words)
}

/// Words as a shell splits them, where quotes are single ones.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}
