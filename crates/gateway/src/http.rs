//! HTTP on the gateway's port: probes, a plain status page, and the way up to a WebSocket.

use crate::auth::peer::{Peer, TurnedAway};
use crate::connection::socket::Socket;
use crate::listener::{Arrival, Place};
use crate::shared::Shared;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// All routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(live))
        .route("/health", get(live))
        .route("/readyz", get(ready))
        .route("/ready", get(ready))
        .route("/startupz", get(started))
        .route("/startup", get(started))
        .route("/", any(root))
        .route("/approve/{id}", get(approve))
        .route("/j/{code}", any(crate::join::fetch))
        .fallback(missing)
        .with_state(shared)
}

async fn live() -> Response {
    Json(json!({"ok": true, "status": "live"})).into_response()
}

/// Ready: the store answers. What is failing is told to callers on this host alone.
async fn ready(
    State(shared): State<Arc<Shared>>,
    Extension(from): Extension<Arrival>,
    headers: HeaderMap,
) -> Response {
    let stopping = shared.lifecycle.soft().is_cancelled();
    let store_answers = shared.health.store_answers(&shared).await;
    let mut failing: Vec<&str> = Vec::new();
    if stopping {
        failing.push("stopping");
    }
    if !store_answers {
        failing.push("store");
    }
    let status = if failing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let local = peer(&shared, from, &headers).is_ok_and(|p| p.local);
    let mut body = json!({"ready": failing.is_empty()});
    if local {
        body["failing"] = json!(failing);
        body["uptimeMs"] = json!(shared.uptime_ms());
    }
    (status, Json(body)).into_response()
}

/// The port is opened last, so whoever can ask has a gateway that has started.
async fn started() -> Response {
    Json(json!({"ok": true, "status": "started"})).into_response()
}

/// Where approvals point to (`urlPath`). There is no page to decide on, and nothing about a question is told to strangers: it
/// says who asks for an id how to decide.
async fn approve(
    State(shared): State<Arc<Shared>>,
    Extension(from): Extension<Arrival>,
    headers: HeaderMap,
) -> Response {
    if let Err(reason) = peer(&shared, from, &headers) {
        return turned_away(from.addr, reason);
    }
    let mut response = Html(include_str!("approve.html")).into_response();
    secure(&mut response);
    response
}

async fn missing() -> Response {
    (
        StatusCode::NOT_FOUND,
        Json(json!({"error": {"code": "not_found", "message": "there is nothing here; try / or /healthz"}})),
    )
        .into_response()
}

/// A WebSocket upgrade, or the status page.
async fn root(
    State(shared): State<Arc<Shared>>,
    Extension(from): Extension<Arrival>,
    Extension(place): Extension<Arc<Place>>,
    mut request: Request,
) -> Response {
    let is_upgrade = request
        .headers()
        .get(header::UPGRADE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.eq_ignore_ascii_case("websocket"));
    let peer = match peer(&shared, from, request.headers()) {
        Ok(peer) => peer,
        Err(reason) => return turned_away(from.addr, reason),
    };
    if !is_upgrade {
        return page(&shared, request.method());
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let version = request.headers().get(header::SEC_WEBSOCKET_VERSION).is_some_and(|v| v == "13");
    let (Some(key), true, &Method::GET) = (key, version, request.method()) else {
        return plain_error(StatusCode::BAD_REQUEST, "bad_upgrade", "not a WebSocket upgrade of version 13");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let lifecycle = shared.lifecycle.clone();
    lifecycle.spawn(async move {
        // An upgrade that does not happen has nobody to tell: the client is gone.
        if let Ok(upgraded) = upgrade.await {
            let socket = Socket::new(TokioIo::new(upgraded)).await;
            crate::connection::serve(socket, peer, shared, place).await;
        }
    });
    switch_protocols(&key)
}

fn switch_protocols(key: &HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// Who asks, by the configuration as it is now.
pub(crate) fn peer(shared: &Shared, from: Arrival, headers: &HeaderMap) -> Result<Peer, TurnedAway> {
    Peer::of(from, headers, &shared.settings().rules, shared.tailscale.name().as_deref())
}

pub(crate) fn turned_away(addr: SocketAddr, reason: TurnedAway) -> Response {
    tracing::warn!(ip = %addr.ip(), reason = reason.code(), "a request was turned away");
    plain_error(StatusCode::FORBIDDEN, reason.code(), reason.message())
}

fn plain_error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"error": {"code": code, "message": message}}))).into_response()
}

fn page(shared: &Shared, method: &Method) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return plain_error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use GET");
    }
    let html = include_str!("status.html").replace("{{version}}", shared.version);
    let mut response = Html(html).into_response();
    secure(&mut response);
    response
}

fn secure(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
}

const SECURITY_HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-e7Nrk/8Ayam66PUx2YJevEf+vNh0iONgRKM8NqPMrUY='; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use sha2::Digest;

    #[test]
    fn the_page_may_run_its_own_script_and_no_other() {
        let page = include_str!("status.html");
        let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
        assert!(SECURITY_HEADERS[0].1.contains(&format!("'sha256-{hash}'")), "expected sha256-{hash}");
    }
}
