//! Accepting connections: bounded in number (`places`), with a deadline on the request that opens each. Every listener has a kind, which
//! its connections carry: authority depends on it.

mod places;

use crate::auth::peer::is_trusted;
use crate::shared::Shared;
use crate::tls::{Refused, Tls};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
pub(crate) use places::Place;
use places::Places;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

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
        Self { shared, router, places: Places::new() }
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
            let ip = addr.ip();
            let is_proxy = is_trusted(ip, &self.shared.settings().rules);
            let Some(asking) = self.places.ask(kind, ip, is_proxy) else {
                self.turn_away(ip);
                continue;
            };
            // What Tailscale forwards has had its TLS there.
            let tls = self.shared.tls.clone().filter(|_| kind.is_direct());
            let from = Arrival { addr, own, kind, secure: tls.is_some() };
            let doors = self.clone();
            self.shared.lifecycle.spawn(async move {
                match asking.place().await {
                    Some(place) => serve(stream, from, doors.router, place, tls).await,
                    None => doors.turn_away(ip),
                }
            });
        }
    }

    fn turn_away(&self, ip: IpAddr) {
        if let Some(count) = self.places.note_turned_away() {
            tracing::warn!(%ip, count, "too many connections; this one is closed, as were others since the last time that this was said");
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
