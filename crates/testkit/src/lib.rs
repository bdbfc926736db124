//! Fakes of what is not ours, for tests and benchmarks: model APIs and chat platforms, spoken on the wire.

pub mod fake_model;
pub mod fake_telegram;
pub mod gateway;
