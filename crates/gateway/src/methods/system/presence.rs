//! `system-presence`: who is here.

use crate::methods::{Answer, Call};

pub(super) async fn handle(call: Call) -> Answer {
    Ok(call.shared.hub.presence.list_raw().into())
}
