//! Calls that wait for a node's app to be in front again: the app asks for them, and says which it has taken up.

use crate::error::Sql;
use crate::nodes::is_paired;
use crate::sql;
use crate::{R, Store};
use rusqlite::{Connection, params};

/// Calls that may wait for one node. A person who looks at a screen again wants to see a few of them at most.
pub const MAX_NODE_CALLS: usize = 64;
/// For how long a call waits. What was to be shown later than that has been forgotten.
pub const NODE_CALL_LIFE_MS: i64 = 10 * 60 * 1000;

/// A call that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCallRow {
    /// Its id.
    pub id: String,
    /// The command.
    pub command: String,
    /// Its parameters, JSON.
    pub params: Option<String>,
    /// Since when it waits.
    pub created_at_ms: i64,
}

impl Store {
    /// Has a call wait for a node; gives its id. `None` where too many wait, or the node is not paired.
    pub async fn add_node_call(
        &self,
        node_id: &str,
        command: &str,
        params: Option<String>,
    ) -> R<Option<String>> {
        let (node_id, command) = (node_id.to_owned(), command.to_owned());
        // Answered after the commit: the caller is told that it waits.
        self.write(move |c, now| {
            drop_old(c, &node_id, now)?;
            if !is_paired(c, &node_id)? || waiting(c, &node_id)?.len() >= MAX_NODE_CALLS {
                return Ok(None);
            }
            let id = model::new_id();
            let sql = "INSERT INTO node_calls (id, node_id, command, params, created_at_ms)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            sql::run(c, sql, params![id, node_id, command, params, now])?;
            Ok(Some(id))
        })
        .await
    }

    /// The calls that wait for a node, the oldest first. They go on waiting.
    pub async fn node_calls(&self, node_id: &str) -> R<Vec<NodeCallRow>> {
        let (node_id, now) = (node_id.to_owned(), self.now());
        self.read(move |c| {
            let mut calls = waiting(c, &node_id)?;
            calls.retain(|call| call.created_at_ms > now - NODE_CALL_LIFE_MS);
            Ok(calls)
        })
        .await
    }

    /// Ends the waiting of a node's calls. Gives the ids of those that waited, and how many wait after it.
    pub async fn end_node_calls(&self, node_id: &str, ids: Vec<String>) -> R<(Vec<String>, usize)> {
        let node_id = node_id.to_owned();
        // Answered after the commit: what the node was told is over is not given to it again.
        self.write(move |c, now| {
            drop_old(c, &node_id, now)?;
            let mut ended = Vec::new();
            for id in ids {
                if sql::run(c, "DELETE FROM node_calls WHERE node_id = ?1 AND id = ?2", [&node_id, &id])? > 0
                {
                    ended.push(id);
                }
            }
            Ok((ended, waiting(c, &node_id)?.len()))
        })
        .await
    }
}

fn waiting(c: &Connection, node_id: &str) -> Sql<Vec<NodeCallRow>> {
    let sql = "SELECT id, command, params, created_at_ms FROM node_calls WHERE node_id = ?1 ORDER BY seq";
    sql::all(c, sql, [node_id], |row| {
        Ok(NodeCallRow {
            id: row.get(0)?,
            command: row.get(1)?,
            params: row.get(2)?,
            created_at_ms: row.get(3)?,
        })
    })
}

fn drop_old(c: &Connection, node_id: &str, now: i64) -> Sql<()> {
    let sql = "DELETE FROM node_calls WHERE node_id = ?1 AND created_at_ms <= ?2";
    sql::run(c, sql, params![node_id, now - NODE_CALL_LIFE_MS])?;
    Ok(())
}

/// Ends what waited too long for nodes that do not ask, within the caller's transaction; gives how many.
pub(crate) fn prune(c: &Connection, now: i64, step: i64) -> Sql<usize> {
    let sql = "DELETE FROM node_calls WHERE seq IN
               (SELECT seq FROM node_calls WHERE created_at_ms <= ?1 LIMIT ?2)";
    sql::run(c, sql, params![now - NODE_CALL_LIFE_MS, step])
}
