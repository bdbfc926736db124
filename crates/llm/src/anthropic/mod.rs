//! The Anthropic Messages API.

mod decode;
mod request;

use crate::endpoint::{Endpoint, Manner};
use crate::fault::Fault;
use crate::provider::{ProviderConfig, Setup};
use crate::{Completion, EventSink, Model, ModelError, ModelFuture, ModelInfo, Request, stream};
use model::SharedClock;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;

/// A model behind `POST <baseUrl>/v1/messages`.
pub struct AnthropicModel {
    info: ModelInfo,
    endpoint: Endpoint,
    clock: SharedClock,
}

impl AnthropicModel {
    /// Prepares calls to `info.id` at `provider`; nothing is sent yet.
    ///
    /// # Errors
    /// A base URL, key or header that cannot be sent.
    pub fn new(provider: &ProviderConfig, info: ModelInfo, setup: &Setup) -> Result<Self, ModelError> {
        let mut headers =
            vec![(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"))];
        let mut key_header = (HeaderName::from_static("x-api-key"), "");
        if provider.is_token {
            key_header = (AUTHORIZATION, "Bearer ");
            let beta = HeaderValue::from_static("oauth-2025-04-20");
            headers.push((HeaderName::from_static("anthropic-beta"), beta));
        }
        let manner = Manner { path: &["v1", "messages"], key_header, headers };
        let endpoint = Endpoint::new(provider, &info.id, manner, setup.http.clone())?;
        Ok(Self { info, endpoint, clock: setup.clock.clone() })
    }

    async fn call(
        &self,
        request: Request<'_>,
        events: EventSink<'_>,
        cancel: &CancellationToken,
    ) -> Result<Completion, Fault> {
        let body = request::body(&self.info, &request)?;
        let reply = self.endpoint.post(body, cancel).await?;
        let answer = stream::read(reply, decode::Decoder::new(crate::answer::fresh_call_id), events).await?;
        Ok(answer.complete(&self.info, self.clock.now_ms()))
    }
}

impl Model for AnthropicModel {
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
