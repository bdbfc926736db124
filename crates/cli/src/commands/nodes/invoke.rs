//! `openclaw nodes invoke`: one call of one command of one node.

use super::pick;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::Link;
use crate::view::list;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use protocol::Scope;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct InvokeArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The node's id, the beginning of it, its name or its address
    #[arg(long, value_name = "NODE")]
    node: String,
    /// The command, such as system.which
    #[arg(long, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    command: String,
    /// The command's parameters, a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = object)]
    params: Value,
    /// The node gives up after this many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    invoke_timeout: u64,
    /// The same key again gives the first answer instead of a second call
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    idempotency_key: Option<String>,
}

/// Reads a JSON object.
pub(in crate::commands) fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("must be a JSON object, such as '{\"bins\":[\"ls\"]}'".into()),
        Err(e) => Err(format!("is no JSON: {e}; write an object, such as '{{\"bins\":[\"ls\"]}}'")),
    }
}

/// Commands that a gateway calls for administrators alone: they decide what a node runs, drive its browser, or go past the policy
/// on files.
fn is_for_admins(command: &str) -> bool {
    command.starts_with("browser.proxy")
        || command.starts_with("system.execApprovals.")
        || matches!(command, "fs.listDir" | "terminal.upload")
}

/// The way to the node and back takes its own time beside the command's.
const WAY: Duration = Duration::from_secs(10);

pub(super) async fn run(args: InvokeArgs, ctx: &Context) -> Result<(), Failure> {
    let link = if is_for_admins(&args.command) {
        Link::dial(ctx, &args.connect, &[Scope::Admin.as_str().to_owned()]).await?
    } else {
        Link::dial_for(ctx, &args.connect, "node.invoke").await?
    };
    let nodes = link.call("node.list", json!({})).await?;
    let id = pick(list(&nodes, "/nodes"), &args.node)?;
    let params = json!({
        "nodeId": id,
        "command": args.command,
        "params": args.params,
        "timeoutMs": args.invoke_timeout,
        "idempotencyKey": args.idempotency_key.unwrap_or_else(model::new_id),
    });
    let within = args.connect.timeout().max(Duration::from_millis(args.invoke_timeout) + WAY);
    let payload = link.call_within("node.invoke", params, within).await?;
    link.leave().await;
    ctx.out.show(&payload, || format!("{:#}", payload.get("payload").unwrap_or(&payload)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_must_be_a_json_object() {
        assert_eq!(object("{\"a\":1}"), Ok(json!({"a":1})));
        for bad in ["[]", "1", "{", "", "{a:1}"] {
            assert!(object(bad).is_err(), "{bad}");
        }
    }
}
