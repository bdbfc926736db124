//! What to do after an attempt that failed. A pure function, so that every case can be tested from a table.

use crate::ConnectError;
use protocol::ErrorCode;
use std::time::Duration;

/// The first back-off; it doubles with each attempt.
const FIRST: Duration = Duration::from_secs(1);
/// The longest back-off.
const LONGEST: Duration = Duration::from_secs(30);
/// While somebody is about to approve the device, it looks more often.
const LONGEST_PAIRING: Duration = Duration::from_secs(5);
/// A gateway that names a longer time than this is not believed.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Try again after a random time between these two.
    Retry {
        /// Not sooner.
        at_least: Duration,
        /// Not later.
        at_most: Duration,
    },
    /// Try again at once, with the stored device token in place of the shared secret.
    RetryWithDeviceToken,
    /// Trying again is of no use: somebody has to change something.
    Stop,
}

/// What to do after `attempt` failures in a row (1 is the first). `has_device_token` says whether there is a stored
/// token that this attempt did not use.
pub fn next_step(error: &ConnectError, attempt: u32, has_device_token: bool) -> Step {
    let retry = || back_off(attempt, LONGEST, error.retry_after());
    match error {
        // Somebody stands between, or the certificate is another: both are for people to look into.
        ConnectError::Url { .. } | ConnectError::Pin { .. } => Step::Stop,
        ConnectError::Io { .. }
        | ConnectError::Tls { .. }
        | ConnectError::Timeout { .. }
        | ConnectError::Closed { .. }
        // The tunnel takes its port back, or names who has it.
        | ConnectError::Stranger { .. }
        // Another program may hold the port while the gateway restarts.
        | ConnectError::Protocol(_) => retry(),
        ConnectError::Http { status, .. } => match status {
            408 | 425 | 429 | 500..=599 => retry(),
            _ => Step::Stop,
        },
        ConnectError::Refused(..) => after_refusal(error, attempt, has_device_token),
    }
}

fn after_refusal(error: &ConnectError, attempt: u32, has_device_token: bool) -> Step {
    if error.pause_reconnect() == Some(true) {
        return Step::Stop;
    }
    let retry = || back_off(attempt, LONGEST, error.retry_after());
    match error.recommended_next_step() {
        Some("retry_with_device_token") if has_device_token => return Step::RetryWithDeviceToken,
        Some("retry_with_device_token") => return Step::Stop,
        Some("wait_then_retry") if !error.is_pairing_required() => return retry(),
        Some("update_auth_credentials" | "update_auth_configuration" | "review_auth_configuration") => {
            return Step::Stop;
        }
        // A step that this program does not know leaves the rest of the error to decide.
        _ => {}
    }
    if error.is_pairing_required() {
        return back_off(attempt, LONGEST_PAIRING, error.retry_after());
    }
    let Some(shape) = error.shape() else { return retry() };
    let later = shape.retryable == Some(true) || error.retry_after().is_some();
    match shape.code {
        ErrorCode::InvalidRequest | ErrorCode::NotPaired | ErrorCode::Forbidden if !later => Step::Stop,
        _ if shape.retryable == Some(false) => Step::Stop,
        _ => retry(),
    }
}

/// Full jitter: anything from nothing to the back-off, on top of what the gateway asks for.
fn back_off(attempt: u32, longest: Duration, asked: Option<Duration>) -> Step {
    let doublings = attempt.saturating_sub(1).min(16);
    let span = FIRST.saturating_mul(1 << doublings).min(longest);
    let at_least = asked.unwrap_or_default().min(LONGEST_ASKED);
    Step::Retry { at_least, at_most: at_least + span }
}

/// The step after a connection that stood has ended.
pub(crate) fn after_end(attempt: u32) -> Step {
    back_off(attempt, LONGEST, None)
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
