//! What nodes may be asked to do. A node's declaration counts for nothing until an operator has approved it; what was
//! approved keeps working while more is asked for.

use crate::error::Sql;
use crate::kept::Kept;
use crate::sql::{self, Json, json};
use crate::{Declared, NodeDeclaration, NodeRequest, NodeSurface, R, Store};
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

const DECLARATION: &str =
    "node_id, client_id, client_mode, display_name, platform, version, device_family, caps,
    commands, path_env";

/// What was approved for the nodes that were asked about last; a node is a few kilobytes.
pub(crate) type Approved = Kept<String, Option<Arc<NodeSurface>>, 64>;

impl Store {
    /// Notes what a node declares on connecting. Within what is approved, nothing waits after it (an older wish for
    /// more is withdrawn). Beyond it, a request waits; the same caps and commands keep its id. An approved node's
    /// name, version and PATH follow the declaration, and it was seen now. Of one that is not paired as a node (any more)
    /// nothing is noted.
    pub async fn declare_node(&self, declaration: NodeDeclaration) -> R<Declared> {
        // One transaction: the answer tells exactly what the tables hold, whatever another connection does meanwhile.
        self.write(move |c, now| declare(c, declaration, now)).await
    }

    /// All nodes with approved commands, the latest approved first.
    pub async fn nodes(&self) -> R<Vec<NodeSurface>> {
        let sql = format!("{} ORDER BY approved_at_ms DESC, node_id", select_nodes());
        self.read(move |c| sql::all(c, &sql, [], read_node)).await
    }

    /// What is approved for one node. Asked again while nothing was committed, it costs nothing.
    pub async fn node(&self, node_id: &str) -> R<Option<Arc<NodeSurface>>> {
        let version = self.version();
        if let Some(node) = self.core.approved.get(version, node_id) {
            return Ok(node);
        }
        let id = node_id.to_owned();
        let node = self.read(move |c| find(c, &id)).await?.map(Arc::new);
        self.core.approved.set(version, node_id.to_owned(), node.clone());
        Ok(node)
    }

    /// All requests that wait, the oldest first.
    pub async fn node_requests(&self) -> R<Vec<NodeRequest>> {
        let sql = format!("{} ORDER BY ts, rowid", select_requests());
        self.read(move |c| sql::all(c, &sql, [], read_request)).await
    }

    /// One request that waits.
    pub async fn node_request(&self, request_id: &str) -> R<Option<NodeRequest>> {
        let id = request_id.to_owned();
        self.read(move |c| find_request(c, &id)).await
    }

    /// Approves exactly what a request declares; it takes the place of what was approved before. `None` where no such
    /// request waits, or its device is not paired as a node.
    pub async fn approve_node(&self, request_id: &str) -> R<Option<(NodeRequest, NodeSurface)>> {
        let id = request_id.to_owned();
        // One transaction: no crash leaves the request gone and its commands unapproved.
        self.write(move |c, now| {
            let Some(request) = find_request(c, &id)? else { return Ok(None) };
            if !is_paired(c, &request.declaration.node_id)? {
                return Ok(None);
            }
            sql::run(c, "DELETE FROM node_requests WHERE request_id = ?1", [&id])?;
            approve(c, &request, now)?;
            Ok(find(c, &request.declaration.node_id)?.map(|node| (request, node)))
        })
        .await
    }

    /// Drops a request. `None` where no such request waits.
    pub async fn reject_node(&self, request_id: &str) -> R<Option<NodeRequest>> {
        let id = request_id.to_owned();
        self.write(move |c, _| {
            let request = find_request(c, &id)?;
            sql::run(c, "DELETE FROM node_requests WHERE request_id = ?1", [&id])?;
            Ok(request)
        })
        .await
    }

    /// Forgets what is approved for a node, and what it asks for. Gives whether anything was approved, and the request
    /// that waited.
    pub async fn remove_node(&self, node_id: &str) -> R<(bool, Option<NodeRequest>)> {
        let id = node_id.to_owned();
        // One transaction: no crash leaves a request that the caller was told is gone.
        self.write(move |c, _| {
            let request = waiting(c, &id)?;
            sql::run(c, "DELETE FROM node_requests WHERE node_id = ?1", [&id])?;
            let was_approved = sql::run(c, "DELETE FROM nodes WHERE node_id = ?1", [&id])? > 0;
            sql::run(c, "DELETE FROM node_calls WHERE node_id = ?1", [&id])?;
            Ok((was_approved, request))
        })
        .await
    }
}

fn declare(c: &Connection, declaration: NodeDeclaration, now: i64) -> Sql<Declared> {
    let id = declaration.node_id.clone();
    if !is_paired(c, &id)? {
        return Ok(Declared::default());
    }
    let sql = "UPDATE nodes SET display_name = ?2, version = ?3, path_env = ?4, last_seen_at_ms = ?5
               WHERE node_id = ?1";
    let d = &declaration;
    sql::run(c, sql, params![id, d.display_name, d.version, d.path_env, now])?;
    let approved = find(c, &id)?;
    let covered = match &approved {
        Some(node) => {
            sql::within(&d.caps, &node.declaration.caps)
                && sql::within(&d.commands, &node.declaration.commands)
        }
        None => d.caps.is_empty() && d.commands.is_empty(),
    };
    if covered {
        sql::run(c, "DELETE FROM node_requests WHERE node_id = ?1", [&id])?;
        return Ok(Declared { approved, pending: None, newly_pending: false });
    }
    let (request, new) = request(c, declaration, now)?;
    Ok(Declared { approved, pending: Some(request), newly_pending: new })
}

fn request(c: &Connection, declaration: NodeDeclaration, now: i64) -> Sql<(NodeRequest, bool)> {
    let d = &declaration;
    let same = waiting(c, &d.node_id)?.filter(|old| {
        sql::same_set(&old.declaration.caps, &d.caps) && sql::same_set(&old.declaration.commands, &d.commands)
    });
    let (request_id, ts, new) = match same {
        Some(old) => (old.request_id, old.ts, false),
        None => (model::new_id(), now, true),
    };
    let sql = format!(
        "INSERT OR REPLACE INTO node_requests ({DECLARATION}, request_id, ts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    );
    let (caps, commands) = (json(&d.caps)?, json(&d.commands)?);
    let values = params![
        d.node_id,
        d.client_id,
        d.client_mode,
        d.display_name,
        d.platform,
        d.version,
        d.device_family,
        caps,
        commands,
        d.path_env,
        request_id,
        ts
    ];
    sql::run(c, &sql, values)?;
    Ok((NodeRequest { request_id, declaration, ts }, new))
}

fn approve(c: &Connection, request: &NodeRequest, now: i64) -> Sql<()> {
    let d = &request.declaration;
    // A node new to the table was seen when it asked.
    let sql = format!(
        "INSERT INTO nodes ({DECLARATION}, created_at_ms, approved_at_ms, last_seen_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12)
         ON CONFLICT (node_id) DO UPDATE SET client_id = excluded.client_id, client_mode = excluded.client_mode,
           display_name = excluded.display_name, platform = excluded.platform, version = excluded.version,
           device_family = excluded.device_family, caps = excluded.caps, commands = excluded.commands,
           path_env = excluded.path_env, approved_at_ms = excluded.approved_at_ms"
    );
    let (caps, commands) = (json(&d.caps)?, json(&d.commands)?);
    let values = params![
        d.node_id,
        d.client_id,
        d.client_mode,
        d.display_name,
        d.platform,
        d.version,
        d.device_family,
        caps,
        commands,
        d.path_env,
        now,
        request.ts
    ];
    sql::run(c, &sql, values)?;
    Ok(())
}

fn select_nodes() -> String {
    format!("SELECT {DECLARATION}, created_at_ms, approved_at_ms, last_seen_at_ms FROM nodes")
}

fn select_requests() -> String {
    format!("SELECT {DECLARATION}, request_id, ts FROM node_requests")
}

fn find(c: &Connection, id: &str) -> Sql<Option<NodeSurface>> {
    sql::one(c, &format!("{} WHERE node_id = ?1", select_nodes()), [id], read_node)
}

fn find_request(c: &Connection, id: &str) -> Sql<Option<NodeRequest>> {
    sql::one(c, &format!("{} WHERE request_id = ?1", select_requests()), [id], read_request)
}

/// The request of a node.
fn waiting(c: &Connection, node_id: &str) -> Sql<Option<NodeRequest>> {
    sql::one(c, &format!("{} WHERE node_id = ?1", select_requests()), [node_id], read_request)
}

/// Whether the device is paired, and as a node: it may have been removed since it was let in.
pub(crate) fn is_paired(c: &Connection, node_id: &str) -> Sql<bool> {
    let roles: Option<Vec<String>> =
        sql::one(c, "SELECT roles FROM devices WHERE device_id = ?1", [node_id], |row| {
            Ok(row.get::<_, Json<_>>(0)?.0)
        })?;
    Ok(roles.is_some_and(|roles| roles.iter().any(|role| role == "node")))
}

fn read_declaration(row: &Row<'_>) -> rusqlite::Result<NodeDeclaration> {
    Ok(NodeDeclaration {
        node_id: row.get(0)?,
        client_id: row.get(1)?,
        client_mode: row.get(2)?,
        display_name: row.get(3)?,
        platform: row.get(4)?,
        version: row.get(5)?,
        device_family: row.get(6)?,
        caps: row.get::<_, Json<_>>(7)?.0,
        commands: row.get::<_, Json<_>>(8)?.0,
        path_env: row.get(9)?,
    })
}

fn read_node(row: &Row<'_>) -> rusqlite::Result<NodeSurface> {
    Ok(NodeSurface {
        declaration: read_declaration(row)?,
        created_at_ms: row.get(10)?,
        approved_at_ms: row.get(11)?,
        last_seen_at_ms: row.get(12)?,
    })
}

fn read_request(row: &Row<'_>) -> rusqlite::Result<NodeRequest> {
    Ok(NodeRequest { declaration: read_declaration(row)?, request_id: row.get(10)?, ts: row.get(11)? })
}
