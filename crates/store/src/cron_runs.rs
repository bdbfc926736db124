//! Runs of jobs: begun before anything happens, ended once. Between the two, whatever stops the gateway, the run stands
//! here as open.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{
    AfterRun, CronRun, EndCronRun, Ended, InboundRow, OpenCronRun, R, RunFilter, RunPage, StartCronRun, Store,
};
use crate::{cron, inbound, outbox, system_events};
use model::cron::RunOutcome;
use rusqlite::{Connection, Row, params};
use serde_json::Value;

/// Ended runs are kept so long …
const KEEP_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// … and of each job at most so many.
const KEEP_OF_JOB: i64 = 2000;

/// What became of what a run had to say.
const DELIVERY: &str = "CASE WHEN r.delivery <> 'outbox' THEN r.delivery
    WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.run_id = r.run_id AND o.state = 'dead') THEN 'not-delivered'
    WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.run_id = r.run_id AND o.state = 'pending') THEN 'unknown'
    ELSE 'delivered' END";

impl Store {
    /// Begins a run. `None` where the job was changed, removed or begun meanwhile: look at it again.
    pub async fn start_cron_run(&self, start: StartCronRun) -> R<Option<Option<InboundRow>>> {
        // One transaction: the job's next time, the open run and the message or line that it consists of. A crash falls
        // before all of it or after: no time is done twice, and none is taken off the calendar and not done.
        self.write(move |c, now| begin(c, start, now)).await
    }

    /// Ends a run: its entry, the job after it, and what goes out about it.
    pub async fn end_cron_run(&self, end: EndCronRun) -> R<Ended> {
        // One transaction, and only for a run that is open: it is reported once, and the job counts it once.
        self.write(move |c, now| finish(c, end, now)).await
    }

    /// The runs that have not ended, the oldest first.
    pub async fn open_cron_runs(&self) -> R<Vec<OpenCronRun>> {
        self.read(|c| {
            let sql = "SELECT run_id, job_id, job_name, agent_id, session_key, started_at_ms FROM cron_runs
                       WHERE status IS NULL ORDER BY run";
            sql::all(c, sql, [], |row| {
                Ok(OpenCronRun {
                    run_id: row.get(0)?,
                    job_id: row.get(1)?,
                    job_name: row.get(2)?,
                    agent_id: row.get(3)?,
                    session_key: row.get(4)?,
                    started_at_ms: row.get(5)?,
                })
            })
        })
        .await
    }

    /// A page of the runs that have ended.
    pub async fn cron_runs(&self, filter: RunFilter) -> R<RunPage> {
        self.read(move |c| page(c, &filter)).await
    }
}

fn begin(c: &Connection, s: StartCronRun, now: i64) -> Sql<Option<Option<InboundRow>>> {
    let running = s.end.is_none().then_some(s.run_id.as_str());
    let fits =
        cron::find(c, &s.job.id)?.is_some_and(|row| row.revision == s.revision && row.running.is_none());
    if !fits || !cron::write(c, &s.job, s.revision, running)? {
        return Ok(None);
    }
    let sql = "INSERT INTO cron_runs (run_id, job_id, job_name, agent_id, session_key, started_at_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let key = s.session_key.as_ref().map(model::SessionKey::as_str);
    sql::run(c, sql, params![s.run_id, s.job.id, s.job.name, s.agent_id, key, s.started_at_ms])?;
    if let (Some(text), Some(key)) = (&s.event, &s.session_key) {
        system_events::put(c, key, text, now)?;
        if s.wakes {
            system_events::wake(c, key)?;
        }
    }
    if let Some(id) = s.woken_by {
        system_events::woken(c, id)?;
    }
    let row = match s.inbound {
        Some(message) => inbound::put(c, message, now)?,
        None => None,
    };
    if let Some((status, entry)) = s.end {
        close(c, &s.run_id, status, "not-requested", &entry, now)?;
        keep_latest(c, &s.job.id)?;
        if s.remove_job {
            sql::run(c, "DELETE FROM cron_jobs WHERE id = ?1", [&s.job.id])?;
        }
    }
    Ok(Some(row))
}

fn finish(c: &Connection, end: EndCronRun, now: i64) -> Sql<Ended> {
    let sql = "SELECT 1 FROM cron_runs WHERE run_id = ?1 AND status IS NULL";
    if sql::one(c, sql, [&end.run_id], |_| Ok(()))?.is_none() {
        return Ok(Ended::Before);
    }
    if let Some((job, revision)) = &end.job {
        if cron::find(c, &job.id)?.is_none_or(|row| row.revision != *revision) {
            return Ok(Ended::Stale);
        }
        cron::write(c, job, *revision, None)?;
        let sql = match end.after {
            AfterRun::Keep => "UPDATE cron_jobs SET running = NULL WHERE id = ?1 AND running = ?2",
            AfterRun::Remove => "DELETE FROM cron_jobs WHERE id = ?1 AND running = ?2",
            AfterRun::RemoveOnceSent => {
                "UPDATE cron_jobs SET running = NULL, delete_after = ?2 WHERE id = ?1 AND running = ?2"
            }
        };
        sql::run(c, sql, [&job.id, &end.run_id])?;
    }
    close(c, &end.run_id, end.status, end.delivery, &end.entry, now)?;
    let sql = "SELECT job_id FROM cron_runs WHERE run_id = ?1";
    if let Some(job_id) = sql::one(c, sql, [&end.run_id], |row| row.get::<_, String>(0))? {
        keep_latest(c, &job_id)?;
    }
    outbox::put(c, end.outbox, None, None, now)?;
    Ok(Ended::Now)
}

fn close(
    c: &Connection,
    run_id: &str,
    status: RunOutcome,
    delivery: &str,
    entry: &Value,
    now: i64,
) -> Sql<()> {
    let sql =
        "UPDATE cron_runs SET status = ?2, delivery = ?3, entry = ?4, ended_at_ms = ?5 WHERE run_id = ?1";
    sql::run(c, sql, params![run_id, status.as_str(), delivery, json(entry)?, now])?;
    Ok(())
}

fn page(c: &Connection, f: &RunFilter) -> Sql<RunPage> {
    let conditions = format!(
        "r.status IS NOT NULL AND (?1 IS NULL OR r.job_id = ?1) AND (?2 IS NULL OR r.agent_id = ?2)
         AND (?3 IS NULL OR r.run_id = ?3) AND (?4 IS NULL OR r.status IN (SELECT value FROM json_each(?4)))
         AND (?5 IS NULL OR {DELIVERY} IN (SELECT value FROM json_each(?5)))
         AND (?6 IS NULL OR instr(lower(r.job_name || ' ' || coalesce(r.entry ->> '$.summary', '') || ' '
              || coalesce(r.entry ->> '$.error', '')), lower(?6)))"
    );
    let list = |names: &[String]| if names.is_empty() { Ok(None) } else { json(names).map(Some) };
    let (statuses, deliveries) = (list(&f.statuses)?, list(&f.deliveries)?);
    let wanted = params![f.job_id, f.agent_id, f.run_id, statuses, deliveries, f.query];
    let sql = format!("SELECT count(*) FROM cron_runs r WHERE {conditions}");
    let total: i64 = c.prepare_cached(&sql)?.query_row(wanted, |row| row.get(0))?;
    let order = if f.ascending { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT r.entry, {DELIVERY},
           (SELECT max(o.error) FROM outbox o WHERE o.run_id = r.run_id AND r.delivery = 'outbox')
         FROM cron_runs r WHERE {conditions} ORDER BY r.run {order} LIMIT ?7 OFFSET ?8"
    );
    let int = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let wanted =
        params![f.job_id, f.agent_id, f.run_id, statuses, deliveries, f.query, int(f.limit), int(f.offset)];
    Ok(RunPage { runs: sql::all(c, &sql, wanted, read)?, total })
}

fn read(row: &Row<'_>) -> rusqlite::Result<CronRun> {
    Ok(CronRun { entry: row.get::<_, Json<Value>>(0)?.0, delivery: row.get(1)?, delivery_error: row.get(2)? })
}

/// Forgets what a job's latest runs leave behind, with the end of each: however often a job runs, its history is bounded.
fn keep_latest(c: &Connection, job_id: &str) -> Sql<()> {
    let sql = "DELETE FROM cron_runs WHERE job_id = ?1 AND status IS NOT NULL AND run <=
                 (SELECT run FROM cron_runs WHERE job_id = ?1 ORDER BY run DESC LIMIT 1 OFFSET ?2)";
    sql::run(c, sql, params![job_id, KEEP_OF_JOB])?;
    Ok(())
}

/// Forgets runs that nobody asks for any more; gives how many, of at most `step`. The sessions that runs had for themselves
/// go by `cron.sessionRetention` ([`Store::delete_cron_sessions`]); transcripts stay.
pub(crate) fn prune(c: &Connection, now: i64, step: i64) -> Sql<usize> {
    let sql = "DELETE FROM cron_runs WHERE run IN
               (SELECT run FROM cron_runs WHERE status IS NOT NULL AND ended_at_ms < ?1 LIMIT ?2)";
    sql::run(c, sql, [now - KEEP_MS, step])
}
