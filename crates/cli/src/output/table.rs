//! Tables in plain text: columns as wide as their widest cell, two spaces between.

use super::{Output, Tone, printable};

/// A table that is being filled.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Longer cells are cut: a table is for looking, `--json` is for the whole.
const WIDEST: usize = 60;

impl Table {
    /// A table with these column heads.
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| cut(&printable(cell).replace(['\n', '\t'], " "))).collect());
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

fn width(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str) -> String {
    if width(text) <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_long_cells_are_cut() {
        let mut table = Table::new(&["ID", "NAME"]);
        table.row(["1".into(), "a\nb\x1b[31m".into()]);
        table.row(["äöü23".into(), "x".repeat(100)]);
        let text = table.render(&Output::plain(), "none");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ID     NAME");
        assert_eq!(lines[1], "1      a b[31m");
        assert_eq!(lines[2], format!("äöü23  {}…", "x".repeat(59)));
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new(&["ID"]).render(&Output::plain(), "no nodes"), "no nodes");
    }
}
