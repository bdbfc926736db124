//! Full text: what people and the model said, found by its words. The index is kept in the transaction that writes an
//! entry; the text itself stays in the entry alone.

use crate::error::Sql;
use crate::sql::{self, Json};
use crate::{R, Store};
use model::{Message, SessionKey};
use rusqlite::{Connection, params};

/// Characters of one entry that are indexed. A longer text is found by its beginning: indexing megabytes would hold up
/// the writer for everybody.
const INDEXED_CHARS: usize = 20_000;

/// Words of a query that count.
const MAX_WORDS: usize = 32;

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextSearch {
    /// Words that must all be there; each may be the beginning of one.
    pub query: String,
    /// In sessions of this agent alone.
    pub agent_id: Option<String>,
    /// In these sessions alone.
    pub keys: Option<Vec<SessionKey>>,
    /// At most so many.
    pub limit: usize,
}

impl TextSearch {
    /// The words of the query as the index has them.
    pub fn words(&self) -> Vec<String> {
        let words = self.query.split(|ch: char| !ch.is_alphanumeric()).filter(|word| !word.is_empty());
        words.take(MAX_WORDS).map(str::to_lowercase).collect()
    }
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    /// The session.
    pub key: SessionKey,
    /// Its transcript.
    pub session_id: String,
    /// The entry's id.
    pub entry_id: String,
    /// The message.
    pub message: Message,
    /// How well it fits; more is better.
    pub score: f64,
}

impl Store {
    /// The entries of current transcripts that hold all words of the query, the best first and then the latest. Empty
    /// where the query has no word.
    pub async fn search(&self, search: TextSearch) -> R<Vec<SearchHit>> {
        let terms: Vec<String> = search.words().iter().map(|word| format!("\"{word}\"*")).collect();
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let keys = search.keys.as_ref().map(sql::json).transpose();
        self.read(move |c| {
            let sql = "SELECT s.key, s.session_id, e.id, e.message, -bm25(entry_text)
                       FROM entry_text JOIN entries e ON e.entry = entry_text.rowid
                         JOIN transcripts t USING (transcript) JOIN sessions s USING (session_id)
                       WHERE entry_text MATCH ?1 AND (?2 IS NULL OR s.agent_id = ?2)
                         AND (?3 IS NULL OR s.key IN (SELECT value FROM json_each(?3)))
                       ORDER BY bm25(entry_text), e.recorded_at_ms DESC, e.entry DESC LIMIT ?4";
            let values = params![terms.join(" "), search.agent_id, keys?, sql::int(search.limit as u64)];
            sql::all(c, sql, values, |row| {
                Ok(SearchHit {
                    key: crate::sessions::read_key(row, 0)?,
                    session_id: row.get(1)?,
                    entry_id: row.get(2)?,
                    message: row.get::<_, Json<_>>(3)?.0,
                    score: row.get(4)?,
                })
            })
        })
        .await
    }
}

/// Indexes an entry that was just written.
pub(crate) fn index(c: &Connection, entry: i64, message: &Message) -> Sql<()> {
    let text = match message {
        Message::User(user) => user.content.text(),
        Message::Assistant(answer) => answer.text(),
        Message::ToolResult(_) | Message::Note(_) => return Ok(()),
    };
    let end = text.char_indices().nth(INDEXED_CHARS).map_or(text.len(), |(at, _)| at);
    let text = text.get(..end).unwrap_or_default();
    if !text.is_empty() {
        sql::run(c, "INSERT INTO entry_text (rowid, text) VALUES (?1, ?2)", params![entry, text])?;
    }
    Ok(())
}

/// Takes everything out of the index that was ever said in a session; the entries stay.
pub(crate) fn forget(c: &Connection, key: &SessionKey) -> Sql<()> {
    let sql = "DELETE FROM entry_text WHERE rowid IN
               (SELECT entry FROM entries JOIN transcripts USING (transcript) WHERE session_key = ?1)";
    sql::run(c, sql, [key.as_str()])?;
    Ok(())
}
