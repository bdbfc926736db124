//! `cron`: jobs that run by themselves.

use crate::doc::Section;

/// `cron`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronConfig {
    /// `enabled`, true by default: whether jobs run at their times.
    pub enabled: bool,
    /// `maxConcurrentRuns`, 8 by default: runs of jobs at the same time.
    pub max_concurrent_runs: usize,
}

impl Default for CronConfig {
    fn default() -> Self {
        Self { enabled: true, max_concurrent_runs: 8 }
    }
}

impl CronConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        let most = s.integer("maxConcurrentRuns", 1..=1000).and_then(|n| usize::try_from(n).ok());
        Self {
            enabled: s.boolean("enabled").unwrap_or(default.enabled),
            max_concurrent_runs: most.unwrap_or(default.max_concurrent_runs),
        }
    }
}
