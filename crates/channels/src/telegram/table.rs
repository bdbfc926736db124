//! Tables as text in a fixed-width font: Telegram has none of its own.

/// Wider cells are not padded: one long cell would make every row as long.
const MAX_WIDTH: usize = 24;

/// A table's text; the first row is its head.
pub(super) fn layout(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(|column| width(rows, column)).collect();
    let mut lines = Vec::with_capacity(rows.len() + 1);
    for (index, row) in rows.iter().enumerate() {
        lines.push(line(row, &widths));
        if index == 0 {
            let dashes: Vec<String> = widths.iter().map(|w| "-".repeat((*w).max(1))).collect();
            lines.push(dashes.join("-+-"));
        }
    }
    lines.join("\n")
}

fn width(rows: &[Vec<String>], column: usize) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(column));
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0).min(MAX_WIDTH)
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    cells.join(" | ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::layout;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["name", "n"], ["a", "10"], ["longer", ""]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|r| r.iter().map(|c| (*c).to_owned()).collect()).collect();
        assert_eq!(layout(&rows), "name   | n\n-------+---\na      | 10\nlonger |");
        assert_eq!(layout(&[]), "");
    }
}
