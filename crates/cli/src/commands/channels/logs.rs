//! `openclaw channels logs`: what the gateway's log says of the platforms.

use crate::args::ConnectArgs;
use crate::commands::logs::render;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::view::{list, text};
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The platform
    #[arg(long, value_name = "CHANNEL", value_parser = ["all", "telegram"], default_value = "all")]
    channel: String,
    /// At most this many lines
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    lines: u32,
}

/// As much of the log as a gateway gives at once.
const LINES: u32 = 5_000;
const BYTES: u32 = 1_000_000;

/// Asks for the end of the log, and prints what is about the platforms.
///
/// # Errors
/// The gateway cannot be reached, or keeps no log.
pub(super) async fn run(args: LogsArgs, ctx: &Context) -> Result<(), Failure> {
    let asked = json!({"limit": LINES, "maxBytes": BYTES});
    let payload = one_call(ctx, &args.connect, "logs.tail", asked).await?;
    let all = list(&payload, "/lines").iter().filter_map(Value::as_str);
    let mut lines: Vec<&str> = all.filter(|line| is_about(line, &args.channel)).collect();
    let most = usize::try_from(args.lines).unwrap_or(usize::MAX);
    lines.drain(..lines.len().saturating_sub(most));
    let events: Vec<Value> = lines.iter().map(|line| render::event(line)).collect();
    let report = json!({"file": payload["file"], "channel": args.channel, "lines": events});
    ctx.out.show(&report, || {
        if lines.is_empty() {
            return "nothing is said of them in the end of the log; see all of it: openclaw logs".to_owned();
        }
        let shown = lines.iter().map(|line| render::human(&ctx.out, line, &TimeZone::UTC));
        shown.collect::<Vec<_>>().join("\n")
    })
}

/// Whether a line is of the part that speaks with platforms, and of none but this one.
fn is_about(line: &str, channel: &str) -> bool {
    let Ok(fields) = serde_json::from_str::<Value>(line) else { return false };
    let target = text(&fields, "/target").unwrap_or_default();
    let part = ["channels::", "gateway::delivery", "gateway::methods::channels"];
    let of_this =
        channel == "all" || text(&fields, "/channel").is_none_or(|name| name.eq_ignore_ascii_case(channel));
    of_this && part.iter().any(|part| target.starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_platforms_are_taken() {
        for (line, channel, wanted) in [
            (r#"{"target":"channels::telegram::poll","message":"x"}"#, "all", true),
            (r#"{"target":"channels::telegram::poll","message":"x"}"#, "telegram", true),
            (r#"{"target":"gateway::delivery::outbox","channel":"irc"}"#, "telegram", false),
            (r#"{"target":"gateway::delivery::outbox","channel":"irc"}"#, "all", true),
            (r#"{"target":"gateway::start"}"#, "all", false),
            ("channels::telegram", "all", false),
        ] {
            assert_eq!(is_about(line, channel), wanted, "{line} {channel}");
        }
    }
}
