//! Join URLs: `GET /j/CODE` gives what a setup code says, once. What is pasted is then short, and worth nothing to whoever
//! finds it afterwards.

use crate::auth::rate_limit::{RateLimit, RateLimitSettings};
use crate::auth::secret::same;
use crate::http::{peer, turned_away};
use crate::listener::Arrival;
use crate::shared::Shared;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Codes that may be open at once; beyond it the oldest one ends. As many as there may be open setup codes.
const OPEN: usize = 16;
/// Characters of a code: 132 random bits.
const LENGTH: usize = 22;

/// The codes that may still be fetched. They end with the process: whoever has one then gets another.
pub(crate) struct JoinCodes {
    open: Mutex<VecDeque<Open>>,
    /// Guesses are counted apart from those of the shared secret: neither locks out the other.
    limit: RateLimit,
}

struct Open {
    code: String,
    payload: Value,
    until_ms: i64,
}

impl JoinCodes {
    pub(crate) fn new(limit: RateLimitSettings) -> Self {
        Self { open: Mutex::default(), limit: RateLimit::new(limit) }
    }

    /// Goes by other limits from now on.
    pub(crate) fn set(&self, limit: RateLimitSettings) {
        self.limit.set(limit);
    }

    fn open(&self) -> MutexGuard<'_, VecDeque<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A code that gives this payload once, until then.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn make(&self, payload: Value, until_ms: i64) -> Result<String, String> {
        let mut code = model::random_token().map_err(|error| error.to_string())?;
        code.truncate(LENGTH);
        let mut open = self.open();
        open.push_back(Open { code: code.clone(), payload, until_ms });
        while open.len() > OPEN {
            open.pop_front();
        }
        Ok(code)
    }

    fn take(&self, code: &str, now_ms: i64) -> Option<Value> {
        let mut open = self.open();
        open.retain(|one| one.until_ms > now_ms);
        let place = open.iter().position(|one| same(code, &one.code))?;
        open.remove(place).map(|one| one.payload)
    }
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
    let joining = &shared.joining;
    if let Some(left) = joining.limit.locked_for(ip, local, browser) {
        let mut response = answer(StatusCode::TOO_MANY_REQUESTS, json!({"error": "rate_limited"}));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(left.as_secs() + 1));
        return response;
    }
    // Looking whether it is there (HEAD) must not use it up, and nothing asks for it with parameters.
    let asked = method == Method::GET && uri.query().is_none();
    match asked.then(|| joining.take(&code, shared.clock.now_ms())).flatten() {
        Some(payload) => {
            joining.limit.succeeded(ip, local, browser);
            tracing::info!(%ip, "a join URL was fetched");
            answer(StatusCode::OK, payload)
        }
        None => {
            joining.limit.failed(ip, local, browser);
            answer(StatusCode::NOT_FOUND, json!({"error": "not_found"}))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_gives_its_payload_once_and_in_its_time() {
        let codes = JoinCodes::new(RateLimitSettings::default());
        let (late, good) = (codes.make(json!(1), 10).unwrap(), codes.make(json!(2), 20).unwrap());
        assert_eq!((good.len(), late == good), (LENGTH, false));
        assert_eq!(codes.take(&late, 10), None, "its time is over");
        assert_eq!((codes.take(&good, 11), codes.take(&good, 11)), (Some(json!(2)), None));
        assert_eq!(codes.take("", 11), None);
    }

    #[test]
    fn the_oldest_of_too_many_ends() {
        let codes = JoinCodes::new(RateLimitSettings::default());
        let made: Vec<String> = (0..=OPEN).map(|i| codes.make(json!(i), 10).unwrap()).collect();
        assert_eq!(codes.take(&made[0], 0), None);
        assert_eq!(codes.take(&made[1], 0), Some(json!(1)));
    }
}
