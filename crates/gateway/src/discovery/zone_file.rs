//! Keeps the zone's file: there and up to date while a domain is configured, gone when none is. One task writes, so that what was
//! wanted last is what stays.

use super::beacon::Host;
use super::zone;
use crate::shared::Shared;
use config::{MdnsMode, ZONE_MARK};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked at again: an address may come or change, a disk may have room again, somebody may have removed it.
const LOOK: Duration = Duration::from_secs(60);

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) domain: String,
    pub(super) host: Host,
    pub(super) mode: MdnsMode,
}

/// Until shutdown.
pub(super) async fn run(shared: Arc<Shared>, mut wanted: watch::Receiver<Option<Wanted>>) {
    let mut said: Kept = Ok(None);
    loop {
        let now = wanted.borrow_and_update().clone();
        let is_wanted = now.is_some();
        let (paths, now_ms) = (shared.paths.clone(), shared.clock.now_ms());
        // Without a deadline, because a second writer would race with one that hangs; nothing but this task waits for it.
        let kept = tokio::task::spawn_blocking(move || {
            let text = match &now {
                Some(Wanted { domain, host, mode }) => Some(
                    zone::text(domain, host, *mode, now_ms)
                        .map(|text| (paths.zone_file(domain), text))
                        .ok_or("this machine has no address that others could use")?,
                ),
                None => None,
            };
            keep(&paths.zone_dir(), text.as_ref()).map_err(|error| error.to_string())
        });
        let outcome = tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            kept = kept => kept.unwrap_or_else(|error| Err(error.to_string())),
        };
        if outcome != said {
            tell(&outcome);
            said = outcome;
        }
        let again = async {
            match is_wanted || said.is_err() {
                true => tokio::time::sleep(LOOK).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.lifecycle.soft().cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
            () = again => {}
        }
    }
}

/// What was done, if anything.
type Kept = Result<Option<Done>, String>;

#[derive(Debug, PartialEq, Eq)]
enum Done {
    Written(PathBuf),
    Removed,
}

fn tell(outcome: &Kept) {
    match outcome {
        Ok(Some(Done::Written(file))) => {
            tracing::info!(file = %file.display(), "the zone for wide-area discovery is written");
        }
        Ok(Some(Done::Removed)) => tracing::info!("the zone for wide-area discovery is removed"),
        Ok(None) => {}
        Err(problem) => {
            tracing::warn!(
                problem,
                "the zone for wide-area discovery is not as it should be; trying again in a minute"
            );
        }
    }
}

/// Brings the directory to hold this zone and no other that the gateway wrote. What others put there stays.
fn keep(dir: &Path, zone: Option<&(PathBuf, String)>) -> std::io::Result<Option<Done>> {
    let mut done = None;
    for file in others(dir, zone.map(|(file, _)| file.as_path()))? {
        std::fs::remove_file(file)?;
        done = Some(Done::Removed);
    }
    let Some((file, text)) = zone else { return Ok(done) };
    match std::fs::read_to_string(file) {
        Ok(is) if zone::says_the_same(&is, text) => return Ok(done),
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {}
        Err(error) => return Err(error),
    }
    std::fs::create_dir_all(dir)?;
    // In one step, so that a DNS server reads the zone before or this one.
    let beside = file.with_extension("db.new");
    std::fs::write(&beside, text)?;
    std::fs::rename(beside, file)?;
    Ok(Some(Done::Written(file.clone())))
}

/// Zones that the gateway wrote, but for this one.
fn others(dir: &Path, but: Option<&Path>) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry?.path();
        let is_zone = file.extension().is_some_and(|extension| extension == "db");
        // What cannot be read as text is none of the gateway's.
        if is_zone
            && Some(file.as_path()) != but
            && std::fs::read_to_string(&file).is_ok_and(|text| text.starts_with(ZONE_MARK))
        {
            files.push(file);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(dir: &Path, domain: &str, line: &str) -> (PathBuf, String) {
        (dir.join(format!("{domain}.db")), format!("{}{line}\n", ZONE_MARK))
    }

    #[test]
    fn the_wanted_zone_is_there_whatever_happened_to_it_and_older_ones_are_gone() {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("dns");
        assert_eq!(keep(&dir, None).unwrap(), None, "where nothing is wanted nothing is made");
        assert!(!dir.exists());
        let one = zone(&dir, "a.internal", "x");
        let written = |zone: &(PathBuf, String)| Some(Done::Written(zone.0.clone()));
        assert_eq!(keep(&dir, Some(&one)).unwrap(), written(&one));
        assert_eq!(keep(&dir, Some(&one)).unwrap(), None);
        std::fs::remove_file(&one.0).unwrap();
        assert_eq!(keep(&dir, Some(&one)).unwrap(), written(&one), "somebody removed it");
        std::fs::write(&one.0, [0xff]).unwrap();
        assert_eq!(keep(&dir, Some(&one)).unwrap(), written(&one), "somebody damaged it");

        let foreign = dir.join("home.db");
        std::fs::write(&foreign, "; mine").unwrap();
        let two = zone(&dir, "b.internal", "x");
        assert_eq!(keep(&dir, Some(&two)).unwrap(), written(&two));
        assert!(!one.0.exists() && foreign.exists());
        assert_eq!(keep(&dir, None).unwrap(), Some(Done::Removed));
        assert!(!two.0.exists() && foreign.exists());
    }

    #[test]
    fn what_could_not_be_written_is_written_when_it_can_be() {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("dns");
        let one = zone(&dir, "a.internal", "x");
        std::fs::write(&dir, "no directory").unwrap();
        assert!(keep(&dir, Some(&one)).is_err());
        std::fs::remove_file(&dir).unwrap();
        assert!(keep(&dir, Some(&one)).is_ok() && one.0.exists());
    }
}
