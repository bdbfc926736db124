//! What went wrong, as one line. A figure that was measured beside errors is worth nothing, so the first one ends all.

use std::fmt;

/// A failure; not an `Error` itself, so that every error turns into one.
#[derive(Debug)]
pub(crate) struct Failure(String);

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Says where it went wrong.
pub(crate) trait Context<T> {
    fn context(self, place: &str) -> Result<T>;
}

impl<T, E: Into<Failure>> Context<T> for std::result::Result<T, E> {
    fn context(self, place: &str) -> Result<T> {
        self.map_err(|e| Failure(format!("{place}: {}", e.into())))
    }
}
