//! Latencies and medians.

use std::time::Duration;

/// What a round of a scenario gave.
#[derive(Debug)]
pub(crate) struct Round {
    /// How long each operation took; sorted.
    latencies: Vec<Duration>,
    took: Duration,
}

impl Round {
    pub(crate) fn new(mut latencies: Vec<Duration>, took: Duration) -> Self {
        latencies.sort_unstable();
        Self { latencies, took }
    }

    /// Operations in a second.
    pub(crate) fn per_second(&self) -> f64 {
        // Counts are far below 2^52.
        self.latencies.len() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// The time in ms below which this share (0 to 1) of the operations stayed; 0 where there was none.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share.clamp(0.0, 1.0)).round() as usize;
        self.latencies.get(index).map_or(0.0, |d| ms(*d))
    }
}

/// Several rounds; each figure is the median of what they gave.
#[derive(Debug, Default)]
pub(crate) struct Rounds(pub(crate) Vec<Round>);

impl Rounds {
    pub(crate) fn per_second(&self) -> f64 {
        median(self.0.iter().map(Round::per_second))
    }

    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        median(self.0.iter().map(|r| r.quantile_ms(share)))
    }
}

/// In ms.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The middle one; of two the higher; 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_of_what_was_measured() {
        for (values, middle) in
            [(vec![], 0.0), (vec![3.0], 3.0), (vec![9.0, 1.0, 2.0], 2.0), (vec![1.0, 2.0], 2.0)]
        {
            assert_eq!(median(values), middle);
        }
    }

    #[test]
    fn quantiles_and_rates_come_from_the_operations() {
        let round = Round::new((1..=101).rev().map(Duration::from_millis).collect(), Duration::from_secs(2));
        assert_eq!(
            (round.quantile_ms(0.0), round.quantile_ms(0.5), round.quantile_ms(1.0)),
            (1.0, 51.0, 101.0)
        );
        assert_eq!(round.per_second(), 50.5);
        assert_eq!(Round::new(vec![], Duration::ZERO).quantile_ms(0.5), 0.0);
    }
}
