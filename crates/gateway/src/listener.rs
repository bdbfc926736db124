//! Accepting connections: bounded in number, with a deadline on the request that opens each. Every listener has a kind, which
//! its connections carry: authority depends on it.

use crate::shared::Shared;
use crate::tls::{Refused, Tls};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at the same time. Each idle one costs some 10 KiB and a file descriptor.
const MAX_CONNECTIONS: usize = 10_000;
/// Connections of which nobody knows yet whose they are: plain HTTP, and WebSockets until the handshake is done. Each may
/// cost some 100 KiB, and holds its place for [`HTTP_TIMEOUT`] and the handshake's deadline at most.
const MAX_STRANGERS: usize = 512;
/// When all those places are taken, the next one waits for one this long before it is turned away. Others wait with the
/// system meanwhile: after a restart everybody comes at once.
const STRANGER_PATIENCE: Duration = Duration::from_secs(1);
/// The head of a request must be there within this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP on one connection ends after this time, also where request follows request; a WebSocket goes on.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);
/// After a failed accept (no descriptors left, say) the next try waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who can reach a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenerKind {
    /// This host.
    Loopback,
    /// Others, too.
    Public,
    /// Tailscale on this host, for the tailnet.
    Serve,
    /// Tailscale on this host, for the internet.
    Funnel,
}

impl ListenerKind {
    /// Whether clients themselves are at the other end, and not what forwards them.
    fn is_direct(self) -> bool {
        matches!(self, Self::Loopback | Self::Public)
    }
}

/// A listener that has its port.
pub(crate) struct Bound {
    pub(crate) socket: TcpListener,
    pub(crate) kind: ListenerKind,
}

/// Where a connection arrived: the other end's address, and by which kind of listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// The other end.
    pub(crate) addr: SocketAddr,
    /// This end.
    pub(crate) own: SocketAddr,
    pub(crate) kind: ListenerKind,
    /// Over TLS that ends in this process.
    pub(crate) secure: bool,
}

/// A connection's place, held from its first byte to its last: as HTTP, and as a WebSocket after that.
#[derive(Debug)]
pub(crate) struct Place {
    _among_all: OwnedSemaphorePermit,
    among_strangers: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Place {
    /// It has proven itself: it gives up its place among the strangers.
    pub(crate) fn is_known(&self) {
        self.among_strangers.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The places that there are.
#[derive(Clone)]
struct Places {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Places {
    fn new(all: usize, strangers: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), strangers: Arc::new(Semaphore::new(strangers)) }
    }

    /// A place for a new connection; `None` where there is none.
    async fn take(&self) -> Option<Arc<Place>> {
        let among_all = self.all.clone().try_acquire_owned().ok()?;
        let stranger = tokio::time::timeout(STRANGER_PATIENCE, self.strangers.clone().acquire_owned());
        let stranger = stranger.await.ok()?.ok()?;
        Some(Arc::new(Place { _among_all: among_all, among_strangers: Mutex::new(Some(stranger)) }))
    }
}

/// What all listeners have in common: the routes, and the places of all connections together.
#[derive(Clone)]
pub(crate) struct Doors {
    shared: Arc<Shared>,
    router: TowerToHyperService<Router>,
    places: Places,
}

impl Doors {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let router = TowerToHyperService::new(crate::http::router(shared.clone()));
        Self { shared, router, places: Places::new(MAX_CONNECTIONS, MAX_STRANGERS) }
    }

    /// Accepts until shutdown. Dies with the listener alone; each connection is a task of its own.
    pub(crate) async fn run(self, Bound { socket, kind }: Bound) {
        let soft = self.shared.lifecycle.soft().clone();
        loop {
            let accepted = tokio::select! {
                () = soft.cancelled() => return,
                accepted = socket.accept() => accepted,
            };
            let (stream, addr) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(own) = stream.local_addr() else {
                tracing::debug!(ip = %addr.ip(), "gone before it was looked at");
                continue;
            };
            let Some(place) = self.places.take().await else {
                tracing::warn!(ip = %addr.ip(), "too many connections; this one is closed");
                continue;
            };
            // What Tailscale forwards has had its TLS there.
            let tls = self.shared.tls.clone().filter(|_| kind.is_direct());
            let router = self.router.clone();
            let from = Arrival { addr, own, kind, secure: tls.is_some() };
            self.shared.lifecycle.spawn(serve(stream, from, router, place, tls));
        }
    }
}

async fn serve(
    stream: TcpStream,
    from: Arrival,
    router: TowerToHyperService<Router>,
    place: Arc<Place>,
    tls: Option<Arc<Tls>>,
) {
    let addr = from.addr;
    // Frames are small and answered at once; waiting to fill packets would only add delay.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, ip = %addr.ip(), "no TCP_NODELAY");
    }
    let Some(tls) = tls else { return http(stream, from, router, place).await };
    match tls.accept(stream).await {
        Ok(stream) => http(stream, from, router, place).await,
        Err(Refused::Plain) => tracing::debug!(ip = %addr.ip(), "spoke without TLS, and was told"),
        Err(Refused::Failed(error)) => tracing::debug!(%error, ip = %addr.ip(), "no TLS handshake"),
    }
}

async fn http<S>(stream: S, from: Arrival, router: TowerToHyperService<Router>, place: Arc<Place>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let addr = from.addr;
    // Arrival and place go in here and not by a layer on the router: that would build all routes anew for each connection.
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(from);
        request.extensions_mut().insert(place.clone());
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // With an upgrade this ends, and the WebSocket's task goes on with the place.
    match tokio::time::timeout(HTTP_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, ip = %addr.ip(), "connection ended"),
        Err(_) => tracing::debug!(ip = %addr.ip(), "HTTP took too long; connection closed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn places_are_held_to_the_end_and_those_of_strangers_until_they_are_known() {
        let places = Places::new(3, 2);
        let (first, second) = (places.take().await.unwrap(), places.take().await.unwrap());
        assert!(places.take().await.is_none(), "two strangers are enough");
        first.is_known();
        let third = places.take().await.unwrap();
        third.is_known();
        assert!(places.take().await.is_none(), "three are enough");
        drop(second);
        assert!(places.take().await.is_some());
    }
}
