//! The clock: tokens, certificates and the order of what was said go by it.

use super::own::Seen;
use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};

pub(super) const CHECK: Check = Check {
    id: "clock",
    title: "Clock",
    kinds: &[&WRONG, &SKEW],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static WRONG: Kind = Kind {
    id: "host.clock_wrong",
    severity: Severity::Critical,
    title: "this host's clock is wrong",
    remedy: "set it, and have it kept right: `timedatectl set-ntp true`",
    mends: false,
};
static SKEW: Kind = Kind {
    id: "host.clock_skew",
    severity: Severity::Warn,
    title: "this host and the gateway's differ in what time it is",
    remedy: "set the clocks of both right: `timedatectl set-ntp true`; a gateway takes no device whose clock is off by two minutes",
    mends: false,
};

/// This program was written later than that: 2026-01-01.
const EARLIEST_MS: i64 = 1_767_225_600_000;
/// A file that was written so much later than now was written by a better clock than this one, or a worse one.
const FUTURE_MS: i64 = 60 * 60 * 1000;
/// What nobody notices.
const TOLERABLE_MS: i64 = 30_000;
/// What a gateway takes of a device, in either direction.
const REFUSED_MS: i64 = 120_000;

async fn look(scene: &Scene<'_>) -> Looked {
    let now_ms = scene.ctx.now_ms();
    if now_ms < EARLIEST_MS {
        return vec![Finding::new(&WRONG, "this host", "it shows a year before 2026")].into();
    }
    if let Some(seen) = newest(scene)
        && seen.written_ms > now_ms.saturating_add(FUTURE_MS)
    {
        let ahead = crate::output::span(seen.written_ms.saturating_sub(now_ms));
        let detail = format!("was written {ahead} from now, by this host's clock");
        return vec![Finding::in_file(&WRONG, &seen.path, detail)].into();
    }
    let Some(Ok(live)) = scene.live().await else { return Looked::default() };
    let off = live.ahead_ms.saturating_abs();
    if off <= TOLERABLE_MS {
        return Looked::default();
    }
    let way = if live.ahead_ms > 0 { "ahead of" } else { "behind" };
    let severity = if off > REFUSED_MS { Severity::Critical } else { Severity::Warn };
    let detail = format!("its clock is {} {way} this host's", crate::output::span(off));
    vec![Finding::new(&SKEW, live.url.clone(), detail).severity(severity)].into()
}

/// The file of ours that was written last.
fn newest(scene: &Scene<'_>) -> Option<Seen> {
    let dirs = [scene.state_dir().to_owned(), scene.state_dir().join("state"), scene.ctx.paths.log_dir()];
    dirs.iter()
        .filter_map(|dir| Seen::at(dir))
        .flat_map(|dir| dir.children())
        .max_by_key(|seen| seen.written_ms)
}
