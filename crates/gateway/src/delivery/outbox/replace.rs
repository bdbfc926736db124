//! Sending, where the message may be about another one of ours: what the platform calls that is known since it was sent.

use crate::shared::Shared;
use channels::{SendError, SendErrorKind};
use model::{Act, Outbound};
use store::OutboxState;

/// Sends a message, or puts it in the place of one before it.
pub(super) async fn send(shared: &Shared, out: &Outbound) -> Result<String, SendError> {
    let Some(Act::Replace { row }) = out.act else { return shared.channels.send(out).await };
    let wait = |message: String| SendError { kind: SendErrorKind::Transient, message };
    let message_id = match shared.store.outbox_state(row).await {
        Ok(Some(OutboxState::Sent(message_id))) => message_id,
        // There is nothing that it could take the place of.
        Ok(Some(OutboxState::Dead(_)) | None) => return Ok(String::new()),
        Ok(Some(OutboxState::Pending)) => return Err(wait(format!("message {row} is to be sent first"))),
        Err(error) => return Err(wait(error.to_string())),
    };
    let edit = Act::Edit { message_id: message_id.clone(), rows: None };
    match shared.channels.send(&Outbound { act: Some(edit), ..out.clone() }).await {
        Err(error) if error.kind == SendErrorKind::Permanent => {
            tracing::info!(row, error = %error.message, "a message of before stays as it was");
            Ok(message_id)
        }
        done => done,
    }
}
