//! The turn: transcript + tools + model → events. Knows neither sockets nor SQL.

pub mod tool;
