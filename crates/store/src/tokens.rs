//! Device tokens: one per device and role. What is kept is their generation, never the token.
//!
//! Rotating makes a new generation and leaves the old ones good, for the device must come with one of them to be given the
//! new one. Using a generation ends those before it: then the device has it. Revoking ends all at once.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{ApprovedVia, DeviceAsk, DeviceToken, R, Rotated, Store};
use rusqlite::{Connection, Row, params};

const COLUMNS: &str = "role, scopes, generation, good_from, created_at_ms, rotated_at_ms, revoked_at_ms";
/// Generations that may be good at once. Beyond it the device has not come for its token in a long time, and another
/// one would not reach it either.
const MAX_GOOD: i64 = 64;

impl Store {
    /// Makes a new generation of a token, with these scopes instead of its own where some are given. The ones before stay
    /// good until it is used; of a revoked token none does. `from` is the generation that the caller saw: where it is
    /// another by now, nothing is done.
    pub async fn rotate_device_token(
        &self,
        id: &str,
        role: &str,
        from: i64,
        scopes: Option<Vec<String>>,
    ) -> R<Rotated> {
        let (id, role) = (id.to_owned(), role.to_owned());
        // One transaction: a crash never leaves a counted-up generation without the token that has it.
        self.write(move |c, now| {
            let Some(token) = find(c, &id, &role)?.filter(|t| t.generation == from) else {
                return Ok(Rotated::Changed);
            };
            if token.good().count() >= usize::try_from(MAX_GOOD).unwrap_or(usize::MAX) {
                return Ok(Rotated::Unclaimed);
            }
            renew(c, &id, &token, now)?;
            if let Some(scopes) = scopes {
                set_scopes(c, &id, &role, &scopes)?;
                // The code that it came by gives more than that, and would again.
                crate::setup::end_of_device(c, &id, now)?;
            }
            Ok(find(c, &id, &role)?.map_or(Rotated::Changed, Rotated::Done))
        })
        .await
    }

    /// Makes the token of a device and role worthless, all its generations; the device stays paired. `None` where there
    /// is none.
    pub async fn revoke_device_token(&self, id: &str, role: &str) -> R<Option<DeviceToken>> {
        let (id, role) = (id.to_owned(), role.to_owned());
        // Answered after the commit: no crash brings a token back that was said to be revoked.
        self.write(move |c, now| {
            let sql = "UPDATE device_tokens SET revoked_at_ms = coalesce(revoked_at_ms, ?3)
                       WHERE device_id = ?1 AND role = ?2";
            sql::run(c, sql, params![id, role, now])?;
            crate::setup::end_of_device(c, &id, now)?;
            find(c, &id, &role)
        })
        .await
    }

    /// Notes that a device connected now with this generation of its token, which ends the generations before it, and the
    /// setup code that it came from. False where the token is not good (any more); nothing is noted then.
    pub async fn use_device_token(&self, id: &str, role: &str, generation: i64) -> R<bool> {
        let (id, role) = (id.to_owned(), role.to_owned());
        // The look and the note are one transaction: what is revoked between them lets nobody in.
        self.write(move |c, now| {
            let sql = "UPDATE device_tokens SET good_from = ?3 WHERE device_id = ?1 AND role = ?2
                       AND revoked_at_ms IS NULL AND ?3 BETWEEN good_from AND generation";
            if sql::run(c, sql, params![id, role, generation])? == 0 {
                return Ok(false);
            }
            sql::run(c, "UPDATE devices SET last_seen_at_ms = ?2 WHERE device_id = ?1", params![id, now])?;
            crate::setup::claimed(c, &id, now)?;
            Ok(true)
        })
        .await
    }
}

/// Gives the role of a paired device a token that grants what is asked beside what it grants already. A revoked token comes
/// back by somebody's decision alone: as a new generation, with what was decided now and nothing of what it had.
pub(crate) fn grant(c: &Connection, ask: &DeviceAsk, via: ApprovedVia, now: i64) -> Sql<()> {
    let DeviceAsk { device_id: id, role, scopes, .. } = ask;
    match find(c, id, role)? {
        None => {
            let generation = next_generation(c, id, role)?;
            let sql =
                "INSERT INTO device_tokens (device_id, role, scopes, generation, good_from, created_at_ms)
                       VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
            sql::run(c, sql, params![id, role, json(scopes)?, generation, now])?;
        }
        Some(token) if token.revoked_at_ms.is_none() => {
            set_scopes(c, id, role, &sql::union(&token.scopes, scopes))?;
        }
        Some(_) if via == ApprovedVia::Silent => {}
        Some(token) => {
            set_scopes(c, id, role, scopes)?;
            renew(c, id, &token, now)?;
        }
    }
    Ok(())
}

fn set_scopes(c: &Connection, id: &str, role: &str, scopes: &[String]) -> Sql<()> {
    let sql = "UPDATE device_tokens SET scopes = ?3 WHERE device_id = ?1 AND role = ?2";
    sql::run(c, sql, params![id, role, json(scopes)?])?;
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

/// A new generation. What was revoked stays worthless: only the new one is good then.
fn renew(c: &Connection, id: &str, token: &DeviceToken, now: i64) -> Sql<()> {
    let generation = next_generation(c, id, &token.role)?;
    let good_from = if token.revoked_at_ms.is_some() { generation } else { token.good_from };
    let sql =
        "UPDATE device_tokens SET generation = ?3, good_from = ?4, rotated_at_ms = ?5, revoked_at_ms = NULL
               WHERE device_id = ?1 AND role = ?2";
    sql::run(c, sql, params![id, token.role, generation, good_from, now])?;
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
        good_from: row.get(3)?,
        created_at_ms: row.get(4)?,
        rotated_at_ms: row.get(5)?,
        revoked_at_ms: row.get(6)?,
    })
}
