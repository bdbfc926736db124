//! `openclaw nodes camera`: a node's cameras, photos and short films.

use super::device::{NodeArgs, call, save, span};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Table;
use crate::view::{cell, list};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

#[derive(Debug, Args)]
pub(super) struct CameraArgs {
    #[command(subcommand)]
    command: CameraCommand,
}

#[derive(Debug, Subcommand)]
enum CameraCommand {
    /// The cameras of a node
    List(NodeArgs),
    /// Take a photo and save it here
    Snap(SnapArgs),
    /// Record a short film and save it here
    Clip(ClipArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum, PartialEq, Eq)]
enum Facing {
    Front,
    Back,
    /// Two photos, front first
    Both,
}

#[derive(Debug, Args)]
struct SnapArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Which side the camera looks to
    #[arg(long)]
    facing: Option<Facing>,
    /// The camera, by its id in `nodes camera list`
    #[arg(long, value_name = "ID")]
    device_id: Option<String>,
    /// Pixels of width at most
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(1..))]
    max_width: Option<u32>,
    /// Quality of the JPEG, 0 to 1
    #[arg(long, value_name = "0-1", value_parser = quality)]
    quality: Option<f64>,
    /// Milliseconds to wait before the photo
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(..=10_000))]
    delay_ms: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Side {
    Front,
    Back,
}

#[derive(Debug, Args)]
struct ClipArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Which side the camera looks to
    #[arg(long, default_value = "front")]
    facing: Side,
    /// The camera, by its id in `nodes camera list`
    #[arg(long, value_name = "ID")]
    device_id: Option<String>,
    /// How long: milliseconds, or 10s, 1m
    #[arg(long, value_name = "TIME", default_value = "3000", value_parser = span)]
    duration: u64,
    /// Without sound
    #[arg(long)]
    no_audio: bool,
}

fn quality(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|q| (0.0..=1.0).contains(q)).ok_or_else(|| "is a number from 0 to 1".into())
}

/// # Errors
/// The gateway cannot be reached, or the node does not do it.
pub(super) async fn run(args: CameraArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        CameraCommand::List(args) => listing(&args, ctx).await,
        CameraCommand::Snap(args) => snap(&args, ctx).await,
        CameraCommand::Clip(args) => clip(&args, ctx).await,
    }
}

async fn listing(args: &NodeArgs, ctx: &Context) -> Result<(), Failure> {
    let cameras = call(args, ("camera.list", json!({})), 20_000, ctx).await?;
    ctx.out.show(&cameras, || {
        let mut table = Table::new(&["ID", "NAME", "POSITION", "KIND"]);
        for camera in list(&cameras, "/devices") {
            table.row(["/id", "/name", "/position", "/deviceType"].map(|place| cell(camera, place)));
        }
        table.render(&ctx.out, "this node has no camera that it may use")
    })
}

async fn snap(args: &SnapArgs, ctx: &Context) -> Result<(), Failure> {
    if args.facing == Some(Facing::Both) && args.device_id.is_some() {
        return Err(
            Failure::usage("--device-id is one camera, and --facing both are two").hint("leave one out")
        );
    }
    let sides: &[Option<&str>] = match args.facing {
        None => &[None],
        Some(Facing::Front) => &[Some("front")],
        Some(Facing::Back) => &[Some("back")],
        Some(Facing::Both) => &[Some("front"), Some("back")],
    };
    let mut saved = Vec::new();
    for side in sides {
        let mut params = Map::new();
        params.insert("format".into(), json!("jpg"));
        let given = [
            ("facing", side.map(Value::from)),
            ("deviceId", args.device_id.clone().map(Value::from)),
            ("maxWidth", args.max_width.map(Value::from)),
            ("quality", args.quality.map(Value::from)),
            ("delayMs", args.delay_ms.map(Value::from)),
        ];
        params.extend(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        let takes = 20_000 + u64::from(args.delay_ms.unwrap_or_default());
        let mut answer = call(&args.node, ("camera.snap", params.into()), takes, ctx).await?;
        saved.push(told(&mut answer, "photo", *side)?);
    }
    let files = json!({"files": saved});
    ctx.out.show(&files, || paths(&files))
}

async fn clip(args: &ClipArgs, ctx: &Context) -> Result<(), Failure> {
    let side = match args.facing {
        Side::Front => "front",
        Side::Back => "back",
    };
    let mut params =
        json!({"format": "mp4", "facing": side, "durationMs": args.duration, "includeAudio": !args.no_audio});
    if let Some(id) = &args.device_id {
        params["deviceId"] = json!(id);
    }
    let mut answer = call(&args.node, ("camera.clip", params), args.duration + 87_000, ctx).await?;
    let files = json!({"files": [told(&mut answer, "film", Some(side))?]});
    ctx.out.show(&files, || paths(&files))
}

/// An answer with where its file is in the place of the file.
fn told(answer: &mut Value, named: &str, side: Option<&str>) -> Result<Value, Failure> {
    let path = save(answer, named, None)?;
    if let Value::Object(answer) = answer {
        answer.remove("base64");
        answer.insert("facing".into(), json!(side.unwrap_or("unknown")));
        answer.insert("path".into(), json!(path.to_string_lossy()));
    }
    Ok(answer.take())
}

fn paths(files: &Value) -> String {
    let paths: Vec<String> = list(files, "/files").iter().map(|file| cell(file, "/path")).collect();
    paths.join("\n")
}
