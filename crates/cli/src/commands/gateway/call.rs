//! `openclaw gateway call`: any method, its answer as JSON.

use crate::args::ConnectArgs;
use crate::commands::nodes::invoke::object;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, scopes_for};
use clap::Args;
use serde_json::Value;

#[derive(Debug, Args)]
pub(super) struct CallArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The method, such as status or node.list
    #[arg(value_name = "METHOD", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    method: String,
    /// The method's parameters, a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = object)]
    params: Value,
    /// Wait for the last of several answers (agent)
    #[arg(long)]
    expect_final: bool,
}

pub(super) async fn run(args: CallArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scopes_for(&args.method, &args.params)).await?;
    let answer = if args.expect_final {
        let time = args.connect.timeout();
        link.call_two_phase(&args.method, args.params, time, |_accepted| {}).await?
    } else {
        link.call(&args.method, args.params).await?
    };
    link.leave().await;
    ctx.out.json(&answer)
}
