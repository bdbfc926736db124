//! Jobs that run by themselves. A job is read, decided upon, and written back only if nobody changed it meanwhile: its
//! revision says so.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{AddedJob, JobRow, R, Store};
use model::cron::Job;
use rusqlite::{Connection, Row, params};

const SELECT: &str = "SELECT job, revision, running FROM cron_jobs";

impl Store {
    /// All jobs, the oldest first.
    pub async fn cron_jobs(&self) -> R<Vec<JobRow>> {
        self.read(|c| sql::all(c, &format!("{SELECT} ORDER BY rowid"), [], read)).await
    }

    /// One job.
    pub async fn cron_job(&self, id: &str) -> R<Option<JobRow>> {
        let id = id.to_owned();
        self.read(move |c| find(c, &id)).await
    }

    /// The job that was declared under this key.
    pub async fn cron_declared(&self, key: &str) -> R<Option<JobRow>> {
        let key = key.to_owned();
        self.read(move |c| sql::one(c, &format!("{SELECT} WHERE declaration_key = ?1"), [key], read)).await
    }

    /// Jobs whose time has come and that are not running, the one that waits longest first; at most `limit`.
    pub async fn cron_due(&self, now_ms: i64, limit: usize) -> R<Vec<JobRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |c| {
            let sql = format!(
                "{SELECT} WHERE next_run_at_ms IS NOT NULL AND running IS NULL AND next_run_at_ms <= ?1
                 ORDER BY next_run_at_ms, rowid LIMIT ?2"
            );
            sql::all(c, &sql, [now_ms, limit], read)
        })
        .await
    }

    /// When the next job is due, of those that are not running.
    pub async fn cron_next_at(&self) -> R<Option<i64>> {
        self.read(|c| {
            let sql = "SELECT min(next_run_at_ms) FROM cron_jobs WHERE next_run_at_ms IS NOT NULL AND running IS NULL";
            Ok(sql::one(c, sql, [], |row| row.get(0))?.flatten())
        })
        .await
    }

    /// Adds a job, where there are fewer than `most`.
    pub async fn add_cron_job(&self, job: Job, most: usize) -> R<AddedJob> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // Counting and adding are one transaction: two callers at once never pass the limit, nor declare one key twice.
        self.write(move |c, _| {
            let count: i64 =
                c.prepare_cached("SELECT count(*) FROM cron_jobs")?.query_row([], |row| row.get(0))?;
            let sql = "SELECT 1 FROM cron_jobs WHERE declaration_key = ?1";
            if sql::one(c, sql, [&job.declaration_key], |_| Ok(()))?.is_some() {
                return Ok(AddedJob::Declared);
            }
            if count >= most {
                return Ok(AddedJob::Full);
            }
            let sql =
                "INSERT INTO cron_jobs (id, declaration_key, job, next_run_at_ms) VALUES (?1, ?2, ?3, ?4)";
            sql::run(c, sql, params![job.id, job.declaration_key, json(&job)?, next_of(&job)])?;
            Ok(AddedJob::Yes(Box::new(JobRow { job, revision: 1, running: None })))
        })
        .await
    }

    /// Writes a job that was read at this revision; `None` where it was changed or removed meanwhile.
    pub async fn change_cron_job(&self, job: Job, revision: i64) -> R<Option<JobRow>> {
        // Compared and written in one transaction: neither an edit nor the end of a run is ever undone.
        self.write(move |c, _| {
            if !write(c, &job, revision, None)? {
                return Ok(None);
            }
            find(c, &job.id)
        })
        .await
    }

    /// Removes a job; a run under way goes on, and its history stays. `None` where there is none.
    pub async fn remove_cron_job(&self, id: &str) -> R<Option<JobRow>> {
        let id = id.to_owned();
        // Read and removed in one transaction: what is told to be removed is what was.
        self.write(move |c, _| {
            let found = find(c, &id)?;
            sql::run(c, "DELETE FROM cron_jobs WHERE id = ?1", [&id])?;
            Ok(found)
        })
        .await
    }

    /// Removes the jobs that were to go once what they had to say was sent, and has been.
    pub async fn remove_sent_cron_jobs(&self) -> R<Vec<Job>> {
        let gone = "delete_after IS NOT NULL AND running IS NULL
            AND NOT EXISTS (SELECT 1 FROM outbox WHERE run_id = delete_after AND state <> 'sent')";
        let any = self
            .read(move |c| sql::one(c, &format!("SELECT 1 FROM cron_jobs WHERE {gone}"), [], |_| Ok(())))
            .await?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        // Looked at again in the transaction that removes: an edit that keeps the job wins.
        self.write(move |c, _| {
            let jobs = sql::all(c, &format!("{SELECT} WHERE {gone}"), [], read)?;
            sql::run(c, &format!("DELETE FROM cron_jobs WHERE {gone}"), [])?;
            Ok(jobs.into_iter().map(|row| row.job).collect())
        })
        .await
    }
}

/// Only what is enabled is ever due.
fn next_of(job: &Job) -> Option<i64> {
    job.state.next_run_at_ms.filter(|_| job.enabled)
}

/// Writes a job over one of this revision, with the run under way; `false` where there is none of it any more. What
/// was to go stays, unless that is said again.
pub(crate) fn write(c: &Connection, job: &Job, revision: i64, running: Option<&str>) -> Sql<bool> {
    let sql =
        "UPDATE cron_jobs SET job = ?3, revision = revision + 1, next_run_at_ms = ?4, delete_after = NULL,
                 running = CASE WHEN ?6 THEN ?5 ELSE running END
               WHERE id = ?1 AND revision = ?2";
    let starts = running.is_some();
    Ok(sql::run(c, sql, params![job.id, revision, json(job)?, next_of(job), running, starts])? > 0)
}

pub(crate) fn find(c: &Connection, id: &str) -> Sql<Option<JobRow>> {
    sql::one(c, &format!("{SELECT} WHERE id = ?1"), [id], read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow { job: row.get::<_, Json<Job>>(0)?.0, revision: row.get(1)?, running: row.get(2)? })
}
