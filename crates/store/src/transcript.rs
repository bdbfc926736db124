//! The entries of transcripts. An entry is never changed or deleted; compaction only moves where the model's context
//! begins (`keep_from_seq`) and names the note that stands before it (`note_seq`).

use crate::Entry;
use crate::error::Sql;
use crate::search;
use crate::sql::{self, Json, json};
use model::{Block, Message, NoteMessage, StopReason};
use rusqlite::{Connection, Row, Rows, params};
use serde_json::Value;

const COLUMNS: &str = "seq, id, run_id, message, recorded_at_ms";

/// Begins a transcript and gives its number.
pub(crate) fn begin(c: &Connection, session_id: &str, key: &str, now: i64) -> Sql<i64> {
    let sql = "INSERT INTO transcripts (session_id, session_key, started_at_ms) VALUES (?1, ?2, ?3)";
    sql::run(c, sql, params![session_id, key, now])?;
    Ok(c.last_insert_rowid())
}

/// Writes messages behind the last entry. A user message whose idempotency key is there already is not written again:
/// its entry of then stands in the answer.
pub(crate) fn append(
    c: &Connection,
    transcript: i64,
    run_id: Option<&str>,
    messages: Vec<Message>,
    now: i64,
) -> Sql<Vec<Entry>> {
    let mut entries = Vec::with_capacity(messages.len());
    for message in messages {
        let submission = submission_of(&message);
        if let Some(earlier) = submitted(c, transcript, submission)? {
            entries.push(earlier);
            continue;
        }
        entries.push(write(c, transcript, run_id, message, now)?);
    }
    Ok(entries)
}

/// Writes the note of a compaction and moves the beginning of the context to `keep_from_seq`, never back.
pub(crate) fn compact(
    c: &Connection,
    transcript: i64,
    run_id: &str,
    note: NoteMessage,
    (keep_from_seq, now): (i64, i64),
) -> Sql<()> {
    let entry = write(c, transcript, Some(run_id), Message::Note(note), now)?;
    let sql = "UPDATE entries SET is_summary = 1 WHERE transcript = ?1 AND seq = ?2";
    sql::run(c, sql, [transcript, entry.seq])?;
    let sql =
        "UPDATE transcripts SET note_seq = ?2, keep_from_seq = max(keep_from_seq, ?3) WHERE transcript = ?1";
    sql::run(c, sql, [transcript, entry.seq, keep_from_seq])?;
    Ok(())
}

/// What the model gets to read: the last compaction's note, then what was kept and what came after.
pub(crate) fn context(c: &Connection, transcript: i64) -> Sql<Vec<Entry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM entries WHERE transcript = ?1
         AND seq = (SELECT note_seq FROM transcripts WHERE transcript = ?1)"
    );
    let mut entries = sql::all(c, &sql, [transcript], read)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM entries WHERE transcript = ?1 AND is_summary = 0
         AND seq >= (SELECT keep_from_seq FROM transcripts WHERE transcript = ?1) ORDER BY seq"
    );
    entries.extend(sql::all(c, &sql, [transcript], read)?);
    Ok(entries)
}

/// The last `limit` entries before `before_seq`, the oldest first; what was compacted away is among them.
pub(crate) fn history(
    c: &Connection,
    transcript: i64,
    limit: usize,
    before_seq: Option<i64>,
) -> Sql<Vec<Entry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM entries WHERE transcript = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
    );
    let limit = sql::int(limit as u64);
    let mut entries = sql::all(c, &sql, [transcript, before_seq.unwrap_or(i64::MAX), limit], read)?;
    entries.reverse();
    Ok(entries)
}

/// As [`history`], and no further back than `max_bytes` of the entries' JSON reach; one in any case.
pub(crate) fn page(
    c: &Connection,
    transcript: i64,
    limit: usize,
    before_seq: i64,
    max_bytes: usize,
) -> Sql<Vec<Entry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM entries WHERE transcript = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
    );
    let mut statement = c.prepare_cached(&sql)?;
    bounded(statement.query(params![transcript, before_seq, sql::int(limit as u64)])?, max_bytes)
}

/// Entries that come the newest first, as many as `max_bytes` of their JSON allow and one in any case, turned round.
fn bounded(mut rows: Rows<'_>, max_bytes: usize) -> Sql<Vec<Entry>> {
    let (mut entries, mut bytes) = (Vec::new(), 0usize);
    while let Some(row) = rows.next()? {
        bytes = bytes.saturating_add(row.get_ref(3)?.as_bytes().map_or(0, <[u8]>::len));
        if bytes > max_bytes && !entries.is_empty() {
            break;
        }
        entries.push(read(row)?);
    }
    entries.reverse();
    Ok(entries)
}

fn write(c: &Connection, transcript: i64, run_id: Option<&str>, message: Message, now: i64) -> Sql<Entry> {
    let message = readable(message);
    let sql = "UPDATE transcripts SET last_seq = last_seq + 1 WHERE transcript = ?1 RETURNING last_seq";
    let seq = c.prepare_cached(sql)?.query_row([transcript], |row| row.get(0))?;
    let id = model::new_id();
    let sql = "INSERT INTO entries (transcript, seq, id, run_id, idempotency_key, message, recorded_at_ms, role, tool,
                 tool_calls, failed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let facts = Facts::of(&message);
    let submission = submission_of(&message);
    let text = json(&message)?;
    let values = params![
        transcript,
        seq,
        id,
        run_id,
        submission,
        text,
        now,
        facts.role,
        facts.tool,
        facts.tool_calls,
        facts.failed
    ];
    sql::run(c, sql, values)?;
    // In the same transaction: what is there is found.
    search::index(c, c.last_insert_rowid(), &message)?;
    Ok(Entry { seq, id, run_id: run_id.map(str::to_owned), message, recorded_at_ms: now })
}

/// What is counted about an entry; kept beside it, so that counting reads no messages.
struct Facts<'a> {
    role: &'static str,
    tool: Option<&'a str>,
    tool_calls: i64,
    failed: bool,
}

impl<'a> Facts<'a> {
    fn of(message: &'a Message) -> Self {
        let plain = |role| Facts { role, tool: None, tool_calls: 0, failed: false };
        match message {
            Message::User(_) => plain("user"),
            Message::Note(_) => plain("note"),
            Message::Assistant(answer) => Facts {
                tool_calls: sql::int(answer.tool_calls().count() as u64),
                failed: answer.stop_reason == StopReason::Error,
                ..plain("assistant")
            },
            Message::ToolResult(result) => {
                Facts { tool: Some(&result.tool_name), failed: result.is_error, ..plain("toolResult") }
            }
        }
    }
}

/// A message as it can be read back: one entry that cannot would make the whole transcript unreadable. Two things that
/// a model can bring about can be written and not read as JSON: a cost that is no number, and arguments nested so deep
/// that they pass the parser's limit (128) once a message is around them. Such arguments become their text, which a
/// tool refuses as it does all that is no object.
fn readable(mut message: Message) -> Message {
    const DEPTH: usize = 100;
    if let Message::Assistant(answer) = &mut message {
        if !answer.usage.cost.is_finite() {
            answer.usage.cost = 0.0;
        }
        for block in &mut answer.content {
            if let Block::ToolCall { arguments, .. } = block
                && deeper_than(arguments, DEPTH)
            {
                *arguments = Value::String(arguments.to_string());
            }
        }
    }
    message
}

fn deeper_than(value: &Value, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|item| deeper_than(item, levels)),
        Value::Object(fields) => fields.values().any(|field| deeper_than(field, levels)),
        _ => false,
    }
}

/// The last entries that people or the model wrote, the oldest first: `limit` of them, as far back as `max_bytes` of
/// their JSON reach.
pub(crate) fn spoken(c: &Connection, transcript: i64, limit: usize, max_bytes: usize) -> Sql<Vec<Entry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM entries WHERE transcript = ?1 AND role IN ('user', 'assistant')
         ORDER BY seq DESC LIMIT ?2"
    );
    let mut statement = c.prepare_cached(&sql)?;
    bounded(statement.query(params![transcript, sql::int(limit as u64)])?, max_bytes)
}

/// One entry by its id.
/// Whether there is a transcript with this id, a session's or one that a session left behind.
pub(crate) fn is_there(c: &Connection, session_id: &str) -> Sql<bool> {
    Ok(sql::one(c, "SELECT 1 FROM transcripts WHERE session_id = ?1", [session_id], |_| Ok(()))?.is_some())
}

pub(crate) fn find(c: &Connection, transcript: i64, id: &str) -> Sql<Option<Entry>> {
    let sql = format!("SELECT {COLUMNS} FROM entries WHERE transcript = ?1 AND id = ?2");
    sql::one(c, &sql, params![transcript, id], read)
}

fn submission_of(message: &Message) -> Option<&str> {
    match message {
        Message::User(user) => user.idempotency_key.as_deref(),
        _ => None,
    }
}

fn submitted(c: &Connection, transcript: i64, submission: Option<&str>) -> Sql<Option<Entry>> {
    let Some(submission) = submission else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS} FROM entries WHERE transcript = ?1 AND idempotency_key = ?2");
    sql::one(c, &sql, params![transcript, submission], read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        id: row.get(1)?,
        run_id: row.get(2)?,
        message: row.get::<_, Json<_>>(3)?.0,
        recorded_at_ms: row.get(4)?,
    })
}
