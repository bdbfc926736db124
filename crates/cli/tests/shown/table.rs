//! Tables in what a command printed: their cells are masked one by one, and the table is laid out again, so that a page is
//! the same however wide a number was. A row that does not stand below its head is no row, and stays as it is.

use unicode_width::UnicodeWidthStr;

/// The text with every cell and every other line masked.
pub(crate) fn masked(text: &str, mask: impl Fn(&str) -> String) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(starts) = head(lines[at]) else {
            out.push(mask(lines[at]));
            at += 1;
            continue;
        };
        let rows: Vec<Vec<String>> = lines[at..].iter().map_while(|line| cells(line, &starts)).collect();
        at += rows.len();
        // The head's own words are no values.
        let masked = rows.iter().enumerate().map(|(i, row)| match i {
            0 => row.clone(),
            _ => row.iter().map(|cell| mask(cell)).collect(),
        });
        out.extend(laid_out(&masked.collect::<Vec<_>>()));
    }
    out.join("\n")
}

/// Where the columns begin, if this is the head of a table: words in capitals, two spaces or more between them.
fn head(line: &str) -> Option<Vec<usize>> {
    let bytes = line.as_bytes();
    if !line.is_ascii() || line.starts_with(' ') || bytes.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    let begins = |at: &usize| {
        bytes[*at].is_ascii_uppercase()
            && (*at == 0 || (*at >= 2 && bytes[at - 1] == b' ' && bytes[at - 2] == b' '))
    };
    let starts: Vec<usize> = (0..bytes.len()).filter(begins).collect();
    let mut words = line.split("  ").map(str::trim).filter(|word| !word.is_empty());
    let is_head = starts.len() > 1 && words.clone().count() == starts.len();
    let plain = |word: &str| word.bytes().all(|b| b.is_ascii_uppercase() || b == b' ');
    (is_head && words.all(plain)).then_some(starts)
}

/// The cells of a row, if each stands where its column begins.
fn cells(line: &str, starts: &[usize]) -> Option<Vec<String>> {
    let mut cells = vec![String::new()];
    let mut column = 0;
    let mut spaces = 2;
    for c in line.chars() {
        if starts[1..].contains(&column) {
            if spaces < 2 || c == ' ' {
                return None;
            }
            cells.push(String::new());
        }
        spaces = if c == ' ' { spaces + 1 } else { 0 };
        cells.last_mut().unwrap().push(c);
        column += c.to_string().width();
    }
    let whole = cells.len() == starts.len() && !line.starts_with(' ');
    whole.then(|| cells.iter().map(|cell| cell.trim_end().to_owned()).collect())
}

fn laid_out(rows: &[Vec<String>]) -> Vec<String> {
    let wide = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows[0].len()).map(wide).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let padded = cells.map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide - cell.width() + 2)));
        padded.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[test]
fn cells_are_masked_and_the_table_stays_one() {
    let text =
        "Waiting\nID    NAME FROM  SEEN\n12    me         just now\n3456  you two    12s ago\ngo: x  y\n";
    let mask =
        |text: &str| text.replace("just now", "<ago>").replace("12s ago", "<ago>").replace("12", "twelve");
    assert_eq!(
        masked(text, mask),
        "Waiting\nID      NAME FROM  SEEN\ntwelve  me         <ago>\n3456    you two    <ago>\ngo: x  y"
    );
    let askew = "ID    NAME\n12   me\n";
    assert_eq!(masked(askew, str::to_owned), "ID  NAME\n12   me", "what is no row is left as it is");
}
