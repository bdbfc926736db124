//! Notices that the way to the ssh server may be another one: the network changed, or this host slept.

use model::SharedClock;
use std::time::Duration;
use tokio::time::Instant;

/// Several changes come at once (link, address, route): they are one.
const SETTLE: Duration = Duration::from_millis(100);
/// The clock of the day ran so much further than the one that stands still during sleep.
const JUMP_MS: i64 = 5_000;

/// The watch.
pub(super) struct PathWatch {
    network: Option<network::Changes>,
    /// A change was told of, and the others that come with it are awaited until then.
    settles_at: Option<Instant>,
    clock: SharedClock,
    seen: (i64, Instant),
}

impl PathWatch {
    /// Begins to watch. Where the system does not tell about its network, sleep alone is noticed.
    pub(super) fn begin(clock: SharedClock) -> Self {
        let seen = (clock.now_ms(), Instant::now());
        Self { network: network::Changes::listen().ok(), settles_at: None, clock, seen }
    }

    /// Waits for the next change of the network. Giving this up loses nothing, and does not put off what was told: ssh may
    /// say something every few milliseconds, and each word of it gives this up.
    pub(super) async fn changed(&mut self) {
        let Some(network) = &mut self.network else { return std::future::pending().await };
        let settled = match self.settles_at {
            Some(at) => at,
            None => {
                network.next().await;
                *self.settles_at.insert(Instant::now() + SETTLE)
            }
        };
        tokio::time::sleep_until(settled).await;
        network.drain();
        self.settles_at = None;
    }

    /// Whether this host slept, or its clock was set, since this was asked last. To be asked after every wait.
    pub(super) fn slept(&mut self) -> bool {
        let (day, steady) = (self.clock.now_ms(), Instant::now());
        let went = i64::try_from(steady.duration_since(self.seen.1).as_millis()).unwrap_or(i64::MAX);
        let jumped = (day - self.seen.0).saturating_sub(went).abs() >= JUMP_MS;
        self.seen = (day, steady);
        jumped
    }
}

#[cfg(target_os = "linux")]
mod network {
    use rustix::io::Errno;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
    use std::io;
    use std::os::unix::net::UnixDatagram as Socket;
    use tokio::net::UnixDatagram;

    /// Links, addresses and routes, of IPv4 and IPv6 (`RTMGRP_…` in `linux/rtnetlink.h`).
    const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

    /// The kernel's messages about the network: datagrams, which are received as those of any other socket.
    pub(super) struct Changes(UnixDatagram);

    impl Changes {
        pub(super) fn listen() -> io::Result<Self> {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
            Ok(Self(UnixDatagram::from_std(Socket::from(socket))?))
        }

        /// Waits for a message. What it says does not matter: whether the path is good is found out by using it.
        pub(super) async fn next(&mut self) {
            match self.0.recv(&mut [0; 4096]).await {
                Ok(_) => {}
                // The queue ran over: messages were lost, so that there were some.
                Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {}
                Err(_) => std::future::pending().await,
            }
        }

        /// Takes what is there.
        pub(super) fn drain(&mut self) {
            while self.0.try_recv(&mut [0; 4096]).is_ok() {}
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod network {
    use std::io;

    /// Not told on this system by anything that needs no unsafe code.
    pub(super) enum Changes {}

    impl Changes {
        pub(super) fn listen() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) async fn next(&mut self) {
            match *self {}
        }

        pub(super) fn drain(&mut self) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ManualClock;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn sleep_is_noticed_by_the_clock_that_ran_on() {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let mut watch = PathWatch::begin(clock.clone());
        for (real, paused, slept) in
            [(10_000, 10_000, false), (0, 4_000, false), (60_000, 1_000, true), (0, 0, false)]
        {
            clock.advance_ms(real);
            tokio::time::advance(Duration::from_millis(paused)).await;
            assert_eq!(watch.slept(), slept, "{real} {paused}");
        }
    }

    /// A busy tunnel's ssh speaks more often than a change takes to settle.
    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_however_often_the_wait_for_it_is_given_up() {
        let mut watch = PathWatch::begin(Arc::new(ManualClock::at(1_000_000)));
        watch.settles_at = Some(Instant::now() + SETTLE);
        let told = async { while tokio::time::timeout(SETTLE / 10, watch.changed()).await.is_err() {} };
        tokio::time::timeout(SETTLE * 2, told).await.unwrap();
        assert!(watch.settles_at.is_none());
    }
}
