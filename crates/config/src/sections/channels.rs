//! `channels`: the chat platforms.

use super::TelegramConfig;
use crate::doc::Section;

/// `channels`.
#[derive(Debug, Clone, Default)]
pub struct ChannelsConfig {
    /// `telegram`; `None` when the section is absent, which means that the channel is off.
    pub telegram: Option<TelegramConfig>,
}

impl ChannelsConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("defaults", "each channel has its own settings only");
        let telegram =
            s.section("telegram", |telegram| telegram.exists().then(|| TelegramConfig::read(telegram)));
        Self { telegram }
    }
}
