//! Who may write to a channel: strangers that wait with a code, and those that the owner let in.

use crate::error::Sql;
use crate::sql;
use crate::{ChannelOffer, ChannelRequest, R, Store};
use rusqlite::{Connection, Row, params};

/// A stranger's code is good for an hour, in milliseconds.
pub const STRANGER_LIFE_MS: i64 = 60 * 60 * 1000;

/// Strangers that may wait per account: anybody can write to a bot, and the owner must be able to read the list.
pub const MAX_STRANGERS: i64 = 3;

const SELECT: &str =
    "SELECT channel, account, sender_id, code, name, created_at_ms, last_seen_at_ms FROM channel_requests";

impl Store {
    /// The request of a stranger: the one that waits already (younger than an hour), or a new one with `new_code`,
    /// and whether it is new. `None` where three others wait for this account, or where the code is taken by another
    /// stranger of the channel (ask again with another code).
    pub async fn channel_request(
        &self,
        channel: &str,
        account: &str,
        sender_id: &str,
        name: Option<&str>,
        new_code: &str,
    ) -> R<Option<(ChannelRequest, bool)>> {
        let asked = Asked {
            channel: channel.to_owned(),
            account: account.to_owned(),
            sender_id: sender_id.to_owned(),
            name: name.map(str::to_owned),
            code: new_code.to_owned(),
        };
        // Counting and adding are one transaction: a burst of strangers never passes the limit, and nobody is told a
        // code that a crash took back.
        self.write(move |c, now| request(c, asked, now)).await
    }

    /// Answers a stranger's message: with the code of a new request, or with nothing where the sender waits already or
    /// too many do. Closes the message either way. Gives the request that was made.
    pub async fn offer_channel(&self, offer: ChannelOffer) -> R<Option<ChannelRequest>> {
        let asked = Asked {
            channel: offer.reply.channel.clone(),
            account: offer.reply.account.clone(),
            sender_id: offer.sender_id,
            name: offer.name,
            code: offer.code,
        };
        // Request, answer and the end of the message are one transaction: a crash leaves nobody with a code that they
        // were not told, and nobody is told twice.
        self.write(move |c, now| {
            let made = request(c, asked, now)?.and_then(|(request, is_new)| is_new.then_some(request));
            let replies = if made.is_some() { vec![offer.reply] } else { vec![] };
            crate::inbound::close(c, &[offer.row_id], "pairing required", now)?;
            crate::outbox::put(c, replies, None, None, now)?;
            Ok(made)
        })
        .await
    }

    /// The strangers that wait, the oldest first; those whose code has expired are left out.
    pub async fn channel_requests(&self, channel: Option<&str>) -> R<Vec<ChannelRequest>> {
        let (channel, after) = (channel.map(str::to_owned), self.now() - STRANGER_LIFE_MS);
        self.read(move |c| {
            let sql = format!(
                "{SELECT} WHERE created_at_ms > ?1 AND (?2 IS NULL OR channel = ?2) ORDER BY created_at_ms, rowid"
            );
            sql::all(c, &sql, params![after, channel], read)
        })
        .await
    }

    /// Lets in the stranger with this code; upper and lower case are one. `None` where no such code waits, or where
    /// it has expired.
    pub async fn approve_channel(
        &self,
        channel: &str,
        account: &str,
        code: &str,
    ) -> R<Option<ChannelRequest>> {
        let (channel, account, code) = (channel.to_owned(), account.to_owned(), code.trim().to_owned());
        // One transaction: a code is used up exactly when its sender is allowed.
        self.write(move |c, now| {
            let sql =
                format!("{SELECT} WHERE channel = ?1 AND account = ?2 AND code = ?3 AND created_at_ms > ?4");
            let found = sql::one(c, &sql, params![channel, account, code, now - STRANGER_LIFE_MS], read)?;
            let Some(request) = found else { return Ok(None) };
            let sql =
                "INSERT OR REPLACE INTO channel_allowed (channel, account, sender_id, name, approved_at_ms)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            sql::run(c, sql, params![channel, request.account, request.sender_id, request.name, now])?;
            let sql = "DELETE FROM channel_requests WHERE channel = ?1 AND account = ?2 AND sender_id = ?3";
            sql::run(c, sql, [&channel, &request.account, &request.sender_id])?;
            Ok(Some(request))
        })
        .await
    }

    /// Whether the owner let this sender in.
    pub async fn channel_allowed(&self, channel: &str, account: &str, sender_id: &str) -> R<bool> {
        let key = [channel.to_owned(), account.to_owned(), sender_id.to_owned()];
        self.read(move |c| {
            let sql = "SELECT 1 FROM channel_allowed WHERE channel = ?1 AND account = ?2 AND sender_id = ?3";
            Ok(sql::one(c, sql, key, |_| Ok(()))?.is_some())
        })
        .await
    }
}

struct Asked {
    channel: String,
    account: String,
    sender_id: String,
    name: Option<String>,
    code: String,
}

fn request(c: &Connection, asked: Asked, now: i64) -> Sql<Option<(ChannelRequest, bool)>> {
    drop_expired(c, now)?;
    let a = &asked;
    let sql = format!("{SELECT} WHERE channel = ?1 AND account = ?2 AND sender_id = ?3");
    if let Some(found) = sql::one(c, &sql, [&a.channel, &a.account, &a.sender_id], read)? {
        let sql = "UPDATE channel_requests SET last_seen_at_ms = ?4
                   WHERE channel = ?1 AND account = ?2 AND sender_id = ?3";
        sql::run(c, sql, params![a.channel, a.account, a.sender_id, now])?;
        return Ok(Some((ChannelRequest { last_seen_at_ms: now, ..found }, false)));
    }
    let sql = "SELECT count(*) FROM channel_requests WHERE channel = ?1 AND account = ?2";
    let waiting: i64 = c.prepare_cached(sql)?.query_row([&a.channel, &a.account], |row| row.get(0))?;
    let sql = "SELECT 1 FROM channel_requests WHERE channel = ?1 AND code = ?2";
    let taken = sql::one(c, sql, [&a.channel, &a.code], |_| Ok(()))?.is_some();
    if waiting >= MAX_STRANGERS || taken {
        return Ok(None);
    }
    let sql = "INSERT INTO channel_requests (channel, account, sender_id, code, name, created_at_ms, last_seen_at_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
    sql::run(c, sql, params![a.channel, a.account, a.sender_id, a.code, a.name, now])?;
    let Asked { channel, account, sender_id, name, code } = asked;
    let (created_at_ms, last_seen_at_ms) = (now, now);
    let request = ChannelRequest { channel, account, sender_id, code, name, created_at_ms, last_seen_at_ms };
    Ok(Some((request, true)))
}

/// Drops requests whose code is good no more.
pub(crate) fn drop_expired(c: &Connection, now: i64) -> Sql<()> {
    sql::run(c, "DELETE FROM channel_requests WHERE created_at_ms <= ?1", [now - STRANGER_LIFE_MS])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ChannelRequest> {
    Ok(ChannelRequest {
        channel: row.get(0)?,
        account: row.get(1)?,
        sender_id: row.get(2)?,
        code: row.get(3)?,
        name: row.get(4)?,
        created_at_ms: row.get(5)?,
        last_seen_at_ms: row.get(6)?,
    })
}
