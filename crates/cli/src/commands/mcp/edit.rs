//! `openclaw mcp add`, `set`, `configure`, `tools` and `unset`: changing `mcp.servers`.

use super::flags::{Controls, Way, names, within};
use super::{is_on, one, probe, written};
use crate::commands::config_cmd;
use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use config::{Base, Change, Edited, Editor, Loaded, PathStep};
use serde_json::{Map, Value};

/// A new server.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Its name; the names of its tools begin with it
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    controls: Controls,
    /// Keep it, and do not use it yet
    #[arg(long)]
    disabled: bool,
    /// Keep it without speaking with it first
    #[arg(long)]
    no_probe: bool,
}

/// A server as an object.
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// The object, as JSON5: {"command":"uvx","args":["context7-mcp"]}
    #[arg(value_name = "OBJECT")]
    value: String,
}

/// What is to be otherwise.
#[derive(Debug, Args)]
pub(super) struct ConfigureArgs {
    /// The server
    #[arg(value_name = "NAME")]
    name: String,
    /// Use it
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Keep it, and do not use it
    #[arg(long)]
    disable: bool,
    #[command(flatten)]
    controls: Controls,
    /// Agents get all of its tools
    #[arg(long, conflicts_with_all = ["include", "exclude"])]
    clear_tools: bool,
    /// It has the times that all have
    #[arg(long, conflicts_with_all = ["timeout", "connect_timeout"])]
    clear_timeouts: bool,
    /// It wants nobody to sign in
    #[arg(long, conflicts_with_all = ["auth", "oauth_scope", "oauth_redirect_url", "oauth_client_metadata_url"])]
    clear_auth: bool,
    /// Take out what is said of certificates
    #[arg(long)]
    clear_tls: bool,
    #[arg(long, hide = true)]
    no_parallel: bool,
    /// Speak with it as it is to be, and change nothing where that fails
    #[arg(long)]
    probe: bool,
}

/// Which tools.
#[derive(Debug, Args)]
pub(super) struct ToolsArgs {
    /// The server
    #[arg(value_name = "NAME")]
    name: String,
    /// The tools that agents get, with commas between them; * stands for any characters
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required_unless_present_any = ["exclude", "clear"])]
    include: Vec<String>,
    /// The tools that they do not get
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    exclude: Vec<String>,
    /// They get all
    #[arg(long, conflicts_with_all = ["include", "exclude"])]
    clear: bool,
}

/// Which one goes.
#[derive(Debug, Args)]
pub(super) struct UnsetArgs {
    /// The server
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) async fn add(args: AddArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    if written(&loaded).contains_key(&args.name) {
        return Err(Failure::usage(format!(
            "there is a server of tools {} already; nothing was changed",
            args.name
        ))
        .hint(format!("change it: openclaw mcp configure {} --help", args.name)));
    }
    let mut server = args.way.describe();
    let map = server.as_object_mut().ok_or_else(|| Failure::usage("a server is an object"))?;
    args.controls.write(map)?;
    if args.disabled {
        map.insert("enabled".to_owned(), false.into());
    }
    // One that wants people to sign in can be spoken with once they did.
    let look = !args.no_probe && !args.disabled && server.get("auth").is_none();
    keep((&args.name, server), &loaded, look, ctx).await
}

pub(super) fn set(args: SetArgs, ctx: &Context) -> Result<(), Failure> {
    let mut server = config::edit::read_object(&args.value)
        .map_err(|e| Failure::usage(format!("the description of {} cannot be used: {e}", args.name)))?;
    // As other programs write it.
    let kind = server.as_object_mut().and_then(|server| server.remove("type"));
    if let Some(kind) = kind.as_ref().and_then(Value::as_str).filter(|_| server.get("transport").is_none()) {
        server["transport"] = if kind == "http" { "streamable-http" } else { kind }.into();
    }
    told(ctx, &apply(ctx, put(&args.name, server), None, false)?)
}

pub(super) async fn configure(args: ConfigureArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let servers = written(&loaded);
    let mut server = one(&servers, &args.name)?.clone();
    let map = server.as_object_mut().ok_or_else(|| Failure::usage("a server is an object"))?;
    let goes: [(bool, &[&str]); 4] = [
        (args.clear_tools, &["toolFilter"]),
        (args.clear_timeouts, &["requestTimeoutMs", "connectionTimeoutMs"]),
        (args.clear_auth, &["auth", "oauth"]),
        (args.clear_tls, &["sslVerify", "clientCert", "clientKey"]),
    ];
    for key in goes.iter().filter(|(goes, _)| *goes).flat_map(|(_, keys)| keys.iter()) {
        map.remove(*key);
    }
    args.controls.write(map)?;
    if args.disable {
        map.insert("enabled".to_owned(), false.into());
    }
    if args.enable {
        map.remove("enabled");
    }
    if args.probe && !is_on(&server) {
        return Err(Failure::usage(format!(
            "{} is turned off, and is not spoken with; nothing was changed",
            args.name
        ))
        .hint("add --enable, or leave --probe out"));
    }
    keep((&args.name, server), &loaded, args.probe, ctx).await
}

pub(super) fn tools(args: ToolsArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let servers = written(&loaded);
    let mut server = one(&servers, &args.name)?.clone();
    let map = server.as_object_mut().ok_or_else(|| Failure::usage("a server is an object"))?;
    if args.clear {
        map.remove("toolFilter");
    }
    filter(map, args.include, args.exclude);
    told(ctx, &apply(ctx, put(&args.name, server), Some(&loaded), false)?)
}

fn filter(server: &mut Map<String, Value>, include: Vec<String>, exclude: Vec<String>) {
    within(server, "toolFilter", [("include", names(include)), ("exclude", names(exclude))]);
}

pub(super) fn unset(args: UnsetArgs, ctx: &Context) -> Result<(), Failure> {
    one(&written(&ctx.load()?), &args.name)?;
    told(ctx, &apply(ctx, Change::Unset { steps: steps(&args.name) }, None, false)?)
}

/// Writes a server, after speaking with it where that is wanted: one that cannot be spoken with is not kept. What somebody else changed since
/// `loaded` was read is not written over.
async fn keep(
    (name, server): (&str, Value),
    loaded: &Loaded,
    look: bool,
    ctx: &Context,
) -> Result<(), Failure> {
    let change = put(name, server);
    if look {
        let would_be = apply(ctx, change.clone(), Some(loaded), true)?;
        let seen = probe::look(ctx, &would_be.loaded, Some(name)).await?;
        if let Some((name, why)) = seen.first_problem() {
            return Err(Failure::new(
                crate::failure::Exit::Failed,
                "MCP_UNAVAILABLE",
                format!("{name} cannot be spoken with: {why}; nothing was changed"),
            )
            .hint("keep it all the same: --no-probe"));
        }
        ctx.out.remark(&seen.in_words());
    }
    told(ctx, &apply(ctx, change, Some(loaded), false)?)
}

/// A name is one key, whatever stands in it.
fn steps(name: &str) -> Vec<PathStep> {
    ["mcp", "servers", name].into_iter().map(PathStep::key).collect()
}

fn put(name: &str, server: Value) -> Change {
    Change::Set { steps: steps(name), value: server }
}

fn apply(ctx: &Context, change: Change, read: Option<&Loaded>, dry_run: bool) -> Result<Edited, Failure> {
    let plain = |hash: &str| hash.to_owned();
    let base = read.map(|loaded| Base { given: &loaded.hash, name: &plain });
    Ok(Editor { paths: &ctx.paths, env: &ctx.env, base, dry_run }.apply(change)?)
}

fn told(ctx: &Context, edited: &Edited) -> Result<(), Failure> {
    config_cmd::told(ctx, edited, false, "mcp.servers")
}
