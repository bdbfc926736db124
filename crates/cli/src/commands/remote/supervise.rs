//! The process that looks after a tunnel: detached, for all who use it, or in the foreground of a terminal or service.

use crate::context::Context;
use crate::failure::{Exit, Failure, tunnel as explain};
use crate::link::tunnel;
use remote::tunnel::{Place, Supervise, SuperviseError, TunnelError, TunnelSpec, WireSpec, supervise};
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// Looks after a tunnel until nobody wants it: its name in file names, and the tunnel as JSON. Whoever started it reads `ready`,
/// `held` or what is wrong from standard output.
///
/// # Errors
/// It was started by something else than this program, or its files cannot be used.
pub(crate) async fn run(line: &[OsString], ctx: &Context) -> Result<(), Failure> {
    let words: Option<Vec<&str>> = line.iter().map(|word| word.to_str()).collect();
    let Some([key, spec]) = words.as_deref() else {
        return Err(Failure::usage("a tunnel's supervisor is started by commands").hint("openclaw remote up"));
    };
    let wire: WireSpec = serde_json::from_str(spec).map_err(|e| Failure::usage(e.to_string()))?;
    let spec = TunnelSpec::from_wire(wire).map_err(Failure::usage)?;
    // A session of its own: closing the terminal, or Ctrl-C in it, is not meant for the tunnel. It fails only for who
    // leads one already.
    let _ = rustix::process::setsid();
    // No file system is kept busy; the root can be entered by everybody.
    let _ = std::env::set_current_dir("/");
    let place = Place::new(&ctx.paths.state_dir, *key);
    let setup = setup(ctx, spec, place, false)?;
    let ready = || tell("ready");
    match supervise(setup, ready, stop_signal(ctx)).await {
        Ok(()) => Ok(()),
        Err(SuperviseError::Held) => {
            tell("held");
            Ok(())
        }
        Err(error) => {
            tell(&error.to_string());
            Err(Failure::new(Exit::Failed, "TUNNEL", error.to_string()))
        }
    }
}

/// Looks after the tunnel here, until a signal or `remote down`. While another process does, it has that one keep the tunnel,
/// and takes its place when it ends.
///
/// # Errors
/// Its files cannot be used, or the other one does not answer.
pub(super) async fn foreground(ctx: &Context, spec: TunnelSpec, place: Place) -> Result<(), Failure> {
    let ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let target = spec.target.to_string();
    let stop = stop_signal(ctx);
    tokio::pin!(stop);
    loop {
        let setup = Supervise { keep: true, ask, ..setup(ctx, spec.clone(), place.clone(), true)? };
        let ready = || ctx.out.remark(&format!("looking after the tunnel to {target}; Ctrl-C ends it"));
        match supervise(setup, ready, stop.as_mut()).await {
            Ok(()) => return Ok(()),
            Err(SuperviseError::Held) => {}
            Err(error) => return Err(Failure::new(Exit::Failed, "TUNNEL", error.to_string())),
        }
        let explain = |error| explain::explain(error, ctx);
        tokio::select! {
            ended = follow(ctx, &spec, &place) => ended.map_err(explain)?,
            () = stop.as_mut() => {
                // What was kept for this process is kept no longer.
                remote::tunnel::down(&place, false).await.map_err(explain)?;
                return Ok(());
            }
        }
    }
}

/// Has the process that looks after the tunnel keep it, and waits for its end.
async fn follow(ctx: &Context, spec: &TunnelSpec, place: &Place) -> Result<(), TunnelError> {
    let starter = tunnel::starter(ctx).map_err(|failure| TunnelError::Start(failure.message))?;
    let mut hold = remote::tunnel::up(&starter, place, spec).await?;
    let (mark, pid) = (place.mark(), hold.status().pid);
    ctx.out.remark(&format!(
        "process {pid} looks after the tunnel to {}; this one does when that ends",
        spec.target
    ));
    while hold.changed().await.is_ok() {}
    remote::tunnel::ended(place, mark).await
}

fn setup(ctx: &Context, spec: TunnelSpec, place: Place, keep: bool) -> Result<Supervise, Failure> {
    Ok(Supervise {
        place,
        spec,
        leash: tunnel::leash()?,
        path: ctx.env.get("PATH").map(str::to_owned),
        clock: Arc::clone(&ctx.clock),
        keep,
        ask: false,
    })
}

/// Says how the start went. Nobody may be listening any more.
fn tell(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

async fn stop_signal(ctx: &Context) {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            ctx.out.remark(&format!(
                "signals end this process at once, because they cannot be listened to: {error}"
            ));
            std::future::pending::<()>().await;
        }
    }
}
