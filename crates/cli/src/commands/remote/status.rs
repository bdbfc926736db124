//! `openclaw remote status`: the tunnels of this state directory.

use crate::context::Context;
use crate::failure::{Failure, tunnel as explain};
use crate::output::{Tone, ago, printable};
use clap::Args;
use remote::tunnel::{Holder, Phase, Place, Status, status};
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {}

/// Asks every supervisor and prints.
///
/// # Errors
/// One of them does not answer.
pub(super) async fn run(_: StatusArgs, ctx: &Context) -> Result<(), Failure> {
    let mut all = Vec::new();
    for place in Place::all(&ctx.paths.state_dir) {
        all.extend(status(&place).await.map_err(|error| explain::explain(error, ctx))?);
    }
    // What is configured matters where nothing is up; a broken configuration must not hide what is.
    let configured = super::configured(ctx).ok().map(|(spec, _)| spec.target.to_string());
    let hint = super::unused(ctx);
    let report = json!({"tunnels": all, "configured": configured, "hint": hint});
    ctx.out.show(&report, || match (all.is_empty(), &configured) {
        (false, _) => page(ctx, &all),
        (true, Some(target)) => {
            format!("no tunnel is up; to open the one to {target}: {}", ctx.command("remote up"))
        }
        (true, None) => "no tunnel is up, and none is configured (gateway.remote.sshTarget)".to_owned(),
    })?;
    if let Some(hint) = hint {
        ctx.out.remark(&hint);
    }
    Ok(())
}

/// Each tunnel in a few lines.
pub(super) fn page(ctx: &Context, all: &[Status]) -> String {
    let blocks: Vec<String> = all.iter().map(|status| block(ctx, status)).collect();
    printable_lines(&blocks.join("\n\n"))
}

fn block(ctx: &Context, status: &Status) -> String {
    let tone = match status.state {
        Phase::Up => Tone::Good,
        Phase::Connecting | Phase::Degraded | Phase::BackingOff => Tone::Warn,
        Phase::Refused => Tone::Bad,
    };
    let state = ctx.out.paint(tone, status.state.as_str());
    let since = ago(ctx.now_ms(), Some(status.since_ms));
    let mut lines = vec![
        format!("tunnel   {}, port {} there", status.target, status.remote_port),
        format!("state    {state} since {since}: {}", status.reason),
    ];
    if status.local_port != 0 {
        let note = status.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        lines.push(format!("here     ws://127.0.0.1:{}{note}", status.local_port));
    }
    if let Some(fix) = &status.fix {
        lines.push(format!("fix      {fix}"));
    }
    let ssh = status.ssh_pid.map_or_else(|| "no ssh".to_owned(), |pid| format!("ssh is process {pid}"));
    lines.push(format!("process  {}; {ssh}, started {}", status.pid, times(status.starts)));
    let mut who: Vec<String> = status.holders.iter().map(holder).collect();
    if status.kept {
        who.insert(0, "remote up".to_owned());
    }
    lines.push(format!("held by  {}", if who.is_empty() { "nobody".to_owned() } else { who.join(", ") }));
    lines.join("\n")
}

/// One who holds it.
pub(super) fn holder(holder: &Holder) -> String {
    let pid = holder.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    format!("{}{pid}", printable(&holder.who))
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// What ssh said is in here; colours of ours are, too.
fn printable_lines(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\x1b')).collect()
}
