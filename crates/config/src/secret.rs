//! Secrets in the config: written out, as `${NAME}`, or as a reference to a variable, a file or a program.

mod exec;
mod file;
mod input;
mod provider;

/// What a reference may name as its source.
pub(crate) const SOURCES: &[&str] = &["env", "file", "exec", "store"];

pub use input::{SecretError, SecretInput, SecretOrigin};
pub(crate) use provider::{ExecProvider, FileProvider, Provider, SecretSources};
