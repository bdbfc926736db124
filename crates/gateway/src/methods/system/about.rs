//! `users.self`, `plugins.list`, `update.status`: who one is here, and what this gateway has none of.

use crate::methods::{Answer, Call, store_error};
use serde_json::json;

/// Everybody who is let in as an operator is the gateway's owner: there are no other users.
const OWNER: &str = "gateway-owner";
/// Since when the owner's profile is there, in the store.
const OWNER_SINCE: &str = "owner.since";

pub(super) async fn user(call: Call) -> Answer {
    let since = call.shared.store.first_time(OWNER_SINCE).await.map_err(store_error)?;
    // A profile that cannot be changed was changed last when it was made.
    Ok(json!({"profile": {
        "id": OWNER, "displayName": null, "avatarMime": null, "mergedInto": null, "createdAt": since,
        "updatedAt": since, "emails": [], "githubIdentity": null, "hasAvatar": false,
    }})
    .into())
}

/// There is nothing that could be plugged in, and no way to change that.
pub(super) async fn plugins(_: Call) -> Answer {
    Ok(json!({"plugins": [], "diagnostics": [], "mutationAllowed": false}).into())
}

/// The gateway neither looks for newer versions nor installs them, so none is known to it and none is under way.
pub(super) async fn update(_: Call) -> Answer {
    Ok(json!({"sentinel": null, "updateAvailable": null}).into())
}
