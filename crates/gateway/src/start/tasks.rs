//! What runs as long as the gateway does, and what each of it ends with.

use crate::delivery::channels::telegram;
use crate::delivery::{inbox, outbox};
use crate::hub::Audience;
use crate::listener::{self, Bound, ListenerKind};
use crate::methods::agents::trash;
use crate::shared::{self, Shared};
use crate::{approvals, health, reload, tailscale, tls};
use protocol::limits::TICK_INTERVAL;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::Instant;

/// Old rows are removed this often; each time at most a few thousand, so that the writer is never held up.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// The gateway's standing tasks. Each ends with the lifecycle; those that must not die are started again.
pub(super) fn spawn(shared: &Arc<Shared>, listeners: Vec<Bound>) {
    let lifecycle = &shared.lifecycle;
    let s = shared.clone();
    lifecycle.supervise("inbox", move || inbox::run(s.clone()));
    let s = shared.clone();
    lifecycle.supervise("outbox", move || outbox::run(s.clone()));
    let s = shared.clone();
    lifecycle.supervise("cron", move || crate::cron::run(s.clone()));
    let s = shared.clone();
    lifecycle.supervise("health", move || health::run(s.clone()));
    let s = shared.clone();
    lifecycle.supervise("ticks", move || ticks(s.clone()));
    let s = shared.clone();
    lifecycle.supervise("upkeep", move || upkeep(s.clone()));
    let s = shared.clone();
    lifecycle.supervise("approvals", move || approvals::ending::run(s.clone()));
    let s = shared.clone();
    lifecycle.supervise("configuration", move || reload::watch(s.clone()));
    let s = shared.clone();
    lifecycle.supervise("zone", move || crate::discovery::keep_zone(s.clone()));
    if let Some(tls) = &shared.tls {
        let (s, tls) = (shared.clone(), tls.clone());
        lifecycle.supervise("certificate", move || tls::run(s.clone(), tls.clone()));
    }
    shared.channels.start_all(shared);
    if listeners.iter().any(|bound| matches!(bound.kind, ListenerKind::Serve | ListenerKind::Funnel)) {
        let s = shared.clone();
        lifecycle.supervise("tailscale", move || tailscale::run(s.clone()));
    }
    if let Some(browser) = shared.browser.clone() {
        let s = shared.clone();
        lifecycle.spawn(async move { browser.run(s.lifecycle.soft()).await });
    }
    if let Some(servers) = shared.own_servers.clone() {
        let s = shared.clone();
        lifecycle.spawn(async move { servers.run(s.lifecycle.soft()).await });
    }
    let doors = listener::Doors::new(shared.clone());
    for listener in listeners {
        lifecycle.spawn(doors.clone().run(listener));
    }
}

async fn ticks(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval_at(Instant::now() + TICK_INTERVAL, TICK_INTERVAL);
    loop {
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            _ = interval.tick() => {
                shared.hub.broadcast(Audience::All, "tick", &json!({"ts": shared.clock.now_ms()}), true);
            }
        }
    }
}

async fn upkeep(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            () = tokio::time::sleep(PRUNE_INTERVAL) => {}
        }
        loop {
            match shared.store.prune().await {
                // Others get at the writer in between.
                Ok(true) if !shared.lifecycle.soft().is_cancelled() => tokio::task::yield_now().await,
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "old rows were not removed");
                    break;
                }
            }
        }
        let (place, now) = (shared.paths.state_dir.join("trash"), shared.clock.now_ms());
        let emptying = tokio::task::spawn_blocking(move || trash::empty(&place, now));
        match tokio::time::timeout(reload::READ_WITHIN, emptying).await {
            Ok(Ok(Ok(0))) => {}
            Ok(Ok(Ok(destroyed))) => tracing::info!(destroyed, "what lay in the trash for long is gone"),
            other => tracing::warn!(?other, "the trash was not emptied"),
        }
        tidy_media(&shared).await;
    }
}

/// Files that came with messages or from nodes go when the agent has had its time to read them, and what was never whole with them.
async fn tidy_media(shared: &Shared) {
    let state_dir = &shared.paths.state_dir;
    let (place, outgoing) = (telegram::media_dir(state_dir), telegram::outgoing_dir(state_dir));
    let (of_nodes, now_ms) = (shared::node_files(state_dir), shared.clock.now_ms());
    let now = UNIX_EPOCH + Duration::from_millis(now_ms.unsigned_abs());
    let tidying = tokio::task::spawn_blocking(move || {
        let told = channels::tidy_files(&place, now)? + channels::tidy_files(&outgoing, now)?;
        Ok::<_, std::io::Error>(told + tools::tidy_node_files(&of_nodes, now_ms)?)
    });
    match tokio::time::timeout(reload::READ_WITHIN, tidying).await {
        Ok(Ok(Ok(0))) => {}
        Ok(Ok(Ok(gone))) => tracing::info!(gone, "files that came long ago are gone"),
        other => tracing::warn!(?other, "files that came were not tidied up"),
    }
}
