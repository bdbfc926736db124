//! `openclaw logs`: the gateway's log, once or as it goes on.

pub(super) mod render;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::Link;
use crate::view::{flag, list, number, text};
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::time::Duration;

/// How much, and for how long.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Go on with what is logged from now on
    #[arg(short, long)]
    follow: bool,
    /// At most this many lines
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    limit: u32,
    /// At most this many bytes of the file
    #[arg(long, value_name = "BYTES", default_value_t = 250_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_bytes: u32,
    /// Look again after this many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(50..=3_600_000))]
    interval: u64,
    /// Print the lines as they are in the file
    #[arg(long)]
    plain: bool,
    /// Show times in this computer's zone
    #[arg(long, conflicts_with = "utc")]
    local_time: bool,
    /// Show times in UTC, as without it
    #[arg(long)]
    utc: bool,
}

/// After so many failures in a row, following gives up.
const TRIES: u32 = 8;
/// The longest wait between two of them.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Asks and prints, until interrupted where it follows.
///
/// # Errors
/// The gateway cannot be reached (where it follows: for a while), or keeps no log.
pub(crate) async fn run(args: LogsArgs, ctx: &Context) -> Result<(), Failure> {
    let zone = if args.local_time { TimeZone::system() } else { TimeZone::UTC };
    let mut tail = Tail { args, cursor: None, named: None, zone };
    if !tail.args.follow {
        let link = Link::dial_for(ctx, &tail.args.connect, "logs.tail").await?;
        tail.step(ctx, &link).await?;
        link.leave().await;
        return Ok(());
    }
    let mut failures = 0;
    loop {
        let Err(failure) = tail.follow(ctx, &mut failures).await;
        let lasting = !passes(&failure);
        failures += 1;
        if lasting || tail.cursor.is_none() || failures > TRIES {
            return Err(failure);
        }
        let wait = Duration::from_secs(1 << failures.min(5)).min(LONGEST_WAIT);
        ctx.out.remark(&format!("logs: {}; trying again in {} s", failure.message, wait.as_secs()));
        tokio::time::sleep(wait).await;
    }
}

/// Whether the same again may go better by itself: nobody answers, the connection was cut, or the tunnel is not up and goes
/// on trying.
pub(super) fn passes(failure: &Failure) -> bool {
    match failure.exit {
        Exit::Unreachable | Exit::Timeout | Exit::Dropped => true,
        Exit::Tunnel => failure.details.as_ref().is_some_and(|details| details["state"] != "refused"),
        _ => false,
    }
}

/// Where reading has come to.
struct Tail {
    args: LogsArgs,
    cursor: Option<i64>,
    named: Option<String>,
    zone: TimeZone,
}

enum Never {}

impl Tail {
    /// Reads on over one connection until that fails.
    async fn follow(&mut self, ctx: &Context, failures: &mut u32) -> Result<Never, Failure> {
        let link = Link::dial_for(ctx, &self.args.connect, "logs.tail").await?;
        if *failures > 0 {
            ctx.out.remark("logs: connected again");
        }
        loop {
            self.step(ctx, &link).await?;
            *failures = 0;
            tokio::time::sleep(Duration::from_millis(self.args.interval)).await;
        }
    }

    /// Asks once and prints what is new.
    async fn step(&mut self, ctx: &Context, link: &Link) -> Result<(), Failure> {
        let mut params = json!({"limit": self.args.limit, "maxBytes": self.args.max_bytes});
        if let Some(cursor) = self.cursor {
            params["cursor"] = cursor.into();
        }
        let payload = link.call_within("logs.tail", params, self.args.connect.timeout()).await?;
        if flag(&payload, "/reset") && self.cursor.is_some() {
            ctx.out.remark("logs: the file was begun anew");
        }
        if flag(&payload, "/truncated") && self.cursor.is_some() {
            ctx.out.remark("logs: some lines were left out; ask for more with --max-bytes");
        }
        self.print(ctx, &payload)?;
        self.cursor = number(&payload, "/cursor").or(self.cursor);
        Ok(())
    }

    fn print(&mut self, ctx: &Context, payload: &Value) -> Result<(), Failure> {
        let file = text(payload, "/file").unwrap_or("-");
        if ctx.out.json && self.named.as_deref() != Some(file) {
            ctx.out.json_line(&render::meta(payload))?;
        }
        self.named = Some(file.to_owned());
        for line in list(payload, "/lines").iter().filter_map(Value::as_str) {
            if ctx.out.json {
                ctx.out.json_line(&render::event(line))?;
            } else if self.args.plain {
                ctx.out.line(&crate::output::printable(line))?;
            } else {
                ctx.out.line(&render::human(&ctx.out, line, &self.zone))?;
            }
        }
        Ok(())
    }
}
