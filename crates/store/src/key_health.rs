//! How the keys of model providers do: one that failed rests for a while, which is longer each time that it fails again. By name; no key is
//! kept here.

use crate::error::Sql;
use crate::sql;
use crate::{R, Store};
use rusqlite::{Connection, Row, params};

/// Failures that are older than this do not count any more.
const COUNTS_FOR_MS: i64 = 24 * 60 * 60 * 1000;

/// A key that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHealth {
    /// What it is known by.
    pub key: String,
    /// How often it failed, one time after the other.
    pub failures: i64,
    /// When it failed last.
    pub failed_at_ms: i64,
    /// Until when it is not asked.
    pub until_ms: i64,
    /// Only this model is not asked with it; `None`: none is.
    pub model: Option<String>,
    /// What went wrong, in a word.
    pub reason: String,
}

/// A failure of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFailure {
    /// What it is known by.
    pub key: String,
    /// The model that was asked, where others may answer nevertheless.
    pub model: Option<String>,
    /// What went wrong, in a word.
    pub reason: String,
    /// How long it rests after the first failure, the second …; the last one counts for all further ones.
    pub rests_ms: &'static [i64],
    /// How long the provider wants it to rest, where that is longer.
    pub asked_ms: Option<i64>,
}

impl KeyHealth {
    /// Whether it is not to be asked for this model now.
    pub fn rests(&self, model: &str, now_ms: i64) -> bool {
        self.until_ms > now_ms && self.model.as_deref().is_none_or(|only| only == model)
    }
}

impl Store {
    /// The keys that failed and have not worked since.
    pub async fn key_health(&self) -> R<Vec<KeyHealth>> {
        let sql = "SELECT key, failures, failed_at_ms, until_ms, model, reason FROM key_health ORDER BY key";
        self.read(move |c| sql::all(c, sql, [], read)).await
    }

    /// Notes that a key failed. Failures while it rests already are of one time, and make its rest no longer than that of the
    /// first of them; where they are of several models, it rests for all.
    pub async fn key_failed(&self, failure: KeyFailure) -> R<KeyHealth> {
        // Two turns that fail at once count in turn, on what each other wrote.
        self.write(move |c, now| {
            let now_it_is = after(find(c, &failure.key)?, failure, now);
            let sql =
                "INSERT OR REPLACE INTO key_health (key, failures, failed_at_ms, until_ms, model, reason)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let KeyHealth { key, failures, failed_at_ms, until_ms, model, reason } = &now_it_is;
            sql::run(c, sql, params![key, failures, failed_at_ms, until_ms, model, reason])?;
            Ok(now_it_is)
        })
        .await
    }

    /// Notes that a key worked for a model: what is known of its failures is over, unless they were another model's.
    pub async fn key_worked(&self, key: &str, model: &str) -> R<()> {
        let (key, model) = (key.to_owned(), model.to_owned());
        self.write(move |c, _| {
            let sql = "DELETE FROM key_health WHERE key = ?1 AND (model IS NULL OR model = ?2)";
            sql::run(c, sql, [key, model])?;
            Ok(())
        })
        .await
    }
}

fn after(before: Option<KeyHealth>, failure: KeyFailure, now: i64) -> KeyHealth {
    let KeyFailure { key, model, reason, rests_ms, asked_ms } = failure;
    let resting = before.as_ref().filter(|before| before.until_ms > now);
    let counted = before.as_ref().filter(|before| now - before.failed_at_ms <= COUNTS_FOR_MS);
    let failures = match resting {
        Some(resting) => resting.failures,
        None => counted.map_or(0, |before| before.failures).saturating_add(1),
    };
    let nth = usize::try_from(failures.saturating_sub(1)).unwrap_or(0).min(rests_ms.len().saturating_sub(1));
    let rest = rests_ms.get(nth).copied().unwrap_or(0).max(asked_ms.unwrap_or(0));
    let mut until_ms = now.saturating_add(rest);
    let mut model = model;
    if let Some(resting) = resting {
        if resting.reason == reason && asked_ms.is_none() {
            until_ms = resting.until_ms;
        }
        if resting.model != model {
            model = None;
        }
    }
    KeyHealth { key, failures, failed_at_ms: now, until_ms, model, reason }
}

fn find(c: &Connection, key: &str) -> Sql<Option<KeyHealth>> {
    let sql = "SELECT key, failures, failed_at_ms, until_ms, model, reason FROM key_health WHERE key = ?1";
    sql::one(c, sql, [key], read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<KeyHealth> {
    Ok(KeyHealth {
        key: row.get(0)?,
        failures: row.get(1)?,
        failed_at_ms: row.get(2)?,
        until_ms: row.get(3)?,
        model: row.get(4)?,
        reason: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESTS: &[i64] = &[30, 60, 300];

    fn failure(model: Option<&str>) -> KeyFailure {
        KeyFailure {
            key: "k".into(),
            model: model.map(str::to_owned),
            reason: "rate_limit".into(),
            rests_ms: RESTS,
            asked_ms: None,
        }
    }

    #[test]
    fn each_failure_after_a_rest_makes_the_next_rest_longer_until_a_day_has_passed() {
        let mut health = None;
        let mut now = 0;
        for rest in [30, 60, 300, 300] {
            let next = after(health, failure(None), now);
            assert_eq!(next.until_ms, now + rest);
            assert!(next.rests("m", next.until_ms - 1) && !next.rests("m", next.until_ms));
            now = next.until_ms;
            health = Some(next);
        }
        let next = after(health, failure(None), now + COUNTS_FOR_MS + 1);
        assert_eq!(next.failures, 1);
    }

    #[test]
    fn failures_during_a_rest_are_of_one_time_and_of_two_models_are_the_keys() {
        let first = after(None, failure(Some("a")), 0);
        assert!(first.rests("a", 1) && !first.rests("b", 1));
        let same = after(Some(first.clone()), failure(Some("a")), 10);
        assert_eq!((same.failures, same.until_ms, same.model.as_deref()), (1, 30, Some("a")));
        let other = after(Some(first), failure(Some("b")), 10);
        assert!(other.rests("a", 11) && other.rests("b", 11));
        let asked = after(None, KeyFailure { asked_ms: Some(5_000), ..failure(None) }, 0);
        assert_eq!(asked.until_ms, 5_000, "a provider that wants more gets it");
    }
}
