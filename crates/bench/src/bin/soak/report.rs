//! The table of a run.

use crate::faults::Fault;
use crate::stats::median;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// All faults so far, by their names.
#[derive(Debug)]
pub(crate) struct Report {
    rows: BTreeMap<String, Row>,
    /// So many times the limits may be taken.
    allow: f64,
}

#[derive(Debug, Default)]
struct Row {
    seconds: Vec<f64>,
    /// No time may be longer.
    within: f64,
    orphans: usize,
    moves: usize,
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.seconds.extend(&other.seconds);
        self.within = self.within.max(other.within);
        self.orphans += other.orphans;
        self.moves += other.moves;
    }

    fn slowest(&self) -> f64 {
        self.seconds.iter().copied().fold(0.0, f64::max)
    }

    fn line(&self, name: &str) -> String {
        format!(
            "| {name} | {} | {:.2} | {:.2} | {} | {} | {} |\n",
            self.seconds.len(),
            median(self.seconds.iter().copied()),
            self.slowest(),
            self.within,
            self.orphans,
            self.moves
        )
    }
}

impl Report {
    /// None yet, and each may take so many times its time.
    pub(crate) fn allowing(allow: f64) -> Self {
        Self { rows: BTreeMap::new(), allow }
    }

    /// One fault, and how long it took; what was left running, and whether the port is another one.
    pub(crate) fn add(&mut self, fault: Fault, took: Duration, orphans: usize, moved: bool) {
        let within = fault.back_within().as_secs_f64() * self.allow;
        let seconds = vec![took.as_secs_f64()];
        let one = Row { seconds, within, orphans, moves: usize::from(moved) };
        self.rows.entry(fault.name()).or_default().add(&one);
    }

    /// In Markdown; `order` says which faults these were.
    pub(crate) fn table(&self, order: &str) -> String {
        let mut text =
            format!("{order}; seconds from the path being good again to answers of the far gateway\n\n");
        text += "| fault | times | p50 s | max s | allowed s | orphans | port changes |\n|---|---|---|---|---|---|---|\n";
        let mut all = Row::default();
        for (name, row) in &self.rows {
            // A string takes everything.
            let _ = write!(text, "{}", row.line(name));
            all.add(row);
        }
        text + &all.line("all")
    }

    /// Whether it was back in time each time, nothing was left behind, and the port stayed.
    pub(crate) fn is_good(&self) -> bool {
        self.rows.values().all(|row| row.slowest() <= row.within && row.orphans == 0 && row.moves == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_good_when_each_fault_was_over_in_its_time_and_nothing_was_left_or_moved() {
        let (soon, late) = (Duration::from_millis(1_900), Duration::from_millis(2_100));
        for (fault, took, orphans, moved, good) in [
            (Fault::KillSsh, soon, 0, false, true),
            (Fault::KillSsh, late, 0, false, false),
            (Fault::StopSsh, late, 0, false, true),
            (Fault::KillSsh, soon, 1, false, false),
            (Fault::KillSsh, soon, 0, true, false),
        ] {
            let mut report = Report::allowing(1.0);
            report.add(Fault::Unplug(60), soon, 0, false);
            report.add(fault, took, orphans, moved);
            report.add(fault, soon, 0, false);
            assert_eq!(report.is_good(), good, "{fault:?} {took:?} {orphans} {moved}");
        }
    }

    #[test]
    fn where_more_time_is_allowed_there_is_still_a_bound_and_nothing_may_be_left_or_moved() {
        let (late, too_late) = (Duration::from_millis(7_900), Duration::from_millis(8_100));
        for (took, orphans, moved, good) in [
            (late, 0, false, true),
            (too_late, 0, false, false),
            (late, 1, false, false),
            (late, 0, true, false),
        ] {
            let mut report = Report::allowing(4.0);
            report.add(Fault::KillSsh, took, orphans, moved);
            assert_eq!(report.is_good(), good, "{took:?} {orphans} {moved}");
        }
    }
}
