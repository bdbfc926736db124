//! Messages from platforms: on disk before the platform is told, once each, open until a run or a decision closes
//! them.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{Earlier, Fate, InboundRow, OutboxRow, R, Store, outbox, said, settings, system_events};
use model::{Inbound, Outbound, SessionKey};
use rusqlite::{Connection, params};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Texts that were written one after the other, and all heard.
const BATCH: &str = "batch";

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
        self.accept(channel, account, batch, Some(cursor)).await
    }

    /// As [`Store::accept_inbound`], for what came on its own: where the platform's messages are fetched from stays as it is.
    pub async fn accept_delivered(
        &self,
        channel: &str,
        account: &str,
        batch: Vec<Inbound>,
    ) -> R<Vec<InboundRow>> {
        self.accept(channel, account, batch, None).await
    }

    async fn accept(
        &self,
        channel: &str,
        account: &str,
        batch: Vec<Inbound>,
        cursor: Option<&str>,
    ) -> R<Vec<InboundRow>> {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        let cursor = cursor.map(str::to_owned);
        // Rows and cursor in one transaction. A crash before it: the platform delivers again. After it: the rows are
        // here, and a second delivery finds them.
        self.write(move |c, now| {
            let mut rows = Vec::with_capacity(batch.len());
            for inbound in batch {
                rows.extend(insert(c, (&channel, &account), inbound, now)?);
            }
            if let Some(cursor) = cursor {
                let sql = "INSERT INTO cursors (channel, account, cursor) VALUES (?1, ?2, ?3)
                           ON CONFLICT DO UPDATE SET cursor = excluded.cursor";
                sql::run(c, sql, params![channel, account, cursor])?;
            }
            Ok(rows)
        })
        .await
    }

    /// Several messages become one, that of the first row: the others end, as parts of an `album` or of a `batch`, whose parts were all
    /// heard. False, and nothing changes, where one has ended.
    pub async fn merge_inbound(
        &self,
        first: i64,
        merged: Inbound,
        others: Vec<i64>,
        kind: &'static str,
    ) -> R<bool> {
        // One transaction: a part is never heard twice, nor lost.
        self.write(move |c, now| {
            for id in std::iter::once(&first).chain(&others) {
                if !is_open(c, *id)? {
                    return Ok(false);
                }
            }
            if kind == BATCH {
                // What each says is theirs alone once it is one message.
                std::iter::once(&first).chain(&others).try_for_each(|id| said::heard(c, *id, now))?;
            }
            sql::run(c, "UPDATE inbound SET body = ?2 WHERE id = ?1", params![first, json(&merged)?])?;
            close(c, &others, &format!("{kind}:{first}"), now)?;
            Ok(true)
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

    /// A message that is still open.
    pub async fn waiting_inbound(&self, id: i64) -> R<Option<Inbound>> {
        self.read(move |c| {
            let sql = "SELECT body FROM inbound WHERE id = ?1 AND closed_at_ms IS NULL";
            Ok(sql::one(c, sql, [id], |row| row.get::<_, Json<_>>(0))?.map(|body| body.0))
        })
        .await
    }

    /// Bytes of all messages that are open.
    pub async fn waiting_bytes(&self) -> R<u64> {
        self.read(|c| {
            let sql = "SELECT coalesce(sum(octet_length(body)), 0) FROM inbound WHERE closed_at_ms IS NULL";
            Ok(sql::one(c, sql, [], |row| row.get::<_, i64>(0))?.unwrap_or_default().unsigned_abs())
        })
        .await
    }

    /// A message has what comes with it, or goes without, and `said` of it is queued; one that has ended meanwhile stays as it is.
    pub async fn complete_inbound(&self, id: i64, complete: Inbound, said: Vec<Outbound>) -> R<()> {
        // One commit: after a crash nothing is said twice, nor before it is so.
        self.write(move |c, now| {
            let sql = "UPDATE inbound SET body = ?2 WHERE id = ?1 AND closed_at_ms IS NULL";
            if sql::run(c, sql, params![id, json(&complete)?])? > 0 {
                outbox::put(c, said, None, None, now)?;
            }
            Ok(())
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

    /// Closes a message that was not meant for the agent and keeps it, for as long as closed messages are kept:
    /// [`Store::overheard`] gives it to whoever speaks to the agent next.
    pub async fn close_overheard(&self, id: i64) -> R<()> {
        self.write(move |c, now| {
            said::heard(c, id, now)?;
            let sql = "UPDATE inbound SET closed_at_ms = ?2, outcome = 'overheard' WHERE id = ?1 AND closed_at_ms IS NULL";
            sql::run(c, sql, params![id, now])?;
            Ok(())
        })
        .await
    }

    /// The latest messages that were overheard in the chat of message `id` before it and since the agent was spoken to there
    /// last, the oldest first, `limit` at most.
    pub async fn overheard(&self, id: i64, limit: usize) -> R<Vec<Inbound>> {
        self.read(move |c| {
            // Places of a chat: what is open was said to the agent, too.
            let sql = "SELECT o.body FROM inbound m
                       JOIN inbound o ON o.channel = m.channel AND o.account = m.account AND o.chat_id = m.chat_id
                       WHERE m.id = ?1 AND o.id < m.id AND o.outcome = 'overheard' AND o.id > coalesce(
                         (SELECT max(p.id) FROM inbound p
                          WHERE p.channel = m.channel AND p.account = m.account AND p.chat_id = m.chat_id
                            AND p.id < m.id AND (p.outcome IS NULL OR p.outcome LIKE 'run:%')), 0)
                       ORDER BY o.id DESC LIMIT ?2";
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut heard: Vec<Inbound> =
                sql::all(c, sql, params![id, limit], |row| Ok(row.get::<_, Json<_>>(0)?.0))?;
            heard.reverse();
            Ok(heard)
        })
        .await
    }

    /// What there is of the message `message_id` that came by the account of message `row`, in `chat` or one of its topics.
    pub async fn earlier(&self, row: i64, chat: &str, message_id: &str) -> R<Option<Earlier>> {
        let (chat, message_id) = (chat.to_owned(), message_id.to_owned());
        self.read(move |c| {
            // `;` is what comes after `:`: the index finds a chat with all of its topics.
            let sql = "SELECT o.chat_id, o.outcome, m.said = coalesce(
                         (SELECT e.said FROM inbound e
                          WHERE e.channel = o.channel AND e.account = o.account AND e.chat_id = o.chat_id AND e.id < m.id
                            AND e.message_id > ?3 || '/edited/' AND e.message_id < ?3 || '/edited0'
                          ORDER BY e.id DESC LIMIT 1), o.said)
                       FROM inbound m
                       JOIN inbound o ON o.channel = m.channel AND o.account = m.account
                       WHERE m.id = ?1 AND o.message_id = ?3
                         AND (o.chat_id = ?2 OR (o.chat_id > ?2 || ':topic:' AND o.chat_id < ?2 || ':topic;'))
                       LIMIT 1";
            sql::one(c, sql, params![row, chat, message_id], |row| {
                let outcome: Option<String> = row.get(1)?;
                let fate = match outcome.as_deref() {
                    None => Fate::Heard,
                    Some(outcome) if outcome.starts_with("run:") || outcome.starts_with(BATCH) => {
                        Fate::Heard
                    }
                    Some("overheard") => Fate::Overheard,
                    Some(_) => Fate::Left,
                };
                Ok(Earlier { chat_id: row.get(0)?, fate, says_the_same: row.get(2)? })
            })
        })
        .await
    }

    /// Closes a message and leaves a line for the next turn of a session, unless too much waits there.
    pub async fn close_with_note(&self, id: i64, outcome: &str, session: &SessionKey, note: &str) -> R<()> {
        let (outcome, session, note) = (outcome.to_owned(), session.clone(), note.to_owned());
        // One commit: after a crash the line is neither lost nor left twice.
        self.write(move |c, now| {
            if is_open(c, id)? {
                said::heard(c, id, now)?;
                system_events::leave(c, &session, &note, now)?;
            }
            close(c, &[id], &outcome, now)
        })
        .await
    }

    /// Closes a message and sets a named value, in one commit.
    pub async fn close_with_setting(&self, id: i64, outcome: &str, key: &str, value: &Value) -> R<()> {
        let (outcome, key, value) = (outcome.to_owned(), key.to_owned(), value.clone());
        self.write(move |c, now| {
            settings::put(c, &key, &value)?;
            close(c, &[id], &outcome, now)
        })
        .await
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
    let sql = "INSERT INTO inbound (channel, account, chat_id, message_id, body, received_at_ms, said)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let body = json(&inbound)?;
    let said = hex::encode(Sha256::digest(inbound.said.as_ref().unwrap_or(&inbound.text)));
    let values = params![channel, account, inbound.chat.id, inbound.message_id, body, now, said];
    let is_new = sql::run(c, sql, values)? > 0;
    Ok(is_new.then(|| InboundRow { id: c.last_insert_rowid(), inbound }))
}

/// Closes rows; those closed before stay as they are. The body goes: what is worth keeping is in a transcript.
pub(crate) fn close(c: &Connection, ids: &[i64], outcome: &str, now: i64) -> Sql<()> {
    let sql = "UPDATE inbound SET closed_at_ms = ?2, outcome = ?3, body = NULL WHERE id = ?1 AND closed_at_ms IS NULL";
    for id in ids {
        if outcome.starts_with("run:") {
            said::heard(c, *id, now)?;
        }
        sql::run(c, sql, params![id, now, outcome])?;
    }
    Ok(())
}
