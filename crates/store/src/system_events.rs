//! Lines that wait for a session's next turn: on disk from the moment they were accepted, gone with the commit that puts
//! them into the transcript. And that an agent is to look at a session at once: on disk from then on, gone with the commit
//! that begins its look.

use crate::error::{Fault, Sql};
use crate::sessions::read_key;
use crate::sql;
use crate::{R, Store, SystemEvent, Wake};
use model::SessionKey;
use rusqlite::{Connection, params};

/// Lines that may wait in a session. More would only be a longer list that nobody has read.
pub const MAX_SYSTEM_EVENTS: usize = 100;

/// Sessions that may wait for their agent to look. Each waits for as long as the looks before it take.
const MAX_WAKES: i64 = 1000;

impl Store {
    /// Leaves a line for the next turn of a session, and has the agent look at it at once where it `wakes`. The same line,
    /// while it waits, is left once.
    ///
    /// # Errors
    /// Too many wait.
    pub async fn add_system_event(&self, key: &SessionKey, text: &str, wakes: bool) -> R<()> {
        let (key, text) = (key.clone(), text.to_owned());
        // Answered after the commit: what was accepted is there after a crash, and so is that it wakes.
        self.write(move |c, now| {
            put(c, &key, &text, now)?;
            if !wakes {
                return Ok(());
            }
            let sql = "SELECT count(*) FROM wakes WHERE session_key <> ?1";
            let waiting: i64 = c.prepare_cached(sql)?.query_row([key.as_str()], |row| row.get(0))?;
            if waiting >= MAX_WAKES {
                return Err(Fault::Job(format!("{waiting} sessions wait for their agents to look already")));
            }
            wake(c, &key)
        })
        .await
    }

    /// The lines that wait in a session, the oldest first.
    pub async fn system_events(&self, key: &SessionKey) -> R<Vec<SystemEvent>> {
        let key = key.clone();
        self.read(move |c| {
            let sql = "SELECT id, text, at_ms FROM system_events WHERE session_key = ?1 ORDER BY id";
            sql::all(c, sql, [key.as_str()], |row| {
                Ok(SystemEvent { id: row.get(0)?, text: row.get(1)?, at_ms: row.get(2)? })
            })
        })
        .await
    }

    /// The sessions that agents are to look at, the one that waits longest first.
    pub async fn wakes(&self) -> R<Vec<Wake>> {
        self.read(|c| {
            let read = |row: &rusqlite::Row<'_>| Ok(Wake { id: row.get(0)?, key: read_key(row, 1)? });
            sql::all(c, "SELECT id, session_key FROM wakes ORDER BY id", [], read)
        })
        .await
    }

    /// Nobody can look; one that was asked for meanwhile stands.
    pub async fn drop_wake(&self, id: i64) -> R<()> {
        // After a crash before it, it is found again that nobody can.
        self.write(move |c, _| woken(c, id)).await
    }
}

/// Leaves a line within the caller's transaction.
pub(crate) fn put(c: &Connection, key: &SessionKey, text: &str, now: i64) -> Sql<()> {
    if leave(c, key, text, now)? {
        return Ok(());
    }
    let problem = format!(
        "{MAX_SYSTEM_EVENTS} system events wait in {key} for a turn that reads them; no more are taken"
    );
    Err(Fault::Job(problem))
}

/// As [`put`]; false where too many wait, and the line is not left.
pub(crate) fn leave(c: &Connection, key: &SessionKey, text: &str, now: i64) -> Sql<bool> {
    let sql = "SELECT 1 FROM system_events WHERE session_key = ?1 AND text = ?2";
    if sql::one(c, sql, [key.as_str(), text], |_| Ok(()))?.is_some() {
        return Ok(true);
    }
    let sql = "SELECT count(*) FROM system_events WHERE session_key = ?1";
    let waiting: i64 = c.prepare_cached(sql)?.query_row([key.as_str()], |row| row.get(0))?;
    if usize::try_from(waiting).is_ok_and(|n| n >= MAX_SYSTEM_EVENTS) {
        return Ok(false);
    }
    let sql = "INSERT INTO system_events (session_key, text, at_ms) VALUES (?1, ?2, ?3)";
    sql::run(c, sql, params![key.as_str(), text, now])?;
    Ok(true)
}

/// Has the agent look at a session: once more, if its look at what was there before begins meanwhile.
pub(crate) fn wake(c: &Connection, key: &SessionKey) -> Sql<()> {
    sql::run(c, "INSERT OR REPLACE INTO wakes (session_key) VALUES (?1)", [key.as_str()])?;
    Ok(())
}

/// The look that was asked for has begun, by the same transaction.
pub(crate) fn woken(c: &Connection, id: i64) -> Sql<()> {
    sql::run(c, "DELETE FROM wakes WHERE id = ?1", [id])?;
    Ok(())
}

/// Takes out lines that are in a transcript by the same transaction.
pub(crate) fn take(c: &Connection, ids: &[i64]) -> Sql<()> {
    for id in ids {
        sql::run(c, "DELETE FROM system_events WHERE id = ?1", [id])?;
    }
    Ok(())
}

/// A session is gone: nobody will read what waits in it.
pub(crate) fn forget(c: &Connection, key: &SessionKey) -> Sql<()> {
    sql::run(c, "DELETE FROM system_events WHERE session_key = ?1", [key.as_str()])?;
    sql::run(c, "DELETE FROM wakes WHERE session_key = ?1", [key.as_str()])?;
    Ok(())
}
