//! Accepting connections: bounded in number, with a deadline on the request that opens each.

use crate::shared::Shared;
use axum::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at the same time. Each idle one costs some 10 KiB and a file descriptor.
const MAX_CONNECTIONS: usize = 10_000;
/// The head of a request must be there within this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed accept (no descriptors left, say) the next try waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until shutdown. Dies with the listener alone; each connection is a task of its own.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let router = crate::http::router(shared.clone());
    let soft = shared.lifecycle.soft().clone();
    loop {
        let accepted = tokio::select! {
            () = soft.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(ip = %addr.ip(), "too many connections; this one is closed");
            continue;
        };
        let service = router.clone().layer(Extension(addr));
        shared.lifecycle.spawn(async move {
            serve(stream, addr, service).await;
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, addr: SocketAddr, router: axum::Router) {
    // Frames are small and answered at once; waiting to fill packets would only add delay.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, ip = %addr.ip(), "no TCP_NODELAY");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, ip = %addr.ip(), "connection ended");
    }
}
