//! Secrets in the config: written out, as `${NAME}`, or as a reference to a variable or a file.

mod file;
mod input;

pub(crate) use input::{FileProvider, Provider, SecretSources};
pub use input::{SecretError, SecretInput};
