//! Messages that were given up: they stay until somebody sends them again or drops them.

use crate::outbox::read;
use crate::sql;
use crate::{DeadLetter, R, Store};
use rusqlite::params;

const SELECT: &str = "SELECT id, body, attempts, not_before_ms, created_at_ms, coalesce(error, ''),
                      coalesce(settled_at_ms, created_at_ms) FROM outbox WHERE state = 'dead'";

impl Store {
    /// Those of a channel and an account, or of all, the newest first; and how many there are in all.
    pub async fn dead_letters(
        &self,
        channel: Option<String>,
        account: Option<String>,
        limit: i64,
    ) -> R<(Vec<DeadLetter>, i64)> {
        self.read(move |c| {
            let of =
                "(?1 IS NULL OR body ->> '$.channel' = ?1) AND (?2 IS NULL OR body ->> '$.account' = ?2)";
            let rows = format!("{SELECT} AND {of} ORDER BY id DESC LIMIT ?3");
            let found = sql::all(c, &rows, params![channel, account, limit], letter)?;
            let count = format!("SELECT count(*) FROM outbox WHERE state = 'dead' AND {of}");
            let total = sql::one(c, &count, params![channel, account], |row| row.get(0))?.unwrap_or_default();
            Ok((found, total))
        })
        .await
    }

    /// The one of this id; `None`: there is none, or it was not given up.
    pub async fn dead_letter(&self, id: i64) -> R<Option<DeadLetter>> {
        self.read(move |c| sql::one(c, &format!("{SELECT} AND id = ?1"), [id], letter)).await
    }

    /// Has it sent again, as if it were new: with all its tries. False: it is none any more.
    pub async fn resubmit_dead_letter(&self, id: i64) -> R<bool> {
        // Of two who ask at the same time one is told that it was sent on already.
        self.write(move |c, now| {
            let sql =
                "UPDATE outbox SET state = 'pending', attempts = 0, not_before_ms = ?2, settled_at_ms = NULL
                       WHERE id = ?1 AND state = 'dead'";
            Ok(sql::run(c, sql, params![id, now])? > 0)
        })
        .await
    }

    /// Forgets it. False: it is none any more.
    pub async fn drop_dead_letter(&self, id: i64) -> R<bool> {
        self.write(move |c, _| {
            // With the message goes what says that the run of a job did not reach anybody.
            let told = "UPDATE cron_runs SET delivery = 'not-delivered' WHERE delivery = 'outbox'
                        AND run_id = (SELECT run_id FROM outbox WHERE id = ?1 AND state = 'dead')";
            sql::run(c, told, [id])?;
            Ok(sql::run(c, "DELETE FROM outbox WHERE id = ?1 AND state = 'dead'", [id])? > 0)
        })
        .await
    }
}

fn letter(row: &rusqlite::Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter { row: read(row)?, error: row.get(5)?, given_up_at_ms: row.get(6)? })
}
