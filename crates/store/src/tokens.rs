//! Device tokens: one per device and role. What is kept is their generation, never the token.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{DeviceToken, R, Store};
use rusqlite::{Connection, Row, params};

const COLUMNS: &str = "role, scopes, generation, created_at_ms, rotated_at_ms, revoked_at_ms";

impl Store {
    /// Makes the present token of a device and role worthless and a new generation valid, also where it had been
    /// revoked. `None` where there is no such token.
    pub async fn rotate_device_token(&self, id: &str, role: &str) -> R<Option<DeviceToken>> {
        let (id, role) = (id.to_owned(), role.to_owned());
        // One transaction: a crash never leaves a counted-up generation without the token that has it.
        self.write(move |c, now| {
            if find(c, &id, &role)?.is_some() {
                renew(c, &id, &role, now)?;
            }
            find(c, &id, &role)
        })
        .await
    }

    /// Makes the token of a device and role worthless; the device stays paired. `None` where there is none.
    pub async fn revoke_device_token(&self, id: &str, role: &str) -> R<Option<DeviceToken>> {
        let (id, role) = (id.to_owned(), role.to_owned());
        // Answered after the commit: no crash brings a token back that was said to be revoked.
        self.write(move |c, now| {
            let sql = "UPDATE device_tokens SET revoked_at_ms = coalesce(revoked_at_ms, ?3)
                       WHERE device_id = ?1 AND role = ?2";
            sql::run(c, sql, params![id, role, now])?;
            find(c, &id, &role)
        })
        .await
    }
}

/// Gives `role` of a paired device a token that grants `scopes` beside what it grants already. A revoked token comes
/// back as a new generation.
pub(crate) fn grant(c: &Connection, id: &str, role: &str, scopes: &[String], now: i64) -> Sql<()> {
    match find(c, id, role)? {
        None => {
            let generation = next_generation(c, id, role)?;
            let sql = "INSERT INTO device_tokens (device_id, role, scopes, generation, created_at_ms)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            sql::run(c, sql, params![id, role, json(scopes)?, generation, now])?;
        }
        Some(token) => {
            let scopes = sql::union(&token.scopes, scopes);
            let sql = "UPDATE device_tokens SET scopes = ?3 WHERE device_id = ?1 AND role = ?2";
            sql::run(c, sql, params![id, role, json(&scopes)?])?;
            if token.revoked_at_ms.is_some() {
                renew(c, id, role, now)?;
            }
        }
    }
    Ok(())
}

/// All tokens of a device.
pub(crate) fn of_device(c: &Connection, id: &str) -> Sql<Vec<DeviceToken>> {
    sql::all(
        c,
        &format!("SELECT {COLUMNS} FROM device_tokens WHERE device_id = ?1 ORDER BY role"),
        [id],
        read,
    )
}

fn find(c: &Connection, id: &str, role: &str) -> Sql<Option<DeviceToken>> {
    let sql = format!("SELECT {COLUMNS} FROM device_tokens WHERE device_id = ?1 AND role = ?2");
    sql::one(c, &sql, [id, role], read)
}

fn renew(c: &Connection, id: &str, role: &str, now: i64) -> Sql<()> {
    let generation = next_generation(c, id, role)?;
    let sql = "UPDATE device_tokens SET generation = ?3, rotated_at_ms = ?4, revoked_at_ms = NULL
               WHERE device_id = ?1 AND role = ?2";
    sql::run(c, sql, params![id, role, generation, now])?;
    Ok(())
}

/// Counts on in a table that outlives the device.
fn next_generation(c: &Connection, id: &str, role: &str) -> Sql<i64> {
    let sql = "INSERT INTO token_generations (device_id, role, generation) VALUES (?1, ?2, 1)
               ON CONFLICT DO UPDATE SET generation = generation + 1";
    sql::run(c, sql, [id, role])?;
    let sql = "SELECT generation FROM token_generations WHERE device_id = ?1 AND role = ?2";
    Ok(c.prepare_cached(sql)?.query_row([id, role], |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeviceToken> {
    Ok(DeviceToken {
        role: row.get(0)?,
        scopes: row.get::<_, Json<_>>(1)?.0,
        generation: row.get(2)?,
        created_at_ms: row.get(3)?,
        rotated_at_ms: row.get(4)?,
        revoked_at_ms: row.get(5)?,
    })
}
