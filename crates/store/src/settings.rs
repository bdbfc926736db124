//! Named values of the gateway's own: few, small, rarely written.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{R, Setting, Store};
use rusqlite::Connection;
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
        self.write(move |c, _| {
            let sql = "INSERT INTO settings (key, value) VALUES (?1, ?2)
                       ON CONFLICT DO UPDATE SET value = excluded.value";
            sql::run(c, sql, [key, json(&value)?])?;
            Ok(())
        })
        .await
    }
}

fn find(c: &Connection, key: &str) -> Sql<Option<Value>> {
    sql::one(c, "SELECT value FROM settings WHERE key = ?1", [key], |row| Ok(row.get::<_, Json<_>>(0)?.0))
}
