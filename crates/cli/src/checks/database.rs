//! Whether the state file is sound.

use super::own::Seen;
use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use gateway::{HostState, Soundness};
use std::time::Duration;

pub(super) const CHECK: Check = Check {
    id: "database",
    title: "State file",
    kinds: &[&DAMAGED, &UNUSABLE, &NEWER],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static DAMAGED: Kind = Kind {
    id: "state.database_damaged",
    severity: Severity::Critical,
    title: "the state file is damaged",
    remedy: "restore it from a backup, or have it set aside: sessions and pairings start empty then, and the damaged file stays beside the new one",
    mends: true,
};
static UNUSABLE: Kind = Kind {
    id: "state.database_unusable",
    severity: Severity::Critical,
    title: "the state file cannot be opened",
    remedy: "mend what is named: it has to be readable and writable by this user",
    mends: false,
};
static NEWER: Kind = Kind {
    id: "state.database_newer",
    severity: Severity::Critical,
    title: "a newer version of this program wrote the state file",
    remedy: "run that version; this one leaves the file alone",
    mends: false,
};

/// Enough for some GB; nobody wants to wait longer without having asked for it.
const BUDGET: Duration = Duration::from_secs(20);
/// With `--deep`.
const DEEP_BUDGET: Duration = Duration::from_secs(600);
/// What opening the file may take on top.
const SPARE: Duration = Duration::from_secs(10);

async fn look(scene: &Scene<'_>) -> Looked {
    let dir = scene.state_dir().to_owned();
    let file = dir.join("state/gateway.sqlite");
    let budget = if scene.deep { DEEP_BUDGET } else { BUDGET };
    let own = dir.clone();
    let reading = tokio::task::spawn_blocking(move || HostState::soundness(&own, budget));
    let verdict = match tokio::time::timeout(budget + SPARE, reading).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => return Looked::skipped(format!("{} could not be read: {error}", file.display())),
        Err(_) => return Looked::skipped(format!("the disk of {} does not answer", file.display())),
    };
    match verdict {
        Ok(Soundness::Absent | Soundness::Sound) => Looked::default(),
        Ok(Soundness::Unfinished) => {
            let why = format!("nothing wrong in the first {} s; --deep reads on", budget.as_secs());
            Looked { note: Some(why), ..Looked::default() }
        }
        Ok(Soundness::Newer { found, ours }) => {
            let detail = format!("has format {found}, and this version knows {ours}");
            vec![Finding::in_file(&NEWER, &file, detail)].into()
        }
        Ok(Soundness::Damaged(reason)) => {
            let found = Finding::in_file(&DAMAGED, &file, reason.clone());
            if let Some(first) = scene.stop_first() {
                return vec![found.fix(first)].into();
            }
            let (clock, own) = (scene.ctx.clock.clone(), file.clone());
            let command = scene.ctx.command("doctor --fix");
            let mend = async move {
                if let Some(why) = Seen::at(&own).and_then(|seen| seen.not_ours()) {
                    return Err(why);
                }
                let done = HostState::set_aside_if_damaged(&dir, &reason, &command, clock).await;
                done.map(|notices| notices.join("; ")).map_err(|error| error.to_string())
            };
            vec![found.mend(scene.unlinked(&file, mend))].into()
        }
        Err(error) => vec![Finding::in_file(&UNUSABLE, &file, error.to_string())].into(),
    }
}
