//! Messages to platforms: on disk before they are sent, until the platform has them.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{OutboxRow, OutboxState, R, Store, said, system_events};
use model::{Outbound, SessionKey};
use rusqlite::{Connection, Row, params};

const SELECT: &str = "SELECT id, body, attempts, not_before_ms, created_at_ms FROM outbox";

impl Store {
    /// Queues messages in this order. With a key that was used in the last 30 days, nothing is queued: the rows of
    /// then are given, and false. With a note, the next turn of that session reads of it, unless too much waits there.
    pub async fn enqueue(
        &self,
        outbox: Vec<Outbound>,
        idempotency_key: Option<&str>,
        note: Option<(SessionKey, String)>,
    ) -> R<(Vec<OutboxRow>, bool)> {
        let key = idempotency_key.map(str::to_owned);
        // Looking for the key and queueing are one transaction: a caller that repeats itself after a crash or beside
        // itself never sends twice.
        self.write(move |c, now| {
            if let Some(key) = &key {
                let earlier =
                    sql::all(c, &format!("{SELECT} WHERE enqueue_key = ?1 ORDER BY id"), [key], read)?;
                if !earlier.is_empty() {
                    return Ok((earlier, false));
                }
            }
            if let Some((session, text)) = &note {
                system_events::leave(c, session, text, now)?;
            }
            Ok((put(c, outbox, None, key.as_deref(), now)?, true))
        })
        .await
    }

    /// How many messages wait, and how many were given up. One that came with a key and was given up within `told_within_ms` is
    /// not among them: who gave it was waiting, and was told.
    pub async fn outbox_counts(&self, told_within_ms: i64) -> R<(i64, i64)> {
        self.read(move |c| {
            let sql = "SELECT (SELECT count(*) FROM outbox WHERE state = 'pending'),
                              (SELECT count(*) FROM outbox WHERE state = 'dead'
                               AND (enqueue_key IS NULL OR settled_at_ms - created_at_ms > ?1))";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            Ok(sql::one(c, sql, [told_within_ms], row)?.unwrap_or_default())
        })
        .await
    }

    /// Everything not yet sent, in the order in which each chat must get it; also what is not yet due.
    pub async fn pending_outbox(&self) -> R<Vec<OutboxRow>> {
        let sql = format!("{SELECT} WHERE state = 'pending' ORDER BY id");
        self.read(move |c| sql::all(c, &sql, [], read)).await
    }

    /// What became of a row; `None` where it is unknown.
    pub async fn outbox_state(&self, id: i64) -> R<Option<OutboxState>> {
        self.read(move |c| {
            let sql =
                "SELECT state, coalesce(platform_id, ''), coalesce(error, '') FROM outbox WHERE id = ?1";
            sql::one(c, sql, [id], |row| {
                Ok(match row.get::<_, String>(0)?.as_str() {
                    "sent" => OutboxState::Sent(row.get(1)?),
                    "dead" => OutboxState::Dead(row.get(2)?),
                    _ => OutboxState::Pending,
                })
            })
        })
        .await
    }

    /// The chat (with its topic, where it has one) into which the account sent the message that the platform knows by this id in
    /// `chat`. `None`: it was not sent here, or too long ago.
    pub async fn chat_of_sent(
        &self,
        channel: &str,
        account: &str,
        chat: &str,
        platform_id: &str,
    ) -> R<Option<String>> {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        let (chat, platform_id) = (chat.to_owned(), platform_id.to_owned());
        self.read(move |c| {
            let sql = "SELECT body ->> '$.to' FROM outbox
                       WHERE state = 'sent' AND platform_id = ?1 AND body ->> '$.channel' = ?2 AND body ->> '$.account' = ?3
                         AND (body ->> '$.to' = ?4 OR body ->> '$.to' LIKE ?4 || ':topic:%')
                       ORDER BY id DESC LIMIT 1";
            sql::one(c, sql, [platform_id, channel, account, chat], |row| row.get(0))
        })
        .await
    }

    /// The platform has it, under this id.
    pub async fn mark_sent(&self, id: i64, platform_id: &str) -> R<()> {
        let platform_id = platform_id.to_owned();
        // A crash before this commit sends the message again: losing it would be worse.
        self.write(move |c, now| {
            let sql = "UPDATE outbox SET state = 'sent', platform_id = ?2, settled_at_ms = ?3, error = NULL,
                       attempts = attempts + 1 WHERE id = ?1 AND state = 'pending'";
            if sql::run(c, sql, params![id, platform_id, now])? > 0 {
                said::sent(c, id, &platform_id, now)?;
            }
            Ok(())
        })
        .await
    }

    /// It did not work; to be tried again, not before a time.
    pub async fn retry_outbox(&self, id: i64, not_before_ms: i64, error: &str) -> R<()> {
        let error = error.to_owned();
        // On disk, so that a restart neither forgets the wait that a platform asked for nor the count of attempts.
        self.write(move |c, _| {
            let sql = "UPDATE outbox SET attempts = attempts + 1, not_before_ms = ?2, error = ?3
                       WHERE id = ?1 AND state = 'pending'";
            sql::run(c, sql, params![id, not_before_ms, error])?;
            Ok(())
        })
        .await
    }

    /// It will never work. The row is kept for the operator to see.
    pub async fn bury_outbox(&self, id: i64, error: &str) -> R<()> {
        let error = error.to_owned();
        // On disk, so that a restart does not try the hopeless again and hold up the chat's other messages.
        self.write(move |c, now| {
            let sql =
                "UPDATE outbox SET state = 'dead', error = ?2, settled_at_ms = ?3, attempts = attempts + 1
                       WHERE id = ?1 AND state = 'pending'";
            sql::run(c, sql, params![id, error, now])?;
            Ok(())
        })
        .await
    }
}

/// Queues messages within the caller's transaction.
pub(crate) fn put(
    c: &Connection,
    messages: Vec<Outbound>,
    run_id: Option<&str>,
    key: Option<&str>,
    now: i64,
) -> Sql<Vec<OutboxRow>> {
    let sql = "INSERT INTO outbox (body, not_before_ms, created_at_ms, run_id, enqueue_key)
               VALUES (?1, ?2, ?2, ?3, ?4)";
    let mut rows = Vec::with_capacity(messages.len());
    for outbound in messages {
        sql::run(c, sql, params![json(&outbound)?, now, run_id, key])?;
        let id = c.last_insert_rowid();
        rows.push(OutboxRow { id, outbound, attempts: 0, not_before_ms: now, created_at_ms: now });
    }
    Ok(rows)
}

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        id: row.get(0)?,
        outbound: row.get::<_, Json<_>>(1)?.0,
        attempts: row.get(2)?,
        not_before_ms: row.get(3)?,
        created_at_ms: row.get(4)?,
    })
}
