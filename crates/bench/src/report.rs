//! The figures as a Markdown table or as JSON.

use crate::rows::{Bound, ROWS, Row};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;

/// One gateway's figures.
pub(crate) struct Figures {
    name: &'static str,
    values: HashMap<&'static str, f64>,
}

impl Figures {
    pub(crate) fn of(name: &'static str) -> Self {
        Self { name, values: HashMap::new() }
    }

    /// Notes the figure of a row of [`ROWS`]; the last one counts.
    pub(crate) fn set(&mut self, key: &'static str, value: f64) {
        debug_assert!(ROWS.iter().any(|r| r.key == key), "no row {key}");
        self.values.insert(key, value);
    }
}

/// Everything that was measured.
pub(crate) struct Report {
    quick: bool,
    gateways: Vec<Figures>,
}

impl Report {
    pub(crate) fn new(quick: bool) -> Self {
        Self { quick, gateways: Vec::new() }
    }

    pub(crate) fn add(&mut self, figures: Figures) {
        self.gateways.push(figures);
    }

    fn rows(&self) -> impl Iterator<Item = &'static Row> + '_ {
        ROWS.iter().filter(|row| self.gateways.iter().any(|g| g.values.contains_key(row.key)))
    }

    /// A table, a row for everything that was measured.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::from("| |");
        // Writing to a string cannot fail.
        for gateway in &self.gateways {
            let _ = write!(out, " {} |", gateway.name);
        }
        out.push_str(" goal | aim |\n|---|");
        out.push_str(&"---:|".repeat(self.gateways.len() + 2));
        for row in self.rows() {
            let _ = write!(out, "\n| {} |", row.what);
            for gateway in &self.gateways {
                let value = gateway.values.get(row.key);
                let shown = value.map_or("–".to_owned(), |v| measured(*v, row));
                let _ = write!(out, " {shown} |");
            }
            let _ = write!(out, " {} | {} |", bound(row.goal, row.unit), bound(row.aim, row.unit));
        }
        if self.quick {
            out.push_str("\n\nA short run (`--quick`): it shows that everything works; the figures mean little, and memory is looked at after far fewer turns.");
        }
        out
    }

    /// `{quick, rows: [{key, what, unit, goal, aim, measured: {gateway: value}, met: {gateway: bool}}]}`.
    pub(crate) fn json(&self) -> String {
        let rows: Vec<Value> = self.rows().map(|row| self.row_json(row)).collect();
        format!("{:#}", json!({"quick": self.quick, "rows": rows}))
    }

    fn row_json(&self, row: &Row) -> Value {
        let each = |value: &dyn Fn(f64) -> Value| -> Value {
            let values = self.gateways.iter().filter_map(|g| Some((g.name, value(*g.values.get(row.key)?))));
            values.map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
        };
        json!({
            "key": row.key, "what": row.what, "unit": row.unit,
            "goal": limit(row.goal), "aim": limit(row.aim),
            "measured": each(&|v| json!(v)),
            "met": each(&|v| json!(row.goal.is_none_or(|g| g.holds(v)))),
        })
    }
}

fn limit(bound: Option<Bound>) -> Value {
    match bound {
        None => Value::Null,
        Some(Bound::AtMost(v)) => json!({"atMost": v}),
        Some(Bound::AtLeast(v)) => json!({"atLeast": v}),
    }
}

/// Bold where the goal is missed.
fn measured(value: f64, row: &Row) -> String {
    let text = number(value, row.unit);
    if row.goal.is_none_or(|goal| goal.holds(value)) { text } else { format!("**{text}**") }
}

fn bound(bound: Option<Bound>, unit: &str) -> String {
    match bound {
        None => String::new(),
        Some(Bound::AtMost(v)) => format!("≤ {}", number(v, unit)),
        Some(Bound::AtLeast(v)) => format!("≥ {}", number(v, unit)),
    }
}

/// With its unit: three digits that count, thousands set apart.
fn number(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || value.fract() == 0.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let plain = format!("{value:.digits$}");
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    match unit {
        "" => out,
        "/s" => out + "/s",
        unit => format!("{out} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        let cases = [
            (0.2345, "ms", "0.23 ms"),
            (12.34, "MB", "12.3 MB"),
            (31_234.5, "/s", "31,234/s"),
            (999.6, "/s", "1,000/s"),
            (1_234_567.0, "bytes", "1,234,567 bytes"),
            (17.0, "", "17"),
        ];
        for (value, unit, text) in cases {
            assert_eq!(number(value, unit), text);
        }
    }

    #[test]
    fn a_missed_goal_stands_out_and_what_was_not_measured_is_left_out() {
        let mut ours = Figures::of("ours");
        ours.set("rss_idle", 21.0);
        ours.set("tools", 5.0);
        let mut report = Report::new(false);
        report.add(ours);
        let table = report.markdown();
        assert!(table.contains("| RSS idle, Telegram on | **21 MB** | ≤ 20 MB | ≤ 15 MB |"), "{table}");
        assert_eq!(table.lines().count(), 4, "{table}");
        let json: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["rows"][0]["met"]["ours"], false);
    }
}
