//! `openclaw mcp`: the servers of tools beside the gateway, as `mcp.servers` in this host's configuration has them. No gateway is
//! asked: a running one takes up by itself what is changed here.

mod doctor;
mod edit;
mod flags;
mod login;
mod look;
mod probe;
mod secrets;

use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use config::Loaded;
use serde_json::{Map, Value, json};

/// `mcp` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    #[command(subcommand)]
    command: McpCommand,
}

#[derive(Debug, Subcommand)]
enum McpCommand {
    /// List their names
    List,
    /// Show how one is described, or all; never a secret
    Show(OneOrAll),
    /// How each is spoken with, without speaking with it
    Status(look::StatusArgs),
    /// What is wrong with their descriptions
    Doctor(doctor::DoctorArgs),
    /// Speak with them once: what they can do, and the names of their tools
    Probe(OneOrAll),
    /// Describe one more by flags; it is spoken with before it is kept
    Add(edit::AddArgs),
    /// Describe one by a JSON object, in the place of what there is
    Set(edit::SetArgs),
    /// Change parts of how one is described
    Configure(edit::ConfigureArgs),
    /// Which of its tools agents get
    Tools(edit::ToolsArgs),
    /// Take one out
    #[command(visible_alias = "remove")]
    Unset(edit::UnsetArgs),
    /// Sign in at a server over HTTP, at its page in a browser; gateway and node go on with it at once
    Login(login::LoginArgs),
    /// Forget the sign-in at a server; what describes the server stays
    Logout(login::LogoutArgs),
    /// Nothing: a running gateway takes up by itself what is changed
    #[command(hide = true)]
    Reload,
    #[command(hide = true)]
    Serve(Rest),
}

/// Whatever is given to what there is not.
#[derive(Debug, Args)]
struct Rest {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<String>,
}

#[derive(Debug, Args)]
struct OneOrAll {
    /// The server; without one, all
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Shows or changes the configuration, or speaks with servers.
///
/// # Errors
/// The configuration cannot be read or changed, has no such server, or a server cannot be spoken with.
pub(crate) async fn run(args: McpArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        McpCommand::List => look::list(ctx),
        McpCommand::Show(args) => look::show(args.name.as_deref(), ctx),
        McpCommand::Status(args) => look::status(&args, ctx),
        McpCommand::Doctor(args) => doctor::run(&args, ctx).await,
        McpCommand::Probe(args) => probe::run(args.name.as_deref(), ctx).await,
        McpCommand::Add(args) => edit::add(args, ctx).await,
        McpCommand::Set(args) => edit::set(args, ctx),
        McpCommand::Configure(args) => edit::configure(args, ctx).await,
        McpCommand::Tools(args) => edit::tools(args, ctx),
        McpCommand::Unset(args) => edit::unset(args, ctx),
        McpCommand::Login(args) => login::login(args, ctx).await,
        McpCommand::Logout(args) => login::logout(args, ctx).await,
        McpCommand::Reload => ctx.out.show(&json!({"ok": true}), || {
            "nothing to do: a running gateway takes up by itself what mcp.servers says".to_owned()
        }),
        McpCommand::Serve(_) => Err(Failure::usage("the gateway is no server of tools for other programs")
            .hint("ask it over its WebSocket: openclaw gateway call METHOD")),
    }
}

/// The servers as they are written, by name, those too that are turned off.
fn written(loaded: &Loaded) -> Map<String, Value> {
    loaded.source.pointer("/mcp/servers").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// One of them.
fn one<'a>(servers: &'a Map<String, Value>, name: &str) -> Result<&'a Value, Failure> {
    servers.get(name).ok_or_else(|| {
        Failure::not_found(format!("no server of tools is called {name}"))
            .hint("see which there are: openclaw mcp list")
    })
}

/// Whether it is meant to be used.
fn is_on(server: &Value) -> bool {
    server["enabled"] != false
}

/// `stdio`, `sse` or `streamable-http`.
fn transport(server: &Value) -> &str {
    match (server.get("url"), server["transport"].as_str()) {
        (Some(_), Some(transport)) => transport,
        (Some(_), None) => "sse",
        (None, _) => "stdio",
    }
}
