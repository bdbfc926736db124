//! Drafts: messages on a platform that show an answer while it is being written. Which one it is, is known here before anything
//! counts on it; the commit that ends its run says what becomes of it.

use crate::error::Sql;
use crate::sql;
use crate::{ChatState, Draft, R, Route, Store, outbox};
use model::Outbound;
use rusqlite::{Connection, params};

/// What makes a message in a chat, beside a text.
const SAYS: &str =
    "coalesce(body ->> '$.act.kind', 'text') IN ('text', 'poll', 'file', 'album', 'ask', 'sticker', 'place')";

impl Store {
    /// The draft of a run, where there is one.
    pub async fn draft(&self, run_id: &str) -> R<Option<Draft>> {
        let run_id = run_id.to_owned();
        self.read(move |c| {
            let sql =
                "SELECT message_id, is_status, outbox_id, inbound_id, above FROM drafts WHERE run_id = ?1";
            sql::one(c, sql, [run_id], |row| {
                Ok(Draft {
                    message_id: row.get(0)?,
                    is_status: row.get(1)?,
                    outbox_id: row.get(2)?,
                    inbound_id: row.get(3)?,
                    above: row.get::<_, sql::Json<Vec<String>>>(4)?.0,
                })
            })
        })
        .await
    }

    /// Notes which message is the draft of a run. False: the run has ended, and nobody would end the draft.
    pub async fn note_draft(&self, run_id: &str, draft: Draft) -> R<bool> {
        let run_id = run_id.to_owned();
        // With the look at the run in one transaction: a draft of a run that ends meanwhile would stand for ever.
        self.write(move |c, _| {
            let sql =
                "INSERT OR REPLACE INTO drafts (run_id, message_id, is_status, outbox_id, inbound_id, above)
                       SELECT ?1, ?2, ?3, ?4, ?5, ?6 FROM runs WHERE run_id = ?1 AND status = 'running'";
            let Draft { message_id, is_status, outbox_id, inbound_id, above } = &draft;
            let values = params![run_id, message_id, is_status, outbox_id, inbound_id, sql::json(above)?];
            Ok(sql::run(c, sql, values)? == 1)
        })
        .await
    }

    /// A draft is none any more; what takes it away goes out.
    pub async fn leave_draft(&self, run_id: &str, gone: Vec<Outbound>) -> R<()> {
        let run_id = run_id.to_owned();
        // One transaction: a draft that nobody knows, or that goes while it counts, would be worse than either.
        self.write(move |c, now| {
            forget(c, &run_id)?;
            outbox::put(c, gone, None, None, now)?;
            Ok(())
        })
        .await
    }

    /// How a chat stands: whether something waits to be sent there, and the last rows of all.
    pub async fn chat_state(&self, chat: &Route) -> R<ChatState> {
        let chat = chat.clone();
        self.read(move |c| {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'pending' AND {SAYS} AND body ->> '$.channel' = ?1
                          AND body ->> '$.account' = ?2 AND body ->> '$.to' = ?3),
                   (SELECT coalesce(max(id), 0) FROM outbox), (SELECT coalesce(max(id), 0) FROM inbound)"
            );
            let values = params![chat.channel, chat.account, chat.to];
            let row = |row: &rusqlite::Row<'_>| {
                Ok(ChatState { waits: row.get(0)?, outbox_id: row.get(1)?, inbound_id: row.get(2)? })
            };
            Ok(sql::one(c, &sql, values, row)?.unwrap_or_default())
        })
        .await
    }

    /// Whether the chat has gone on below a run's draft: something was said there by the gateway, or something that the run took
    /// in.
    pub async fn is_draft_passed(&self, run_id: &str, chat: &Route, draft: &Draft) -> R<bool> {
        let (run_id, chat, draft) = (run_id.to_owned(), chat.clone(), draft.clone());
        self.read(move |c| {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM outbox WHERE id > ?1 AND {SAYS} AND body ->> '$.channel' = ?2
                          AND body ->> '$.account' = ?3 AND body ->> '$.to' = ?4)
                   OR EXISTS (SELECT 1 FROM inbound WHERE id > ?5 AND outcome = 'run:' || ?6)"
            );
            let values =
                params![draft.outbox_id, chat.channel, chat.account, chat.to, draft.inbound_id, run_id];
            Ok(sql::one(c, &sql, values, |row| row.get(0))?.unwrap_or(false))
        })
        .await
    }
}

/// Forgets the draft of a run within the caller's transaction.
pub(crate) fn forget(c: &Connection, run_id: &str) -> Sql<()> {
    sql::run(c, "DELETE FROM drafts WHERE run_id = ?1", [run_id])?;
    Ok(())
}
