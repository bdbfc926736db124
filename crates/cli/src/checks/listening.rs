//! The gateway itself: who has the state directory, who has the port, and whether the one that should answer does.

use super::listeners::on_port;
use super::own::{Seen, Sort};
use super::{Check, Finding, Kind, Looked, Scene, Severity, UsedBy};
use crate::failure::Exit;
use crate::link::{tunnel, without_tunnel};
use gateway::Holder;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::TcpStream;

pub(super) const CHECK: Check = Check {
    id: "gateway",
    title: "Gateway",
    kinds: &[&LOCK, &SILENT, &REFUSES, &UNREACHABLE, &TAKEN, &ELSEWHERE, &UNHEALTHY],
    used_by: UsedBy::Doctor,
    look: |scene| Box::pin(look(scene)),
};

static LOCK: Kind = Kind {
    id: "gateway.lock_unusable",
    severity: Severity::Critical,
    title: "what lies in the place of the lock file is no file, so no gateway can start",
    remedy: "move it away; the next start makes a new one",
    mends: false,
};
static SILENT: Kind = Kind {
    id: "gateway.not_answering",
    severity: Severity::Critical,
    title: "a process holds the state directory and does not answer",
    remedy: "look at its log; if it hangs, end it: what is on disk is not lost",
    mends: false,
};
static REFUSES: Kind = Kind {
    id: "gateway.refuses",
    severity: Severity::Warn,
    title: "the gateway runs and does not let commands of this host in",
    remedy: "it was perhaps started with another secret: start it again",
    mends: false,
};
static UNREACHABLE: Kind = Kind {
    id: "gateway.unreachable",
    severity: Severity::Critical,
    title: "the gateway that commands of this host go to does not let them in",
    remedy: "`openclaw gateway probe` shows what stands in the way",
    mends: false,
};
static TAKEN: Kind = Kind {
    id: "gateway.port_taken",
    severity: Severity::Critical,
    title: "another program has the gateway's port",
    remedy: "stop that program, or choose another port: `openclaw config set gateway.port PORT`",
    mends: false,
};
static ELSEWHERE: Kind = Kind {
    id: "gateway.other_port",
    severity: Severity::Info,
    title: "the gateway listens on another port than commands look at",
    remedy: "start it without --port, give commands the same --port, or set gateway.port",
    mends: false,
};
static UNHEALTHY: Kind = Kind {
    id: "gateway.unhealthy",
    severity: Severity::Warn,
    title: "the gateway answers and says that it is not well",
    remedy: "see what it says: `openclaw health --verbose`",
    mends: false,
};

/// Loopback answers at once, or not at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

async fn look(scene: &Scene<'_>) -> Looked {
    let lock = scene.state_dir().join("gateway.lock");
    if let Some(seen) = Seen::at(&lock)
        && seen.sort != Sort::File
    {
        let fix = format!("move it away: mv {0} {0}.old", lock.display());
        return vec![Finding::in_file(&LOCK, &lock, "is no regular file").fix(fix)].into();
    }
    if scene.is_remote() {
        return elsewhere(scene).await;
    }
    match scene.holder.clone() {
        Some(holder) => held(scene, &holder).await,
        None => free(scene).await,
    }
}

/// Commands go to another host.
async fn elsewhere(scene: &Scene<'_>) -> Looked {
    let by_url = scene.target().is_some_and(|target| target.is_ok_and(|to| to.via == "gateway.remote.url"));
    let loaded = scene.loaded.as_ref().ok().filter(|_| by_url);
    let by_hand = loaded.and_then(|loaded| without_tunnel(scene.ctx, loaded));
    match scene.live().await {
        Some(Ok(live)) => {
            let note = by_hand.map(|hint| format!("; {hint}")).unwrap_or_default();
            Looked::well(format!("{} answers{note}", live.url))
        }
        Some(Err(failure)) => {
            let place = scene.target().and_then(Result::ok).map(|target| tunnel::url_of(scene.ctx, &target));
            let place = place.unwrap_or_else(|| "gateway.remote.url".to_owned());
            let finding = Finding::new(&UNREACHABLE, place, failure.message.clone());
            let by_hand = by_hand.as_ref().filter(|_| failure.exit == Exit::Unreachable);
            vec![match by_hand.or(failure.hints.first()) {
                Some(hint) => finding.fix(hint.clone()),
                None => finding,
            }]
            .into()
        }
        None => Looked::skipped("no gateway is meant"),
    }
}

/// Somebody has the state directory open.
async fn held(scene: &Scene<'_>, holder: &Holder) -> Looked {
    let who = format!("process {} (`{}`)", holder.pid, holder.command);
    let Some(port) = holder.port else {
        // `devices --local` holds it for a moment, and so does a start.
        let detail = format!("{who} has not said where it listens");
        return vec![Finding::in_file(&SILENT, scene.state_dir(), detail)].into();
    };
    let mut findings = Vec::new();
    if let Ok(wanted) = wanted_port(scene)
        && wanted != port
    {
        findings.push(Finding::new(
            &ELSEWHERE,
            format!("port {port}"),
            format!("commands look at port {wanted}"),
        ));
    }
    let note = match scene.live().await {
        Some(Ok(live)) if live.health.get("ok").is_some_and(|ok| ok == false) => {
            findings.push(Finding::new(&UNHEALTHY, live.url.clone(), format!("{who} says so")));
            None
        }
        Some(Ok(live)) => Some(format!("{who} answers at {}", live.url)),
        Some(Err(failure)) if failure.exit == Exit::Refused => {
            findings.push(Finding::new(&REFUSES, format!("port {port}"), failure.message.clone()));
            None
        }
        Some(Err(failure)) if failure.exit == Exit::Config => {
            Some(format!("{who} runs; without a configuration that can be used, it is not asked"))
        }
        _ => {
            let detail = format!("{who} should listen on port {port}");
            let fix = format!("see `{}`; if it hangs: kill {}", scene.ctx.command("logs"), holder.pid);
            findings.push(Finding::in_file(&SILENT, scene.state_dir(), detail).fix(fix));
            None
        }
    };
    Looked { findings, note, skipped: None }
}

/// No gateway runs here: nobody else may have its port.
async fn free(scene: &Scene<'_>) -> Looked {
    let port = match wanted_port(scene) {
        Ok(port) => port,
        Err(why) => return Looked::skipped(why),
    };
    if !answers(port).await {
        return Looked::well(format!("none runs here; start it: {}", scene.ctx.command("gateway run")));
    }
    let holder = on_port(port).iter().find_map(|listener| listener.process());
    let detail = match holder {
        Some((pid, name)) => format!("process {pid} ({name}) listens there"),
        None => "a program of another user listens there".to_owned(),
    };
    let fix = format!(
        "stop that program, or choose another port: {}",
        scene.ctx.command("config set gateway.port PORT")
    );
    vec![Finding::new(&TAKEN, format!("127.0.0.1:{port}"), detail).fix(fix)].into()
}

/// The port that commands look at.
fn wanted_port(scene: &Scene<'_>) -> Result<u16, String> {
    let gateway = scene.config().map(|config| config.gateway.clone()).unwrap_or_default();
    config::gateway_port(None, &scene.ctx.env, &gateway, &scene.ctx.paths).map_err(|error| error.to_string())
}

/// Whether anybody listens there, on this host.
async fn answers(port: u16) -> bool {
    let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    matches!(tokio::time::timeout(CONNECT_WITHIN, connecting).await, Ok(Ok(_)))
}
