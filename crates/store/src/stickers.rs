//! Stickers that people have sent: an agent may send them again.

use crate::sql::{self, int};
use crate::{R, Store};
use model::Sticker;
use rusqlite::params;

/// Stickers of an account that are remembered; those that were not seen for the longest time go.
const KEPT: i64 = 1000;

impl Store {
    /// Remembers a sticker that an account was sent.
    pub async fn note_sticker(&self, account: &str, sticker: Sticker) -> R<()> {
        let account = account.to_owned();
        self.write(move |c, now| {
            let sql =
                "INSERT OR REPLACE INTO stickers (account, unique_id, file_id, emoji, set_name, seen_at_ms)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let Sticker { file_id, unique_id, emoji, set_name } = sticker;
            sql::run(c, sql, params![account, unique_id, file_id, emoji, set_name, now])?;
            let sql = "DELETE FROM stickers WHERE account = ?1 AND unique_id NOT IN
                       (SELECT unique_id FROM stickers WHERE account = ?1 ORDER BY seen_at_ms DESC LIMIT ?2)";
            sql::run(c, sql, params![account, KEPT])?;
            Ok(())
        })
        .await
    }

    /// The stickers of an account whose emoji is in the query, or the name of whose set has to do with it: the best first.
    pub async fn stickers(&self, account: &str, query: &str, limit: u64) -> R<Vec<Sticker>> {
        let (account, query) = (account.to_owned(), query.to_lowercase());
        let all: Vec<Sticker> = self
            .read(move |c| {
                let sql = "SELECT file_id, unique_id, emoji, set_name FROM stickers WHERE account = ?1
                           ORDER BY seen_at_ms DESC LIMIT ?2";
                sql::all(c, sql, params![account, int(KEPT.unsigned_abs())], |row| {
                    Ok(Sticker {
                        file_id: row.get(0)?,
                        unique_id: row.get(1)?,
                        emoji: row.get(2)?,
                        set_name: row.get(3)?,
                    })
                })
            })
            .await?;
        let mut found: Vec<(usize, Sticker)> = all
            .into_iter()
            .map(|s| (likeness(&s, &query), s))
            .filter(|(likeness, _)| *likeness > 0)
            .collect();
        found.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(found.into_iter().take(limit).map(|(_, sticker)| sticker).collect())
    }
}

/// How much a sticker has to do with a query, which is in lower case.
fn likeness(sticker: &Sticker, query: &str) -> usize {
    let set = sticker.set_name.as_deref().unwrap_or_default().to_lowercase();
    let has_emoji =
        sticker.emoji.as_ref().is_some_and(|emoji| !emoji.is_empty() && query.contains(emoji.as_str()));
    let words = query.split_whitespace().filter(|word| set.contains(word)).count();
    usize::from(has_emoji) * 8 + usize::from(!query.is_empty() && set.contains(query)) * 3 + words
}
