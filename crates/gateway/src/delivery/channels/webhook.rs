//! The listener for Telegram's deliveries: on a port of its own, for one path, and for nobody who does not know the secret. It is
//! answered once the update is on disk.

use super::telegram::{Listens, TelegramAccount};
use crate::delivery::inbox::ChannelInbox;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Where Telegram writes what it was given in `setWebhook`.
const SECRET: &str = "x-telegram-bot-api-secret-token";
/// The largest updates stay well below it.
const MAX_UPDATE: usize = 1024 * 1024;
/// Connections at the same time: Telegram has 40 at most, and a proxy before us no more.
const MAX_CONNECTIONS: usize = 64;
/// The head of a request must be there within this time, and all of it be answered within the other, in which an update is
/// taken or is not ([`channels::Telegram::take`] has 15 s).
const HEAD_WITHIN: Duration = Duration::from_secs(5);
const DONE_WITHIN: Duration = Duration::from_secs(20);
/// Between two tries for a port that is taken, and after a failed accept.
const PORT_AGAIN: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct Door {
    account: Arc<TelegramAccount>,
    inbox: Arc<ChannelInbox>,
    /// Somebody without the secret was told of in the log; once is enough.
    told: AtomicBool,
}

/// Receives until `cancel`. Telegram is told to deliver once there is somebody to take it.
pub(super) async fn run(
    account: &Arc<TelegramAccount>,
    listens: &Listens,
    inbox: Arc<ChannelInbox>,
    cancel: &CancellationToken,
) {
    let Some(Some(socket)) = cancel.run_until_cancelled(bound(account, listens, cancel)).await else {
        return;
    };
    let door = Arc::new(Door { account: account.clone(), inbox, told: AtomicBool::new(false) });
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route(&listens.path, post(take))
        .with_state(door.clone());
    tokio::join!(serve(socket, router, cancel), account.bot.await_deliveries(cancel));
}

async fn bound(
    account: &TelegramAccount,
    listens: &Listens,
    cancel: &CancellationToken,
) -> Option<TcpListener> {
    while !cancel.is_cancelled() {
        match TcpListener::bind(listens.at).await {
            Ok(socket) => {
                // Where the configuration leaves the port to the system, this is how one knows.
                if let Ok(at) = socket.local_addr() {
                    tracing::info!(account = account.name(), %at, "listening for Telegram's deliveries");
                    account.bot.listens_on(at.port());
                }
                return Some(socket);
            }
            Err(error) => {
                tracing::error!(account = account.name(), at = %listens.at, %error,
                    "nobody can listen for Telegram's deliveries; set another webhookPort");
                tokio::time::sleep(PORT_AGAIN).await;
            }
        }
    }
    None
}

/// Each connection is a task that ends with this one.
async fn serve(socket: TcpListener, router: Router, cancel: &CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            Some(_) = connections.join_next() => {}
            accepted = socket.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, router.clone()))),
                Err(error) => {
                    tracing::debug!(%error, "a delivery of Telegram was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    // One request a connection, so that a connection's time is that of its request.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).keep_alive(false);
    let served =
        tokio::time::timeout(DONE_WITHIN, http.serve_connection(TokioIo::new(stream), service)).await;
    if let Ok(Err(error)) = served {
        tracing::debug!(%error, "a connection for Telegram's deliveries broke off");
    }
}

async fn take(State(door): State<Arc<Door>>, request: Request<Body>) -> Response {
    let given = request.headers().get(SECRET).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    if !door.account.is_telegram(&given) {
        if !door.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                account = door.account.name(),
                "somebody without the secret knocks at Telegram's door"
            );
        }
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(body) = axum::body::to_bytes(request.into_body(), MAX_UPDATE).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Ok(update) = std::str::from_utf8(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    match door.account.bot.take(&*door.inbox, update).await {
        Ok(()) => ([("x-openclaw-delivery-accepted", "durable")], StatusCode::OK).into_response(),
        Err(error) => {
            tracing::warn!(account = door.account.name(), %error, "Telegram is to deliver it again");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
