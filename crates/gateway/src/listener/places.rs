//! How many may be connected, and how many of whom nobody knows yet whose they are. Each kind of listener has places of its own for
//! strangers, so that a crowd at one door keeps nobody from another, this host's own programs least of all; and one address
//! has some of them and not all.

use super::ListenerKind;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Connections at the same time. Each idle one costs some 10 KiB and a file descriptor.
const MAX_CONNECTIONS: usize = 10_000;
/// Connections of which nobody knows yet whose they are: plain HTTP, and WebSockets until the handshake is done. Each may cost
/// some 100 KiB, and holds its place for the deadline of HTTP and the handshake's at most. As many for this host's own
/// programs as for all others at the port: after a restart everybody comes at once.
const AT_THE_PORT: usize = 512;
/// The same for each of Tailscale's listeners, where everybody comes from one address: a tailnet's devices, and the internet.
const THROUGH_TAILSCALE: usize = 128;
/// Of those, one address elsewhere has so many, waiting ones included.
const FROM_ONE_ADDRESS: usize = 64;
/// When all places are taken, so many wait for one, in tasks of their own. Beyond that they are turned away at once.
const MAX_WAITING: usize = 512;
/// They wait this long.
const PATIENCE: Duration = Duration::from_secs(1);
/// Who is turned away is told of at most this often.
const REMARK_EVERY: Duration = Duration::from_secs(10);

/// A connection's place, held from its first byte to its last: as HTTP, and as a WebSocket after that.
#[derive(Debug)]
pub(crate) struct Place {
    _among_all: OwnedSemaphorePermit,
    among_strangers: Mutex<Option<Stranger>>,
}

impl Place {
    /// It has proven itself: it gives up its place among the strangers.
    pub(crate) fn is_known(&self) {
        self.among_strangers.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[derive(Debug)]
struct Stranger {
    _permit: OwnedSemaphorePermit,
    _counted: Option<Counted>,
}

/// Who has a place, or waits for one.
pub(super) struct Asking {
    among_all: OwnedSemaphorePermit,
    counted: Option<Counted>,
    turn: Turn,
}

enum Turn {
    Now(OwnedSemaphorePermit),
    Later { places: Arc<Semaphore>, _waiting: OwnedSemaphorePermit },
}

impl Asking {
    /// The place, as soon as there is one; `None` where there is none in time.
    pub(super) async fn place(self) -> Option<Arc<Place>> {
        let permit = match self.turn {
            Turn::Now(permit) => permit,
            Turn::Later { places, _waiting } => {
                tokio::time::timeout(PATIENCE, places.acquire_owned()).await.ok()?.ok()?
            }
        };
        let stranger = Stranger { _permit: permit, _counted: self.counted };
        Some(Arc::new(Place { _among_all: self.among_all, among_strangers: Mutex::new(Some(stranger)) }))
    }
}

/// The places that there are.
#[derive(Clone)]
pub(super) struct Places(Arc<All>);

struct All {
    all: Arc<Semaphore>,
    loopback: Strangers,
    public: Strangers,
    serve: Strangers,
    funnel: Strangers,
    turned_away: Mutex<(Option<Instant>, u64)>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self::of(MAX_CONNECTIONS, AT_THE_PORT, THROUGH_TAILSCALE, MAX_WAITING)
    }

    fn of(all: usize, at_the_port: usize, through_tailscale: usize, waiting: usize) -> Self {
        let strangers = |most| Strangers::new(most, waiting);
        Self(Arc::new(All {
            all: Arc::new(Semaphore::new(all)),
            loopback: strangers(at_the_port),
            public: strangers(at_the_port),
            serve: strangers(through_tailscale),
            funnel: strangers(through_tailscale),
            turned_away: Mutex::default(),
        }))
    }

    /// Room for a new connection, without a wait; `None` where there is none. One `speaks_for_many` if it is a trusted proxy.
    pub(super) fn ask(&self, kind: ListenerKind, ip: IpAddr, speaks_for_many: bool) -> Option<Asking> {
        let ip = ip.to_canonical();
        let among_all = self.0.all.clone().try_acquire_owned().ok()?;
        let strangers = match kind {
            // A listener on all addresses has this host's programs among its callers.
            ListenerKind::Public if !ip.is_loopback() => &self.0.public,
            ListenerKind::Loopback | ListenerKind::Public => &self.0.loopback,
            ListenerKind::Serve => &self.0.serve,
            ListenerKind::Funnel => &self.0.funnel,
        };
        let is_one_of_many = ip.is_loopback() || speaks_for_many;
        let counted =
            if is_one_of_many { None } else { Some(Counted::new(&strangers.from, network_of(ip))?) };
        let turn = match strangers.places.clone().try_acquire_owned() {
            Ok(permit) => Turn::Now(permit),
            Err(_) => Turn::Later {
                places: strangers.places.clone(),
                _waiting: strangers.waiting.clone().try_acquire_owned().ok()?,
            },
        };
        Some(Asking { among_all, counted, turn })
    }

    /// Somebody was turned away. How many since that was last told of, where it is time to tell of it.
    pub(super) fn note_turned_away(&self) -> Option<u64> {
        let mut noted = self.0.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        noted.1 += 1;
        let now = Instant::now();
        if noted.0.is_some_and(|last| now.duration_since(last) < REMARK_EVERY) {
            return None;
        }
        let (_, count) = std::mem::replace(&mut *noted, (Some(now), 0));
        Some(count)
    }
}

/// Those of one kind of listener.
struct Strangers {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    from: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Strangers {
    fn new(most: usize, waiting: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most)),
            waiting: Arc::new(Semaphore::new(waiting)),
            from: Arc::default(),
        }
    }
}

/// One of those from an address; it ends with its drop. The table has an entry for each address that has one, and no more.
#[derive(Debug)]
struct Counted {
    from: Arc<Mutex<HashMap<IpAddr, usize>>>,
    network: IpAddr,
}

impl Counted {
    fn new(from: &Arc<Mutex<HashMap<IpAddr, usize>>>, network: IpAddr) -> Option<Self> {
        let mut table = from.lock().unwrap_or_else(PoisonError::into_inner);
        let count = table.entry(network).or_default();
        if *count >= FROM_ONE_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Self { from: from.clone(), network })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut table = self.from.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = table.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                table.remove(&self.network);
            }
        }
    }
}

/// What counts as one address: with IPv6, everybody has all of a /64.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ListenerKind::{Funnel, Loopback, Public, Serve};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    async fn place(places: &Places, kind: ListenerKind, ip: IpAddr) -> Option<Arc<Place>> {
        places.ask(kind, ip, false)?.place().await
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_held_to_the_end_and_those_of_strangers_until_they_are_known() {
        let places = Places::of(3, 2, 1, 8);
        let take = || place(&places, Loopback, HERE);
        let (first, second) = (take().await.unwrap(), take().await.unwrap());
        assert!(take().await.is_none(), "two strangers are enough");
        first.is_known();
        let third = take().await.unwrap();
        third.is_known();
        assert!(take().await.is_none(), "three are enough");
        drop(second);
        assert!(take().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_at_one_door_keeps_nobody_from_another() {
        let places = Places::of(100, 2, 1, 0);
        let mut held = Vec::new();
        for (kind, ip) in [(Public, ip("10.0.0.1")), (Serve, HERE), (Funnel, HERE)] {
            while let Some(place) = place(&places, kind, ip).await {
                held.push(place);
            }
        }
        assert_eq!(held.len(), 2 + 1 + 1);
        // This host's own, also where the listener is one for everybody.
        assert!(place(&places, Loopback, HERE).await.is_some());
        let mapped = place(&places, Public, ip("::ffff:127.0.0.1")).await;
        assert!(mapped.is_some() && place(&places, Public, ip("::1")).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_next_place_or_is_turned_away_and_nobody_else_waits_for_that() {
        let places = Places::of(100, 1, 1, 2);
        let held = place(&places, Loopback, HERE).await.unwrap();
        let waiting = [(); 2].map(|()| places.ask(Loopback, HERE, false).unwrap());
        assert!(places.ask(Loopback, HERE, false).is_none(), "two wait already");
        let [next, late] = waiting.map(Asking::place);
        let freed = async {
            tokio::time::sleep(PATIENCE / 2).await;
            drop(held);
        };
        let (next, late, ()) = tokio::join!(next, late, freed);
        assert!(next.is_some() && late.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_some_places_and_not_all() {
        let places = Places::of(1000, 512, 128, 512);
        let fill = |from: &'static str| {
            let places = &places;
            std::iter::from_fn(move || places.ask(Public, ip(from), false)).take(1000).collect::<Vec<_>>()
        };
        let mut first = fill("10.0.0.1");
        assert_eq!(first.len(), FROM_ONE_ADDRESS);
        assert_eq!(fill("2001:db8:0:1::1").len(), FROM_ONE_ADDRESS);
        let held = fill("2001:db8:0:1::1");
        assert!(places.ask(Public, ip("2001:db8:0:1:ffff::2"), false).is_none(), "the same /64");
        assert!(places.ask(Public, ip("2001:db8:0:2::1"), false).is_some());
        assert!(places.ask(Public, ip("10.0.0.2"), false).is_some());
        assert!(places.ask(Public, ip("10.0.0.1"), true).is_some(), "a proxy speaks for many");
        // Who is known counts no more.
        let known = first.pop().unwrap().place().await.unwrap();
        assert!(places.ask(Public, ip("10.0.0.1"), false).is_none());
        known.is_known();
        assert!(places.ask(Public, ip("10.0.0.1"), false).is_some());
        drop((first, held));
        assert!(places.0.public.from.lock().unwrap().is_empty(), "nothing is kept of who is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn being_turned_away_is_told_of_now_and_then() {
        let places = Places::new();
        assert_eq!(places.note_turned_away(), Some(1));
        assert_eq!([places.note_turned_away(), places.note_turned_away()], [None, None]);
        tokio::time::advance(REMARK_EVERY).await;
        assert_eq!(places.note_turned_away(), Some(3));
    }
}
