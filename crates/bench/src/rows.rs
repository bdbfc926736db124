//! What is measured, in the order of the table, and the goals: what must hold now, and what is aimed at.

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}
use Bound::{AtLeast, AtMost};

impl Bound {
    /// Whether a figure keeps it.
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            AtMost(limit) => value <= limit,
            AtLeast(limit) => value >= limit,
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name in JSON.
    pub(crate) key: &'static str,
    /// What it says.
    pub(crate) what: &'static str,
    /// `ms`, `MB`, `/s`, `bytes` or nothing.
    pub(crate) unit: &'static str,
    /// What must hold.
    pub(crate) goal: Option<Bound>,
    /// What is aimed at.
    pub(crate) aim: Option<Bound>,
}

const fn row(
    key: &'static str,
    what: &'static str,
    unit: &'static str,
    goal: Option<Bound>,
    aim: Option<Bound>,
) -> Row {
    Row { key, what, unit, goal, aim }
}

/// The table. MB are 10^6 bytes.
pub(crate) const ROWS: &[Row] = &[
    row("start_fresh", "start to `/healthz` 200, fresh state", "ms", Some(AtMost(100.0)), Some(AtMost(50.0))),
    row(
        "start_again",
        "start to `/healthz` 200, existing state",
        "ms",
        Some(AtMost(100.0)),
        Some(AtMost(50.0)),
    ),
    row("rss_idle", "RSS idle, Telegram on", "MB", Some(AtMost(20.0)), Some(AtMost(15.0))),
    row("rss_turns_few", "RSS after 100 turns", "MB", None, Some(AtMost(30.0))),
    row("rss_turns", "RSS after 1,000 turns", "MB", Some(AtMost(40.0)), Some(AtMost(30.0))),
    row("rss_turns_twice", "RSS after 2,000 turns", "MB", Some(AtMost(40.0)), Some(AtMost(30.0))),
    // The goal is for the program as it is, the aim for one file with a browser interface in it: wider, and yet further on.
    row("binary", "size of the program", "MB", Some(AtMost(20.0)), Some(AtMost(25.0))),
    row("connects", "connects, 20 at a time", "/s", Some(AtLeast(3_000.0)), Some(AtLeast(5_000.0))),
    row(
        "health",
        "`health`, 8 connections × 4 in flight",
        "/s",
        Some(AtLeast(30_000.0)),
        Some(AtLeast(50_000.0)),
    ),
    row("health_p50", "`health`, p50 of these", "ms", None, None),
    row("sessions_list", "`sessions.list`, 8 × 4", "/s", None, Some(AtLeast(20_000.0))),
    row("presence", "`system-presence`, 8 × 4", "/s", None, Some(AtLeast(50_000.0))),
    row("invoke", "`node.invoke`, 4 callers, 2 nodes", "/s", None, Some(AtLeast(15_000.0))),
    row("invoke_p50", "`node.invoke`, p50 of these", "ms", Some(AtMost(0.5)), Some(AtMost(0.3))),
    row("invoke_p99", "`node.invoke`, p99 of these", "ms", None, None),
    row("invoke_alone_p50", "`node.invoke`, 1 caller, p50", "ms", Some(AtMost(0.5)), Some(AtMost(0.3))),
    row("turn_p50", "agent turn, instant model, 1 caller, p50", "ms", Some(AtMost(10.0)), Some(AtMost(5.0))),
    row("turns", "agent turns, 4 callers", "/s", None, Some(AtLeast(300.0))),
    row("turn_long_p50", "agent turn in one session that grows, p50", "ms", None, None),
    row("cli_health", "CLI `gateway health`", "ms", Some(AtMost(25.0)), Some(AtMost(15.0))),
    row("cli_health_rss", "CLI `gateway health`, peak RSS", "MB", None, Some(AtMost(12.0))),
    row(
        "prompt",
        "sent to the model for \"hi\" in a fresh session",
        "bytes",
        Some(AtMost(15_000.0)),
        Some(AtMost(15_000.0)),
    ),
    row("tools", "tools in that request", "", None, None),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_used_once() {
        let mut keys: Vec<_> = ROWS.iter().map(|r| r.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), ROWS.len());
    }

    #[test]
    fn a_bound_holds_on_its_edge() {
        assert!(AtMost(5.0).holds(5.0) && !AtMost(5.0).holds(5.1));
        assert!(AtLeast(5.0).holds(5.0) && !AtLeast(5.0).holds(4.9));
    }
}
