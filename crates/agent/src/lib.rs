//! The turn: transcript + tools + model → events. Knows neither sockets nor SQL.
//!
//! [`turn::run_turn`] is one run of the agent on a session, [`resume`] says how a cut run goes on, [`queue`] what
//! becomes of messages that arrive meanwhile; [`prompt`] and [`workspace`] make the system prompt.

mod context;
mod text;

pub mod prompt;
pub mod queue;
pub mod resume;
pub mod tool;
pub mod turn;
pub mod workspace;

#[cfg(test)]
mod testing;
