//! From the moment a gateway runs to its end: systemd hears how it is, a signal begins the end, a second one cuts it short.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::service::Notifier;
use gateway::Gateway;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Turns that run get this long to end. What does not is taken up at the next start.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
/// Everything else that is under way gets this long.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(8);
/// Without a watchdog, systemd hears this often how the gateway is.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// How long a stop takes at most.
pub(in crate::commands::gateway) fn stop_within() -> Duration {
    DRAIN_WITHIN + SHUTDOWN_WITHIN
}

/// Waits for a signal and stops.
///
/// # Errors
/// A second signal came before the end.
pub(super) async fn await_it(gateway: Gateway, ctx: &Context, signals: &mut Signals) -> Result<(), Failure> {
    let notifier = Notifier::of(&ctx.env);
    notifier.tell(&["READY=1", &status(&gateway)]);
    tokio::select! {
        () = signals.next() => {}
        () = go_on_telling(&notifier, &gateway) => {}
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

/// Tells systemd again and again, and that the gateway lives only where it does. Never ends.
async fn go_on_telling(notifier: &Notifier, gateway: &Gateway) {
    if !notifier.is_heard() {
        return std::future::pending().await;
    }
    // Twice within the time, as systemd's manual asks for.
    let every = notifier.watchdog().map_or(TELL_EVERY, |within| within / 2);
    let mut beat = tokio::time::interval(every);
    loop {
        beat.tick().await;
        match tokio::time::timeout(every, gateway.alive()).await {
            Ok(Ok(())) => notifier.tell(&["WATCHDOG=1", &status(gateway)]),
            Ok(Err(error)) => {
                tracing::error!(%error, "the state does not work; the watchdog is not told");
                notifier.tell(&["STATUS=the state does not work"]);
            }
            Err(_) => {
                tracing::error!(
                    "the state has not answered for {} s; the watchdog is not told",
                    every.as_secs()
                );
                notifier.tell(&["STATUS=the state does not answer"]);
            }
        }
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
