//! Which errors of turns are told in a chat, and how: `errorPolicy` and `silentErrorReplies`.

use super::dispatch::group_of;
use super::turn::Begin;
use crate::shared::Shared;
use config::ErrorPolicy;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::Route;
use tokio::time::Instant;

/// An error that was told is not told again for so long, where each is told once.
const ONCE_IN: Duration = Duration::from_secs(4 * 3600);
/// So many errors are remembered; the oldest are told again sooner.
const KEPT: usize = 1000;

/// What was told where, and when.
#[derive(Default)]
pub(crate) struct Told(Mutex<HashMap<(String, String, String), Instant>>);

impl Told {
    /// Whether it is new there; it is not from now on.
    fn is_new(&self, account: &str, to: &str, error: &str) -> bool {
        let now = Instant::now();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now - *at < ONCE_IN);
        let key = (account.to_owned(), to.to_owned(), error.to_owned());
        if told.contains_key(&key) {
            return false;
        }
        if told.len() >= KEPT
            && let Some(oldest) = told.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone())
        {
            told.remove(&oldest);
        }
        told.insert(key, now);
        true
    }
}

/// Whether an error is told in the chat that a run answers.
pub(super) fn is_told(shared: &Shared, begun: &Begin, route: &Route, error: &str) -> bool {
    let Route { channel, account, to, .. } = route;
    let settings = &begun.current.settings;
    let group = group_of(&shared.channels.moved_groups(), settings, channel, account, to);
    let of_account = settings.account(channel, account).map(|account| account.error_policy);
    match group.and_then(|group| group.error_policy).or(of_account) {
        Some(ErrorPolicy::Silent) => false,
        Some(ErrorPolicy::Once) => shared.told_errors.is_new(account, to, error),
        Some(ErrorPolicy::Always) | None => true,
    }
}

/// Whether errors come there without a sound.
pub(super) fn are_quiet(begun: &Begin, route: &Route) -> bool {
    begun
        .current
        .settings
        .account(&route.channel, &route.account)
        .is_some_and(|account| account.silent_errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_error_is_new_in_each_chat_and_after_its_time() {
        let told = Told::default();
        let news = ["e", "e", "f"].map(|error| told.is_new("a", "1", error));
        assert_eq!(news, [true, false, true]);
        assert!(told.is_new("a", "2", "e") && told.is_new("b", "1", "e"));
        tokio::time::advance(ONCE_IN).await;
        assert!(told.is_new("a", "1", "e"));
        assert_eq!(told.0.lock().unwrap().len(), 1, "what is past is forgotten");
    }
}
