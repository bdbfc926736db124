//! Slows down guessing: too many failures from one address lock it out for a while.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// Addresses that are remembered at most; beyond it those that failed longest ago are forgotten. Bounds the memory
/// that an attacker with many addresses can make us spend (about 100 bytes each).
const MAX_ADDRESSES: usize = 10_000;

/// `gateway.auth.rateLimit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateLimitSettings {
    /// Failures within `window` that lock out.
    pub(crate) max_attempts: u32,
    /// How long a failure counts.
    pub(crate) window: Duration,
    /// How long an address is locked out.
    pub(crate) lockout: Duration,
    /// Whether direct loopback is never locked out. Browser origins always can be.
    pub(crate) exempt_loopback: bool,
}

impl Default for RateLimitSettings {
    fn default() -> Self {
        Self {
            max_attempts: 10,
            window: Duration::from_secs(60),
            lockout: Duration::from_secs(300),
            exempt_loopback: true,
        }
    }
}

#[derive(Debug)]
struct Record {
    failures: u32,
    first: Instant,
    locked_until: Option<Instant>,
}

/// Counts failures by address.
#[derive(Debug)]
pub(crate) struct RateLimit {
    settings: RwLock<RateLimitSettings>,
    records: Mutex<HashMap<IpAddr, Record>>,
}

impl RateLimit {
    pub(crate) fn new(settings: RateLimitSettings) -> Self {
        Self { settings: RwLock::new(settings), records: Mutex::default() }
    }

    /// Goes by other limits from now on. What was counted stays counted, and whoever is locked out stays out.
    pub(crate) fn set(&self, settings: RateLimitSettings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    fn settings(&self) -> RateLimitSettings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long the address has to wait, where it is locked out.
    pub(crate) fn locked_for(&self, ip: IpAddr, local: bool, browser: bool) -> Option<Duration> {
        if self.is_exempt(local, browser) {
            return None;
        }
        let records = self.records.lock().unwrap_or_else(|e| e.into_inner());
        let until = records.get(&party(ip))?.locked_until?;
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, ip: IpAddr, local: bool, browser: bool) {
        if self.is_exempt(local, browser) {
            return;
        }
        let settings = self.settings();
        let (now, ip) = (Instant::now(), party(ip));
        let mut records = self.records.lock().unwrap_or_else(|e| e.into_inner());
        if records.len() >= MAX_ADDRESSES && !records.contains_key(&ip) {
            make_room(&mut records, now, settings.window);
        }
        let record = records.entry(ip).or_insert(Record { failures: 0, first: now, locked_until: None });
        let lock_over = record.locked_until.is_some_and(|until| until <= now);
        if lock_over || now.duration_since(record.first) > settings.window {
            *record = Record { failures: 0, first: now, locked_until: None };
        }
        record.failures += 1;
        if record.failures >= settings.max_attempts {
            if record.locked_until.is_none() {
                // Once: what comes from there until then is not worth a line each.
                let (failures, seconds) = (record.failures, settings.lockout.as_secs());
                tracing::warn!(%ip, failures, seconds, "too many wrong attempts: the address is locked out");
            }
            record.locked_until = Some(now + settings.lockout);
        }
    }

    /// Forgets the failures of an address that has proven itself. Success of the exempt says nothing about the others
    /// there: a program on this host must not clear what a page in its browser has guessed.
    pub(crate) fn succeeded(&self, ip: IpAddr, local: bool, browser: bool) {
        if self.is_exempt(local, browser) {
            return;
        }
        self.records.lock().unwrap_or_else(|e| e.into_inner()).remove(&party(ip));
    }

    fn is_exempt(&self, local: bool, browser: bool) -> bool {
        let settings = self.settings();
        settings.max_attempts == 0 || (settings.exempt_loopback && local && !browser)
    }
}

/// Whom an address counts for. With IPv6 one host has the lower half to choose from as it likes.
fn party(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

fn make_room(records: &mut HashMap<IpAddr, Record>, now: Instant, window: Duration) {
    records.retain(|_, r| r.locked_until.is_some_and(|u| u > now) || now.duration_since(r.first) <= window);
    if records.len() >= MAX_ADDRESSES
        && let Some(oldest) = records.iter().min_by_key(|(_, r)| r.first).map(|(ip, _)| *ip)
    {
        records.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    #[tokio::test(start_paused = true)]
    async fn too_many_failures_lock_out_until_the_time_is_over() {
        let limit = RateLimit::new(RateLimitSettings::default());
        for _ in 0..9 {
            limit.failed(IP, false, false);
        }
        assert_eq!(limit.locked_for(IP, false, false), None);
        limit.failed(IP, false, false);
        assert_eq!(limit.locked_for(IP, false, false), Some(Duration::from_secs(300)));
        tokio::time::advance(Duration::from_secs(301)).await;
        assert_eq!(limit.locked_for(IP, false, false), None);
        limit.failed(IP, false, false);
        assert_eq!(limit.locked_for(IP, false, false), None);
    }

    #[tokio::test(start_paused = true)]
    async fn old_failures_do_not_count_and_success_forgets() {
        let limit = RateLimit::new(RateLimitSettings::default());
        for _ in 0..30 {
            limit.failed(IP, false, false);
            tokio::time::advance(Duration::from_secs(10)).await;
            if limit.locked_for(IP, false, false).is_some() {
                panic!("six a minute are within the limit");
            }
        }
        for _ in 0..9 {
            limit.failed(IP, false, false);
        }
        limit.succeeded(IP, false, false);
        limit.failed(IP, false, false);
        assert_eq!(limit.locked_for(IP, false, false), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_changes_its_ipv6_address_is_still_the_same() {
        let limit = RateLimit::new(RateLimitSettings::default());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for n in 0..10 {
            limit.failed(address(&format!("2001:db8:1:2::{n}")), false, false);
        }
        assert!(limit.locked_for(address("2001:db8:1:2:ffff::9"), false, false).is_some());
        assert_eq!(limit.locked_for(address("2001:db8:1:3::1"), false, false), None);
    }

    #[tokio::test(start_paused = true)]
    async fn loopback_is_exempt_but_browsers_on_it_are_not() {
        let limit = RateLimit::new(RateLimitSettings::default());
        for _ in 0..20 {
            limit.failed(IP, true, false);
        }
        assert_eq!(limit.locked_for(IP, true, false), None);
        for _ in 0..20 {
            limit.failed(IP, true, true);
        }
        assert!(limit.locked_for(IP, true, true).is_some());
        limit.succeeded(IP, true, false);
        assert!(limit.locked_for(IP, true, true).is_some(), "a program's success is not the page's");
    }
}
