//! Small helpers between Rust values and columns.

use crate::error::{Fault, Sql};
use model::Usage;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Params, Row};
use serde::{Serialize, de::DeserializeOwned};

/// A column that holds JSON text.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Json).map_err(FromSqlError::other)
    }
}

/// The JSON text of a value, to be bound to a column.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Sql<String> {
    serde_json::to_string(value).map_err(|e| Fault::Job(format!("a value has no JSON form: {e}")))
}

/// All rows of a query.
pub(crate) fn all<T>(
    c: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Sql<Vec<T>> {
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<rusqlite::Result<Vec<T>>>()?)
}

/// The first row of a query, if there is one.
pub(crate) fn one<T>(
    c: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Sql<Option<T>> {
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => Ok(Some(read(row)?)),
        None => Ok(None),
    }
}

/// Runs a statement without rows; gives how many rows it changed.
pub(crate) fn run(c: &Connection, sql: &str, params: impl Params) -> Sql<usize> {
    Ok(c.prepare_cached(sql)?.execute(params)?)
}

/// SQLite's integers are signed; no count of ours comes near the border.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The way back of [`int`].
pub(crate) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The five columns of a usage, beginning at column `at`.
pub(crate) fn usage(row: &Row<'_>, at: usize) -> rusqlite::Result<Usage> {
    Ok(Usage {
        input: count(row.get(at)?),
        output: count(row.get(at + 1)?),
        cache_read: count(row.get(at + 2)?),
        cache_write: count(row.get(at + 3)?),
        cost: row.get(at + 4)?,
    })
}

/// Whether two lists hold the same, order and repetition aside.
pub(crate) fn same_set(a: &[String], b: &[String]) -> bool {
    within(a, b) && within(b, a)
}

/// Whether everything in `part` is in `whole` too.
pub(crate) fn within(part: &[String], whole: &[String]) -> bool {
    part.iter().all(|item| whole.contains(item))
}

/// `first`, then what `more` adds to it.
pub(crate) fn union(first: &[String], more: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(first.len() + more.len());
    for item in first.iter().chain(more) {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
    all
}
