//! What people allowed for good: a line of the configuration, that counts from then on.

use super::policy::Wish;
use crate::methods::config::change;
use crate::shared::Shared;
use config::{Change, FileGrant, GrantChange};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the caller hears where it was done and is not remembered.
const NOT_KEPT: &str =
    "it was done, and the operator's allow-always was not kept: somebody will be asked again";

/// Remembers that this path was allowed, if it leads there. What cannot be kept counts this once, and the answer says so.
pub(super) async fn remember(
    shared: &Arc<Shared>,
    wish: Wish<'_>,
    selector: &str,
    canonical: &str,
    answer: String,
) -> String {
    let grant = FileGrant {
        node_id: wish.node_id.to_owned(),
        command: wish.command,
        requested: wish.path.to_owned(),
        canonical: canonical.to_owned(),
    };
    // The gateway's own, so that a caller who goes now does not leave it half done.
    let (owner, change) =
        (shared.clone(), Change::Grant(GrantChange { grant, selector: selector.to_owned() }));
    let (told, done) = tokio::sync::oneshot::channel();
    shared.lifecycle.spawn(async move {
        let made = change::make(&owner, change).await;
        if let Err(error) = &made {
            tracing::error!(error = %error.message, "allow-always for a file of a node was not kept");
        }
        // Whoever waits may be gone; it is done all the same.
        let _ = told.send(made.is_ok());
    });
    if done.await.unwrap_or(false) {
        return answer;
    }
    match serde_json::from_str(&answer) {
        Ok(Value::Object(mut payload)) => {
            payload.insert("standingApprovalWarning".into(), json!(NOT_KEPT));
            Value::Object(payload).to_string()
        }
        _ => answer,
    }
}
