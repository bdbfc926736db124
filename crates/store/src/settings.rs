//! Named values of the gateway's own: few, small, rarely written.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{R, Setting, Store};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

impl Store {
    /// A named value.
    pub async fn setting(&self, key: &str) -> R<Option<Setting>> {
        let key = key.to_owned();
        self.read(move |c| find(c, &key)).await
    }

    /// Sets a named value.
    pub async fn set_setting(&self, key: &str, value: &Value) -> R<()> {
        let (key, value) = (key.to_owned(), value.clone());
        // Answered after the commit: what was set is set after a crash.
        self.write(move |c, _| put(c, &key, &value)).await
    }

    /// All named values whose names begin so, by what follows.
    pub async fn settings_below(&self, prefix: &str) -> R<Vec<(String, Setting)>> {
        let prefix = prefix.to_owned();
        self.read(move |c| {
            let sql = "SELECT substr(key, length(?1) + 1), value FROM settings WHERE substr(key, 1, length(?1)) = ?1";
            sql::all(c, sql, [prefix], |row| Ok((row.get(0)?, row.get::<_, Json<_>>(1)?.0)))
        })
        .await
    }

    /// When this was asked for first, in ms: now, and the same time ever after.
    pub async fn first_time(&self, key: &str) -> R<i64> {
        if let Some(Value::Number(at)) = self.setting(key).await?
            && let Some(at) = at.as_i64()
        {
            return Ok(at);
        }
        let key = key.to_owned();
        // Two who ask at once get the same answer, and so does whoever asks after a crash.
        self.write(move |c, now| {
            let sql = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            sql::run(c, sql, [&key, &json(&now)?])?;
            Ok(find(c, &key)?.and_then(|at| at.as_i64()).unwrap_or(now))
        })
        .await
    }
}

/// Sets a named value within the caller's transaction.
pub(crate) fn put(c: &Connection, key: &str, value: &impl Serialize) -> Sql<()> {
    let sql = "INSERT INTO settings (key, value) VALUES (?1, ?2)
               ON CONFLICT DO UPDATE SET value = excluded.value";
    sql::run(c, sql, [key, &json(value)?])?;
    Ok(())
}

/// A named value, as the caller's transaction sees it.
pub(crate) fn find(c: &Connection, key: &str) -> Sql<Option<Value>> {
    sql::one(c, "SELECT value FROM settings WHERE key = ?1", [key], |row| Ok(row.get::<_, Json<_>>(0)?.0))
}
