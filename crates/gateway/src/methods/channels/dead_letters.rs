//! `channels.deadLetters.list`, `.resubmit` and `.drop`: messages that could not be sent and were given up.

use crate::delivery::gates;
use crate::methods::{Answer, Call, store_error};
use model::Act;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{DeadLetter, Store};

/// Where nobody says how many, and at most: each may be as long as a message is.
const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1000;
/// Characters of a message that are shown.
const SHOWN_CHARS: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    channel: Option<String>,
    account_id: Option<String>,
    limit: Option<i64>,
}

#[derive(Deserialize)]
struct One {
    id: i64,
}

pub(super) async fn list(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    Ok(page(p, Some(&call.shared.store)).await?.into())
}

/// The answer, also for who reads the state file while no gateway runs.
pub(crate) async fn page(p: Params, store: Option<&Store>) -> Result<Value, ErrorShape> {
    let limit = p.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let (letters, total) = match store {
        Some(store) => store.dead_letters(p.channel, p.account_id, limit).await.map_err(store_error)?,
        None => (Vec::new(), 0),
    };
    Ok(json!({"entries": letters.iter().map(entry).collect::<Vec<_>>(), "total": total}))
}

fn entry(letter: &DeadLetter) -> Value {
    let out = &letter.row.outbound;
    json!({
        "id": letter.row.id, "channel": out.channel, "accountId": out.account, "to": out.to,
        "text": out.text.chars().take(SHOWN_CHARS).collect::<String>(),
        "action": out.act.as_ref().map_or("send", Act::name),
        "error": letter.error, "attempts": letter.row.attempts,
        "createdAtMs": letter.row.created_at_ms, "failedAtMs": letter.given_up_at_ms,
        "resubmittable": files_of(letter) == 0,
    })
}

/// Copies of files are kept until a message is sent or given up.
fn files_of(letter: &DeadLetter) -> usize {
    letter.row.outbound.act.as_ref().map_or(0, |act| act.files().len())
}

pub(super) async fn resubmit(mut call: Call) -> Answer {
    let One { id } = call.params()?;
    let letter = call.shared.store.dead_letter(id).await.map_err(store_error)?.ok_or_else(|| none(id))?;
    if files_of(&letter) > 0 {
        return Err(ErrorShape::invalid(format!(
            "message {id} had a file with it, which is not kept any more; send it anew"
        )));
    }
    let out = &letter.row.outbound;
    if call.shared.settings().account(&out.channel, &out.account).is_none() {
        return Err(ErrorShape::invalid(format!(
            "message {id} was for the account {} of {}, which is not there any more",
            out.account, out.channel
        )));
    }
    // What is denied today is not done because it was once allowed.
    if let Some(refusal) =
        gates::refusal(&call.shared.settings(), &out.channel, &out.account, out.act.as_ref())
    {
        return Err(ErrorShape::invalid(refusal));
    }
    if !call.shared.store.resubmit_dead_letter(id).await.map_err(store_error)? {
        return Err(none(id));
    }
    tracing::info!(row = id, by = %call.conn.id(), "a message that was given up is sent again");
    call.shared.outbox.wake();
    call.shared.health.changed(&call.shared);
    Ok(json!({"id": id, "resubmitted": true}).into())
}

pub(super) async fn drop(mut call: Call) -> Answer {
    let One { id } = call.params()?;
    if !call.shared.store.drop_dead_letter(id).await.map_err(store_error)? {
        return Err(none(id));
    }
    tracing::info!(row = id, by = %call.conn.id(), "a message that was given up is dropped");
    call.shared.health.changed(&call.shared);
    Ok(json!({"id": id, "dropped": true}).into())
}

fn none(id: i64) -> ErrorShape {
    ErrorShape::invalid(format!(
        "no message {id} was given up; channels.deadLetters.list shows those that were"
    ))
}
