//! What was said in chats, as far as it came here and the agent may hear it: platforms let no bot read what was said before.

use crate::error::Sql;
use crate::sql::{self, Json};
use crate::{R, Store};
use model::{Act, ChatEvent, Inbound, Outbound};
use rusqlite::{Connection, params};

/// Characters of a message that are kept; platforms allow about as many.
const MAX_TEXT: usize = 8_000;

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The platform's id of the message.
    pub message_id: i64,
    /// Who said it: id, name, handle; `None` is the bot.
    pub sender: Option<model::Sender>,
    /// What, as it stands now.
    pub text: String,
    /// When.
    pub sent_at_ms: i64,
    /// When it was changed last.
    pub edited_at_ms: Option<i64>,
    /// The message that it is a reply to, where that is known.
    pub reply_to: Option<String>,
}

/// Which part of what was said in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SaidPage {
    /// This message alone.
    pub message_id: Option<i64>,
    /// The latest before this one.
    pub before: Option<i64>,
    /// The first after this one.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Store {
    /// What was said in a chat (one topic of it, where its id names one), the oldest first, and whether there is more beyond.
    pub async fn said(
        &self,
        (channel, account, chat_id): (&str, &str, &str),
        page: SaidPage,
    ) -> R<(Vec<Said>, bool)> {
        let (channel, account, chat_id) = (channel.to_owned(), account.to_owned(), chat_id.to_owned());
        self.read(move |c| {
            let goes_on = page.after.is_some() && page.before.is_none();
            let order = if goes_on { "ASC" } else { "DESC" };
            let sql = format!(
                "SELECT message_id, sender_id, sender_name, username, text, sent_at_ms, edited_at_ms, reply_to FROM said
                 WHERE channel = ?1 AND account = ?2 AND chat_id = ?3
                   AND (?4 IS NULL OR message_id = ?4) AND (?5 IS NULL OR message_id < ?5)
                   AND (?6 IS NULL OR message_id > ?6)
                 ORDER BY message_id {order} LIMIT ?7"
            );
            let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
            let values = params![
                channel, account, chat_id, page.message_id, page.before, page.after, limit.saturating_add(1)
            ];
            let mut said = sql::all(c, &sql, values, read)?;
            let has_more = said.len() > page.limit;
            said.truncate(page.limit);
            if !goes_on {
                said.reverse();
            }
            Ok((said, has_more))
        })
        .await
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Said> {
    let id: Option<String> = row.get(1)?;
    let (name, username) = (row.get(2)?, row.get(3)?);
    Ok(Said {
        message_id: row.get(0)?,
        sender: id.map(|id| model::Sender { id, name, username }),
        text: row.get(4)?,
        sent_at_ms: row.get(5)?,
        edited_at_ms: row.get(6)?,
        reply_to: row.get(7)?,
    })
}

/// Notes what an inbound row says that the agent hears, or reads later; a change takes the place of what it changes. Within the caller's
/// transaction, before the row's body goes.
pub(crate) fn heard(c: &Connection, row: i64, now: i64) -> Sql<()> {
    let sql =
        "SELECT message_id, body FROM inbound WHERE id = ?1 AND body IS NOT NULL AND closed_at_ms IS NULL";
    let found =
        sql::one(c, sql, [row], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Json<Inbound>>(1)?.0)))?;
    let Some((message_id, inbound)) = found else { return Ok(()) };
    let text: String = inbound.text.chars().take(MAX_TEXT).collect();
    // What was merged is known by its first part, and has the time of the last.
    let is_merged = inbound.message_id != message_id;
    let place = (inbound.channel.as_str(), inbound.account.as_str(), inbound.chat.id.as_str());
    match &inbound.event {
        Some(ChatEvent::Edited { message_id }) => changed(c, place, message_id, &text, now),
        Some(_) => Ok(()),
        // What came by a program has no number.
        None => match message_id.parse::<i64>() {
            Ok(id) => {
                let said = Said {
                    message_id: id,
                    sender: Some(inbound.sender.clone()),
                    text,
                    sent_at_ms: inbound.sent_at_ms,
                    edited_at_ms: None,
                    reply_to: None,
                };
                if !is_merged {
                    make_room(c, place, &said)?;
                }
                put(c, place, &said)
            }
            Err(_) => Ok(()),
        },
    }
}

/// Notes what the bot has said or changed; `platform_id` is what the platform calls it.
pub(crate) fn sent(c: &Connection, outbox: i64, platform_id: &str, now: i64) -> Sql<()> {
    let sql = "SELECT body FROM outbox WHERE id = ?1";
    let found = sql::one(c, sql, [outbox], |row| Ok(row.get::<_, Json<Outbound>>(0)?.0))?;
    let Some(out) = found else { return Ok(()) };
    let place = (out.channel.as_str(), out.account.as_str(), out.to.as_str());
    let text = match &out.act {
        Some(Act::Delete { message_id }) => return gone(c, place, message_id),
        Some(Act::Edit { message_id, .. }) if !out.text.is_empty() => {
            return changed(c, place, message_id, &out.text, now);
        }
        Some(Act::EndDraft { message_id }) if out.text.is_empty() => return gone(c, place, message_id),
        Some(Act::Poll { question, .. }) => format!("[poll: {question}]"),
        Some(Act::Sticker { .. }) => "[sticker]".to_owned(),
        Some(Act::Place(_)) => "[location]".to_owned(),
        Some(act @ (Act::File { .. } | Act::Album { .. })) => {
            let names: Vec<&str> = act.files().iter().map(|file| file.name.as_str()).collect();
            format!("{}[{}]", out.text, names.join(", "))
        }
        Some(Act::Ask { .. } | Act::EndDraft { .. } | Act::Replace { .. }) | None => out.text.clone(),
        Some(_) => return Ok(()),
    };
    let Ok(message_id) = platform_id.parse::<i64>() else { return Ok(()) };
    if text.is_empty() {
        return Ok(());
    }
    let said = Said {
        message_id,
        sender: None,
        text: text.chars().take(MAX_TEXT).collect(),
        sent_at_ms: now,
        edited_at_ms: None,
        reply_to: out.reply_to.clone(),
    };
    put(c, place, &said)
}

/// Another bot under the same account counts anew: what was sent at another time under the same number is another message.
fn make_room(c: &Connection, (channel, account, chat): (&str, &str, &str), said: &Said) -> Sql<()> {
    let sql = "DELETE FROM said
               WHERE channel = ?1 AND account = ?2 AND chat_id = ?3 AND message_id = ?4 AND sent_at_ms <> ?5";
    sql::run(c, sql, params![channel, account, chat, said.message_id, said.sent_at_ms])?;
    Ok(())
}

/// A message that is known stays as it is: parts of one that came together are noted before they become one.
fn put(c: &Connection, (channel, account, chat): (&str, &str, &str), said: &Said) -> Sql<()> {
    let sql = "INSERT INTO said (channel, account, chat_id, message_id, sender_id, sender_name, username, text, sent_at_ms, reply_to)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let sender = said.sender.as_ref();
    let values = params![
        channel,
        account,
        chat,
        said.message_id,
        sender.map(|s| &s.id),
        sender.and_then(|s| s.name.as_ref()),
        sender.and_then(|s| s.username.as_ref()),
        said.text,
        said.sent_at_ms,
        said.reply_to
    ];
    sql::run(c, sql, values)?;
    Ok(())
}

fn changed(
    c: &Connection,
    (channel, account, chat): (&str, &str, &str),
    message_id: &str,
    text: &str,
    now: i64,
) -> Sql<()> {
    let Ok(id) = message_id.parse::<i64>() else { return Ok(()) };
    let sql = "UPDATE said SET text = ?5, edited_at_ms = ?6
               WHERE channel = ?1 AND account = ?2 AND chat_id = ?3 AND message_id = ?4";
    let text: String = text.chars().take(MAX_TEXT).collect();
    sql::run(c, sql, params![channel, account, chat, id, text, now])?;
    Ok(())
}

fn gone(c: &Connection, (channel, account, chat): (&str, &str, &str), message_id: &str) -> Sql<()> {
    let Ok(id) = message_id.parse::<i64>() else { return Ok(()) };
    let sql = "DELETE FROM said WHERE channel = ?1 AND account = ?2 AND chat_id = ?3 AND message_id = ?4";
    sql::run(c, sql, params![channel, account, chat, id])?;
    Ok(())
}
