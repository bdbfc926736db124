//! The table of a run.

use crate::stats::median;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// All faults so far, by their names.
#[derive(Debug, Default)]
pub(crate) struct Report(BTreeMap<String, Row>);

#[derive(Debug, Default)]
struct Row {
    seconds: Vec<f64>,
    orphans: usize,
    moves: usize,
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.seconds.extend(&other.seconds);
        self.orphans += other.orphans;
        self.moves += other.moves;
    }

    fn line(&self, name: &str) -> String {
        let max = self.seconds.iter().copied().fold(0.0, f64::max);
        format!(
            "| {name} | {} | {:.2} | {max:.2} | {} | {} |\n",
            self.seconds.len(),
            median(self.seconds.iter().copied()),
            self.orphans,
            self.moves
        )
    }
}

impl Report {
    pub(crate) fn add(&mut self, name: String, took: Duration, orphans: usize, moved: bool) {
        let one = Row { seconds: vec![took.as_secs_f64()], orphans, moves: usize::from(moved) };
        self.0.entry(name).or_default().add(&one);
    }

    /// In Markdown.
    pub(crate) fn table(&self, seed: u64) -> String {
        let mut text =
            format!("seed {seed}; seconds from the path being good again to answers of the far gateway\n\n");
        text += "| fault | times | p50 s | max s | orphans | port changes |\n|---|---|---|---|---|---|\n";
        let mut all = Row::default();
        for (name, row) in &self.0 {
            // A string takes everything.
            let _ = write!(text, "{}", row.line(name));
            all.add(row);
        }
        text + &all.line("all")
    }

    /// Whether nothing was left behind and the port stayed.
    pub(crate) fn is_good(&self) -> bool {
        self.0.values().all(|row| row.orphans == 0 && row.moves == 0)
    }
}
