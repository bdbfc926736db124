//! How often the drafts of a chat are changed: as often as its platform takes it, whoever's they are.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Between two changes in a direct chat. Telegram takes about one message a second in a chat …
const DIRECT: Duration = Duration::from_secs(1);
/// … and twenty a minute in a group, whatever the topic.
const GROUP: Duration = Duration::from_secs(3);

/// When each chat may be changed again. It holds the chats whose time has not come: no more than there are turns.
#[derive(Default)]
pub(crate) struct Pace(Mutex<HashMap<(String, String), Instant>>);

impl Pace {
    fn times(&self) -> MutexGuard<'_, HashMap<(String, String), Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next time at which a draft may be changed in the chat. It is the caller's.
    pub(super) fn take(&self, account: &str, to: &str) -> Instant {
        let now = Instant::now();
        let mut times = self.times();
        times.retain(|_, at| *at > now);
        let (chat, between) = chat_of(account, to);
        let at = times.get(&chat).copied().unwrap_or(now);
        times.insert(chat, at + between);
        at
    }

    /// Nothing is changed there for so long.
    pub(super) fn put_off(&self, account: &str, to: &str, wait: Duration) {
        let until = Instant::now() + wait;
        let mut times = self.times();
        let at = times.entry(chat_of(account, to).0).or_insert(until);
        *at = until.max(*at);
    }
}

fn chat_of(account: &str, to: &str) -> ((String, String), Duration) {
    let chat = to.split_once(":topic:").map_or(to, |(chat, _)| chat);
    let is_direct = chat.starts_with(|c: char| c.is_ascii_digit());
    ((account.to_owned(), chat.to_owned()), if is_direct { DIRECT } else { GROUP })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_chat_has_its_own_pace_and_its_topics_share_it() {
        let (pace, start) = (Pace::default(), Instant::now());
        let after = |to: &str| pace.take("a", to) - start;
        assert_eq!([after("1"), after("1"), after("1")].map(|d| d.as_secs()), [0, 1, 2]);
        assert_eq!([after("-5:topic:1"), after("-5:topic:2"), after("-5")].map(|d| d.as_secs()), [0, 3, 6]);
        assert_eq!(after("2").as_secs(), 0);
        assert_eq!((pace.take("b", "1") - start).as_secs(), 0, "another bot's chat is another's");
        pace.put_off("a", "1", Duration::from_secs(30));
        pace.put_off("a", "1", Duration::from_secs(5));
        assert_eq!(after("1").as_secs(), 30);
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(after("1").as_secs(), 600, "what is past counts for nothing");
        assert_eq!(pace.times().len(), 1);
    }
}
