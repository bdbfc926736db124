//! The days that a question about usage means, in the time zone that it names.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};
use protocol::ErrorShape;
use serde::Deserialize;

/// Days, where the question names none.
const DEFAULT_DAYS: i64 = 30;
/// More days than a year are not listed one by one by anybody; this is a hundred years.
const MAX_DAYS: i64 = 36_600;

/// What a question says about time.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    days: Option<i64>,
    range: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    mode: Option<String>,
    time_zone: Option<String>,
    utc_offset: Option<String>,
}

/// Whole days of one time zone.
#[derive(Debug, Clone)]
pub(super) struct Days {
    zone: TimeZone,
    pub(super) first: Date,
    pub(super) last: Date,
}

impl Asked {
    /// The days that are meant. `since_ms` is when the first call was made: `range: all` begins there.
    pub(super) fn days(&self, now_ms: i64, since_ms: Option<i64>) -> Result<Days, ErrorShape> {
        let zone = self.zone()?;
        let today = date_at(&zone, now_ms);
        let (first, last) = match (&self.start_date, &self.end_date) {
            (Some(start), Some(end)) => (date(start, "startDate")?, date(end, "endDate")?),
            (None, None) => (self.first(&zone, today, since_ms)?, today),
            _ => return Err(ErrorShape::invalid("startDate and endDate must be provided together")),
        };
        if first > last {
            return Err(ErrorShape::invalid("startDate must not be after endDate"));
        }
        let days = Days { zone, first, last };
        if days.count() > MAX_DAYS {
            return Err(ErrorShape::invalid(format!("at most {MAX_DAYS} days are counted at once")));
        }
        Ok(days)
    }

    fn first(&self, zone: &TimeZone, today: Date, since_ms: Option<i64>) -> Result<Date, ErrorShape> {
        let count = match self.range.as_deref() {
            Some("7d") => 7,
            Some("30d") => 30,
            Some("90d") => 90,
            Some("1y") => 365,
            Some("all") => return Ok(since_ms.map_or(today, |ms| date_at(zone, ms).min(today))),
            _ => self.days.unwrap_or(DEFAULT_DAYS).min(MAX_DAYS),
        };
        let before = count.saturating_sub(1).max(0);
        today
            .checked_sub(before.days())
            .map_err(|_| ErrorShape::invalid(format!("{count} days ago there was no calendar")))
    }

    fn zone(&self) -> Result<TimeZone, ErrorShape> {
        match self.mode.as_deref() {
            Some("gateway") => Ok(TimeZone::system()),
            Some("specific") => match (&self.time_zone, &self.utc_offset) {
                (Some(name), _) => TimeZone::get(name.trim()).map_err(|_| {
                    ErrorShape::invalid(
                        "invalid timeZone: expected a valid IANA time zone, such as Europe/Berlin",
                    )
                }),
                (None, Some(offset)) => utc_offset(offset).map(TimeZone::fixed).ok_or_else(|| {
                    ErrorShape::invalid("invalid utcOffset: expected UTC-12:00 through UTC+14:00")
                }),
                (None, None) => Ok(TimeZone::UTC),
            },
            _ => Ok(TimeZone::UTC),
        }
    }
}

impl Days {
    /// The first moment.
    pub(super) fn begin_ms(&self) -> i64 {
        self.start_of(self.first)
    }

    /// The moment after the last.
    pub(super) fn before_ms(&self) -> i64 {
        self.last.tomorrow().map_or(i64::MAX, |next| self.start_of(next))
    }

    /// The day of a moment.
    pub(super) fn day_of(&self, ms: i64) -> Date {
        date_at(&self.zone, ms)
    }

    /// How many days.
    pub(super) fn count(&self) -> i64 {
        i64::from(self.last.since(self.first).map_or(0, |span| span.get_days())) + 1
    }

    /// Each day, the first one first.
    pub(super) fn each(&self) -> impl Iterator<Item = Date> {
        self.first.series(1.day()).take_while(move |day| *day <= self.last)
    }

    fn start_of(&self, day: Date) -> i64 {
        // Fails only at the ends of the calendar, ten thousand years from here.
        day.to_zoned(self.zone.clone()).map_or(0, |start| start.timestamp().as_millisecond())
    }
}

fn date_at(zone: &TimeZone, ms: i64) -> Date {
    Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(zone.clone()).date()
}

fn date(text: &str, name: &str) -> Result<Date, ErrorShape> {
    text.parse().map_err(|_| {
        ErrorShape::invalid(format!("invalid {name}: expected a valid YYYY-MM-DD calendar date"))
    })
}

/// `UTC+5`, `UTC-03:30`.
fn utc_offset(text: &str) -> Option<Offset> {
    let rest = text.trim().strip_prefix("UTC")?;
    let (sign, rest) = match rest.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, rest.strip_prefix('-')?),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset = sign * (hours * 60 + minutes);
    let is_sound = (0..60).contains(&minutes) && (-12 * 60..=14 * 60).contains(&offset);
    if is_sound { Offset::from_seconds(offset * 60).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// 2026-11-21 01:55 UTC.
    const NOW: i64 = 1_795_226_141_932;

    fn days(asked: Value) -> Result<(String, String, i64, i64, i64), String> {
        let asked: Asked = serde_json::from_value(asked).unwrap();
        let days = asked.days(NOW, Some(NOW - 3 * 86_400_000)).map_err(|e| e.message)?;
        assert_eq!(days.each().count() as i64, days.count());
        Ok((days.first.to_string(), days.last.to_string(), days.count(), days.begin_ms(), days.before_ms()))
    }

    #[test]
    fn days_are_those_of_the_zone_that_was_asked_for() {
        let midnight = 1_795_219_200_000;
        let day = 86_400_000;
        let (first, last, count, from, before) = days(json!({"days": 7})).unwrap();
        assert_eq!((&*first, &*last, count), ("2026-11-15", "2026-11-21", 7));
        assert_eq!((from, before), (midnight - 6 * day, midnight + day));
        let (first, last, ..) = days(json!({})).unwrap();
        assert_eq!((&*first, &*last), ("2026-10-23", "2026-11-21"));
        // In New York it is still the day before.
        let (_, last, _, from, _) =
            days(json!({"days": 1, "mode": "specific", "timeZone": "America/New_York"})).unwrap();
        assert_eq!((&*last, from), ("2026-11-20", midnight - day + 5 * 3_600_000));
        let (_, last, ..) = days(json!({"days": 1, "mode": "specific", "utcOffset": "UTC-2"})).unwrap();
        assert_eq!(last, "2026-11-20");
        let (first, ..) = days(json!({"range": "all"})).unwrap();
        assert_eq!(first, "2026-11-18");
        // A day on which the clock goes back has 25 hours.
        let autumn = json!({"startDate": "2026-10-25", "endDate": "2026-10-25", "mode": "specific", "timeZone": "Europe/Berlin"});
        let (_, _, count, from, before) = days(autumn).unwrap();
        assert_eq!((count, before - from), (1, 25 * 3_600_000));
    }

    #[test]
    fn what_is_no_time_is_refused_by_name() {
        for (asked, problem) in [
            (json!({"startDate": "2026-11-31", "endDate": "2026-12-01"}), "invalid startDate"),
            (json!({"startDate": "2026-11-21"}), "together"),
            (json!({"startDate": "2026-11-21", "endDate": "2026-11-20"}), "must not be after"),
            (json!({"startDate": "1900-01-01", "endDate": "2026-11-20"}), "36600 days"),
            (json!({"mode": "specific", "timeZone": "Mars/Olympus"}), "timeZone"),
            (json!({"mode": "specific", "utcOffset": "UTC+15"}), "utcOffset"),
            (json!({"mode": "specific", "utcOffset": "UTC+1:75"}), "utcOffset"),
        ] {
            let error = days(asked.clone()).unwrap_err();
            assert!(error.contains(problem), "{asked}: {error}");
        }
    }
}
