//! The gateway's own certificate: whether it and its key can be served with, and until when it is good.

use super::finding::Mend;
use super::own::Seen;
use super::{Check, Finding, Kind, Looked, Scene, Severity, UNUSABLE, UsedBy};
use gateway::tls::{Certificate, TlsError, TlsFiles, inspect, is_half_done, prepare, switch};
use std::time::Duration;

pub(super) const CHECK: Check = Check {
    id: "tls",
    title: "Certificate",
    kinds: &[&BROKEN, &EXPIRED, &SOON, &EARLY],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static BROKEN: Kind = Kind {
    id: "gateway.tls_unusable",
    severity: Severity::Critical,
    title: "the gateway's certificate or key cannot be used: it does not start, and one that runs goes on with what it has",
    remedy: "mend what is named; a running gateway takes it up by itself",
    mends: false,
};
static EXPIRED: Kind = Kind {
    id: "gateway.tls_expired",
    severity: Severity::Critical,
    title: "the gateway's certificate has expired",
    remedy: "put the next one of its authority in its place, which a running gateway takes up by itself; where the gateway made it: `openclaw gateway tls rotate --switch`",
    mends: true,
};
static SOON: Kind = Kind {
    id: "gateway.tls_expires_soon",
    severity: Severity::Warn,
    title: "the gateway's certificate expires soon",
    remedy: "see why what renews it has not yet; where the gateway made it: `openclaw gateway tls rotate --switch`",
    mends: false,
};
static EARLY: Kind = Kind {
    id: "gateway.tls_not_yet_valid",
    severity: Severity::Warn,
    title: "the gateway's certificate is not good yet",
    remedy: "see that this host's clock is right: `date`; else put the certificate there that is good now",
    mends: false,
};

/// They are small files.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// What renews certificates does so a month before they expire: it has failed for two weeks by then.
const SOON_MS: i64 = 14 * 24 * 3600 * 1000;

async fn look(scene: &Scene<'_>) -> Looked {
    let Some(config) = scene.config() else {
        return Looked::skipped(UNUSABLE);
    };
    if scene.is_remote() {
        return Looked::skipped("the gateway runs elsewhere");
    }
    let tls = config.gateway.tls.clone();
    if !tls.enabled {
        return Looked::skipped("gateway.tls is off");
    }
    let files = TlsFiles::of(&tls, &scene.ctx.paths);
    let own = files.clone();
    let reading = tokio::task::spawn_blocking(move || inspect(&tls, &own));
    match tokio::time::timeout(READ_WITHIN, reading).await {
        Ok(Ok(Ok(Some(certificate)))) => judge(scene, &files, &certificate),
        Ok(Ok(Ok(None))) => Looked::well("the next start makes one"),
        Ok(Ok(Err(error))) => vec![unusable(scene, &files, &error)].into(),
        Ok(Err(error)) => Looked::skipped(format!("{} could not be read: {error}", files.cert.display())),
        Err(_) => Looked::skipped(format!("the disk of {} does not answer", files.cert.display())),
    }
}

fn unusable(scene: &Scene<'_>, files: &TlsFiles, error: &TlsError) -> Finding {
    let finding = Finding::new(&BROKEN, "gateway.tls", error.to_string());
    match error {
        // What a switch leaves that was cut short, or a first start.
        TlsError::Apart { .. } if is_half_done(files) => {
            finding.fix(format!("finish the switch: {}", scene.ctx.command("gateway tls rotate --switch")))
        }
        TlsError::Half { .. } if is_half_done(files) => {
            finding.fix(format!("start the gateway, which puts {} in its place", files.next_cert.display()))
        }
        _ => finding,
    }
}

fn judge(scene: &Scene<'_>, files: &TlsFiles, certificate: &Certificate) -> Looked {
    let Some((from, until)) = certificate.valid_ms else {
        return Looked::well("it does not say until when it is good");
    };
    let now_ms = scene.ctx.now_ms();
    let Some(kind) = state(from, until, now_ms) else {
        return Looked::well(format!("good for {}", span(until, now_ms)));
    };
    let detail = match kind.id {
        id if id == EARLY.id => format!("is good in {}", span(from, now_ms)),
        id if id == SOON.id => format!("expires in {}", span(until, now_ms)),
        _ => format!("expired {} ago", span(now_ms, until)),
    };
    let mut finding = Finding::in_file(kind, &files.cert, detail);
    if certificate.self_signed && kind.id != EARLY.id {
        // Whoever pinned it goes on; dates are nothing to a pin.
        finding = finding.severity(Severity::Warn);
    }
    // What its owner made is its owner's to make anew.
    if certificate.made_here && kind.id != EARLY.id {
        finding = finding.fix(format!(
            "{}; clients that were not told of its key must pin it then: {}",
            scene.ctx.command("gateway tls rotate --switch"),
            scene.ctx.command("gateway tls fingerprint"),
        ));
        if kind.id == EXPIRED.id && files.cert.starts_with(scene.ctx.paths.tls_dir()) {
            finding = finding.mend(renew(scene, files.clone()));
        }
    }
    vec![finding].into()
}

fn span(later_ms: i64, earlier_ms: i64) -> String {
    crate::output::span(later_ms.saturating_sub(earlier_ms))
}

/// What is wrong with these times, if anything.
fn state(from_ms: i64, until_ms: i64, now_ms: i64) -> Option<&'static Kind> {
    // Some live for days only, and are renewed within their last third.
    let soon = SOON_MS.min(until_ms.saturating_sub(from_ms) / 4);
    match now_ms {
        _ if now_ms >= until_ms => Some(&EXPIRED),
        _ if now_ms < from_ms => Some(&EARLY),
        _ if until_ms.saturating_sub(now_ms) < soon => Some(&SOON),
        _ => None,
    }
}

/// Takes the key into use that clients were told of in advance, with a certificate of its own.
fn renew(scene: &Scene<'_>, files: TlsFiles) -> Mend {
    let now_ms = scene.ctx.now_ms();
    let more: Vec<_> =
        scene.config().and_then(|config| config.gateway.custom_bind_host).into_iter().collect();
    scene.unlinked(&files.cert.clone(), async move {
        let seen = [&files.cert, &files.key].map(|file| Seen::at(file));
        if let Some(why) = seen.iter().flatten().find_map(Seen::not_ours) {
            return Err(why);
        }
        prepare(&files).and_then(|_| switch(&files, &more, now_ms)).map_err(|error| error.to_string())?;
        let file = files.cert.display();
        Ok(format!("{file} is a new one, for ten years; clients that were not told of its key must pin it"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_good_between_its_dates_and_soon_is_what_its_life_makes_it() {
        const DAY: i64 = 24 * 3600 * 1000;
        for (life, age, found) in [
            (90, -1, Some(&EARLY)),
            (90, 0, None),
            (90, 75, None),
            (90, 77, Some(&SOON)),
            (90, 90, Some(&EXPIRED)),
            (6, 4, None),
            (6, 5, Some(&SOON)),
            (3653, 3000, None),
        ] {
            let kind = state(0, life * DAY, age * DAY);
            assert_eq!(kind.map(|kind| kind.id), found.map(|kind| kind.id), "{age} of {life} days");
        }
    }
}
