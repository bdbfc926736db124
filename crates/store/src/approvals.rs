//! Decisions about commands. A decision is made once: whoever comes second learns what was decided.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{R, Store, outbox};
use model::{Act, Outbound};
use rusqlite::{Connection, Row, params};
use serde_json::Value;

/// Approvals that have ended are kept, so many of the latest: clients may ask as often as they like.
const KEPT: i64 = 10_000;

const SELECT: &str =
    "SELECT seq, id, body, run_id, tool_call_id, created_at_ms, expires_at_ms, status, decision, reason,
    resolver_kind, resolver_id, resolved_at_ms FROM approvals";

/// A question about a command, before it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApproval {
    /// Its id, which nobody else has.
    pub id: String,
    /// What is asked; a value of the gateway's own.
    pub body: Value,
    /// The run that waits.
    pub run_id: Option<String>,
    /// The call of that run.
    pub tool_call_id: Option<String>,
    /// When it was asked.
    pub created_at_ms: i64,
    /// When it is too late.
    pub expires_at_ms: i64,
}

/// How a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalStatus {
    /// Nobody has decided.
    Pending,
    /// It may run.
    Allowed,
    /// It may not.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// Whoever asked is gone.
    Cancelled,
}

impl ApprovalStatus {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ApprovalStatus::Pending => "pending",
            ApprovalStatus::Allowed => "allowed",
            ApprovalStatus::Denied => "denied",
            ApprovalStatus::Expired => "expired",
            ApprovalStatus::Cancelled => "cancelled",
        }
    }

    /// The table has no other words; one that it had anyway would allow nothing.
    fn of(word: &str) -> Self {
        [Self::Pending, Self::Allowed, Self::Expired, Self::Cancelled]
            .into_iter()
            .find(|s| s.as_str() == word)
            .unwrap_or(Self::Denied)
    }
}

/// The end of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalEnd {
    /// How it ends; not [`ApprovalStatus::Pending`].
    pub status: ApprovalStatus,
    /// `allow-once`, `allow-always` or `deny`, where somebody decided.
    pub decision: Option<String>,
    /// Such as `user` or `timeout`.
    pub reason: String,
    /// Who decided: `device`, `channel`, `runtime` or `system`, and which.
    pub resolver: Option<(String, String)>,
}

/// A question about a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Counts up.
    pub seq: i64,
    /// Its id.
    pub id: String,
    /// What is asked.
    pub body: Value,
    /// The run that waits.
    pub run_id: Option<String>,
    /// The call of that run.
    pub tool_call_id: Option<String>,
    /// When it was asked.
    pub created_at_ms: i64,
    /// When it is too late.
    pub expires_at_ms: i64,
    /// How it stands.
    pub status: ApprovalStatus,
    /// What somebody decided.
    pub decision: Option<String>,
    /// Why it ended.
    pub reason: Option<String>,
    /// Who decided.
    pub resolver: Option<(String, String)>,
    /// When it ended.
    pub resolved_at_ms: Option<i64>,
}

impl Store {
    /// Notes a question and queues what tells people of it. `None` where the id was used before.
    pub async fn add_approval(&self, new: NewApproval, tell: Vec<Outbound>) -> R<Option<Approval>> {
        // One transaction: nobody is told of a question that a crash has taken away.
        self.write(move |c, now| {
            let sql = "INSERT INTO approvals
                (id, body, run_id, tool_call_id, created_at_ms, expires_at_ms, status)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending') ON CONFLICT DO NOTHING";
            let body = json(&new.body)?;
            let values =
                params![new.id, body, new.run_id, new.tool_call_id, new.created_at_ms, new.expires_at_ms];
            if sql::run(c, sql, values)? == 0 {
                return Ok(None);
            }
            let old = "DELETE FROM approvals WHERE status <> 'pending' AND seq <= (SELECT max(seq) FROM approvals) - ?1";
            sql::run(c, old, [KEPT])?;
            outbox::put(c, tell, None, Some(&key_of(&new.id)), now)?;
            find(c, &new.id)
        })
        .await
    }

    /// Ends a question, unless it has ended: the approval as it is now, and whether this ended it. `None` where there is no
    /// such question. `outcome` says what takes the place of a message that asked.
    pub async fn end_approval(
        &self,
        id: &str,
        end: ApprovalEnd,
        outcome: impl Fn(&Approval, &Outbound) -> String + Send + 'static,
    ) -> R<Option<(Approval, bool)>> {
        let id = id.to_owned();
        // Two decisions at the same time are two transactions: the second finds the first.
        self.write(move |c, now| {
            let ended = end_one(c, &id, &end, now)?;
            let Some(approval) = find(c, &id)? else { return Ok(None) };
            if ended {
                let news = follow(c, &approval, &outcome)?;
                outbox::put(c, news, None, None, now)?;
            }
            Ok(Some((approval, ended)))
        })
        .await
    }

    /// Ends what was pending when the last gateway ended: whoever asked is gone. `tell` says what people hear of each, and `outcome`
    /// what takes the place of a message that asked.
    pub async fn end_open_approvals(
        &self,
        end: ApprovalEnd,
        tell: impl Fn(&Approval) -> Option<Outbound> + Send + 'static,
        outcome: impl Fn(&Approval, &Outbound) -> String + Send + 'static,
    ) -> R<Vec<Approval>> {
        // One transaction: after a crash in it, the next start does it again, and nobody is told twice.
        self.write(move |c, now| {
            let open = sql::all(c, &format!("{SELECT} WHERE status = 'pending' ORDER BY seq"), [], read)?;
            let mut ended = Vec::with_capacity(open.len());
            for approval in open {
                end_one(c, &approval.id, &end, now)?;
                let Some(approval) = find(c, &approval.id)? else { continue };
                let news = follow(c, &approval, &outcome)?;
                outbox::put(c, news.into_iter().chain(tell(&approval)).collect(), None, None, now)?;
                ended.push(approval);
            }
            Ok(ended)
        })
        .await
    }

    /// Uses an approval up; false where it was not allowed, or used before.
    pub async fn use_approval(&self, id: &str) -> R<bool> {
        let id = id.to_owned();
        // Answered after the commit: what was used stays used.
        self.write(move |c, now| {
            let sql = "UPDATE approvals SET used_at_ms = ?2
                       WHERE id = ?1 AND status = 'allowed' AND used_at_ms IS NULL";
            Ok(sql::run(c, sql, params![id, now])? > 0)
        })
        .await
    }

    /// One approval.
    pub async fn approval(&self, id: &str) -> R<Option<Approval>> {
        let id = id.to_owned();
        self.read(move |c| find(c, &id)).await
    }

    /// Those that wait, the oldest first.
    pub async fn pending_approvals(&self) -> R<Vec<Approval>> {
        let sql = format!("{SELECT} WHERE status = 'pending' ORDER BY seq");
        self.read(move |c| sql::all(c, &sql, [], read)).await
    }

    /// Those that a run asked for.
    pub async fn approvals_of_run(&self, run_id: &str) -> R<Vec<Approval>> {
        let (id, sql) = (run_id.to_owned(), format!("{SELECT} WHERE run_id = ?1 ORDER BY seq"));
        self.read(move |c| sql::all(c, &sql, [id], read)).await
    }

    /// Those that have ended, the latest first, at most `limit`; of those before `before` where that is given.
    pub async fn ended_approvals(&self, before: Option<i64>, limit: usize) -> R<Vec<Approval>> {
        let sql = format!("{SELECT} WHERE status <> 'pending' AND seq < ?1 ORDER BY seq DESC LIMIT ?2");
        let values = (before.unwrap_or(i64::MAX), sql::int(limit as u64));
        self.read(move |c| sql::all(c, &sql, values, read)).await
    }
}

/// By which the messages that asked are found again.
fn key_of(id: &str) -> String {
    format!("approval:{id}")
}

/// What takes the place of the last message that each chat was asked with.
fn follow(
    c: &Connection,
    approval: &Approval,
    outcome: &impl Fn(&Approval, &Outbound) -> String,
) -> Sql<Vec<Outbound>> {
    let sql = "SELECT max(id), body FROM outbox WHERE enqueue_key = ?1
               GROUP BY body ->> '$.channel', body ->> '$.account', body ->> '$.to' ORDER BY 1";
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Json<Outbound>>(1)?.0));
    let asked: Vec<(i64, Outbound)> = sql::all(c, sql, [key_of(&approval.id)], row)?;
    let news = |(row, asked): (i64, Outbound)| {
        let text = outcome(approval, &asked);
        Outbound { text, reply_to: None, act: Some(Act::Replace { row }), ..asked }
    };
    Ok(asked.into_iter().map(news).collect())
}

fn end_one(c: &Connection, id: &str, end: &ApprovalEnd, now: i64) -> Sql<bool> {
    let sql =
        "UPDATE approvals SET status = ?2, decision = ?3, reason = ?4, resolver_kind = ?5, resolver_id = ?6,
               resolved_at_ms = ?7 WHERE id = ?1 AND status = 'pending'";
    let (kind, resolver) = end.resolver.clone().unzip();
    let values = params![id, end.status.as_str(), end.decision, end.reason, kind, resolver, now];
    Ok(sql::run(c, sql, values)? > 0)
}

fn find(c: &Connection, id: &str) -> Sql<Option<Approval>> {
    sql::one(c, &format!("{SELECT} WHERE id = ?1"), [id], read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Approval> {
    let kind: Option<String> = row.get(10)?;
    let resolver: Option<String> = row.get(11)?;
    Ok(Approval {
        seq: row.get(0)?,
        id: row.get(1)?,
        body: row.get::<_, Json<_>>(2)?.0,
        run_id: row.get(3)?,
        tool_call_id: row.get(4)?,
        created_at_ms: row.get(5)?,
        expires_at_ms: row.get(6)?,
        status: ApprovalStatus::of(&row.get::<_, String>(7)?),
        decision: row.get(8)?,
        reason: row.get(9)?,
        resolver: kind.map(|kind| (kind, resolver.unwrap_or_default())),
        resolved_at_ms: row.get(12)?,
    })
}
