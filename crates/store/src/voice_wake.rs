//! The words that wake a voice assistant: one list, and how often it was changed.

use crate::settings::{find, put};
use crate::{R, Store};
use serde::{Deserialize, Serialize};

/// Where the list is.
const KEY: &str = "voicewake";

/// The list as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VoiceWake {
    /// Counts the changes: of two lists, the one with the higher number is the later one.
    pub revision: u64,
    /// The words.
    pub triggers: Vec<String>,
}

impl Store {
    /// The list; `None` where it was never set.
    pub async fn voice_wake(&self) -> R<Option<VoiceWake>> {
        self.read(|c| Ok(find(c, KEY)?.and_then(|value| serde_json::from_value(value).ok()))).await
    }

    /// Sets the list.
    pub async fn set_voice_wake(&self, triggers: Vec<String>) -> R<VoiceWake> {
        // Answered after the commit: what was set is set after a crash. Two who set it at once get two revisions.
        self.write(move |c, _| {
            let before: Option<VoiceWake> =
                find(c, KEY)?.and_then(|value| serde_json::from_value(value).ok());
            let revision = before.map_or(0, |before| before.revision).saturating_add(1);
            let now = VoiceWake { revision, triggers };
            put(c, KEY, &now)?;
            Ok(now)
        })
        .await
    }
}
