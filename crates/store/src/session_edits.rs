//! What people do to sessions: make, name, choose for, put away, delete; and writing to a transcript without a run.

use crate::error::Sql;
use crate::ledger::{self, Payer};
use crate::sessions::{self, current_transcript, find};
use crate::sql;
use crate::{
    ChosenPatch, Entry, LedgerCall, R, Session, Store, chosen, runs, search, system_events, transcript,
};
use model::{Message, NoteMessage, SessionKey};
use rusqlite::{Connection, params};
use std::collections::HashSet;

/// Sessions that one call of [`Store::delete_cron_sessions`] deletes at most, so that it never holds up the writer.
pub const MAX_SWEPT: i64 = 200;

/// A session to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its key.
    pub key: SessionKey,
    /// Who makes it: `operator` …
    pub created_via: String,
    /// The name to show; not unique. Only for one that is new.
    pub title: Option<String>,
    /// The session from which it is begun. Only for one that is new.
    pub parent_key: Option<String>,
    /// What is chosen for it, be it new or there already.
    pub patch: SessionPatch,
}

/// What to change; `None` leaves it as it is, and the inner `None` takes it away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionPatch {
    /// The name; unique within the agent.
    pub label: Option<Option<String>>,
    /// `provider/model`.
    pub model: Option<Option<String>>,
    /// Put away, or taken out again.
    pub archived: Option<bool>,
    /// Pinned, or not.
    pub pinned: Option<bool>,
    /// Marked as unread, or read just now.
    pub unread: Option<bool>,
    /// What people choose by commands.
    pub chosen: ChosenPatch,
}

/// What must still hold for a change to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionGuard {
    /// It has this transcript.
    pub session_id: Option<String>,
    /// It was changed last at this time.
    pub updated_at_ms: Option<i64>,
    /// It was marked as unread at this time, or (the inner `None`) is not marked.
    pub marked_unread_at_ms: Option<Option<i64>>,
    /// It was put away.
    pub archived: bool,
}

/// What became of a session to make.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// It is there, and whether it is new.
    Done(Box<Session>, bool),
    /// Another session of the agent has this label.
    LabelTaken(String),
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Patched {
    /// It was made.
    Done(Box<Session>),
    /// There is no such session.
    Missing,
    /// The guard does not hold any more.
    Changed,
    /// Another session of the agent has this label.
    LabelTaken(String),
}

/// What became of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone; the transcript that it had stays under this id.
    Done(String),
    /// There is no such session.
    Missing,
    /// The guard does not hold any more.
    Changed,
    /// It was to be deleted only if put away, and is not.
    NotArchived,
}

impl Store {
    /// Makes a session, or finds the one that has the key, and chooses for it what the patch says.
    pub async fn create_session(&self, new: NewSession) -> R<Created> {
        // One transaction: nobody sees it without its label, and a taken label makes no session.
        self.write(move |c, now| {
            if let Some(label) = label_taken(c, &new.key, &new.patch)? {
                return Ok(Created::LabelTaken(label));
            }
            let is_new = find(c, &new.key)?.is_none();
            sessions::ensure(c, &new.key, &new.created_via, now)?;
            if is_new {
                let sql = "UPDATE sessions SET title = ?2, parent_key = ?3 WHERE key = ?1";
                sql::run(c, sql, params![new.key.as_str(), new.title, new.parent_key])?;
            }
            apply(c, &new.key, &new.patch, now)?;
            Ok(Created::Done(Box::new(sessions::ensure(c, &new.key, &new.created_via, now)?), is_new))
        })
        .await
    }

    /// Changes what was chosen for a session. When it was active last stays as it is.
    pub async fn patch_session(
        &self,
        key: &SessionKey,
        guard: SessionGuard,
        patch: SessionPatch,
    ) -> R<Patched> {
        let key = key.clone();
        // One transaction: what the guard saw is what is changed.
        self.write(move |c, now| {
            let Some(session) = find(c, &key)? else { return Ok(Patched::Missing) };
            if !guard.holds(&session) {
                return Ok(Patched::Changed);
            }
            if let Some(label) = label_taken(c, &key, &patch)? {
                return Ok(Patched::LabelTaken(label));
            }
            apply(c, &key, &patch, now)?;
            Ok(find(c, &key)?.map_or(Patched::Missing, |session| Patched::Done(Box::new(session))))
        })
        .await
    }

    /// Deletes a session: its key is free, no list shows it and no search finds it, and the lines that waited for its next
    /// turn go with it. Its entries, runs and costs stay in the file, since those are never deleted; with `forget` the
    /// words of its transcripts leave the index.
    pub async fn delete_session(&self, key: &SessionKey, guard: SessionGuard, forget: bool) -> R<Deleted> {
        let key = key.clone();
        // One transaction: a session that is gone is in no index.
        self.write(move |c, _| {
            let Some(session) = find(c, &key)? else { return Ok(Deleted::Missing) };
            if guard.archived && session.archived_at_ms.is_none() {
                return Ok(Deleted::NotArchived);
            }
            if !guard.holds(&session) {
                return Ok(Deleted::Changed);
            }
            remove(c, &key, forget)?;
            Ok(Deleted::Done(session.session_id))
        })
        .await
    }

    /// The sessions that jobs' runs had for themselves and that were active last before a time, the oldest first and at most
    /// [`MAX_SWEPT`] of them. One that has work, or that somebody has pinned, stays.
    pub async fn old_cron_sessions(&self, before_ms: i64) -> R<Vec<SessionKey>> {
        let old = self.read(move |c| old_cron_sessions(c, before_ms)).await?;
        Ok(old.into_iter().map(|(key, _)| key).collect())
    }

    /// Deletes those of them that the caller holds; gives keys and transcripts. They are looked at again in the transaction that
    /// deletes: what has begun meanwhile stays.
    pub async fn delete_cron_sessions(
        &self,
        before_ms: i64,
        held: HashSet<SessionKey>,
    ) -> R<Vec<(SessionKey, String)>> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |c, _| {
            let mut gone = old_cron_sessions(c, before_ms)?;
            gone.retain(|(key, _)| held.contains(key));
            gone.iter().try_for_each(|(key, _)| remove(c, key, true))?;
            Ok(gone)
        })
        .await
    }

    /// Writes a message behind a session's last, without a run. `None` where there is no such session.
    pub async fn inject(&self, key: &SessionKey, message: Message) -> R<Option<Entry>> {
        let key = key.clone();
        self.write(move |c, now| {
            let Some(session) = find(c, &key)? else { return Ok(None) };
            let Some((transcript, _)) = current_transcript(c, &key)? else { return Ok(None) };
            let entries = transcript::append(c, transcript, None, vec![message], now)?;
            let payer = Payer { run_id: "", session_key: &key, session_id: &session.session_id };
            runs::follow(c, payer, &entries, &[], now)?;
            Ok(entries.into_iter().next())
        })
        .await
    }

    /// As [`Store::compact`], for a session that no run is on: `operation` stands in the run's place. What the model
    /// reads now; `None` where the session is gone or has another transcript meanwhile.
    pub async fn compact_session(
        &self,
        payer: (SessionKey, String),
        operation: &str,
        (note, keep_from_seq): (NoteMessage, i64),
        calls: Vec<LedgerCall>,
    ) -> R<Option<Vec<Entry>>> {
        let operation = operation.to_owned();
        // Guards against a context that lost its beginning and has no note for it, and against unbooked calls.
        self.write(move |c, now| {
            let (key, session_id) = payer;
            let payer = Payer { run_id: &operation, session_key: &key, session_id: &session_id };
            ledger::book(c, payer, &calls, now)?;
            runs::follow(c, payer, &[], &calls, now)?;
            if find(c, &key)?.is_none_or(|session| session.session_id != session_id) {
                return Ok(None);
            }
            let Some((transcript, _)) = current_transcript(c, &key)? else { return Ok(None) };
            transcript::compact(c, transcript, &operation, note, (keep_from_seq, now))?;
            let sql = "UPDATE sessions SET compactions = compactions + 1, context_stale = 1 WHERE key = ?1";
            sql::run(c, sql, [key.as_str()])?;
            Ok(Some(transcript::context(c, transcript)?))
        })
        .await
    }

    /// Books calls that led to nothing else.
    pub async fn book_calls(
        &self,
        key: &SessionKey,
        session_id: &str,
        operation: &str,
        calls: Vec<LedgerCall>,
    ) -> R<()> {
        let (key, session_id, operation) = (key.clone(), session_id.to_owned(), operation.to_owned());
        self.write(move |c, now| {
            let payer = Payer { run_id: &operation, session_key: &key, session_id: &session_id };
            ledger::book(c, payer, &calls, now)?;
            runs::follow(c, payer, &[], &calls, now)
        })
        .await
    }

    /// The session that has this transcript now.
    pub async fn session_by_id(&self, session_id: &str) -> R<Option<Session>> {
        let session_id = session_id.to_owned();
        self.read(move |c| {
            let sql = format!("{} WHERE s.session_id = ?1", sessions::SELECT);
            sql::one(c, &sql, [session_id], sessions::read)
        })
        .await
    }

    /// One entry of a session's current transcript.
    pub async fn entry(&self, key: &SessionKey, id: &str) -> R<Option<Entry>> {
        let (key, id) = (key.clone(), id.to_owned());
        self.read(move |c| match current_transcript(c, &key)? {
            Some((transcript, _)) => transcript::find(c, transcript, &id),
            None => Ok(None),
        })
        .await
    }

    /// The last entries that people or the model wrote, the oldest first, for each session; `None` for one that there
    /// is not. At most `limit` each, as far back as `max_bytes` of their JSON reach.
    pub async fn spoken(
        &self,
        keys: Vec<SessionKey>,
        limit: usize,
        max_bytes: usize,
    ) -> R<Vec<Option<Vec<Entry>>>> {
        self.read(move |c| {
            let one = |key: &SessionKey| match current_transcript(c, key)? {
                Some((transcript, _)) => transcript::spoken(c, transcript, limit, max_bytes).map(Some),
                None => Ok(None),
            };
            keys.iter().map(one).collect()
        })
        .await
    }
}

/// Frees a key, within the caller's transaction.
fn remove(c: &Connection, key: &SessionKey, forget: bool) -> Sql<()> {
    if forget {
        search::forget(c, key)?;
    }
    system_events::forget(c, key)?;
    sql::run(c, "DELETE FROM sessions WHERE key = ?1", [key.as_str()])?;
    Ok(())
}

impl SessionGuard {
    fn holds(&self, session: &Session) -> bool {
        self.session_id.as_ref().is_none_or(|id| *id == session.session_id)
            && self.updated_at_ms.is_none_or(|at| at == session.updated_at_ms)
            && self.marked_unread_at_ms.is_none_or(|at| at == session.marked_unread_at_ms)
    }
}

/// The label that is to be given and that another session of the agent has.
fn label_taken(c: &Connection, key: &SessionKey, patch: &SessionPatch) -> Sql<Option<String>> {
    let Some(Some(label)) = &patch.label else { return Ok(None) };
    let sql = "SELECT 1 FROM sessions WHERE agent_id = ?1 AND label = ?2 AND key <> ?3";
    let taken = sql::one(c, sql, [key.agent_id(), label, key.as_str()], |_| Ok(()))?.is_some();
    Ok(taken.then(|| label.clone()))
}

fn apply(c: &Connection, key: &SessionKey, patch: &SessionPatch, now: i64) -> Sql<()> {
    chosen::apply(c, key, patch.chosen)?;
    let key = key.as_str();
    if let Some(label) = &patch.label {
        sql::run(c, "UPDATE sessions SET label = ?2 WHERE key = ?1", params![key, label])?;
    }
    if let Some(model) = &patch.model {
        sql::run(c, "UPDATE sessions SET model_choice = ?2 WHERE key = ?1", params![key, model])?;
    }
    // When something was put away or pinned first stays.
    if let Some(archived) = patch.archived {
        let sql =
            "UPDATE sessions SET archived_at_ms = iif(?2, coalesce(archived_at_ms, ?3), NULL) WHERE key = ?1";
        sql::run(c, sql, params![key, archived, now])?;
    }
    if let Some(pinned) = patch.pinned {
        let sql =
            "UPDATE sessions SET pinned_at_ms = iif(?2, coalesce(pinned_at_ms, ?3), NULL) WHERE key = ?1";
        sql::run(c, sql, params![key, pinned, now])?;
    }
    match patch.unread {
        Some(true) => {
            sql::run(c, "UPDATE sessions SET marked_unread_at_ms = ?2 WHERE key = ?1", params![key, now])?;
        }
        Some(false) => {
            let sql = "UPDATE sessions SET marked_unread_at_ms = NULL, read_at_ms = ?2 WHERE key = ?1";
            sql::run(c, sql, params![key, now])?;
        }
        None => {}
    }
    Ok(())
}

fn old_cron_sessions(c: &Connection, before_ms: i64) -> Sql<Vec<(SessionKey, String)>> {
    let sql = "SELECT key, session_id FROM sessions s
               WHERE key GLOB 'agent:*:cron:*:run:*' AND updated_at_ms < ?1 AND pinned_at_ms IS NULL
                 AND NOT EXISTS (SELECT 1 FROM runs WHERE status = 'running' AND session_key = s.key)
                 AND NOT EXISTS (SELECT 1 FROM cron_runs WHERE status IS NULL AND session_key = s.key)
                 AND NOT EXISTS (SELECT 1 FROM inbound WHERE closed_at_ms IS NULL AND chat_id = s.key)
               ORDER BY updated_at_ms LIMIT ?2";
    sql::all(c, sql, [before_ms, MAX_SWEPT], |row| Ok((sessions::read_key(row, 0)?, row.get(1)?)))
}
