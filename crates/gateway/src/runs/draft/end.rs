//! The end of a draft: the answer takes its place.

use super::end_of;
use crate::runs::turn::Begin;
use crate::shared::Shared;
use model::Outbound;
use std::time::Duration;
use store::{Draft, Route, StoreError};

/// When the store does not answer at the end of a run, it is asked again after this time.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// The answer's messages, the first in the places of those of the run's draft where there is one that still stands last; what is left
/// over of it goes.
pub(crate) async fn ended(shared: &Shared, begun: &Begin, mut pieces: Vec<Outbound>) -> Vec<Outbound> {
    let Some(route) = &begun.run.route else { return pieces };
    let Some((draft, is_passed)) = standing(shared, &begun.run.run_id, route).await else { return pieces };
    let mut left = draft.messages();
    if !draft.is_status && !is_passed {
        let texts = pieces.iter_mut().take_while(|piece| piece.act.is_none());
        for (piece, message) in texts.zip(left.by_ref()) {
            piece.act = Some(end_of(message));
        }
    }
    pieces.extend(left.map(|message| gone(route, message)));
    pieces
}

/// What takes a message of a draft away.
pub(super) fn gone(route: &Route, message_id: &str) -> Outbound {
    Outbound {
        channel: route.channel.clone(),
        account: route.account.clone(),
        to: route.to.clone(),
        text: String::new(),
        act: Some(end_of(message_id)),
        ..Outbound::default()
    }
}

/// The draft of a run, and whether its chat has gone on below it; asked until the store answers.
async fn standing(shared: &Shared, run_id: &str, route: &Route) -> Option<(Draft, bool)> {
    loop {
        let asked = async {
            let Some(draft) = shared.store.draft(run_id).await? else { return Ok(None) };
            let is_passed = shared.store.is_draft_passed(run_id, route, &draft).await?;
            Ok::<_, StoreError>(Some((draft, is_passed)))
        };
        match asked.await {
            Ok(standing) => return standing,
            // Nothing is committed any more either: the run goes on at the next start, with its draft.
            Err(StoreError::Closed { .. }) => return None,
            Err(error) => tracing::error!(run = run_id, %error, "the end of a run waits for the store"),
        }
        tokio::time::sleep(STORE_RETRY).await;
    }
}
