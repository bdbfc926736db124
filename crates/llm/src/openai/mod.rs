//! OpenAI-compatible chat completions: OpenAI, OpenRouter, Ollama, LM Studio, vLLM and the many that follow them.

mod decode;
mod request;

use crate::endpoint::{Endpoint, Manner};
use crate::fault::Fault;
use crate::provider::{ProviderConfig, Setup};
use crate::{Completion, EventSink, Model, ModelError, ModelFuture, ModelInfo, Request, stream};
use model::SharedClock;
use reqwest::header::AUTHORIZATION;
use tokio_util::sync::CancellationToken;

/// A model behind `POST <baseUrl>/chat/completions`.
pub struct OpenAiModel {
    info: ModelInfo,
    endpoint: Endpoint,
    clock: SharedClock,
    limit: request::LimitName,
}

impl OpenAiModel {
    /// Prepares calls to `info.id` at `provider`; nothing is sent yet.
    ///
    /// # Errors
    /// A base URL, key or header that cannot be sent.
    pub fn new(provider: &ProviderConfig, info: ModelInfo, setup: &Setup) -> Result<Self, ModelError> {
        let manner = Manner {
            path: &["chat", "completions"],
            key_header: (AUTHORIZATION, "Bearer "),
            headers: Vec::new(),
        };
        let endpoint = Endpoint::new(provider, &info.id, manner, setup.http.clone())?;
        let limit = request::LimitName::of_host(endpoint.host());
        Ok(Self { info, endpoint, clock: setup.clock.clone(), limit })
    }

    async fn call(
        &self,
        request: Request<'_>,
        events: EventSink<'_>,
        cancel: &CancellationToken,
    ) -> Result<Completion, Fault> {
        let body = request::body(&self.info, self.limit, &request)?;
        let reply = self.endpoint.post(body, cancel).await?;
        let answer = stream::read(reply, decode::Decoder::new(crate::answer::fresh_call_id), events).await?;
        Ok(answer.complete(&self.info, self.clock.now_ms()))
    }
}

impl Model for OpenAiModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn complete<'a>(
        &'a self,
        request: Request<'a>,
        events: EventSink<'a>,
        cancel: &'a CancellationToken,
    ) -> ModelFuture<'a> {
        Box::pin(async move { self.call(request, events, cancel).await.map_err(|f| self.endpoint.report(f)) })
    }
}
