//! From the moment a gateway runs to its end: systemd hears how it is, a signal begins the end, a second one cuts it short.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::service::Notifier;
use gateway::Gateway;
use std::convert::Infallible;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Turns that run get this long to end. What does not is taken up at the next start.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
/// Everything else that is under way gets this long.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(8);
/// While it starts, systemd hears this often that it does …
const STARTING_EVERY: Duration = Duration::from_secs(1);
/// … and from then on gives it this long before it takes it for stuck. A start has as long as it needs: it may have a large
/// state to check, and one that is cut short only begins again.
const STARTING_WITHIN: Duration = Duration::from_secs(30);
/// Without a watchdog, systemd hears this often how the gateway is.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// How long a stop takes at most.
pub(in crate::commands::gateway) fn stop_within() -> Duration {
    DRAIN_WITHIN + SHUTDOWN_WITHIN
}

/// Tells systemd again and again that the gateway is about to work.
pub(super) async fn tell_of_the_start(notifier: &Notifier) -> Infallible {
    let micros = format!("EXTEND_TIMEOUT_USEC={}", STARTING_WITHIN.as_micros());
    let mut beat = tokio::time::interval(STARTING_EVERY);
    loop {
        beat.tick().await;
        notifier.tell(&["STATUS=starting", &micros]);
    }
}

/// Waits for a signal and stops.
///
/// # Errors
/// A second signal came before the end.
pub(super) async fn await_it(
    gateway: Gateway,
    ctx: &Context,
    notifier: &Notifier,
    signals: &mut Signals,
) -> Result<(), Failure> {
    notifier.tell(&["READY=1", &status(&gateway)]);
    tokio::select! {
        () = signals.next() => {}
        never = go_on_telling(notifier, &gateway) => match never {},
    }
    let micros = format!("EXTEND_TIMEOUT_USEC={}", stop_within().as_micros());
    notifier.tell(&["STOPPING=1", "STATUS=stopping", &micros]);
    ctx.out.remark("stopping; once more ends it at once");
    tokio::select! {
        () = stop(gateway) => Ok(()),
        () = signals.next() => Err(Failure::new(Exit::Interrupted, "INTERRUPTED", "stopped at once; what was under way is taken up at the next start")),
    }
}

async fn stop(gateway: Gateway) {
    let left = gateway.drain(DRAIN_WITHIN).await;
    if left > 0 {
        tracing::warn!(
            sessions = left,
            "turns did not end within {} s; they are taken up at the next start",
            DRAIN_WITHIN.as_secs()
        );
    }
    if tokio::time::timeout(SHUTDOWN_WITHIN, gateway.shutdown()).await.is_err() {
        tracing::warn!("some of what was under way did not end within {} s", SHUTDOWN_WITHIN.as_secs());
    }
}

/// Tells systemd again and again, and that the gateway lives only where it does.
async fn go_on_telling(notifier: &Notifier, gateway: &Gateway) -> Infallible {
    if !notifier.is_heard() {
        return std::future::pending().await;
    }
    let alive = async || gateway.alive().await.map_err(|error| error.to_string());
    let tell = |life: Life| match life {
        Life::Lives => notifier.tell(&["WATCHDOG=1", &status(gateway)]),
        Life::Fails(error) => {
            tracing::error!(%error, "the state does not work; the watchdog is not told");
            notifier.tell(&["STATUS=the state does not work"]);
        }
        Life::Silent(within) => {
            tracing::error!(?within, "the state does not answer; the watchdog is not told");
            notifier.tell(&["STATUS=the state does not answer"]);
        }
    };
    beat(notifier.watchdog(), alive, tell).await
}

/// How the gateway is.
enum Life {
    Lives,
    Fails(String),
    /// Nobody knows: there was no answer within this time.
    Silent(Duration),
}

/// Asks and tells. A question may take a quarter of the watchdog's time, and the next one is asked a quarter after it at the
/// latest; so a gateway that answers in time, however late in it, is told of with half of the watchdog's time to spare.
async fn beat(
    watchdog: Option<Duration>,
    alive: impl AsyncFn() -> Result<(), String>,
    tell: impl Fn(Life),
) -> Infallible {
    let every = watchdog.map_or(TELL_EVERY, |within| within / 4);
    let mut beat = tokio::time::interval(every);
    loop {
        beat.tick().await;
        tell(match tokio::time::timeout(every, alive()).await {
            Ok(Ok(())) => Life::Lives,
            Ok(Err(error)) => Life::Fails(error),
            Err(_) => Life::Silent(every),
        });
    }
}

fn status(gateway: &Gateway) -> String {
    let (clients, busy) = gateway.load();
    format!("STATUS=answers at {}, clients: {clients}, sessions at work: {busy}", gateway.url())
}

/// SIGINT and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let open = |kind| {
            signal(kind)
                .map_err(|e| Failure::new(Exit::Failed, "SIGNALS", format!("cannot listen to signals: {e}")))
        };
        Ok(Self { interrupt: open(SignalKind::interrupt())?, terminate: open(SignalKind::terminate())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_told_of_long_before_the_watchdog_gives_up_and_none_never() {
        let (watchdog, quarter) = (Duration::from_secs(60), Duration::from_secs(15));
        for (takes, lives) in [(quarter - Duration::from_millis(1), true), (quarter * 2, false)] {
            let told = RefCell::new(vec![Instant::now()]);
            let (asked, slow) = (RefCell::new(0), RefCell::new(false));
            let alive = async || {
                // One answer at once, the next one as late as may be, and so on: the longest there can be between two.
                let late = slow.replace_with(|late| !*late) || !lives;
                *asked.borrow_mut() += 1;
                sleep(if late { takes } else { Duration::ZERO }).await;
                Ok(())
            };
            let tell = |life| {
                if matches!(life, Life::Lives) {
                    told.borrow_mut().push(Instant::now());
                }
            };
            let hour = sleep(Duration::from_secs(3600));
            tokio::select! {
                never = beat(Some(watchdog), alive, tell) => match never {},
                () = hour => {}
            }
            assert!(*asked.borrow() > 100, "{}", asked.borrow());
            let told = told.into_inner();
            assert_eq!(told.len() > 1, lives);
            for pair in told.windows(2) {
                assert!(pair[1] - pair[0] <= watchdog / 2, "{:?}", pair[1] - pair[0]);
            }
        }
    }
}
