//! Join URLs: `GET /j/CODE` gives what a setup code says, once. What is pasted is then short, and worth nothing to whoever
//! finds it afterwards. Like a setup code's credential, CODE is derived from the gateway's key and is not kept.

use crate::auth::secret::same;
use crate::http::{peer, turned_away};
use crate::listener::Arrival;
use crate::setup;
use crate::shared::Shared;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{SetupCode, StoreError};

/// Makes the code that may be fetched, and gives CODE. `says` is what a setup code says but for its credential and its end.
pub(crate) async fn offer(
    shared: &Shared,
    code: &SetupCode,
    says: &Map<String, Value>,
) -> Result<String, StoreError> {
    let text = Value::Object(says.clone()).to_string();
    shared.store.offer_join(&code.setup_id, text).await?;
    Ok(shared.identity.join_code(&code.setup_id))
}

/// What CODE stands for, which is told to nobody else from then on. All that are open are compared, in constant time each.
async fn take(shared: &Shared, code: &str) -> Result<Option<Value>, StoreError> {
    let open = shared.store.open_joins().await?;
    let Some(id) = open.iter().find(|id| same(code, &shared.identity.join_code(id))) else { return Ok(None) };
    let taken = shared.store.take_join(id).await?;
    Ok(taken.map(|(code, says)| {
        // The gateway's own text.
        let says = serde_json::from_str(&says).unwrap_or_default();
        setup::payload(shared, &code, says)
    }))
}

/// Gives what the code stands for. A used code is answered as one that never was.
pub(crate) async fn fetch(
    State(shared): State<Arc<Shared>>,
    Extension(from): Extension<Arrival>,
    Path(code): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let peer = match peer(&shared, from, &headers) {
        Ok(peer) => peer,
        Err(reason) => return turned_away(from.addr, reason),
    };
    let (ip, local, browser) = (peer.ip, peer.local, peer.origin.is_some());
    // Guesses are counted apart from those of the shared secret: neither locks out the other.
    let limit = &shared.joining;
    if let Some(left) = limit.locked_for(ip, local, browser) {
        let mut response = answer(StatusCode::TOO_MANY_REQUESTS, json!({"error": "rate_limited"}));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(left.as_secs() + 1));
        return response;
    }
    // Looking whether it is there (HEAD) must not use it up, and nothing asks for it with parameters.
    let asked = method == Method::GET && uri.query().is_none();
    let taken = if asked { take(&shared, &code).await } else { Ok(None) };
    match taken {
        Ok(Some(payload)) => {
            limit.succeeded(ip, local, browser);
            tracing::info!(%ip, "a join URL was fetched");
            answer(StatusCode::OK, payload)
        }
        Ok(None) => {
            limit.failed(ip, local, browser);
            answer(StatusCode::NOT_FOUND, json!({"error": "not_found"}))
        }
        Err(error) => {
            tracing::error!(%error, "a join URL was not answered");
            answer(StatusCode::SERVICE_UNAVAILABLE, json!({"error": "unavailable"}))
        }
    }
}

fn answer(status: StatusCode, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
