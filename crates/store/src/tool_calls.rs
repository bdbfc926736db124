//! Calls of tools by clients that name a key: each is made once, also over a restart.

use crate::sql::{self, Json, json};
use crate::{R, Store};
use rusqlite::params;
use serde_json::Value;

/// Whether a call is to be made.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolCallState {
    /// It was never made: the caller makes it now, and nobody else will.
    New,
    /// It was made, and gave this.
    Done(Value),
    /// It was begun, and nobody knows how far it came.
    Cut,
}

impl Store {
    /// Begins a call, unless it was begun before.
    pub async fn begin_tool_call(&self, id: &str) -> R<ToolCallState> {
        let id = id.to_owned();
        // Answered after the commit: a crash during the call finds it begun, and does not make it again.
        self.write(move |c, now| {
            let sql = "INSERT INTO tool_calls (id, begun_at_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            if sql::run(c, sql, params![id, now])? > 0 {
                return Ok(ToolCallState::New);
            }
            let sql = "SELECT answer FROM tool_calls WHERE id = ?1";
            let answer: Option<Option<Json<Value>>> = sql::one(c, sql, [id], |row| row.get(0))?;
            Ok(answer.flatten().map_or(ToolCallState::Cut, |Json(answer)| ToolCallState::Done(answer)))
        })
        .await
    }

    /// Keeps what a call gave.
    pub async fn end_tool_call(&self, id: &str, answer: &Value) -> R<()> {
        let (id, answer) = (id.to_owned(), answer.clone());
        self.write(move |c, _| {
            sql::run(c, "UPDATE tool_calls SET answer = ?2 WHERE id = ?1", params![id, json(&answer)?])?;
            Ok(())
        })
        .await
    }
}
