//! `openclaw remote logs`: what a tunnel's supervisor wrote down.

use super::configured;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::logging::civil;
use crate::output::printable;
use clap::Args;
use remote::tunnel::Place;
use serde_json::Value;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// At most this many lines
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    lines: u32,
    /// Go on with what happens from now on
    #[arg(short, long)]
    follow: bool,
}

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// A log is put aside when it is larger than 1 MiB; a reading takes no more than twice that.
const MOST: u64 = 2 * 1024 * 1024;

/// Prints the log, until interrupted where it follows.
///
/// # Errors
/// There is none, or it cannot be read.
pub(super) async fn run(args: LogsArgs, ctx: &Context) -> Result<(), Failure> {
    let place = chosen(ctx)?;
    let path = place.log();
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => {
            Failure::not_found("this tunnel has no log yet").hint(ctx.command("remote up"))
        }
        _ => Failure::new(Exit::Failed, "LOG", format!("cannot read {}: {error}", path.display())),
    };
    let (text, mut at) = read_from(&path, 0).map_err(failed)?;
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(usize::try_from(args.lines).unwrap_or(usize::MAX));
    for line in lines.iter().skip(first) {
        print(ctx, line)?;
    }
    if !args.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(LOOK).await;
        // It was put aside and begun anew.
        if path.metadata().map_err(failed)?.len() < at {
            at = 0;
        }
        let (text, end) = read_from(&path, at).map_err(failed)?;
        at = end;
        for line in text.lines() {
            print(ctx, line)?;
        }
    }
}

/// The configured tunnel, or the only one that there is.
fn chosen(ctx: &Context) -> Result<Place, Failure> {
    match (configured(ctx), Place::all(&ctx.paths.state_dir)) {
        (Ok((_, place)), _) => Ok(place),
        (Err(_), all) if all.len() == 1 => {
            all.into_iter().next().ok_or_else(|| Failure::not_found("no tunnel"))
        }
        (Err(failure), _) => Err(failure),
    }
}

/// The whole lines from `at` on, and where they end.
fn read_from(path: &std::path::Path, at: u64) -> std::io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    bytes.truncate(whole);
    Ok((String::from_utf8_lossy(&bytes).into_owned(), at + whole as u64))
}

fn print(ctx: &Context, line: &str) -> Result<(), Failure> {
    if ctx.out.json {
        return ctx.out.line(line);
    }
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let what = match (text("state"), text("reason")) {
        (Some(state), Some(reason)) => format!("{state}: {reason}"),
        _ => {
            text("note").or(text("ssh").map(|said| format!("ssh: {said}"))).unwrap_or_else(|| line.to_owned())
        }
    };
    let at = value["at"].as_i64().map(civil::time).unwrap_or_default();
    ctx.out.line(&printable(&format!("{at} {what}")))
}
