//! Chats, through a fake Telegram: in, out, and what people set there.

// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod batches;
mod channels;
mod chat_commands;
mod direct;
mod groups;
mod message_actions;
mod out;
mod owner_commands;
mod reading;
mod said_as;
mod webhook;

#[path = "../flow/mod.rs"]
mod flow;
