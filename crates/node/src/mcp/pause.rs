//! How long it takes until a server that has ended is started again.

use std::time::Duration;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);
/// A server that was there for so long is one that works: its next end counts as its first. One that ends at once, with its tools
/// listed or not, is not.
const WORKS: Duration = Duration::from_secs(60);

/// Counts ends.
#[derive(Default)]
pub(super) struct Pause {
    /// `None`: before the first end.
    last: Option<Duration>,
}

impl Pause {
    /// The pause after an end. `there`: for how long its tools were lent, where they were.
    pub(super) fn after(&mut self, there: Option<Duration>) -> Duration {
        let last = self.last.filter(|_| there.is_none_or(|there| there < WORKS));
        let pause = last.map_or(FIRST, |last| (last * 2).min(LONGEST));
        self.last = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_until_a_server_was_there_for_a_while() {
        for there in [None, Some(Duration::ZERO), Some(WORKS - Duration::from_millis(1))] {
            let mut pause = Pause::default();
            let seen: Vec<u128> = (0..10).map(|_| pause.after(there).as_millis()).collect();
            assert_eq!(seen, [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000], "{there:?}");
            assert_eq!(pause.after(Some(WORKS)), FIRST);
            assert_eq!(pause.after(there), FIRST * 2, "{there:?}");
        }
    }
}
