//! `logging`.

use std::path::PathBuf;

use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// How much is logged.
    LogLevel {
        /// Nothing.
        Silent => "silent",
        /// What ends the program.
        Fatal => "fatal",
        /// What went wrong.
        Error => "error",
        /// What may go wrong.
        Warn => "warn",
        /// What happens.
        Info => "info",
        /// What happens inside.
        Debug => "debug",
        /// Everything.
        Trace => "trace",
    }
}

/// `logging`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggingConfig {
    /// `level` of the log file, info by default.
    pub level: LogLevel,
    /// `consoleLevel`, info by default.
    pub console_level: LogLevel,
    /// `file`: the log file; unset means a dated one in the log directory.
    pub file: Option<PathBuf>,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        Self { level: LogLevel::Info, console_level: LogLevel::Info, file: None }
    }
}

impl LoggingConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        Self {
            level: s.choice("level").unwrap_or(LogLevel::Info),
            console_level: s.choice("consoleLevel").unwrap_or(LogLevel::Info),
            file: s.path("file"),
        }
    }
}
