//! `openclaw remote status`: the tunnels of this state directory.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Tone, ago, printable};
use clap::Args;
use remote::tunnel::{Holder, Phase, Place, Status, status, supervisor};
use serde::Serialize;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {}

/// A tunnel of this state directory.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    tunnel: Tunnel,
    /// Whether it is the configured one; nothing where the configuration cannot be read.
    configured: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Tunnel {
    /// As its supervisor tells it.
    Told(Box<Status>),
    Silent(Silent),
}

/// One whose supervisor is there and does not answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Silent {
    target: String,
    /// `silent`.
    state: &'static str,
    reason: String,
    fix: String,
    /// The supervisor, where the system tells.
    pid: Option<i32>,
}

/// Asks every supervisor and prints.
///
/// # Errors
/// The output cannot be written.
pub(super) async fn run(_: StatusArgs, ctx: &Context) -> Result<(), Failure> {
    // What is configured matters where nothing is up; a broken configuration must not hide what is.
    let (configured, key) = match super::configured(ctx) {
        Ok((spec, place)) => (Some(spec.target.to_string()), Some(place.key().to_owned())),
        Err(failure) if failure.code == super::NO_TUNNEL => (None, Some(String::new())),
        Err(_) => (None, None),
    };
    let mut rows = Vec::new();
    for place in Place::all(&ctx.paths.state_dir) {
        let configured = key.as_ref().map(|key| key == place.key());
        rows.extend(look(ctx, &place).await.map(|tunnel| Row { tunnel, configured }));
    }
    let hint = super::unused(ctx);
    let report = json!({"tunnels": rows, "configured": configured, "hint": hint});
    ctx.out.show(&report, || match (rows.is_empty(), &configured) {
        (false, _) => page(ctx, &rows),
        (true, Some(target)) => {
            format!("no tunnel is up; to open the one to {target}: {}", ctx.command("remote up"))
        }
        (true, None) => "no tunnel is up, and none is configured (gateway.remote.sshTarget)".to_owned(),
    })?;
    if let Some(hint) = hint {
        ctx.out.remark(&hint);
    }
    // One that only a command holds ends with that.
    let is_left = |row: &Row| {
        row.configured == Some(false) && matches!(&row.tunnel, Tunnel::Told(status) if status.kept)
    };
    if rows.iter().any(is_left) {
        let down = if rows.len() == 1 && configured.is_none() { "remote down" } else { "remote down --all" };
        ctx.out.remark(&format!(
            "what is not configured any more goes on until it is ended: {}",
            ctx.command(down)
        ));
    }
    Ok(())
}

/// How the tunnel at this place is doing; nothing where nobody looks after it.
async fn look(ctx: &Context, place: &Place) -> Option<Tunnel> {
    match status(place).await {
        Ok(told) => told.map(|status| Tunnel::Told(Box::new(status))),
        // It hides none of the others.
        Err(error) => {
            let pid = supervisor(place).await;
            let logs = ctx.command("remote logs");
            let fix = match pid {
                Some(pid) => format!("what happened: {logs}; to end it, and its ssh with it: kill -9 {pid}"),
                None => format!("what happened: {logs}"),
            };
            let reason = error.to_string();
            Some(Tunnel::Silent(Silent { target: place.target(), state: "silent", reason, fix, pid }))
        }
    }
}

/// Each tunnel in a few lines.
fn page(ctx: &Context, rows: &[Row]) -> String {
    let block = |row: &Row| {
        let mark = if row.configured == Some(false) { " (not configured)" } else { "" };
        match &row.tunnel {
            Tunnel::Told(status) => block(ctx, status, mark),
            Tunnel::Silent(silent) => {
                let state = ctx.out.paint(Tone::Bad, silent.state);
                format!(
                    "tunnel   {}{mark}\nstate    {state}: {}\nfix      {}",
                    silent.target, silent.reason, silent.fix
                )
            }
        }
    };
    printable_lines(&rows.iter().map(block).collect::<Vec<_>>().join("\n\n"))
}

/// The configured tunnel in a few lines.
pub(super) fn told(ctx: &Context, status: &Status) -> String {
    printable_lines(&block(ctx, status, ""))
}

fn block(ctx: &Context, status: &Status, mark: &str) -> String {
    let tone = match status.state {
        Phase::Up => Tone::Good,
        Phase::Connecting | Phase::Degraded | Phase::BackingOff => Tone::Warn,
        Phase::Refused => Tone::Bad,
    };
    let state = ctx.out.paint(tone, status.state.as_str());
    let since = ago(ctx.now_ms(), Some(status.since_ms));
    let mut lines = vec![
        format!("tunnel   {}, port {} there{mark}", status.target, status.remote_port),
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
