//! Messages from and to chat platforms: durable in, durable out (B5).

pub(crate) mod albums;
pub(crate) mod arriving;
pub(crate) mod batches;
pub(crate) mod channels;
pub(crate) mod emoji;
pub(crate) mod files;
pub(crate) mod gates;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod prefix;
pub(crate) mod reading;
mod transcripts;
