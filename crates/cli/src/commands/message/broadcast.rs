//! `openclaw message broadcast`: the same message to several chats, with a result for each.

use super::media;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::Link;
use crate::output::{Table, printable};
use crate::view::{cell, flag, list};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

/// What goes where.
#[derive(Debug, Args)]
pub(super) struct BroadcastArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The channel; `all`, or nothing, is the one that is configured
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// The chats' ids on that channel
    #[arg(long, value_name = "ID", num_args = 1.., required = true, allow_negative_numbers = true, value_parser = NonEmptyStringValueParser::new())]
    targets: Vec<String>,
    /// The text, in Markdown
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, required_unless_present = "media", value_parser = NonEmptyStringValueParser::new())]
    message: Option<String>,
    /// A file of this computer, or an https address; several are sent in order
    #[arg(long, value_name = "PATH_OR_URL", value_parser = NonEmptyStringValueParser::new())]
    media: Vec<String>,
    /// The channel's account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// They come without a sound
    #[arg(long)]
    silent: bool,
    /// Show what would be asked of the gateway, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Sends it to one after the other, in the order in which they are named.
///
/// # Errors
/// A file is not there, the gateway cannot be reached, or one of the chats did not get it.
pub(super) async fn run(args: BroadcastArgs, ctx: &Context) -> Result<(), Failure> {
    let message = message(&args)?;
    let mut results = Vec::with_capacity(args.targets.len());
    if args.dry_run {
        results.extend(args.targets.iter().map(|to| json!({"to": to, "ok": true, "sent": false})));
    } else {
        let link = Link::dial_for(ctx, &args.connect, "send").await?;
        let mut is_gone = false;
        for to in &args.targets {
            if is_gone {
                // Each would wait for the way to come back, one after the other.
                results.push(json!({"to": to, "ok": false, "error": "not tried: the gateway is gone"}));
                continue;
            }
            let mut params = message.clone();
            params["to"] = to.as_str().into();
            let key = model::new_id();
            params["idempotencyKey"] = key.as_str().into();
            let sent = link.call_within("send", params, args.connect.timeout()).await;
            results.push(match sent {
                Ok(payload) => result(to, &payload),
                Err(failure) => {
                    is_gone = matches!(failure.exit, Exit::Dropped | Exit::Unreachable);
                    failed(to, &key, &failure)
                }
            });
        }
        link.leave().await;
    }
    let ok = results.iter().all(|result| flag(result, "/ok"));
    let mut report = json!({
        "ok": ok, "action": "broadcast", "dryRun": args.dry_run, "payload": {"results": results},
    });
    if args.dry_run {
        report["params"] = message;
    }
    ctx.out.show(&report, || {
        let table = table(&report).render(&ctx.out, "nobody");
        match report.get("params") {
            Some(params) => {
                format!("{table}\nnothing was sent; each would get: send {}", printable(&params.to_string()))
            }
            None => table,
        }
    })?;
    // It has been printed what could not be done.
    if ok { Ok(()) } else { Err(Failure::new(Exit::Failed, "", "")) }
}

/// What each of them gets.
fn message(args: &BroadcastArgs) -> Result<Value, Failure> {
    let mut params = json!({"message": args.message.as_deref().unwrap_or_default()});
    let media = media::read(&args.media)?;
    if !media.is_empty() {
        params["mediaUrls"] = json!(media);
    }
    if args.silent {
        params["silent"] = true.into();
    }
    if let Some(channel) = args.channel.as_deref().filter(|channel| !channel.eq_ignore_ascii_case("all")) {
        params["channel"] = channel.into();
    }
    if let Some(account) = &args.account {
        params["accountId"] = account.as_str().into();
    }
    Ok(params)
}

/// One that failed, or of which nobody knows: where its code says so, it may have arrived, and the key tells whether it is the same again.
fn failed(to: &str, key: &str, failure: &Failure) -> Value {
    let unknown = matches!(failure.exit, Exit::Dropped | Exit::Timeout);
    let may = if unknown { "; it may have arrived all the same" } else { "" };
    json!({
        "to": to, "ok": false, "error": format!("{}{may}", failure.message), "code": failure.code,
        "idempotencyKey": key,
    })
}

fn result(to: &str, payload: &Value) -> Value {
    let mut result =
        json!({"channel": payload["channel"], "to": to, "ok": true, "messageId": payload["messageId"]});
    if flag(payload, "/queued") {
        result["queued"] = true.into();
    }
    result
}

fn table(report: &Value) -> Table {
    let mut table = Table::whole(&["TARGET", "STATUS", "MESSAGE", "WHY"]);
    for result in list(report, "/payload/results") {
        let (status, why) = if flag(report, "/dryRun") {
            ("not sent", "-".to_owned())
        } else if flag(result, "/queued") {
            ("kept", "the channel does not take it now; it goes out by itself".to_owned())
        } else if flag(result, "/ok") {
            ("sent", "-".to_owned())
        } else {
            ("failed", cell(result, "/error"))
        };
        let id = if flag(result, "/queued") { "-".to_owned() } else { cell(result, "/messageId") };
        table.row([cell(result, "/to"), status.to_owned(), id, printable(&why)]);
    }
    table
}
