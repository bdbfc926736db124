//! `openclaw nodes notify`: a notice on a node.

use super::device::{NodeArgs, call};
use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Priority {
    Passive,
    Active,
    #[value(name = "timeSensitive")]
    TimeSensitive,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Delivery {
    System,
    Overlay,
    Auto,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("words").args(["title", "body"]).multiple(true).required(true))]
pub(super) struct NotifyArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// What stands above
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// What stands below
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// The name of a sound of that system
    #[arg(long, value_name = "NAME")]
    sound: Option<String>,
    /// How much it interrupts
    #[arg(long)]
    priority: Option<Priority>,
    /// Who shows it
    #[arg(long, default_value = "system")]
    delivery: Delivery,
}

/// # Errors
/// The gateway cannot be reached, or the node does not show it.
pub(super) async fn run(args: NotifyArgs, ctx: &Context) -> Result<(), Failure> {
    let mut params = Map::new();
    let priority = args.priority.map(|priority| match priority {
        Priority::Passive => "passive",
        Priority::Active => "active",
        Priority::TimeSensitive => "timeSensitive",
    });
    let delivery = match args.delivery {
        Delivery::System => "system",
        Delivery::Overlay => "overlay",
        Delivery::Auto => "auto",
    };
    // What nobody said is empty, as the apps expect it.
    params.insert("title".into(), json!(args.title.unwrap_or_default()));
    params.insert("body".into(), json!(args.body.unwrap_or_default()));
    params.insert("delivery".into(), json!(delivery));
    let given = [("sound", args.sound.map(Value::from)), ("priority", priority.map(Value::from))];
    params.extend(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let answer = call(&args.node, ("system.notify", params.into()), 15_000, ctx).await?;
    ctx.out.show(&answer, || format!("shown on {}", args.node.node))
}
