//! The table of checks, and the page about it.

use super::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;

#[test]
fn ids_are_unique_and_say_what_they_are_about() {
    let checks: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(checks.len(), CHECKS.len());
    let kinds: Vec<&str> = CHECKS.iter().flat_map(|check| check.kinds).map(|kind| kind.id).collect();
    assert_eq!(kinds.iter().collect::<BTreeSet<_>>().len(), kinds.len(), "{kinds:?}");
    for kind in kinds {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        assert!(kind.contains('.') && kind.chars().all(plain), "{kind}");
    }
}

/// The generated part of `docs/doctor.md`.
fn table() -> String {
    let mut text = String::new();
    for check in CHECKS {
        let by = match check.used_by {
            UsedBy::Doctor => "`doctor`",
            UsedBy::Audit => "`security audit`",
            UsedBy::Both => "both",
        };
        let _ = writeln!(text, "\n### {}\n`{}`, {by}\n", check.title, check.id);
        let _ = writeln!(text, "| id | | what it means | what to do |\n|---|---|---|---|");
        for kind in check.kinds {
            let fix = if kind.mends { "; `--fix` does it" } else { "" };
            let row = [kind.severity.as_str(), kind.title, kind.remedy].map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(text, "| `{}` | {} | {} | {}{fix} |", kind.id, row[0], row[1], row[2]);
        }
    }
    text
}

#[test]
fn the_page_has_every_check_and_what_it_finds() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/doctor.md");
    let written = std::fs::read_to_string(page).unwrap();
    let (begin, end) = ("<!-- checks: begin -->", "<!-- checks: end -->");
    let (head, rest) = written.split_once(begin).expect("the page marks where the table begins");
    let (_, tail) = rest.split_once(end).expect("the page marks where the table ends");
    let wanted = format!("{head}{begin}{}{end}{tail}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(page, wanted).unwrap();
        return;
    }
    assert_eq!(written, wanted, "run it again with UPDATE_DOCS=1");
}
