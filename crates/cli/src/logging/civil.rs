//! Milliseconds since the epoch as a date and time in UTC, for names of log files and their lines.

/// `2026-11-21`.
pub(super) fn date(ms: i64) -> String {
    let (year, month, day) = ymd(ms.div_euclid(DAY_MS));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-21T01:56:06.558Z`.
pub(crate) fn time(ms: i64) -> String {
    let in_day = ms.rem_euclid(DAY_MS);
    let (seconds, millis) = (in_day / 1000, in_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z", date(ms))
}

const DAY_MS: i64 = 86_400_000;
/// Days in 400 years: the calendar repeats after those.
const ERA_DAYS: i64 = 146_097;

/// The day of the Gregorian calendar that is so many days after 1970-01-01.
fn ymd(days: i64) -> (i64, i64, i64) {
    // Counted from 1 March of year 0, so that a leap day is the last of its year.
    let days = days + 719_468;
    let era = days.div_euclid(ERA_DAYS);
    let in_era = days.rem_euclid(ERA_DAYS);
    let year_in_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
    // Months of 31, 30, 31, 30, 31 days repeat every 153 days.
    let march_month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_in_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments_read_as_they_should() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_226_166_558, "2026-11-21T01:56:06.558Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(time(ms), text);
        }
    }

    proptest! {
        #[test]
        fn the_next_day_is_later_and_one_step_away(day in -100_000i64..100_000) {
            let (a, b) = (ymd(day), ymd(day + 1));
            prop_assert!(a < b);
            prop_assert!(b.2 == a.2 + 1 || b.2 == 1);
            prop_assert!((1..=12).contains(&a.1) && (1..=31).contains(&a.2));
        }
    }
}
