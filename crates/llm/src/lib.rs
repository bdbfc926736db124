//! Speaking with model providers: one request shape, one stream of events, one file per provider API.
//! This crate makes a single call; retries, tools and transcripts are the agent's business.

mod types;

pub use types::{
    Completion, ErrorKind, EventSink, Model, ModelError, ModelInfo, ModelFuture, Price, Request, StreamEvent, ToolSpec,
};
