//! The end of a draft: the answer takes its place, or it goes.

use super::{Inner, act, send};
use crate::{SendError, SendErrorKind};
use model::{Act, Outbound};

/// Puts the text in the draft's place. Where Telegram does not take that (somebody has deleted the draft, or it is too old), the
/// text is a message of its own, and what is left of the draft goes. Done again, it changes nothing, except where the draft
/// could not be changed.
pub(super) async fn end(inner: &Inner, out: &Outbound, message_id: &str) -> Result<String, SendError> {
    if out.text.trim().is_empty() {
        return remove(inner, out, message_id).await;
    }
    let edit = Act::Edit { message_id: message_id.to_owned(), rows: None };
    match act::act(inner, out, &edit).await {
        Err(error) if error.kind == SendErrorKind::Permanent => {
            tracing::info!(account = inner.account, error = %error.message, "a draft cannot be changed; the answer is sent anew");
            let sent = send::send(inner, out).await?;
            if let Err(error) = remove(inner, out, message_id).await {
                tracing::warn!(account = inner.account, error = %error.message, "a draft is left over in a chat");
            }
            Ok(sent)
        }
        done => done,
    }
}

/// Takes it away; one that is gone already, or that Telegram keeps for good, is as good.
async fn remove(inner: &Inner, out: &Outbound, message_id: &str) -> Result<String, SendError> {
    let delete = Act::Delete { message_id: message_id.to_owned() };
    match act::act(inner, out, &delete).await {
        Err(error) if error.kind == SendErrorKind::Permanent => {
            tracing::info!(account = inner.account, error = %error.message, "a draft was not there any more");
            Ok(message_id.to_owned())
        }
        done => done,
    }
}
