//! Speaking with model providers: one request shape, one stream of events, one file per provider API.
//! This crate makes a single call; retries, tools and transcripts are the agent's business.
//!
//! How a call goes: `openai` or `anthropic` write the request, `endpoint` sends it and bounds the answer in time and
//! size, `stream` cuts it into events (`model::sse`), the API's decoder builds the message, and `fault` says what a refusal means.

mod answer;
mod anthropic;
mod demo;
mod endpoint;
mod fault;
mod history;
mod http;
mod openai;
mod provider;
mod sign_in;
mod stream;
mod transcribe;
mod types;

pub use anthropic::AnthropicModel;
pub use demo::DemoModel;
pub use http::{Http, Limits, Trust, client_trusting, plain_client};
pub use openai::OpenAiModel;
pub use provider::{
    Api, ProviderConfig, Setup, WELL_KNOWN, WellKnown, build, build_with, detect_ollama, well_known,
};
pub use sign_in::exchange_code;
pub use transcribe::{HEARING, Hearing, Listener, Speech};
pub use types::{
    Completion, ErrorKind, EventSink, Model, ModelError, ModelFuture, ModelInfo, Price, Request, StreamEvent,
    ToolSpec,
};
