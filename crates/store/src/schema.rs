//! The formats of the state file, and the way from one to the next. Forward only; each step is one transaction.

use crate::error::{Fault, Sql};
use rusqlite::{Connection, TransactionBehavior};

/// Step `n` (from 0) makes format `n + 1` of format `n`. Steps that were released are never changed.
const STEPS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
    include_str!("schema/0010.sql"),
    include_str!("schema/0011.sql"),
    include_str!("schema/0012.sql"),
    include_str!("schema/0013.sql"),
    include_str!("schema/0014.sql"),
    include_str!("schema/0015.sql"),
];

/// The latest format that this program knows.
pub(crate) fn latest() -> i64 {
    crate::sql::int(STEPS.len() as u64)
}

/// The file's format; 0 is an empty file.
pub(crate) fn version(c: &Connection) -> Sql<i64> {
    Ok(c.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Brings the file to the latest format. A crash between two steps leaves the format between them, and the next start
/// goes on from there.
pub(crate) fn migrate(c: &mut Connection) -> Sql<()> {
    let from = version(c)?;
    if from == 0 {
        let tables: i64 = c.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 {
            return Err(Fault::Job("it holds tables of another program; move it away".into()));
        }
    }
    let done = usize::try_from(from).unwrap_or(0);
    for (n, step) in STEPS.iter().enumerate().skip(done) {
        let tx = c.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", crate::sql::int(n as u64 + 1))?;
        tx.commit()?;
    }
    Ok(())
}
