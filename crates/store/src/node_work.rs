//! Requests that wait for a node until it asks for them: one of each type, which goes when the node has been given it, or
//! when it expires.

use crate::error::Sql;
use crate::nodes::is_paired;
use crate::sql;
use crate::{R, Store};
use rusqlite::{Connection, Row, params};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeWork {
    /// Its id.
    pub id: String,
    /// `status.request`, `location.request`.
    pub kind: String,
    /// `normal` or `high`.
    pub priority: String,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it is worth nothing any more.
    pub expires_at_ms: Option<i64>,
}

/// What waits, or waited, for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeWorkState<T> {
    /// Counts the changes of what waits.
    pub revision: u64,
    /// What was asked for.
    pub work: T,
}

impl Store {
    /// Has a request wait for a node. Where one of its type waits already, it is that one, as it is. `None` where the node is
    /// not paired.
    pub async fn add_node_work(
        &self,
        node_id: &str,
        kind: &str,
        priority: &str,
        life_ms: Option<i64>,
    ) -> R<Option<NodeWorkState<NodeWork>>> {
        let (node_id, kind, priority) = (node_id.to_owned(), kind.to_owned(), priority.to_owned());
        // Answered after the commit: what was accepted waits after a crash.
        self.write(move |c, now| {
            if !is_paired(c, &node_id)? {
                return Ok(None);
            }
            drop_expired(c, &node_id, now)?;
            let new = NodeWork {
                id: model::new_id(),
                kind: kind.clone(),
                priority,
                created_at_ms: now,
                expires_at_ms: life_ms.map(|life| now.saturating_add(life)),
            };
            let sql = "INSERT INTO node_work (node_id, type, id, priority, created_at_ms, expires_at_ms)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
            let values = params![node_id, kind, new.id, new.priority, now, new.expires_at_ms];
            if sql::run(c, sql, values)? > 0 {
                count_change(c, &node_id)?;
            }
            let work = waiting(c, &node_id)?.into_iter().find(|work| work.kind == kind).unwrap_or(new);
            Ok(Some(NodeWorkState { revision: revision(c, &node_id)?, work }))
        })
        .await
    }

    /// Gives a node what waits for it, the urgent and the older first, at most so many, and says whether there is more. What
    /// was given waits no more. The revision is the one after that.
    pub async fn take_node_work(
        &self,
        node_id: &str,
        most: usize,
    ) -> R<(NodeWorkState<Vec<NodeWork>>, bool)> {
        let node_id = node_id.to_owned();
        // One transaction: nothing is given twice, whatever another connection of the node does meanwhile.
        self.write(move |c, now| {
            drop_expired(c, &node_id, now)?;
            let mut work = waiting(c, &node_id)?;
            let has_more = work.len() > most;
            work.truncate(most);
            for given in &work {
                sql::run(
                    c,
                    "DELETE FROM node_work WHERE node_id = ?1 AND type = ?2",
                    [&node_id, &given.kind],
                )?;
            }
            if !work.is_empty() {
                count_change(c, &node_id)?;
            }
            Ok((NodeWorkState { revision: revision(c, &node_id)?, work }, has_more))
        })
        .await
    }
}

/// Forgets what waits for a node, within the caller's transaction.
pub(crate) fn forget(c: &Connection, node_id: &str) -> Sql<()> {
    for table in ["node_work", "node_queues", "node_calls"] {
        sql::run(c, &format!("DELETE FROM {table} WHERE node_id = ?1"), [node_id])?;
    }
    Ok(())
}

fn waiting(c: &Connection, node_id: &str) -> Sql<Vec<NodeWork>> {
    let sql = "SELECT id, type, priority, created_at_ms, expires_at_ms FROM node_work WHERE node_id = ?1
               ORDER BY priority <> 'high', created_at_ms, type";
    sql::all(c, sql, [node_id], read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<NodeWork> {
    Ok(NodeWork {
        id: row.get(0)?,
        kind: row.get(1)?,
        priority: row.get(2)?,
        created_at_ms: row.get(3)?,
        expires_at_ms: row.get(4)?,
    })
}

fn drop_expired(c: &Connection, node_id: &str, now: i64) -> Sql<()> {
    let sql = "DELETE FROM node_work WHERE node_id = ?1 AND expires_at_ms <= ?2";
    if sql::run(c, sql, params![node_id, now])? > 0 {
        count_change(c, node_id)?;
    }
    Ok(())
}

fn count_change(c: &Connection, node_id: &str) -> Sql<()> {
    let sql = "INSERT INTO node_queues (node_id, revision) VALUES (?1, 1)
               ON CONFLICT DO UPDATE SET revision = revision + 1";
    sql::run(c, sql, [node_id])?;
    Ok(())
}

fn revision(c: &Connection, node_id: &str) -> Sql<u64> {
    let sql = "SELECT revision FROM node_queues WHERE node_id = ?1";
    Ok(sql::count(sql::one(c, sql, [node_id], |row| row.get(0))?.unwrap_or(0)))
}
