//! Tables in plain text: columns as wide as their widest cell, two spaces between.

use super::{Output, Tone, printable};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A table that is being filled.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    whole_last: bool,
}

/// Longer texts are cut: a table is for looking, `--json` is for the whole.
const WIDEST: usize = 60;
/// What is one word (an id, a key, a path) is there to be pasted, and is of no use without its end. No id is longer.
const WIDEST_WORD: usize = 200;

impl Table {
    /// A table with these column heads.
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new(), whole_last: false }
    }

    /// As [`Table::new`], but nothing of the last column is cut: whoever decides by it has to see all of it.
    pub(crate) fn whole(head: &[&'static str]) -> Self {
        Self { whole_last: true, ..Self::new(head) }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let shown = cells.iter().enumerate().map(|(place, cell)| {
            let cell = printable(cell).replace(['\n', '\t'], " ");
            if self.whole_last && place + 1 == N { cell } else { cut(&cell) }
        });
        self.rows.push(shown.collect());
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, or `empty` where it has no rows.
    pub(crate) fn render(&self, out: &Output, empty: &str) -> String {
        if self.rows.is_empty() {
            return empty.to_owned();
        }
        let head: Vec<String> = self.head.iter().map(|h| (*h).to_owned()).collect();
        let widths: Vec<usize> = (0..self.head.len())
            .map(|i| {
                std::iter::once(&head).chain(&self.rows).filter_map(|r| r.get(i)).map(|c| width(c)).max()
            })
            .map(Option::unwrap_or_default)
            .collect();
        let mut lines = vec![out.paint(Tone::Dim, &line(&head, &widths))];
        lines.extend(self.rows.iter().map(|row| line(row, &widths)));
        lines.join("\n")
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, wide) in cells.iter().zip(widths) {
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', wide.saturating_sub(width(cell)) + 2));
    }
    text.trim_end().to_owned()
}

/// Columns of the terminal: signs of some scripts and pictures take two.
fn width(text: &str) -> usize {
    text.width()
}

fn cut(text: &str) -> String {
    let widest = if text.contains(' ') { WIDEST } else { WIDEST_WORD };
    if width(text) <= widest {
        return text.to_owned();
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or_default();
        taken < widest
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_long_cells_are_cut() {
        let mut table = Table::new(&["ID", "NAME"]);
        table.row(["1".into(), "a\nb\x1b[31m".into()]);
        table.row(["äöü23".into(), format!("{} {}", "x".repeat(50), "x".repeat(50))]);
        let text = table.render(&Output::plain(), "none");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ID     NAME");
        assert_eq!(lines[1], "1      a b[31m");
        assert_eq!(lines[2], format!("äöü23  {} {}…", "x".repeat(50), "x".repeat(8)));
    }

    #[test]
    fn what_is_to_be_pasted_is_whole_and_wide_signs_take_two_columns() {
        let mut table = Table::new(&["ID", "NAME", "ROLE"]);
        table.row(["a".repeat(64), "日本語".into(), "node".into()]);
        table.row(["b".into(), "🦀 crab".into(), "node".into()]);
        let text = table.render(&Output::plain(), "none");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], format!("{}  日本語   node", "a".repeat(64)));
        assert_eq!(lines[2], format!("b{}  🦀 crab  node", " ".repeat(63)));
        assert_eq!(width(&cut(&"語 ".repeat(40))), WIDEST);
    }

    #[test]
    fn what_is_decided_by_is_not_cut() {
        let mut table = Table::whole(&["ID", "COMMAND"]);
        table.row(["1".into(), "true ".repeat(30)]);
        assert!(table.render(&Output::plain(), "none").ends_with(&"true ".repeat(30).trim_end()));
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new(&["ID"]).render(&Output::plain(), "no nodes"), "no nodes");
    }
}
