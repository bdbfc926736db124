//! Fakes of what is not ours, for tests and benchmarks: model APIs and chat platforms, spoken on the wire. A real gateway
//! for tests, held against the published contract.

pub mod contract;
pub mod fake_model;
pub mod fake_telegram;
pub mod gateway;
