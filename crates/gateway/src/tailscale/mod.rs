//! Tailscale Serve and Funnel (S5): a route that is held by the `tailscale` program in the foreground and goes when that ends, and a
//! listener that this route alone leads to. The task waits beside the start, and tries again whatever becomes of the route.

mod caller;
mod claim;
mod cli;
mod local_api;
mod routes;

use crate::listener::{Bound, ListenerKind};
use crate::shared::Shared;
pub(crate) use caller::Ends;
use claim::Claim;
use cli::{Cli, Node, Readiness};
use config::{Env, TailscaleMode};
use local_api::LocalApi;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// At boot, Tailscale may come up so much later than the gateway. After that its absence is a failure, and is tried again less often.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at a Tailscale that comes up.
const LOOK: Duration = Duration::from_secs(1);
/// A route is there within this time, or something is wrong.
const CLAIM_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at a route that comes up.
const CLAIM_LOOK: Duration = Duration::from_millis(200);
/// After a failure, the next try comes after this time, then twice that, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What there is of it.
#[derive(Debug, Clone)]
enum State {
    /// The configuration wants nothing of it.
    Off,
    /// On its way, and what is waited for.
    Waiting(String),
    /// The route is there.
    Up(Node),
    /// It failed, and is tried again.
    Failed(String),
}

/// The route, and whom to ask about who comes by it.
#[derive(Debug)]
pub(crate) struct Tailscale {
    mode: TailscaleMode,
    /// Of the listener that the route leads to.
    port: u16,
    cli: Cli,
    local_api: LocalApi,
    state: Mutex<(State, i64)>,
}

impl Tailscale {
    /// Takes a listener of its own, on any free port, where the mode asks for a route.
    pub(crate) async fn prepare(mode: TailscaleMode, env: &Env) -> std::io::Result<(Self, Option<Bound>)> {
        let kind = match mode {
            TailscaleMode::Off => None,
            TailscaleMode::Serve => Some(ListenerKind::Serve),
            TailscaleMode::Funnel => Some(ListenerKind::Funnel),
        };
        let bound = match kind {
            Some(kind) => Some(Bound { socket: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, kind }),
            None => None,
        };
        let port = bound.as_ref().map_or(Ok(0), |b| b.socket.local_addr().map(|a| a.port()))?;
        let state = if bound.is_some() { State::Waiting("it begins".into()) } else { State::Off };
        let local_api = LocalApi::new(env);
        let cli = Cli::new(env, mode, port);
        Ok((Self { mode, port, cli, local_api, state: Mutex::new((state, 0)) }, bound))
    }

    /// This host's name in its tailnet, while the route is there.
    pub(crate) fn name(&self) -> Option<String> {
        match &self.lock().0 {
            State::Up(node) => Some(node.name.clone()),
            _ => None,
        }
    }

    /// The login of whoever this host belongs to, while the route is there; none of a tagged host.
    pub(crate) fn owner(&self) -> Option<String> {
        match &self.lock().0 {
            State::Up(node) => node.owner.clone(),
            _ => None,
        }
    }

    /// The login of whoever has this address in the tailnet, if it is the daemon at the other end (`caller`) that asks for it.
    pub(crate) async fn whois(&self, caller: Ends, ip: IpAddr) -> Result<String, local_api::WhoisError> {
        self.local_api.whois(caller, ip).await
    }

    /// For `status`: mode, state, since when, and the URL or the reason.
    pub(crate) fn report(&self) -> Value {
        let (state, since) = self.lock().clone();
        let mut out = json!({"mode": self.mode.as_str()});
        let (word, more) = match state {
            State::Off => return out,
            State::Waiting(what) => ("waiting", ("waitingFor", what)),
            State::Up(node) => ("up", ("url", format!("https://{}/", node.name))),
            State::Failed(reason) => ("failed", ("reason", reason)),
        };
        out["state"] = json!(word);
        out["sinceMs"] = json!(since);
        out[more.0] = json!(more.1);
        out
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (State, i64)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, shared: &Shared, state: State) {
        match &state {
            State::Up(node) => {
                tracing::info!(mode = %self.mode, url = %format!("https://{}/", node.name), "Tailscale leads here")
            }
            State::Failed(reason) => {
                tracing::warn!(mode = %self.mode, %reason, "Tailscale does not lead here")
            }
            State::Waiting(what) => tracing::info!(mode = %self.mode, waiting_for = %what, "Tailscale"),
            State::Off => {}
        }
        *self.lock() = (state, shared.clock.now_ms());
    }
}

/// Holds the route until shutdown; then lets go of it and waits until it is gone.
pub(crate) async fn run(shared: Arc<Shared>) {
    let tailscale = &shared.tailscale;
    let soft = shared.lifecycle.soft().clone();
    let mut pause = FIRST_PAUSE;
    while !soft.is_cancelled() {
        let begun = tokio::select! {
            () = soft.cancelled() => return,
            begun = begin(&shared) => begun,
        };
        let failure = match begun {
            Ok((mut claim, node)) => {
                tailscale.set(&shared, State::Up(node));
                pause = FIRST_PAUSE;
                tokio::select! {
                    () = soft.cancelled() => {
                        claim.release().await;
                        return;
                    }
                    words = claim.ended() => format!("tailscale {} ended: {words}", tailscale.mode),
                }
            }
            Err(failure) => failure,
        };
        tailscale.set(&shared, State::Failed(failure));
        tokio::select! {
            () = soft.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Waits for Tailscale, looks whether the route is free, and takes it.
async fn begin(shared: &Shared) -> Result<(Claim, Node), String> {
    let tailscale = &shared.tailscale;
    let node = ready(shared).await?;
    if let Some(taken) = routes::conflict(&tailscale.cli.routes().await?, tailscale.mode, &node.name) {
        return Err(taken);
    }
    tailscale.set(shared, State::Waiting(format!("tailscale {} to publish the route", tailscale.mode)));
    let mut claim = Claim::start(&tailscale.cli)?;
    let shown = async {
        loop {
            tokio::select! {
                words = claim.ended() => return Err(format!("tailscale {} refused: {words}", tailscale.mode)),
                () = tokio::time::sleep(CLAIM_LOOK) => {}
            }
            match tailscale.cli.routes().await {
                Ok(routes) if routes::holds(&routes, tailscale.port) => return Ok(()),
                Ok(_) => {}
                // The next look may succeed, and the time for all of them is bounded.
                Err(failure) => tracing::debug!(%failure, "Tailscale's routes"),
            }
        }
    };
    match tokio::time::timeout(CLAIM_WITHIN, shown).await {
        Ok(Ok(())) => Ok((claim, node)),
        Ok(Err(failure)) => Err(failure),
        Err(_) => {
            let words = claim.release().await;
            Err(format!(
                "tailscale {} did not publish the route within {} s; it says: {words}",
                tailscale.mode,
                CLAIM_WITHIN.as_secs()
            ))
        }
    }
}

/// This host in its tailnet, once Tailscale is connected.
async fn ready(shared: &Shared) -> Result<Node, String> {
    let until = Instant::now() + PATIENCE;
    let mut said = None;
    loop {
        let why = match shared.tailscale.cli.node().await? {
            Readiness::Ready(node) => return Ok(node),
            Readiness::NotYet(why) => why,
        };
        if Instant::now() >= until {
            return Err(format!("{why}, for {} s now", PATIENCE.as_secs()));
        }
        if said.as_ref() != Some(&why) {
            shared.tailscale.set(shared, State::Waiting(why.clone()));
            said = Some(why);
        }
        tokio::time::sleep(LOOK).await;
    }
}
