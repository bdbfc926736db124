//! `cron`: jobs that run by themselves.

use super::duration_ms;
use crate::doc::Section;
use serde_json::Value;

/// `cron`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronConfig {
    /// `enabled`, true by default: whether jobs run at their times.
    pub enabled: bool,
    /// `maxConcurrentRuns`, 8 by default: runs of jobs at the same time.
    pub max_concurrent_runs: usize,
    /// `sessionRetention`, a day by default: the sessions that runs had for themselves go so many ms after they were active
    /// last; `None`: never.
    pub session_retention_ms: Option<i64>,
}

/// A day.
const RETENTION_MS: i64 = 24 * 60 * 60 * 1000;
/// A bare number is hours.
const HOUR_MS: u64 = 60 * 60 * 1000;

impl Default for CronConfig {
    fn default() -> Self {
        Self { enabled: true, max_concurrent_runs: 8, session_retention_ms: Some(RETENTION_MS) }
    }
}

impl CronConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        let most = s.integer("maxConcurrentRuns", 1..=1000).and_then(|n| usize::try_from(n).ok());
        Self {
            enabled: s.boolean("enabled").unwrap_or(default.enabled),
            max_concurrent_runs: most.unwrap_or(default.max_concurrent_runs),
            session_retention_ms: retention(s),
        }
    }
}

/// `false`, or how long.
fn retention(s: &Section<'_>) -> Option<i64> {
    let default = Some(RETENTION_MS);
    let read = match s.raw("sessionRetention") {
        None => return default,
        Some(Value::Bool(false)) => return None,
        Some(Value::String(text)) => duration_ms(text, HOUR_MS).and_then(|ms| i64::try_from(ms).ok()),
        Some(_) => None,
    };
    if read.is_none() {
        s.error("sessionRetention", "is no duration; write it as \"24h\" or \"7d\", or false to keep them");
        return default;
    }
    read
}
