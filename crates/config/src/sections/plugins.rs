//! `plugins`: there are none here. What OpenClaw does by one of its own and this program does itself is configured where it is there.

use super::FileTransferConfig;
use crate::doc::Section;

/// `plugins`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginsConfig {
    /// `entries.file-transfer`: which files of nodes may be read and written.
    pub file_transfer: FileTransferConfig,
}

impl PluginsConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        let file_transfer =
            s.section("entries", |entries| entries.section("file-transfer", FileTransferConfig::read));
        Self { file_transfer }
    }
}
