//! Messages from platforms: on disk before the platform is told, once each, open until a run or a decision closes
//! them.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{InboundRow, OutboxRow, R, Store, outbox};
use model::{Inbound, Outbound};
use rusqlite::{Connection, params};

impl Store {
    /// Takes in what a platform delivered up to `cursor`. Gives the new rows alone: a message that was delivered
    /// before (same channel, account, chat and message id, in the last 30 days) makes no second one.
    pub async fn accept_inbound(
        &self,
        channel: &str,
        account: &str,
        batch: Vec<Inbound>,
        cursor: &str,
    ) -> R<Vec<InboundRow>> {
        let (channel, account, cursor) = (channel.to_owned(), account.to_owned(), cursor.to_owned());
        // Rows and cursor in one transaction. A crash before it: the platform delivers again. After it: the rows are
        // here, and a second delivery finds them.
        self.write(move |c, now| {
            let mut rows = Vec::with_capacity(batch.len());
            for inbound in batch {
                rows.extend(insert(c, (&channel, &account), inbound, now)?);
            }
            let sql = "INSERT INTO cursors (channel, account, cursor) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET cursor = excluded.cursor";
            sql::run(c, sql, params![channel, account, cursor])?;
            Ok(rows)
        })
        .await
    }

    /// Up to where a platform's messages were taken in.
    pub async fn cursor(&self, channel: &str, account: &str) -> R<Option<String>> {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        self.read(move |c| {
            let sql = "SELECT cursor FROM cursors WHERE channel = ?1 AND account = ?2";
            sql::one(c, sql, [channel, account], |row| row.get(0))
        })
        .await
    }

    /// The messages that no run has consumed and no decision has closed, in order of arrival.
    pub async fn open_inbound(&self) -> R<Vec<InboundRow>> {
        self.read(|c| {
            let sql = "SELECT id, body FROM inbound WHERE closed_at_ms IS NULL ORDER BY id";
            sql::all(c, sql, [], |row| {
                Ok(InboundRow { id: row.get(0)?, inbound: row.get::<_, Json<_>>(1)?.0 })
            })
        })
        .await
    }

    /// Whether a message with this id, in whichever chat of the channel, is still open.
    pub async fn is_waiting(&self, channel: &str, message_id: &str) -> R<bool> {
        let (channel, message_id) = (channel.to_owned(), message_id.to_owned());
        self.read(move |c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM inbound WHERE closed_at_ms IS NULL AND channel = ?1 AND message_id = ?2)";
            Ok(sql::one(c, sql, [channel, message_id], |row| row.get(0))?.unwrap_or(false))
        })
        .await
    }

    /// Takes an open message back as if it had never come: it was refused, and may be offered again.
    pub async fn forget_inbound(&self, id: i64) -> R<()> {
        // A crash before it leaves the message open: it is answered then, although it was not accepted.
        self.write(move |c, _| {
            sql::run(c, "DELETE FROM inbound WHERE id = ?1 AND closed_at_ms IS NULL", [id])?;
            Ok(())
        })
        .await
    }

    /// Whether a message is still open.
    pub async fn is_open_inbound(&self, id: i64) -> R<bool> {
        self.read(move |c| is_open(c, id)).await
    }

    /// Closes messages without a run and queues what answers them, such as a pairing code. `outcome` says why, for
    /// whoever looks into the file.
    pub async fn close_inbound(
        &self,
        ids: Vec<i64>,
        outcome: &str,
        outbox: Vec<Outbound>,
    ) -> R<Vec<OutboxRow>> {
        let outcome = outcome.to_owned();
        // Guards against an answer without its message closed: after a crash it would be answered again.
        self.write(move |c, now| {
            close(c, &ids, &outcome, now)?;
            outbox::put(c, outbox, None, None, now)
        })
        .await
    }
}

/// Whether a message is still open, as the caller's transaction sees it.
pub(crate) fn is_open(c: &Connection, id: i64) -> Sql<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM inbound WHERE id = ?1 AND closed_at_ms IS NULL)";
    Ok(sql::one(c, sql, [id], |row| row.get(0))?.unwrap_or(false))
}

/// Takes in a message of the gateway's own within the caller's transaction; `None` where it is there already.
pub(crate) fn put(c: &Connection, inbound: Inbound, now: i64) -> Sql<Option<InboundRow>> {
    let (channel, account) = (inbound.channel.clone(), inbound.account.clone());
    insert(c, (&channel, &account), inbound, now)
}

/// Whether the message was taken in before, whatever became of it.
pub(crate) fn is_known(c: &Connection, m: &Inbound) -> Sql<bool> {
    let sql =
        "SELECT 1 FROM inbound WHERE channel = ?1 AND account = ?2 AND chat_id = ?3 AND message_id = ?4";
    Ok(sql::one(c, sql, [&m.channel, &m.account, &m.chat.id, &m.message_id], |_| Ok(()))?.is_some())
}

fn insert(
    c: &Connection,
    (channel, account): (&str, &str),
    inbound: Inbound,
    now: i64,
) -> Sql<Option<InboundRow>> {
    let sql = "INSERT INTO inbound (channel, account, chat_id, message_id, body, received_at_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    let body = json(&inbound)?;
    let values = params![channel, account, inbound.chat.id, inbound.message_id, body, now];
    let is_new = sql::run(c, sql, values)? > 0;
    Ok(is_new.then(|| InboundRow { id: c.last_insert_rowid(), inbound }))
}

/// Closes rows; those closed before stay as they are. The body goes: what is worth keeping is in a transcript.
pub(crate) fn close(c: &Connection, ids: &[i64], outcome: &str, now: i64) -> Sql<()> {
    let sql = "UPDATE inbound SET closed_at_ms = ?2, outcome = ?3, body = NULL WHERE id = ?1 AND closed_at_ms IS NULL";
    for id in ids {
        sql::run(c, sql, params![id, now, outcome])?;
    }
    Ok(())
}
