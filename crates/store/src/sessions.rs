//! Sessions: a key, the transcript that it has now, and counters over it.

use crate::error::Sql;
use crate::kept::Kept;
use crate::sql;
use crate::{Entry, R, Route, RunBrief, RunStatus, Session, Store, chosen, transcript};
use model::SessionKey;
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

/// Whether sessions that were put away are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Archived {
    /// Only those that were not.
    #[default]
    No,
    /// Only those that were.
    Only,
    /// Both.
    All,
}

/// Which sessions to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionFilter {
    /// Those of this agent alone.
    pub agent_id: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Leaving out so many at the beginning.
    pub offset: usize,
    /// Those whose key, title or preview holds this text; upper and lower case of ASCII letters are one.
    pub search: Option<String>,
    /// The one with this label (per agent).
    pub label: Option<String>,
    /// Whether those that were put away are listed.
    pub archived: Archived,
}

/// A page of a list of sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionPage {
    /// Pinned ones first, then the latest changed.
    pub sessions: Vec<Session>,
    /// How many there are in all: of the filter's agent, put away or not as the filter says, found by its search or not.
    pub total: i64,
}

/// The page that was read last. Screens ask for the same page again and again.
pub(crate) type LastPage = Kept<SessionFilter, Arc<SessionPage>, 1>;

/// A page of more sessions is not kept: it may be a megabyte, and nobody looks at that twice a second.
const MAX_KEPT_PAGE: usize = 200;

pub(crate) const SELECT: &str = "SELECT s.key, s.session_id, s.created_at_ms, t.started_at_ms, s.updated_at_ms, s.created_via,
      s.title, s.chat_type, s.route_channel, s.route_account, s.route_to, s.route_reply_to, s.provider, s.model,
      s.used_input, s.used_output, s.used_cache_read, s.used_cache_write, s.used_cost, s.context_tokens, t.last_seq,
      s.compactions, s.preview, r.run_id, r.status, r.started_at_ms, r.ended_at_ms, s.label, s.model_choice,
      s.parent_key, s.archived_at_ms, s.pinned_at_ms, s.read_at_ms, s.marked_unread_at_ms, s.context_stale,
      s.fallback, s.hears_all, s.sends, s.usage_line
    FROM sessions s JOIN transcripts t USING (session_id) LEFT JOIN runs r ON r.run_id = s.last_run_id";

impl Store {
    /// One session.
    pub async fn session(&self, key: &SessionKey) -> R<Option<Session>> {
        let key = key.clone();
        self.read(move |c| find(c, &key)).await
    }

    /// Sessions: pinned ones first, then the latest changed.
    pub async fn sessions(&self, filter: SessionFilter) -> R<Vec<Session>> {
        self.read(move |c| list(c, &filter)).await
    }

    /// As [`Store::sessions`], with how many there are in all; both as of one moment. Asked again while nothing was
    /// committed, it costs nothing.
    pub async fn session_page(&self, filter: SessionFilter) -> R<Arc<SessionPage>> {
        let version = self.version();
        if let Some(page) = self.core.last_page.get(version, &filter) {
            return Ok(page);
        }
        let asked = filter.clone();
        let read = self.read(move |c| {
            Ok(SessionPage {
                sessions: list(c, &asked)?,
                total: count(c, asked.agent_id.as_deref(), asked.archived)?,
            })
        });
        let page = Arc::new(read.await?);
        if page.sessions.len() <= MAX_KEPT_PAGE {
            self.core.last_page.set(version, filter, page.clone());
        }
        Ok(page)
    }

    /// How many sessions there are, of one agent or of all; those that were put away are left out.
    pub async fn session_count(&self, agent: Option<&str>) -> R<i64> {
        let agent = agent.map(str::to_owned);
        self.read(move |c| count(c, agent.as_deref(), Archived::No)).await
    }

    /// The session of this key, made if absent.
    pub async fn ensure_session(&self, key: &SessionKey, created_via: &str) -> R<Session> {
        let (key, created_via) = (key.clone(), created_via.to_owned());
        self.write(move |c, now| ensure(c, &key, &created_via, now)).await
    }

    /// Begins a new, empty transcript; the old one stays in the file. Counters begin at 0, name and route stay. A run
    /// under way goes on writing to the old transcript. `None` where there is no such session.
    pub async fn reset_session(&self, key: &SessionKey) -> R<Option<Session>> {
        let key = key.clone();
        // One transaction: a session never points at a transcript that is not there.
        self.write(move |c, now| {
            if find(c, &key)?.is_none() {
                return Ok(None);
            }
            let session_id = model::new_id();
            transcript::begin(c, &session_id, key.as_str(), now)?;
            let sql =
                "UPDATE sessions SET session_id = ?2, updated_at_ms = ?3, used_input = 0, used_output = 0,
                         used_cache_read = 0, used_cache_write = 0, used_cost = 0, context_tokens = 0,
                         context_stale = 0, compactions = 0, preview = NULL, last_run_id = NULL, fallback = NULL
                       WHERE key = ?1";
            sql::run(c, sql, params![key.as_str(), session_id, now])?;
            find(c, &key)
        })
        .await
    }

    /// What the model gets to read of a session: the last compaction's note, then what was kept and what came after.
    /// Empty where there is no such session.
    pub async fn context(&self, key: &SessionKey) -> R<Vec<Entry>> {
        let key = key.clone();
        self.read(move |c| match current_transcript(c, &key)? {
            Some((transcript, _)) => transcript::context(c, transcript),
            None => Ok(Vec::new()),
        })
        .await
    }

    /// The last `limit` entries of the current transcript (before `before_seq`, where given), the oldest first, and
    /// how many there are in all. What was compacted away is among them.
    pub async fn history(
        &self,
        key: &SessionKey,
        limit: usize,
        before_seq: Option<i64>,
    ) -> R<(Vec<Entry>, i64)> {
        let key = key.clone();
        self.read(move |c| match current_transcript(c, &key)? {
            Some((transcript, total)) => Ok((transcript::history(c, transcript, limit, before_seq)?, total)),
            None => Ok((Vec::new(), 0)),
        })
        .await
    }
}

impl Store {
    /// A page of the current transcript: `limit` entries from the `offset`th newest on, as far back as `max_bytes` of
    /// their JSON reach and one in any case, the oldest first; and how many there are in all. What does not fit is not
    /// read.
    pub async fn history_page(&self, key: &SessionKey, page: HistoryPage) -> R<Option<(Vec<Entry>, i64)>> {
        let key = key.clone();
        self.read(move |c| {
            let found = match &page.session_id {
                Some(id) => transcript_of(c, &key, id)?,
                None => current_transcript(c, &key)?,
            };
            let Some((transcript, total)) = found else {
                return Ok(page.session_id.is_none().then(|| (Vec::new(), 0)));
            };
            // Entries are numbered without gaps, so that an offset is a number.
            let before = total.saturating_add(1).saturating_sub(sql::int(page.offset as u64));
            let entries = transcript::page(c, transcript, page.limit, before, page.max_bytes)?;
            Ok(Some((entries, total)))
        })
        .await
    }
}

/// Which entries of a session are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The transcript, where it may be an earlier one of the session; the current one otherwise.
    pub session_id: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// So many of the newest are passed over.
    pub offset: usize,
    /// No more than so many bytes of JSON, one entry in any case.
    pub max_bytes: usize,
}

fn list(c: &Connection, filter: &SessionFilter) -> Sql<Vec<Session>> {
    // Written as the index `sessions_order` has it, so that a page is read and not sorted.
    let sql = format!(
        "{SELECT} WHERE {} AND (?1 IS NULL OR s.agent_id = ?1)
         AND (?2 IS NULL OR s.key LIKE ?2 ESCAPE '\\' OR s.title LIKE ?2 ESCAPE '\\' OR s.preview LIKE ?2 ESCAPE '\\'
              OR s.label LIKE ?2 ESCAPE '\\')
         AND (?5 IS NULL OR s.label = ?5)
         ORDER BY s.pinned_at_ms IS NULL, s.updated_at_ms DESC, s.key LIMIT ?3 OFFSET ?4",
        filter.archived.sql()
    );
    let search = filter.search.as_deref().map(like_pattern);
    let (limit, offset) = (sql::int(filter.limit as u64), sql::int(filter.offset as u64));
    sql::all(c, &sql, params![filter.agent_id, search, limit, offset, filter.label], read)
}

fn count(c: &Connection, agent: Option<&str>, archived: Archived) -> Sql<i64> {
    let sql =
        format!("SELECT count(*) FROM sessions s WHERE {} AND (?1 IS NULL OR agent_id = ?1)", archived.sql());
    Ok(c.prepare_cached(&sql)?.query_row([agent], |row| row.get(0))?)
}

impl Archived {
    fn sql(self) -> &'static str {
        match self {
            Archived::No => "(s.archived_at_ms IS NOT NULL) = 0",
            Archived::Only => "(s.archived_at_ms IS NOT NULL) = 1",
            Archived::All => "TRUE",
        }
    }
}

pub(crate) fn find(c: &Connection, key: &SessionKey) -> Sql<Option<Session>> {
    sql::one(c, &format!("{SELECT} WHERE s.key = ?1"), [key.as_str()], read)
}

pub(crate) fn ensure(c: &Connection, key: &SessionKey, created_via: &str, now: i64) -> Sql<Session> {
    if let Some(session) = find(c, key)? {
        return Ok(session);
    }
    make(c, key, model::new_id(), created_via, now)
}

/// A session that is not there yet, with this id, which no transcript has.
pub(crate) fn make(
    c: &Connection,
    key: &SessionKey,
    session_id: String,
    created_via: &str,
    now: i64,
) -> Sql<Session> {
    transcript::begin(c, &session_id, key.as_str(), now)?;
    let sql = "INSERT INTO sessions (key, agent_id, session_id, created_at_ms, updated_at_ms, created_via)
               VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
    sql::run(c, sql, params![key.as_str(), key.agent_id(), session_id, now, created_via])?;
    find(c, key)?.ok_or_else(|| crate::error::Fault::Job("a session just made is not there".into()))
}

/// The number and the last seq of a session's transcript.
pub(crate) fn current_transcript(c: &Connection, key: &SessionKey) -> Sql<Option<(i64, i64)>> {
    let sql = "SELECT t.transcript, t.last_seq FROM sessions s JOIN transcripts t USING (session_id) WHERE s.key = ?1";
    sql::one(c, sql, [key.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// As [`current_transcript`], for the one with this id, which may be an earlier one of the same session.
fn transcript_of(c: &Connection, key: &SessionKey, session_id: &str) -> Sql<Option<(i64, i64)>> {
    let sql = "SELECT t.transcript, t.last_seq FROM transcripts t JOIN sessions s ON s.key = t.session_key
               WHERE t.session_key = ?1 AND t.session_id = ?2";
    sql::one(c, sql, [key.as_str(), session_id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// A pattern that finds `text` anywhere, its own wildcards taken as they are. SQLite refuses very long patterns; no
/// title or preview that could match has more than some hundred characters.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for ch in text.chars().take(1000) {
        if matches!(ch, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(ch);
    }
    pattern.push('%');
    pattern
}

/// The four columns of a route, beginning at column `at`.
pub(crate) fn read_route(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Route>> {
    let Some(channel) = row.get(at)? else { return Ok(None) };
    let (account, to, reply_to) = (row.get(at + 1)?, row.get(at + 2)?, row.get(at + 3)?);
    Ok(Some(Route { channel, account, to, reply_to }))
}

/// A session key from a column.
pub(crate) fn read_key(row: &Row<'_>, at: usize) -> rusqlite::Result<SessionKey> {
    let text: String = row.get(at)?;
    SessionKey::parse(&text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(e)))
}

pub(crate) fn status(text: &str) -> RunStatus {
    match text {
        "done" => RunStatus::Done,
        "failed" => RunStatus::Failed,
        "aborted" => RunStatus::Aborted,
        _ => RunStatus::Running,
    }
}

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        key: read_key(row, 0)?,
        session_id: row.get(1)?,
        created_at_ms: row.get(2)?,
        started_at_ms: row.get(3)?,
        updated_at_ms: row.get(4)?,
        created_via: row.get(5)?,
        title: row.get(6)?,
        chat_type: row.get(7)?,
        route: read_route(row, 8)?,
        provider: row.get(12)?,
        model: row.get(13)?,
        usage: sql::usage(row, 14)?,
        context_tokens: sql::count(row.get(19)?),
        message_count: row.get(20)?,
        compactions: row.get(21)?,
        preview: row.get(22)?,
        last_run: read_brief(row)?,
        label: row.get(27)?,
        model_choice: row.get(28)?,
        parent_key: row.get(29)?,
        archived_at_ms: row.get(30)?,
        pinned_at_ms: row.get(31)?,
        read_at_ms: row.get(32)?,
        marked_unread_at_ms: row.get(33)?,
        context_is_fresh: !row.get::<_, bool>(34)?,
        fallback: row.get::<_, Option<sql::Json<_>>>(35)?.map(|json| json.0),
        chosen: chosen::read(row, 36)?,
    })
}

fn read_brief(row: &Row<'_>) -> rusqlite::Result<Option<RunBrief>> {
    let Some(run_id) = row.get(23)? else { return Ok(None) };
    let status = status(&row.get::<_, String>(24)?);
    Ok(Some(RunBrief { run_id, status, started_at_ms: row.get(25)?, ended_at_ms: row.get(26)? }))
}
