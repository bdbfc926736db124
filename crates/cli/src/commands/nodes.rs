//! `openclaw nodes`: which nodes there are, what they may do, and calling them.

mod camera;
mod device;
pub(super) mod invoke;
mod location;
mod notify;
mod pairing;
mod pick;
mod rename;
mod screen;

pub(super) use pick::pick;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, scope_names};
use crate::output::{Table, Tone, ago};
use crate::view::{cell, flag, joined, list, number, text};
use clap::{Args, Subcommand};
use protocol::Scope;
use serde_json::{Value, json};

/// `nodes` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct NodesArgs {
    #[command(subcommand)]
    command: NodesCommand,
}

#[derive(Debug, Subcommand)]
enum NodesCommand {
    /// Nodes that wait for approval, and those that have it
    List(ListArgs),
    /// The nodes and how they do
    Status(ListArgs),
    /// All about one node
    Describe(DescribeArgs),
    /// Nodes whose commands wait for approval
    Pending(pairing::PendingArgs),
    /// Allow a node the commands that it offers
    Approve(pairing::RequestArgs),
    /// Turn a node's request down
    Reject(pairing::RequestArgs),
    /// Take a node's approval away
    Remove(pairing::RemoveArgs),
    /// Give a node another name
    Rename(rename::RenameArgs),
    /// Call a command of a node
    Invoke(invoke::InvokeArgs),
    /// A node's cameras: photos and short films
    Camera(camera::CameraArgs),
    /// What is on a node's screen
    Screen(screen::ScreenArgs),
    /// Where a node is
    Location(location::LocationArgs),
    /// Show a notice on a node
    Notify(notify::NotifyArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Only those that are connected
    #[arg(long)]
    connected: bool,
    /// Only those that were connected within this time, such as 24h or 7d
    #[arg(long, value_name = "TIME", value_parser = crate::input::duration)]
    last_connected: Option<i64>,
}

#[derive(Debug, Args)]
struct DescribeArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The node's id, the beginning of it, its name or its address
    #[arg(long, value_name = "NODE")]
    node: String,
}

/// Asks, decides or calls.
///
/// # Errors
/// The gateway cannot be reached or refuses, or there is no such node.
pub(crate) async fn run(args: NodesArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        NodesCommand::List(args) => listing(args, ctx).await,
        NodesCommand::Status(args) => status(args, ctx).await,
        NodesCommand::Describe(args) => describe(args, ctx).await,
        NodesCommand::Pending(args) => pairing::pending(args, ctx).await,
        NodesCommand::Approve(args) => pairing::approve(args, ctx).await,
        NodesCommand::Reject(args) => pairing::reject(args, ctx).await,
        NodesCommand::Remove(args) => pairing::remove(args, ctx).await,
        NodesCommand::Rename(args) => rename::run(args, ctx).await,
        NodesCommand::Invoke(args) => invoke::run(args, ctx).await,
        NodesCommand::Camera(args) => camera::run(args, ctx).await,
        NodesCommand::Screen(args) => screen::run(args, ctx).await,
        NodesCommand::Location(args) => location::run(args, ctx).await,
        NodesCommand::Notify(args) => notify::run(args, ctx).await,
    }
}

async fn listing(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial(ctx, &args.connect, &scope_names(&[Scope::Read, Scope::Pairing])).await?;
    let mut payload = link.call("node.pair.list", json!({})).await?;
    let nodes = link.call("node.list", json!({})).await?;
    link.leave().await;
    // `node.list` knows which of the approved nodes is connected.
    payload["paired"] = kept(&nodes, &args, ctx.now_ms());
    ctx.out.show(&payload, || {
        let paired = format!("Nodes\n{}", table(ctx, list(&payload, "/paired")));
        let waiting = pairing::table(ctx, &payload);
        if waiting.is_empty() {
            return paired;
        }
        let approve = ctx.command("nodes approve REQUEST");
        format!("Waiting\n{}\napprove: {approve}\n\n{paired}", waiting.render(&ctx.out, ""))
    })
}

async fn status(args: ListArgs, ctx: &Context) -> Result<(), Failure> {
    let mut payload = crate::link::one_call(ctx, &args.connect, "node.list", json!({})).await?;
    payload["nodes"] = kept(&payload, &args, ctx.now_ms());
    ctx.out.show(&payload, || table(ctx, list(&payload, "/nodes")))
}

/// When a node was there last.
fn last(node: &Value) -> Option<i64> {
    number(node, "/lastConnectedAtMs").or_else(|| number(node, "/lastSeenAtMs"))
}

fn kept(payload: &Value, args: &ListArgs, now_ms: i64) -> Value {
    let is_meant = |node: &&Value| {
        let was_there = |within: i64| last(node).is_some_and(|at| at >= now_ms - within);
        (!args.connected || flag(node, "/connected")) && args.last_connected.is_none_or(was_there)
    };
    list(payload, "/nodes").iter().filter(is_meant).cloned().collect()
}

fn table(ctx: &Context, nodes: &[Value]) -> String {
    let mut table = Table::new(&["NODE", "NAME", "STATE", "APPROVAL", "LOAD", "SEEN"]);
    for node in nodes {
        table.row([
            cell(node, "/nodeId").chars().take(12).collect(),
            cell(node, "/displayName"),
            state(node).to_owned(),
            cell(node, "/approvalState"),
            stats(node).unwrap_or_else(|| "-".into()),
            ago(ctx.now_ms(), number(node, "/lastSeenAtMs")),
        ]);
    }
    table.render(&ctx.out, "no nodes yet; on the other computer: openclaw node run --host THIS_HOST")
}

fn state(node: &Value) -> &'static str {
    if flag(node, "/connected") { "connected" } else { "away" }
}

/// Load, memory and disk in a few words.
fn stats(node: &Value) -> Option<String> {
    let stats = node.get("hostStats")?;
    let mut parts = Vec::new();
    if let (Some(load), Some(cpus)) =
        (stats.pointer("/loadAverage/0").and_then(Value::as_f64), number(stats, "/cpuCount"))
    {
        parts.push(format!("load {load:.1}/{cpus}"));
    }
    if let (Some(total), Some(free)) = (number(stats, "/memoryTotalBytes"), number(stats, "/memoryFreeBytes"))
    {
        parts.push(format!("mem {}/{} GB", (total - free) >> 30, total >> 30));
    }
    if let Some(disk) = number(stats, "/diskAvailableBytes") {
        parts.push(format!("disk {} GB free", disk >> 30));
    }
    (!parts.is_empty()).then(|| parts.join(" · "))
}

async fn describe(args: DescribeArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial_for(ctx, &args.connect, "node.describe").await?;
    let nodes = link.call("node.list", json!({})).await?;
    let id = pick(list(&nodes, "/nodes"), &args.node)?;
    let node = link.call("node.describe", json!({"nodeId": id})).await?;
    link.leave().await;
    ctx.out.show(&node, || about(ctx, &node))
}

fn about(ctx: &Context, node: &Value) -> String {
    let now = ctx.now_ms();
    let tone = if flag(node, "/connected") { Tone::Good } else { Tone::Dim };
    let rows = [
        ("node", cell(node, "/nodeId")),
        ("name", cell(node, "/displayName")),
        ("state", ctx.out.paint(tone, state(node))),
        ("seen", ago(now, number(node, "/lastSeenAtMs"))),
        ("system", format!("{} {}", cell(node, "/platform"), cell(node, "/version"))),
        ("stats", stats(node).unwrap_or_else(|| "-".into())),
        ("approval", cell(node, "/approvalState")),
        ("abilities", joined(node, "/caps")),
        ("commands", joined(node, "/commands")),
    ];
    let mut page: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<10}{value}")).collect();
    if text(node, "/approvalState").is_some_and(|s| s != "approved") {
        page.push(format!("approve its commands: {}", ctx.command("nodes pending")));
    }
    page.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_show_what_the_node_reported() {
        let node = json!({"hostStats":{"cpuCount":2,"loadAverage":[3.02,1,1],"memoryTotalBytes":25276502016_i64,
            "memoryFreeBytes":22447247360_i64,"diskAvailableBytes":77639892992_i64}});
        assert_eq!(stats(&node).as_deref(), Some("load 3.0/2 · mem 2/23 GB · disk 72 GB free"));
        assert_eq!(stats(&json!({"hostStats":{}})), None);
        assert_eq!(stats(&json!({})), None);
    }

    #[test]
    fn nodes_are_kept_that_are_connected_or_were_lately_where_that_is_asked() {
        let payload = json!({"nodes":[
            {"nodeId":"a","connected":true,"lastConnectedAtMs":1_000},
            {"nodeId":"b","lastConnectedAtMs":99_000},
            {"nodeId":"c"},
        ]});
        let asked = |connected, last_connected| {
            let args = ListArgs { connect: ConnectArgs::default(), connected, last_connected };
            joined(
                &json!({"ids": kept(&payload, &args, 100_000).as_array().unwrap().iter().map(|n| n["nodeId"].clone()).collect::<Vec<_>>()}),
                "/ids",
            )
        };
        assert_eq!(asked(false, None), "a, b, c");
        assert_eq!(asked(true, None), "a");
        assert_eq!(asked(false, Some(60_000)), "b");
        assert_eq!(asked(true, Some(60_000)), "-");
    }
}
