//! Renewal: the files are looked at twice a second, in the way of the configuration (`reload.rs`). What cannot be used
//! changes nothing and is said once.

use super::material::Material;
use crate::reload::{Mark, READ_WITHIN, marks, settle};
use crate::shared::Shared;
use crate::tls::Tls;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const LOOK: Duration = Duration::from_millis(500);
/// What could not be used is tried again this often: permissions change without a trace that is looked at.
const RETRY: Duration = Duration::from_secs(5);

/// Watches the files until shutdown.
pub(crate) async fn run(shared: Arc<Shared>, tls: Arc<Tls>) {
    let files = tls.files.watched();
    // What changed between the start's reading and now is seen at once.
    let mut seen: Option<Vec<Mark>> = None;
    let mut tried = Instant::now();
    loop {
        // `gateway.reload.mode: off` holds renewals back, too.
        if !shared.settings().reload_off {
            let now = tokio::time::timeout(READ_WITHIN, marks(&files)).await.ok();
            let changed = now.is_some() && now != seen;
            if changed || tls.is_failing() && tried.elapsed() >= RETRY {
                seen = if seen.is_some() { settle(&files).await } else { now };
                reload(&shared, &tls).await;
                tried = Instant::now();
            }
        }
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn reload(shared: &Arc<Shared>, tls: &Arc<Tls>) {
    let reading = {
        let (shared, tls) = (shared.clone(), tls.clone());
        tokio::task::spawn_blocking(move || {
            let material = Material::load(&tls.files).map_err(|e| e.to_string())?;
            tls.exchange(&material, &shared.identity, shared.clock.now_ms()).map_err(|e| e.to_string())?;
            tls.files.note_served(&material.pins()).map_err(|e| e.to_string())
        })
    };
    match tokio::time::timeout(READ_WITHIN, reading).await {
        // What is announced names the certificate; where it is the same nothing is told anew.
        Ok(Ok(Ok(()))) => shared.discovery.configure(shared, &shared.current().loaded),
        Ok(Ok(Err(problem))) => tls.failed(problem),
        Ok(Err(error)) => tls.failed(format!("the certificate could not be read: {error}")),
        Err(_) => tls.failed(format!("the certificate could not be read within {} s", READ_WITHIN.as_secs())),
    }
}
