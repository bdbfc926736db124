//! Runs of the agent: two or three commits each. Every method here is one transaction, so that a crash falls between
//! whole steps: begun with its messages in the transcript and its inbound rows closed, or not begun at all; answered
//! with the answer in the outbox, or still running and found by [`Store::unfinished_runs`].

use crate::error::{Fault, Sql};
use crate::sessions::{self, read_key, read_route};
use crate::sql::{self, Json, json};
use crate::{
    BeginRun, Begun, Entry, FinishRun, LedgerCall, OutboxRow, R, Run, RunStatus, Session, Store, audit,
    drafts, inbound, ledger, outbox, system_events, transcript,
};
use model::{Message, NoteMessage};
use rusqlite::{Connection, Row, params};

pub(crate) const SELECT: &str =
    "SELECT r.run_id, r.session_key, t.session_id, r.route_channel, r.route_account, r.route_to,
      r.route_reply_to, r.status, r.started_at_ms, r.ended_at_ms, r.resumes, r.reply, r.error, r.used_input,
      r.used_output, r.used_cache_read, r.used_cache_write, r.used_cost, r.transcript, r.directives, s.model_choice,
      s.fallback, s.hears_all, s.sends, s.usage_line
    FROM runs r JOIN transcripts t USING (transcript) LEFT JOIN sessions s ON s.key = r.session_key";

/// A run and the number of its transcript.
pub(crate) struct Found {
    pub(crate) run: Run,
    transcript: i64,
}

impl Store {
    /// Begins a run: session, run, messages and consumed inbound rows in one transaction. The session takes over
    /// title, route and chat type where they are given. A run id that was begun before changes nothing, and neither does
    /// one with inbound rows that are closed: what was taken out is not answered.
    ///
    /// # Errors
    /// Nothing was begun; except where the transcript cannot be read after it: the run is then among the unfinished.
    pub async fn begin_run(&self, b: BeginRun) -> R<Begun> {
        // Guards against a message that is consumed without a run that answers it, and against two runs for one.
        let found = match self.write(move |c, now| begin(c, b, now)).await? {
            Beginning::New(found) => found,
            Beginning::Known(found) => return Ok(Begun::Existing(found.run)),
            Beginning::Closed => return Ok(Begun::Closed),
        };
        // Long transcripts are read beside the writer. Nothing but this run writes to them meanwhile.
        let transcript = self.read(move |c| transcript::context(c, found.transcript)).await?;
        Ok(Begun::Started { run: found.run, transcript })
    }

    /// Writes what a run has so far: messages, model calls, and the inbound rows that were taken in on the way.
    ///
    /// # Errors
    /// There is no such run, or it has ended.
    pub async fn append(
        &self,
        run_id: &str,
        messages: Vec<Message>,
        calls: Vec<LedgerCall>,
        inbound_ids: Vec<i64>,
    ) -> R<Vec<Entry>> {
        let run_id = run_id.to_owned();
        // Guards against a steered message that is closed and not in the transcript, and against unbooked calls.
        self.write(move |c, now| {
            let found = running(c, &run_id)?;
            let entries = transcript::append(c, found.transcript, Some(&run_id), messages, now)?;
            inbound::close(c, &inbound_ids, &format!("run:{run_id}"), now)?;
            ledger::book(c, (&found.run).into(), &calls, now)?;
            follow(c, (&found.run).into(), &entries, &calls, now)?;
            audit::wrote(c, &found.run, &entries, now)?;
            Ok(entries)
        })
        .await
    }

    /// Replaces what the model gets to read before `keep_from_seq` by a note, and gives what it reads now. Nothing is
    /// deleted: history shows it all. Earlier notes and what was compacted before stay out of the context.
    ///
    /// # Errors
    /// There is no such run, or it has ended.
    pub async fn compact(
        &self,
        run_id: &str,
        note: NoteMessage,
        keep_from_seq: i64,
        calls: Vec<LedgerCall>,
    ) -> R<Vec<Entry>> {
        let run_id = run_id.to_owned();
        // Guards against a context that lost its beginning and has no note for it.
        let number = self
            .write(move |c, now| {
                let found = running(c, &run_id)?;
                transcript::compact(c, found.transcript, &run_id, note, (keep_from_seq, now))?;
                ledger::book(c, (&found.run).into(), &calls, now)?;
                follow(c, (&found.run).into(), &[], &calls, now)?;
                // After the calls are counted: the last turn among them read what is shorter now.
                let sql = "UPDATE sessions SET compactions = compactions + 1, context_stale = 1
                           WHERE key = ?1 AND session_id = ?2";
                sql::run(c, sql, [found.run.session_key.as_str(), &found.run.session_id])?;
                Ok(found.transcript)
            })
            .await?;
        self.read(move |c| transcript::context(c, number)).await
    }

    /// Ends a run: last messages, ledger, session counters, status and what goes out.
    ///
    /// # Errors
    /// There is no such run, or it has ended: an answer is never queued twice.
    pub async fn finish_run(&self, f: FinishRun) -> R<(Vec<Entry>, Vec<OutboxRow>)> {
        // Guards against a run that counts as answered and whose answer was never queued, and the other way round.
        self.write(move |c, now| finish(c, f, now)).await
    }

    /// Takes up a run that a crash cut: counts its resumes up and gives what the model reads now. `None` where it is
    /// unknown or has ended.
    pub async fn resume_run(&self, run_id: &str) -> R<Option<(Run, Vec<Entry>)>> {
        let id = run_id.to_owned();
        // Counted before anything is tried: a run that crashes the program is found out by its count.
        let found = self
            .write(move |c, _| {
                let sql = "UPDATE runs SET resumes = resumes + 1 WHERE run_id = ?1 AND status = 'running'";
                if sql::run(c, sql, [&id])? == 0 {
                    return Ok(None);
                }
                find(c, &id)
            })
            .await?;
        let Some(found) = found else { return Ok(None) };
        let entries = self.read(move |c| transcript::context(c, found.transcript)).await?;
        Ok(Some((found.run, entries)))
    }

    /// One run.
    pub async fn run(&self, id: &str) -> R<Option<Run>> {
        let id = id.to_owned();
        self.read(move |c| Ok(find(c, &id)?.map(|found| found.run))).await
    }

    /// The runs that have not ended, the oldest first; after a restart, those that were cut.
    pub async fn unfinished_runs(&self) -> R<Vec<Run>> {
        let sql = format!("{SELECT} WHERE r.status = 'running' ORDER BY r.started_at_ms, r.rowid");
        self.read(move |c| Ok(sql::all(c, &sql, [], read)?.into_iter().map(|found| found.run).collect()))
            .await
    }
}

/// What a transaction that begins a run came to.
enum Beginning {
    New(Found),
    Known(Found),
    Closed,
}

fn begin(c: &Connection, b: BeginRun, now: i64) -> Sql<Beginning> {
    if let Some(found) = find(c, &b.run_id)? {
        return Ok(Beginning::Known(found));
    }
    for id in &b.inbound_ids {
        if !inbound::is_open(c, *id)? {
            return Ok(Beginning::Closed);
        }
    }
    let session = sessions::ensure(c, &b.session_key, &b.created_via, now)?;
    insert(c, &b, &session, now)?;
    let found = running(c, &b.run_id)?;
    let entries = transcript::append(c, found.transcript, Some(&b.run_id), b.messages, now)?;
    inbound::close(c, &b.inbound_ids, &format!("run:{}", b.run_id), now)?;
    system_events::take(c, &b.system_events)?;
    // A session that somebody speaks in is not put away any more: nobody would see the answer.
    let sql = "UPDATE sessions SET last_run_id = ?2, title = coalesce(?3, title),
               chat_type = coalesce(?4, chat_type), archived_at_ms = NULL WHERE key = ?1";
    sql::run(c, sql, params![b.session_key.as_str(), b.run_id, b.title, b.chat_type])?;
    if let Some(route) = &b.route {
        let sql =
            "UPDATE sessions SET route_channel = ?2, route_account = ?3, route_to = ?4, route_reply_to = ?5
                   WHERE key = ?1";
        let values = params![b.session_key.as_str(), route.channel, route.account, route.to, route.reply_to];
        sql::run(c, sql, values)?;
    }
    follow(c, (&found.run).into(), &entries, &[], now)?;
    audit::began(c, &found.run, now)?;
    Ok(Beginning::New(found))
}

fn insert(c: &Connection, b: &BeginRun, session: &Session, now: i64) -> Sql<()> {
    let sql = "INSERT INTO runs (run_id, session_key, transcript, route_channel, route_account, route_to,
                 route_reply_to, directives, status, started_at_ms)
               SELECT ?1, ?2, transcript, ?4, ?5, ?6, ?7, ?8, 'running', ?9 FROM transcripts WHERE session_id = ?3";
    let route = b.route.as_ref();
    let values = params![
        b.run_id,
        b.session_key.as_str(),
        session.session_id,
        route.map(|r| &r.channel),
        route.map(|r| &r.account),
        route.map(|r| &r.to),
        route.and_then(|r| r.reply_to.as_ref()),
        b.directives.as_ref().map(json).transpose()?,
        now
    ];
    sql::run(c, sql, values)?;
    Ok(())
}

fn finish(c: &Connection, f: FinishRun, now: i64) -> Sql<(Vec<Entry>, Vec<OutboxRow>)> {
    let status = match f.status {
        RunStatus::Done => "done",
        RunStatus::Failed => "failed",
        RunStatus::Aborted => "aborted",
        RunStatus::Running => return Err(Fault::Job("a run cannot end as running".into())),
    };
    let found = running(c, &f.run_id)?;
    let entries = transcript::append(c, found.transcript, Some(&f.run_id), f.messages, now)?;
    ledger::book(c, (&found.run).into(), &f.calls, now)?;
    follow(c, (&found.run).into(), &entries, &f.calls, now)?;
    audit::wrote(c, &found.run, &entries, now)?;
    audit::ended(c, &found.run, f.status, now)?;
    let sql = "UPDATE runs SET status = ?2, ended_at_ms = ?3, reply = ?4, error = ?5 WHERE run_id = ?1";
    sql::run(c, sql, params![f.run_id, status, now, f.reply, f.error])?;
    if let Some(fallback) = &f.fallback {
        let note = fallback.as_ref().map(json).transpose()?;
        let sql = "UPDATE sessions SET fallback = ?2 WHERE key = ?1";
        sql::run(c, sql, params![found.run.session_key.as_str(), note])?;
    }
    let rows = outbox::put(c, f.outbox, Some(&f.run_id), None, now)?;
    drafts::forget(c, &f.run_id)?;
    Ok((entries, rows))
}

/// Keeps the session's counters; not where it was reset meanwhile, since they are about its current transcript.
pub(crate) fn follow(
    c: &Connection,
    payer: ledger::Payer<'_>,
    entries: &[Entry],
    calls: &[LedgerCall],
    now: i64,
) -> Sql<()> {
    let mut used = model::Usage::default();
    calls.iter().for_each(|call| used.add(&ledger::sane(&call.usage)));
    // A compaction may use another model; the session's model is the one that answers.
    let last = calls.iter().rev().find(|call| call.kind != "compaction");
    // A call that failed at once used nothing and says nothing about the context.
    let turn = calls.iter().rev().map(context_of).find(|tokens| *tokens > 0);
    let preview = entries.iter().rev().find_map(|entry| preview_of(&entry.message));
    let sql = "UPDATE sessions SET used_input = used_input + ?3, used_output = used_output + ?4,
                 used_cache_read = used_cache_read + ?5, used_cache_write = used_cache_write + ?6,
                 used_cost = used_cost + ?7, context_tokens = coalesce(?8, context_tokens),
                 context_stale = iif(?8 IS NULL, context_stale, 0),
                 provider = coalesce(?9, provider), model = coalesce(?10, model), preview = coalesce(?11, preview),
                 updated_at_ms = ?12
               WHERE key = ?1 AND session_id = ?2";
    let values = params![
        payer.session_key.as_str(),
        payer.session_id,
        sql::int(used.input),
        sql::int(used.output),
        sql::int(used.cache_read),
        sql::int(used.cache_write),
        used.cost,
        turn.map(sql::int),
        last.map(|call| &call.provider),
        last.map(|call| &call.model),
        preview,
        now
    ];
    sql::run(c, sql, values)?;
    Ok(())
}

/// What the model had before it, where the call was a turn.
fn context_of(call: &LedgerCall) -> u64 {
    if call.kind == "turn" { ledger::sane(&call.usage).prompt() } else { 0 }
}

/// The beginning of what people see of a message.
fn preview_of(message: &Message) -> Option<String> {
    let text = match message {
        Message::User(user) => user.content.text(),
        Message::Assistant(answer) => answer.text(),
        Message::ToolResult(_) | Message::Note(_) => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.chars().take(200).collect())
}

fn find(c: &Connection, id: &str) -> Sql<Option<Found>> {
    sql::one(c, &format!("{SELECT} WHERE r.run_id = ?1"), [id], read)
}

fn running(c: &Connection, id: &str) -> Sql<Found> {
    match find(c, id)? {
        None => Err(Fault::UnknownRun(id.to_owned())),
        Some(found) if found.run.status != RunStatus::Running => Err(Fault::RunEnded(id.to_owned())),
        Some(found) => Ok(found),
    }
}

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    let run = Run {
        run_id: row.get(0)?,
        session_key: read_key(row, 1)?,
        session_id: row.get(2)?,
        route: read_route(row, 3)?,
        directives: row.get::<_, Option<Json<_>>>(19)?.map(|json| json.0),
        model_choice: row.get(20)?,
        fallback: row.get::<_, Option<Json<_>>>(21)?.map(|json| json.0),
        chosen: crate::chosen::read(row, 22)?,
        status: sessions::status(&row.get::<_, String>(7)?),
        started_at_ms: row.get(8)?,
        ended_at_ms: row.get(9)?,
        resumes: row.get(10)?,
        reply: row.get(11)?,
        error: row.get(12)?,
        usage: sql::usage(row, 13)?,
    };
    Ok(Found { run, transcript: row.get(18)? })
}
