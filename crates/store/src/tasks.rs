//! Runs as tasks: what ran and runs, whoever began it, with the job that it was for.

use crate::error::Sql;
use crate::runs::{self, SELECT};
use crate::sql::{self, json};
use crate::{R, Run, RunStatus, Store};
use model::SessionKey;
use rusqlite::{Row, params};

/// A run and what it was for.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Counts up with each run.
    pub number: i64,
    /// The run.
    pub run: Run,
    /// Id and name of the job that began it, as long as its history is kept.
    pub job: Option<(String, String)>,
}

/// Which tasks are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFilter {
    /// How they stand.
    pub statuses: Vec<RunStatus>,
    /// Whose they are.
    pub agent_id: Option<String>,
    /// Which session they are in.
    pub session_key: Option<SessionKey>,
    /// Only those with a smaller number.
    pub below: Option<i64>,
    /// At most so many, the latest first.
    pub limit: usize,
}

impl Store {
    /// Tasks, the latest first.
    pub async fn tasks(&self, filter: TaskFilter) -> R<Vec<Task>> {
        self.read(move |c| {
            // The number of a row is its order: no index is kept for it, and a turn pays for none.
            let sql = format!(
                "{} WHERE r.rowid < ?1 AND r.status IN (SELECT value FROM json_each(?2))
                 AND (?3 IS NULL OR r.session_key = ?3) AND (?4 IS NULL OR r.session_key LIKE ?4 ESCAPE '\\')
                 ORDER BY r.rowid DESC LIMIT ?5",
                select()
            );
            let statuses: Vec<&str> = filter.statuses.iter().map(|status| text(*status)).collect();
            let of_agent = filter.agent_id.map(|agent| format!("agent:{}:%", escaped(&agent)));
            let values = params![
                filter.below.unwrap_or(i64::MAX),
                json(&statuses)?,
                filter.session_key.as_ref().map(SessionKey::as_str),
                of_agent,
                sql::int(filter.limit as u64)
            ];
            sql::all(c, &sql, values, read)
        })
        .await
    }

    /// One task by the id of its run.
    pub async fn task(&self, run_id: &str) -> R<Option<Task>> {
        let id = run_id.to_owned();
        self.read(move |c| -> Sql<_> {
            sql::one(c, &format!("{} WHERE r.run_id = ?1", select()), [id], read)
        })
        .await
    }
}

/// The columns of a run, its number, and its job.
fn select() -> String {
    let (columns, tables) = SELECT.split_once("FROM").unwrap_or((SELECT, ""));
    format!(
        "{columns}, r.rowid, j.job_id, j.job_name FROM{tables} LEFT JOIN cron_runs j ON j.run_id = r.run_id"
    )
}

fn read(row: &Row<'_>) -> rusqlite::Result<Task> {
    let (id, name): (Option<String>, Option<String>) = (row.get(26)?, row.get(27)?);
    Ok(Task { number: row.get(25)?, run: runs::read(row)?.run, job: id.zip(name) })
}

fn text(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Done => "done",
        RunStatus::Failed => "failed",
        RunStatus::Aborted => "aborted",
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
