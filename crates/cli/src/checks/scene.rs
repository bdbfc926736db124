//! What checks look at: the places, the configuration as it is (a broken one too), who holds the state directory, and the
//! gateway that answers.

use super::finding::{Done, Mend};
use super::own::no_link_on_the_way;
use super::{Finding, UsedBy};
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{self, Link, scopes_of};
use config::{Config, ConfigError, Env, Loaded};
use gateway::{Holder, HostState};
use remote::Target;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use tokio::sync::OnceCell;

/// What checks look at. It was true when it was made; after mending, a new one is made.
pub(crate) struct Scene<'a> {
    /// Environment, places, clock.
    pub(crate) ctx: &'a Context,
    /// The configuration, or why there is none that can be used.
    pub(crate) loaded: Result<Loaded, ConfigError>,
    /// What the file itself says, as long as it is JSON5 at all.
    pub(crate) written: Value,
    /// Who has the state directory open.
    pub(crate) holder: Option<Holder>,
    /// Which command looks.
    pub(crate) command: UsedBy,
    /// Whether to look longer, and at what is only worth knowing.
    pub(crate) deep: bool,
    connect: &'a ConnectArgs,
    live: OnceCell<Option<Result<Live, Failure>>>,
}

/// A gateway that answered.
pub(crate) struct Live {
    /// Its address.
    pub(crate) url: String,
    /// What it says of its health.
    pub(crate) health: Value,
    /// How far its clock is ahead of this one, in ms: at least that, whatever the way took.
    pub(crate) ahead_ms: i64,
}

impl<'a> Scene<'a> {
    /// Reads what all checks need.
    pub(crate) fn of(ctx: &'a Context, connect: &'a ConnectArgs, command: UsedBy, deep: bool) -> Self {
        let loaded = config::load(&ctx.paths, &ctx.env);
        let written = match &loaded {
            Ok(loaded) => loaded.source.clone(),
            Err(_) => written(&ctx.paths.config_file).unwrap_or_default(),
        };
        let holder = HostState::holder(&ctx.paths.state_dir);
        Self { ctx, loaded, written, holder, command, deep, connect, live: OnceCell::new() }
    }

    /// The configuration, where it can be used.
    pub(crate) fn config(&self) -> Option<&Config> {
        self.loaded.as_ref().ok().map(|loaded| &loaded.config)
    }

    /// Whether nothing at all is known of what the configuration says.
    pub(super) fn is_unreadable(&self) -> bool {
        self.loaded.is_err() && self.written.is_null()
    }

    /// The text at a place of the configuration, even of one that cannot be used.
    pub(crate) fn written_text(&self, pointer: &str) -> Option<&str> {
        self.written.pointer(pointer).and_then(Value::as_str)
    }

    /// Whether commands on this host go to a gateway elsewhere.
    pub(crate) fn is_remote(&self) -> bool {
        self.written_text("/gateway/mode") == Some("remote")
    }

    /// How long a gateway may take to answer.
    pub(crate) fn patience(&self) -> Duration {
        self.connect.timeout()
    }

    /// Whether `gateway.bind`, as it is written, lets others than this host connect.
    pub(crate) fn opens_to_others(&self) -> bool {
        let host = self.written_text("/gateway/customBindHost").unwrap_or_default();
        let host = host.trim().trim_matches(['[', ']']).parse::<IpAddr>();
        match self.written_text("/gateway/bind").unwrap_or("loopback") {
            "loopback" | "auto" => false,
            "custom" => host.is_ok_and(|ip| !ip.is_loopback()),
            _ => true,
        }
    }

    /// The next step where a gateway has to be stopped before something can be mended; `None` where none runs here.
    pub(super) fn stop_first(&self) -> Option<String> {
        let holder = self.holder.as_ref()?;
        let again = self.ctx.command("doctor --fix");
        Some(format!("stop the gateway (process {}) first, then: {again}", holder.pid))
    }

    /// A finding about who may come in, with its mend where that may be. The audit changes nothing about that, and under a
    /// running gateway nothing is changed: those who are in would be cut off, or it would take up half of it.
    pub(super) fn mend_access<F: Future<Output = Done> + 'static>(
        &self,
        finding: Finding,
        mend: impl FnOnce() -> F,
    ) -> Finding {
        match self.stop_first() {
            _ if self.command != UsedBy::Doctor => finding,
            Some(first) => finding.fix(first),
            None => finding.mend(mend()),
        }
    }

    /// A mend at `path`, which is not done where a symbolic link lies on the way from the state directory to it.
    pub(super) fn unlinked(&self, path: &Path, mend: impl Future<Output = Done> + 'static) -> Mend {
        let (state_dir, path) = (self.state_dir().to_owned(), path.to_owned());
        Box::pin(async move {
            no_link_on_the_way(&state_dir, &path)?;
            mend.await
        })
    }

    /// The state directory.
    pub(crate) fn state_dir(&self) -> &Path {
        &self.ctx.paths.state_dir
    }

    /// The environment with `env.vars` behind it.
    pub(crate) fn environment(&self) -> Env {
        self.config().map_or_else(|| self.ctx.env.clone(), |config| config.environment(&self.ctx.env))
    }

    /// The gateway that is meant: one that was named, the one elsewhere, or the one that has this state directory open. It is
    /// asked once; `None` where there is none.
    pub(crate) async fn live(&self) -> Option<&Result<Live, Failure>> {
        self.live
            .get_or_init(|| async {
                let target = self.target()?;
                Some(match target {
                    Ok(target) => self.ask(target).await,
                    Err(failure) => Err(failure),
                })
            })
            .await
            .as_ref()
    }

    /// Which gateway is meant, if any is.
    pub(crate) fn target(&self) -> Option<Result<Target, Failure>> {
        let named = self.connect.target.url.is_some() || self.connect.target.port.is_some();
        if named || self.is_remote() {
            let loaded = link::config_for(self.ctx, self.connect);
            return Some(loaded.and_then(|loaded| link::target(self.ctx, self.connect, &loaded)));
        }
        let port = self.holder.as_ref()?.port?;
        let mut here = self.connect.clone();
        here.target.port = Some(port);
        Some(self.ctx.load().and_then(|loaded| link::target(self.ctx, &here, &loaded)))
    }

    async fn ask(&self, target: Target) -> Result<Live, Failure> {
        let link = Link::dial_target(self.ctx, self.connect, &scopes_of("health"), target).await?;
        let (url, before) = (link.target().url.clone(), self.ctx.now_ms());
        let health = link.call("health", json!({})).await;
        let after = self.ctx.now_ms();
        link.leave().await;
        let health = health?;
        let theirs = health.get("ts").and_then(Value::as_i64);
        Ok(Live { url, ahead_ms: theirs.map_or(0, |theirs| ahead(theirs, before, after)), health })
    }
}

/// How far a clock was ahead that showed `theirs` at some time between `before` and `after`; 0 where it may have been right.
fn ahead(theirs: i64, before: i64, after: i64) -> i64 {
    match theirs {
        _ if theirs > after => theirs.saturating_sub(after),
        _ if theirs < before => theirs.saturating_sub(before),
        _ => 0,
    }
}

/// Largest file that is looked into where the configuration cannot be used.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

fn written(file: &Path) -> Option<Value> {
    let data = std::fs::metadata(file).ok().filter(|data| data.is_file() && data.len() <= MAX_BYTES);
    data.and_then(|_| std::fs::read_to_string(file).ok()).and_then(|text| config::read_value(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_way_is_no_wrong_clock() {
        for (theirs, before, after, found) in
            [(150, 100, 200, 0), (100, 100, 100, 0), (500, 100, 200, 300), (40, 100, 9000, -60)]
        {
            assert_eq!(ahead(theirs, before, after), found);
        }
    }
}
