//! `openclaw nodes rename`: the name that the gateway shows for a node, whatever the node calls itself.

use super::pick;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, scope_names};
use crate::output::printable;
use crate::view::list;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use protocol::Scope;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct RenameArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The node's id, the beginning of it, its name or its address
    #[arg(long, value_name = "NODE")]
    node: String,
    /// The new name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: String,
}

pub(super) async fn run(args: RenameArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Read, Scope::Pairing])).await?;
    let nodes = link.call("node.list", json!({})).await?;
    let id = pick(list(&nodes, "/nodes"), &args.node)?;
    let payload = link.call("node.rename", json!({"nodeId": id, "displayName": args.name})).await?;
    link.leave().await;
    ctx.out.show(&payload, || printable(&format!("{} is called {} now", args.node, args.name)))
}
