//! How much is measured.

/// The amounts. Rounds are repeated and the median round counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Rounds of each scenario.
    pub(crate) rounds: usize,
    /// Starts of the program, and commands that are timed.
    pub(crate) starts: usize,
    /// Connections in a round; all are held until its end.
    pub(crate) connects: usize,
    /// Calls in a round.
    pub(crate) calls: usize,
    /// Calls of a node in a round.
    pub(crate) invokes: usize,
    /// Turns before memory is looked at, and again as many.
    pub(crate) turns: usize,
    /// Turns in the one session that only grows.
    pub(crate) long_session: usize,
    /// How long a gateway is left alone before it counts as idle.
    pub(crate) settle_ms: u64,
}

/// What the documented figures are measured with.
pub(crate) const FULL: Plan = Plan {
    rounds: 5,
    starts: 11,
    connects: 400,
    calls: 40_000,
    invokes: 8_000,
    turns: 1_000,
    long_session: 300,
    settle_ms: 3_000,
};

/// For a gateway that another program runs and that may be a hundred times slower: as long a run, with fewer of everything.
pub(crate) const OTHER: Plan = Plan {
    rounds: 3,
    starts: 3,
    connects: 200,
    calls: 2_000,
    invokes: 400,
    turns: 100,
    long_session: 25,
    settle_ms: 3_000,
};

/// Enough to see that everything works.
pub(crate) const QUICK: Plan = Plan {
    rounds: 1,
    starts: 1,
    connects: 40,
    calls: 400,
    invokes: 80,
    turns: 40,
    long_session: 10,
    settle_ms: 100,
};
