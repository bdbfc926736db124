//! What a turn is given: who runs, with which model and tools, within which limits.

use super::failover::Failover;
use crate::tool::Tools;
use llm::Model;
use model::{SessionKey, SharedClock};
use std::sync::Arc;
use std::time::Duration;

/// What a turn runs with.
#[derive(Clone)]
pub struct TurnSetup {
    /// The agent.
    pub agent_id: String,
    /// The session.
    pub session_key: SessionKey,
    /// The run.
    pub run_id: String,
    /// The system prompt.
    pub system: String,
    /// The model that is asked first.
    pub model: Arc<dyn Model>,
    /// What is asked where it fails.
    pub failover: Option<Arc<dyn Failover>>,
    /// The tools on offer.
    pub tools: Tools,
    /// Stamps messages.
    pub clock: SharedClock,
    /// How much a turn may use.
    pub limits: Limits,
}

/// How much a turn may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The longest that a turn may take, tools and waiting included.
    pub turn_deadline: Duration,
    /// Requests to the model in one turn, retries and compactions included.
    pub max_model_calls: u32,
    /// Tools that run at the same time; 0 counts as 1.
    pub max_tool_calls_parallel: usize,
    /// What is done about calls that may succeed later.
    pub retry: RetryPolicy,
    /// Characters of a tool's result that the model gets to read; the middle of longer ones is left out.
    pub tool_result_max_chars: usize,
    /// Tokens of the context window that are kept free for the answer; at most a quarter of the window is.
    pub reserve_tokens: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            turn_deadline: Duration::from_secs(600),
            max_model_calls: 100,
            max_tool_calls_parallel: 8,
            retry: RetryPolicy::default(),
            tool_result_max_chars: 30_000,
            reserve_tokens: 20_000,
        }
    }
}

/// Exponential back-off for model calls that may succeed later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Tries of one call, the first included.
    pub attempts: u32,
    /// The longest wait before the second try; doubles with each further one.
    pub base: Duration,
    /// No wait is longer, whatever the doubling says.
    pub cap: Duration,
    /// Full jitter: each wait is drawn between nothing and the longest, so that many clients do not come back at once.
    pub jitter: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 5, base: Duration::from_millis(500), cap: Duration::from_secs(30), jitter: true }
    }
}

/// A provider that asks for a longer wait gets this one.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(60);

impl RetryPolicy {
    /// Whether a provider asks for a longer wait than anybody makes here.
    pub(super) fn is_too_long(asked: Option<Duration>) -> bool {
        asked.is_some_and(|asked| asked > RETRY_AFTER_CAP)
    }

    /// How long to wait after the `failed`th try (1-based). `draw` is a random number in 0..=1; what the provider
    /// asked for (at most 60 s of it) comes first.
    pub fn wait(&self, failed: u32, retry_after: Option<Duration>, draw: f64) -> Duration {
        if let Some(asked) = retry_after {
            return asked.min(RETRY_AFTER_CAP);
        }
        let doublings = failed.saturating_sub(1).min(20);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        if self.jitter { longest.mul_f64(draw.clamp(0.0, 1.0)) } else { longest }
    }
}

/// A random number in 0..=1. A system without randomness gets no jitter, which costs only politeness.
pub(super) fn draw() -> f64 {
    getrandom::u32().map_or(1.0, |n| f64::from(n) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_heed_the_provider() {
        let ms = Duration::from_millis;
        let policy = RetryPolicy::default();
        for (failed, asked, draw, expected) in [
            (1, None, 1.0, ms(500)),
            (2, None, 1.0, ms(1_000)),
            (3, None, 0.5, ms(1_000)),
            (4, None, 0.0, ms(0)),
            (7, None, 1.0, ms(30_000)),
            (4_000_000, None, 1.0, ms(30_000)),
            (1, None, f64::INFINITY, ms(500)),
            (1, Some(ms(7_000)), 0.0, ms(7_000)),
            (1, Some(ms(900_000)), 0.0, ms(60_000)),
        ] {
            assert_eq!(policy.wait(failed, asked, draw), expected, "{failed} {asked:?} {draw}");
        }
        let steady = RetryPolicy { jitter: false, ..policy };
        assert_eq!(steady.wait(1, None, 0.0), ms(500));
    }
}
