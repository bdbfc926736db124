//! A command's way through a tunnel: it holds the one that is up, or has one opened for as long as it runs.

use crate::context::Context;
use crate::failure::{Exit, Failure, tunnel as explain};
use crate::output::Output;
use remote::Target;
use remote::tunnel::{self, Hold, Phase, Place, Starter, Status, TunnelSpec};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// After this long, people are told what is waited for.
const REMARK_AFTER: Duration = Duration::from_secs(1);
/// A supervisor chooses its port within this time.
const PORT_WITHIN: Duration = Duration::from_secs(10);
/// Where no supervisor can be had, this long lies between two tries.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How long a tunnel is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    until: Instant,
    whole: Duration,
}

impl Patience {
    /// For this long from now on.
    pub(crate) fn of(time: Duration) -> Self {
        let now = Instant::now();
        Self { until: now.checked_add(time).unwrap_or(now + Duration::from_secs(86_400)), whole: time }
    }
}

/// Where a tunnel is held, and how its supervisor is started.
#[derive(Debug)]
pub(super) struct Entry {
    starter: Starter,
    place: Place,
}

impl Entry {
    /// # Errors
    /// This program does not know where it is.
    pub(super) fn of(ctx: &Context, spec: &TunnelSpec) -> Result<Self, Failure> {
        Ok(Self { starter: starter(ctx)?, place: Place::new(&ctx.paths.state_dir, spec.key()) })
    }

    /// Holds the tunnel, whether it is up or not.
    ///
    /// # Errors
    /// There is no supervisor to be had by then.
    pub(super) async fn hold(&self, spec: &TunnelSpec, until: Instant) -> Result<Hold, tunnel::TunnelError> {
        let held = timeout_at(until, tunnel::hold(&self.starter, &self.place, spec, &own_name())).await;
        held.unwrap_or_else(|_| Err(tunnel::TunnelError::Silent("it was not ready in time".to_owned())))
    }
}

/// Holds the tunnel that leads to the target, where one does, and waits until it is up. The target's URL is the one at which
/// the tunnel really is.
///
/// # Errors
/// It is refused, or not up in time.
pub(crate) async fn enter(
    ctx: &Context,
    mut target: Target,
    patience: Patience,
) -> Result<(Target, Option<Hold>), Failure> {
    let Some(spec) = &target.tunnel else { return Ok((target, None)) };
    let place = Place::new(&ctx.paths.state_dir, spec.key());
    let hold = hold_at(ctx, &place, spec, patience).await?;
    target.url = spec.url_at(hold.status().local_port);
    Ok((target, Some(hold)))
}

/// The URL at which a target is, as far as that is known without going there: behind a tunnel, the port that this has here or
/// had last.
pub(crate) fn url_of(ctx: &Context, target: &Target) -> String {
    let Some(spec) = &target.tunnel else { return target.url.clone() };
    let port = Place::new(&ctx.paths.state_dir, spec.key()).port(spec.local_port);
    port.map_or_else(|| target.url.clone(), |port| spec.url_at(port))
}

/// Holds the tunnel at this place and waits until it is up.
///
/// # Errors
/// It is refused, or not up in time.
pub(crate) async fn hold_at(
    ctx: &Context,
    place: &Place,
    spec: &TunnelSpec,
    patience: Patience,
) -> Result<Hold, Failure> {
    let (starter, name) = (starter(ctx)?, own_name());
    let held = timeout_at(patience.until, tunnel::hold(&starter, place, spec, &name)).await;
    let late =
        || tunnel::TunnelError::Silent(format!("it said nothing for {} s", patience.whole.as_secs_f32()));
    let held = held.unwrap_or_else(|_| Err(late()));
    let hold = held.map_err(|error| explain::explain(error, ctx))?;
    wait(ctx, &hold, patience).await?;
    Ok(hold)
}

/// The command that runs, without anything that could be a secret: its words before the first flag, two at most.
fn own_name() -> String {
    let words = std::env::args().skip(1).take_while(|word| !word.starts_with('-')).take(2);
    std::iter::once("openclaw".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Waits until the tunnel is up, and says so where that takes a while.
///
/// # Errors
/// It is refused, or not up in time.
pub(crate) async fn wait(ctx: &Context, hold: &Hold, patience: Patience) -> Result<Status, Failure> {
    let left = || patience.until.saturating_duration_since(Instant::now());
    let mut told = None;
    loop {
        let turn = left().min(REMARK_AFTER);
        let error = match hold.up(turn).await {
            Ok(status) => {
                if let Some(note) = status.note.as_ref().filter(|_| told.is_some()) {
                    ctx.out.remark(&format!("tunnel: {note}"));
                }
                return Ok(status);
            }
            Err(tunnel::TunnelError::Late { status, .. }) if !left().is_zero() => {
                let what = format!("{}: {}", status.state, status.reason);
                if told.as_ref() != Some(&what) {
                    ctx.out.remark(&format!("tunnel to {}: {what}", status.target));
                    told = Some(what);
                }
                continue;
            }
            Err(tunnel::TunnelError::Late { status, .. }) => {
                tunnel::TunnelError::Late { status, after: patience.whole }
            }
            Err(error) => error,
        };
        return Err(explain::explain(error, ctx));
    }
}

/// How a supervisor is started.
///
/// # Errors
/// This program does not know where it is.
pub(crate) fn starter(ctx: &Context) -> Result<Starter, Failure> {
    Starter::here(ctx.paths.state_dir.clone()).map_err(|error| {
        Failure::new(Exit::Failed, "PROGRAM", format!("this program cannot tell where it lies: {error}"))
    })
}

/// Keeps a tunnel held for a command that stays up, whatever becomes of the tunnel's supervisor.
pub(crate) struct Keeper {
    starter: Starter,
    place: Place,
    spec: TunnelSpec,
    out: Output,
    way: watch::Sender<Option<String>>,
}

impl Keeper {
    /// Holds the tunnel that leads to the target, where one does, and gives the target the URL at which its end here is.
    /// Whether it is up does not matter yet.
    ///
    /// # Errors
    /// There is no supervisor to be had, or no port.
    pub(crate) async fn begin(ctx: &Context, target: &mut Target) -> Result<Option<(Self, Hold)>, Failure> {
        let Some(spec) = target.tunnel.clone() else { return Ok(None) };
        let place = Place::new(&ctx.paths.state_dir, spec.key());
        let keeper =
            Self { starter: starter(ctx)?, place, spec, out: ctx.out, way: watch::Sender::new(None) };
        let held = tunnel::hold(&keeper.starter, &keeper.place, &keeper.spec, &own_name()).await;
        let mut hold = held.map_err(|error| explain::explain(error, ctx))?;
        let begun = Instant::now();
        while hold.status().local_port == 0 {
            let told = timeout_at(begun + PORT_WITHIN, hold.changed()).await;
            let told =
                told.unwrap_or_else(|_| Err(tunnel::TunnelError::Silent("it chose no port".to_owned())));
            told.map_err(|error| explain::explain(error, ctx))?;
        }
        target.url = keeper.spec.url_at(hold.status().local_port);
        Ok(Some((keeper, hold)))
    }

    /// Where the gateway is: nowhere while the tunnel is not up, because anybody of this host may listen at its port then.
    pub(crate) fn way(&self) -> watch::Receiver<Option<String>> {
        self.way.subscribe()
    }

    /// Holds on, says what stands in the way, and takes hold again where the supervisor went.
    pub(crate) async fn run(&self, mut hold: Hold) -> Infallible {
        let mut told = String::new();
        loop {
            self.way.send_replace(hold.port_while_up().map(|port| self.spec.url_at(port)));
            let status = hold.status();
            let trouble = match status.state {
                Phase::Up => String::new(),
                Phase::Refused | Phase::BackingOff | Phase::Degraded => {
                    let fix = status.fix.as_ref().map(|fix| format!("; {fix}")).unwrap_or_default();
                    format!("tunnel to {}: {}: {}{fix}", status.target, status.state, status.reason)
                }
                Phase::Connecting => told.clone(),
            };
            if told != trouble {
                let up = || format!("tunnel to {}: up again", status.target);
                self.out.remark(&crate::output::printable(&if trouble.is_empty() {
                    up()
                } else {
                    trouble.clone()
                }));
                told = trouble;
            }
            if hold.changed().await.is_err() {
                self.way.send_replace(None);
                hold = self.take_again().await;
            }
        }
    }

    async fn take_again(&self) -> Hold {
        loop {
            match tunnel::hold(&self.starter, &self.place, &self.spec, &own_name()).await {
                Ok(hold) => return hold,
                Err(error) => self.out.remark(&format!("tunnel to {}: {error}", self.spec.target)),
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}
