//! What can be wrong with a config, said so that it can be put right.

use std::fmt;
use std::path::PathBuf;

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing, nothing to do: a section that this version does not use yet.
    Note,
    /// Probably not what was meant; the value is not used.
    Warning,
    /// The config cannot be used like this.
    Error,
}

/// One remark about one place in the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as it was named.
    pub file: PathBuf,
    /// Line of the value, from 1; 0 when it could not be told.
    pub line: usize,
    /// Column in characters, from 1; 0 when it could not be told.
    pub column: usize,
    /// The key, like `gateway.auth.mode` or `models.providers.local.models[0].id`; empty for the whole file.
    pub path: String,
    /// What is wrong and what is allowed. Never holds a secret.
    pub message: String,
    /// How much it matters.
    pub level: Level,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, " {}:", self.path)?;
        }
        write!(f, " {}", self.message)
    }
}

/// Why there is no usable config.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigError {
    /// No home directory, and no variable that makes it unnecessary.
    #[error("no home directory: set HOME, or OPENCLAW_STATE_DIR to the directory that holds the state")]
    NoHome,
    /// A profile name that cannot be part of a directory name.
    #[error(
        "the profile name {0:?} is not allowed; use letters, digits, - and _, beginning with a letter or digit, 64 at most"
    )]
    ProfileName(String),
    /// `--dev` is a profile of its own.
    #[error("--dev and --profile {0} exclude each other; give one of them")]
    ProfileClash(String),
    /// The file is there and cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Read {
        /// The config file.
        file: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The text is not JSON5, or is larger or deeper than is allowed.
    #[error("{}:{line}:{column}: {message}", file.display())]
    Syntax {
        /// The config file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What was found and what belongs there.
        message: String,
    },
    /// Values of the wrong type or out of range: all of them.
    #[error("{}", listed(.0))]
    Invalid(Vec<Diagnostic>),
    /// `OPENCLAW_GATEWAY_PORT` is no port.
    #[error("OPENCLAW_GATEWAY_PORT is {0:?}; set it to a port from 1 to 65535 or unset it")]
    PortVariable(String),
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(Diagnostic::to_string).collect();
    lines.join("\n")
}
