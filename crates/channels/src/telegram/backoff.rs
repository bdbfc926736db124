//! How long to wait before the next try: doubling from 1 s to 60 s, the upper half of it by chance, so that many
//! gateways do not come back at the same moment.

use std::time::Duration;

const FIRST_MS: u64 = 2_000;
const LONGEST_MS: u64 = 60_000;

/// Counts tries.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The wait before the next try.
    pub(crate) fn next(&mut self) -> Duration {
        // Without randomness the middle does: jitter is a courtesy, no secret.
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        let wait = delay(self.tries, random);
        self.tries = self.tries.saturating_add(1);
        wait
    }

    /// The wait before the next try, where the platform may have asked for one: it is never asked sooner.
    pub(crate) fn next_after(&mut self, asked: Option<Duration>) -> Duration {
        self.next().max(asked.unwrap_or_default())
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

fn delay(tries: u32, random: u32) -> Duration {
    let whole = FIRST_MS.saturating_mul(1 << tries.min(16)).min(LONGEST_MS);
    let half = whole / 2;
    Duration::from_millis(half + half * u64::from(random) / u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_platform_asks_for_is_waited_and_no_less_than_without_it() {
        let minutes = Duration::from_secs(600);
        assert_eq!(Backoff::default().next_after(Some(minutes)), minutes);
        let mut late = Backoff { tries: 10 };
        assert!(late.next_after(Some(Duration::from_secs(1))) >= Duration::from_secs(30));
        assert!(late.next_after(None) >= Duration::from_secs(30));
    }

    proptest! {
        #[test]
        fn waits_stay_between_one_second_and_a_minute(tries: u32, random: u32) {
            let wait = delay(tries, random);
            prop_assert!(wait >= Duration::from_secs(1) && wait <= Duration::from_secs(60), "{wait:?}");
        }

        #[test]
        fn waits_do_not_get_shorter_with_more_tries(tries in 0..40u32, random: u32) {
            prop_assert!(delay(tries + 1, random) >= delay(tries, random));
        }
    }
}
