//! State on SQLite: one writer that groups commits and answers after them, readers of their own. SQL never leaves this crate.

mod types;

pub use types::*;
