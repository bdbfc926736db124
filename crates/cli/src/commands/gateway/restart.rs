//! `openclaw gateway restart`: the service anew, after the turns that run where that is wanted.

use super::living;
use crate::args::{ConnectArgs, TargetArgs};
use crate::commands::living::RestartArgs as Anew;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::link::one_call;
use crate::view::{cell, counted, flag, list};
use clap::Args;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    anew: Anew,
    /// First wait this long for the turns that run to end: 30s, 5m; 0 waits for as long as it takes. New ones may begin
    /// meanwhile
    #[arg(long, value_name = "DURATION", value_parser = wait, conflicts_with_all = ["force", "safe"])]
    wait: Option<Duration>,
}

/// Between two looks whether turns run.
const LOOK: Duration = Duration::from_secs(1);

/// Milliseconds, or with units.
fn wait(text: &str) -> Result<Duration, String> {
    let ms = match text.parse::<u64>() {
        Ok(ms) => ms,
        Err(_) => input::duration(text)?.unsigned_abs(),
    };
    Ok(Duration::from_millis(ms))
}

/// Waits where that was asked for, and starts it anew.
///
/// # Errors
/// As of any service; a gateway that cannot be asked is not waited for.
pub(crate) async fn run(args: RestartArgs, ctx: &Context) -> Result<(), Failure> {
    if let Some(time) = args.wait {
        until_idle(time, ctx).await?;
    }
    living(ctx)?.restart(&args.anew).await
}

/// Waits until no turn runs, or so long; nothing is no bound.
async fn until_idle(time: Duration, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    // The service is of this host, whatever gateway commands go to.
    let port = config::gateway_port(None, &ctx.env, &loaded.config.gateway, &ctx.paths)?;
    let here = TargetArgs { port: Some(port), ..TargetArgs::default() };
    let connect = ConnectArgs { target: here, timeout: None };
    let begun = Instant::now();
    let mut told = false;
    loop {
        let sessions = match one_call(ctx, &connect, "sessions.list", json!({"limit": 1000})).await {
            Ok(sessions) => sessions,
            Err(failure) => {
                ctx.out.remark(&format!("the gateway cannot be asked what runs: {}", failure.message));
                return Ok(());
            }
        };
        let busy: Vec<String> = list(&sessions, "/sessions")
            .iter()
            .filter(|session| flag(session, "/hasActiveRun"))
            .map(|session| cell(session, "/key"))
            .collect();
        if busy.is_empty() {
            return Ok(());
        }
        let count = counted(i64::try_from(busy.len()).unwrap_or(i64::MAX), "turn runs", "turns run");
        if !time.is_zero() && begun.elapsed() >= time {
            ctx.out.remark(&format!("{count} still: {}", busy.join(", ")));
            return Ok(());
        }
        if !told {
            ctx.out.remark(&format!("{count}, and is waited for: {}", busy.join(", ")));
            told = true;
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_in_milliseconds_or_says_its_units() {
        for (text, ms) in [("500", 500), ("30s", 30_000), ("5m", 300_000), ("0", 0)] {
            assert_eq!(wait(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert!(wait("soon").is_err() && wait("1h30").is_err());
        assert_eq!(wait("1h30m"), Ok(Duration::from_secs(5400)));
    }
}
