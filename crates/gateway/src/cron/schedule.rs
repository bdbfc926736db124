//! When a job runs: from its schedule and the time of day to the next time. Nothing here asks a clock.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use model::cron::Schedule;
use sha2::{Digest, Sha256};

/// The latest time that the wire knows, in ms since the epoch.
const MAX_MS: i64 = 8_640_000_000_000_000;
/// Jobs that run at full hours are spread over so many ms where they do not say otherwise: they are many.
const FULL_HOUR_SPREAD_MS: i64 = 5 * 60 * 1000;
/// Longer expressions are no expressions.
const MAX_EXPR: usize = 256;

/// Checks a schedule as it comes from outside.
///
/// # Errors
/// Which property is wrong, and how to write it.
pub(crate) fn check(schedule: &Schedule) -> Result<(), String> {
    match schedule {
        Schedule::At { at } => parse_at(at).map(|_| ()).ok_or_else(|| {
            format!("at /schedule/at: {at:?} is no time; write it as 2027-02-01T16:00:00Z or with an offset (+01:00)")
        }),
        Schedule::Every { every_ms, anchor_ms } => {
            if !(1..=MAX_MS).contains(every_ms) {
                return Err(format!("at /schedule/everyMs: must be 1 to {MAX_MS}"));
            }
            if anchor_ms.is_some_and(|anchor| !(0..=MAX_MS).contains(&anchor)) {
                return Err(format!("at /schedule/anchorMs: must be 0 to {MAX_MS}"));
            }
            Ok(())
        }
        Schedule::Cron { expr, tz, stagger_ms } => {
            pattern(expr)?;
            if let Some(name) = tz.as_deref().filter(|name| !name.trim().is_empty()) {
                zone(name).ok_or_else(|| {
                    format!("at /schedule/tz: {name:?} is no time zone; write it as Europe/Berlin")
                })?;
            }
            if stagger_ms.is_some_and(|spread| !(0..=86_400_000).contains(&spread)) {
                return Err("at /schedule/staggerMs: must be 0 to 86400000 (a day)".into());
            }
            Ok(())
        }
    }
}

/// The first time after `after_ms`; `None` where there is none any more. `host` is the zone of expressions that name
/// none, `id` says by how much a job is shifted within its spread.
pub(crate) fn next(schedule: &Schedule, id: &str, after_ms: i64, host: &TimeZone) -> Option<i64> {
    match schedule {
        Schedule::At { at } => parse_at(at).filter(|at| *at > after_ms),
        Schedule::Every { every_ms, anchor_ms } => {
            let (every, anchor) = ((*every_ms).max(1), anchor_ms.unwrap_or(0));
            if after_ms < anchor {
                return Some(anchor);
            }
            let passed = after_ms.saturating_sub(anchor) / every;
            anchor.checked_add(passed.checked_add(1)?.checked_mul(every)?).filter(|at| *at <= MAX_MS)
        }
        Schedule::Cron { expr, tz, stagger_ms } => {
            let cron = pattern(expr).ok()?;
            let zone = tz.as_deref().and_then(zone).unwrap_or_else(|| host.clone());
            let shift = shift(expr, *stagger_ms, id);
            let after = Timestamp::from_millisecond(after_ms.checked_sub(shift)?).ok()?;
            let next = cron.find_next_occurrence(&Zoned::new(after, zone), false).ok()?;
            next.timestamp().as_millisecond().checked_add(shift)
        }
    }
}

/// A time as people write it, in ms since the epoch: with an offset or zone, or else in UTC.
pub(crate) fn parse_at(text: &str) -> Option<i64> {
    let text = text.trim();
    let ms = if let Ok(at) = text.parse::<Timestamp>() {
        at.as_millisecond()
    } else if let Ok(at) = text.parse::<Zoned>() {
        at.timestamp().as_millisecond()
    } else {
        let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(Date::into)).ok()?;
        civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()
    };
    (0..=MAX_MS).contains(&ms).then_some(ms)
}

fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name.trim()).ok()
}

fn pattern(expr: &str) -> Result<Cron, String> {
    let wrong = |why: String| {
        let shown: String = expr.chars().take(80).collect();
        format!("at /schedule/expr: {shown:?} is no cron expression ({why}); write it as \"0 7 * * 1-5\"")
    };
    if expr.len() > MAX_EXPR {
        return Err(wrong(format!("longer than {MAX_EXPR} bytes")));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(expr).map_err(|e| wrong(e.to_string()))
}

/// By how much a job comes later than its expression says: always the same within its spread. Jobs at full hours have a
/// spread of their own accord.
fn shift(expr: &str, stagger_ms: Option<i64>, id: &str) -> i64 {
    let spread = stagger_ms.unwrap_or_else(|| if is_full_hours(expr) { FULL_HOUR_SPREAD_MS } else { 0 });
    if spread <= 0 {
        return 0;
    }
    let digest = Sha256::digest(id.as_bytes());
    let mut number = [0u8; 4];
    number.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    i64::from(u32::from_be_bytes(number)) % spread
}

/// `0 * * * *`, `0 */2 * * *` and the like.
fn is_full_hours(expr: &str) -> bool {
    let fields: Vec<&str> = expr.split_whitespace().collect();
    let (minute, hour) = match fields.as_slice() {
        [minute, hour, _, _, _] => (*minute, *hour),
        ["0", minute, hour, _, _, _] => (*minute, *hour),
        _ => return false,
    };
    minute == "0" && hour.starts_with('*')
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
