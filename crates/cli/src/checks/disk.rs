//! Whether there is room for what will be said.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use std::path::Path;

pub(super) const CHECK: Check = Check {
    id: "disk",
    title: "Disk",
    kinds: &[&FULL],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static FULL: Kind = Kind {
    id: "host.disk_full",
    severity: Severity::Warn,
    title: "the disk of the state directory is nearly full",
    remedy: "free some space there; without any, nothing that is said can be kept",
    mends: false,
};

const MIB: u64 = 1024 * 1024;
/// Less than this is little: the log alone may take 10 MiB a day.
const LITTLE: u64 = 500 * MIB;
/// With less than this, the database cannot even tidy up.
const NOTHING: u64 = 50 * MIB;

async fn look(scene: &Scene<'_>) -> Looked {
    let Some(dir) = existing(scene.state_dir()) else { return Looked::default() };
    let stats = exec::host::stats(dir).await;
    let (Some(free), Some(total)) = (stats.disk_available_bytes, stats.disk_total_bytes) else {
        return Looked::skipped(format!("the disk of {} does not say how full it is", dir.display()));
    };
    judge(free, total)
        .map(|severity| {
            let detail = format!("{} MiB of {} MiB are free", free / MIB, total / MIB);
            Finding::in_file(&FULL, dir, detail).severity(severity)
        })
        .into_iter()
        .collect::<Vec<_>>()
        .into()
}

/// The directory, or where it would be made.
fn existing(dir: &Path) -> Option<&Path> {
    dir.ancestors().find(|dir| dir.is_dir())
}

/// A small disk is not full only because it is small.
fn judge(free: u64, total: u64) -> Option<Severity> {
    match free {
        _ if free < NOTHING => Some(Severity::Critical),
        _ if free < LITTLE && free < total / 10 => Some(Severity::Warn),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_none_is_critical() {
        for (free, total, severity) in [
            (10 * MIB, 1000 * MIB, Some(Severity::Critical)),
            (49 * MIB, 50 * MIB, Some(Severity::Critical)),
            (60 * MIB, 1000 * MIB, Some(Severity::Warn)),
            (300 * MIB, 1000 * MIB, None),
            (600 * MIB, 100_000 * MIB, None),
        ] {
            assert_eq!(judge(free, total), severity, "{free} of {total}");
        }
    }
}
