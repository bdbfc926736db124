//! The words that wake a voice assistant on any of the nodes: one list for all of them, known to every node from its first
//! moment on and to operators, in the order in which it was changed.

use crate::connection::hello::to_raw;
use crate::connection::outbound::{ConnHandle, Event};
use crate::hub::{Audience, Hub};
use protocol::Scope;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Store, StoreError};

/// The list where nobody has set one.
const DEFAULT: [&str; 3] = ["openclaw", "claude", "computer"];
/// Words in the list: an ear listens for each of them at once.
const MAX_TRIGGERS: usize = 32;
/// Characters of a word.
const MAX_CHARS: usize = 64;
/// The event that tells the list.
const CHANGED: &str = "voicewake.changed";

/// The list that clients were told last.
#[derive(Debug, Default)]
pub(crate) struct VoiceWake(Mutex<store::VoiceWake>);

impl VoiceWake {
    fn told(&self) -> MutexGuard<'_, store::VoiceWake> {
        // Nothing that happens under the lock leaves it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the list from the store. Before the first client.
    pub(crate) async fn load(&self, store: &Store) -> Result<(), StoreError> {
        let kept = store.voice_wake().await?;
        *self.told() = kept.unwrap_or_else(|| store::VoiceWake { revision: 0, triggers: normalised(&[]) });
        Ok(())
    }

    /// The words.
    pub(crate) fn triggers(&self) -> Vec<String> {
        self.told().triggers.clone()
    }

    /// Tells everybody a list that is on disk now. One that came on disk before the last that was told is not told any more.
    pub(crate) fn changed(&self, hub: &Hub, list: store::VoiceWake) {
        let mut told = self.told();
        if list.revision <= told.revision {
            return;
        }
        *told = list;
        // Under the lock, which nobody holds for longer than this: whoever joins hears either list after the other.
        for to in [Audience::Operators(Scope::Read), Audience::Nodes] {
            hub.broadcast(to, CHANGED, &payload(&told.triggers), true);
        }
    }

    /// Tells a node that has come.
    pub(crate) fn tell(&self, node: &ConnHandle) {
        let told = self.told();
        let payload = to_raw(&payload(&told.triggers));
        node.send_event(&Arc::new(Event { name: CHANGED, payload, versions: None, broadcast: false }));
    }
}

/// The list as methods and events show it.
pub(crate) fn payload(triggers: &[String]) -> Value {
    json!({"triggers": triggers})
}

/// Words as they are kept: without space around them, empty ones and repetitions; bounded; never none at all.
pub(crate) fn normalised(words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in words {
        let word: String = word.trim().chars().take(MAX_CHARS).collect();
        let word = word.trim_end();
        if !word.is_empty() && !out.iter().any(|kept| kept == word) {
            out.push(word.to_owned());
        }
        if out.len() == MAX_TRIGGERS {
            break;
        }
    }
    if out.is_empty() { DEFAULT.map(str::to_owned).to_vec() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_trimmed_told_once_and_bounded() {
        let of = |words: &[&str]| normalised(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[" hey claw ", "", "  ", "computer", "hey claw"]), ["hey claw", "computer"]);
        assert_eq!(of(&[]), DEFAULT);
        assert_eq!(of(&[" ", ""]), DEFAULT);
        assert_eq!(of(&["é".repeat(65).as_str()]), ["é".repeat(64)]);
        assert_eq!(
            of(&[format!("{} x", "é".repeat(63)).as_str()]),
            ["é".repeat(63)],
            "no space is left at its end"
        );
        let many: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        assert_eq!(normalised(&many), many[..32]);
    }
}
