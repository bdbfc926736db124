//! Tables of a Markdown text as `markdown.tables` wants them: as lists, or as they are written.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::borrow::Cow;
use std::ops::Range;

/// How tables are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tables {
    /// In columns, in a fixed-width font.
    #[default]
    Columns,
    /// Each row as points: what the column is called, and what stands there.
    Points,
    /// As they are written.
    Raw,
}

/// The text with its tables so.
pub fn with_tables(text: &str, tables: Tables) -> Cow<'_, str> {
    if tables == Tables::Columns || !text.contains('|') {
        return Cow::Borrowed(text);
    }
    let found = tables_of(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for table in found {
        out.push_str(text.get(at..table.range.start).unwrap_or_default());
        let written = text.get(table.range.clone()).unwrap_or_default();
        match tables {
            Tables::Points => out.push_str(&points(&table.rows)),
            Tables::Raw | Tables::Columns => out.push_str(&raw(written)),
        }
        if written.ends_with('\n') {
            out.push('\n');
        }
        at = table.range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(out)
}

struct Table {
    range: Range<usize>,
    /// The Markdown of each cell; the first row is the head.
    rows: Vec<Vec<String>>,
}

fn tables_of(text: &str) -> Vec<Table> {
    let mut found = Vec::new();
    let mut open: Option<Table> = None;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Table(_)) => open = Some(Table { range, rows: Vec::new() }),
            Event::Start(Tag::TableHead | Tag::TableRow) => {
                if let Some(table) = &mut open {
                    table.rows.push(Vec::new());
                }
            }
            Event::Start(Tag::TableCell) => {
                if let Some(row) = open.as_mut().and_then(|table| table.rows.last_mut()) {
                    let cell = text.get(range).unwrap_or_default();
                    row.push(cell.trim().trim_matches('|').trim().to_owned());
                }
            }
            Event::End(TagEnd::Table) => found.extend(open.take()),
            _ => {}
        }
    }
    found
}

/// A row is a point of its own, named by its first cell; one without a head says the cells alone.
fn points(rows: &[Vec<String>]) -> String {
    let Some((head, rows)) = rows.split_first() else { return String::new() };
    let mut lines = Vec::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(head)
            .filter(|(cell, _)| !cell.is_empty())
            .map(|(cell, name)| if name.is_empty() { cell.clone() } else { format!("{name}: {cell}") })
            .collect();
        if !cells.is_empty() {
            lines.push(format!("- {}", cells.join("; ")));
        }
    }
    lines.join("\n")
}

/// What is no table any more: the line below the head does not look like one.
fn raw(written: &str) -> String {
    let line =
        |(n, line): (usize, &str)| if n == 1 { format!("\\{}", line.trim_start()) } else { line.to_owned() };
    written.trim_end_matches('\n').split('\n').enumerate().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Prices:\n\n| what | how much |\n|---|---|\n| **tea** | 2 |\n| `a|b` | |\n\nDone.";

    #[test]
    fn a_table_is_a_list_or_what_is_written() {
        let points = with_tables(TEXT, Tables::Points);
        assert!(points.starts_with("Prices:\n\n- what: **tea**; how much: 2\n- "), "{points}");
        assert!(points.ends_with("\n\nDone."), "{points}");
        let raw = with_tables(TEXT, Tables::Raw);
        assert_eq!(raw, TEXT.replacen("|---|---|", "\\|---|---|", 1));
        assert!(tables_of(&raw).is_empty());
        assert_eq!(with_tables(TEXT, Tables::Columns), TEXT);
        for same in ["no table", "a | b", "```\n| a |\n|---|\n```"] {
            assert_eq!(with_tables(same, Tables::Points), same);
        }
    }
}
