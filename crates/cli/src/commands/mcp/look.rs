//! `openclaw mcp list`, `show` and `status`: what the configuration says of servers of tools.

use super::{is_on, one, secrets, transport, written};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Table, printable};
use crate::view::{joined, number, text};
use clap::Args;
use serde_json::{Map, Value, json};

/// What is said where there are none.
pub(super) const NONE: &str = "no servers of tools are configured; add one: openclaw mcp add --help";

/// `mcp status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Show times and tools, too
    #[arg(short, long)]
    verbose: bool,
}

/// Their names; with --json, what is known of them, too.
pub(super) fn list(ctx: &Context) -> Result<(), Failure> {
    let servers = shown(ctx)?;
    ctx.out.show(&Value::Object(servers.clone()), || match servers.is_empty() {
        true => NONE.to_owned(),
        false => servers.keys().map(|name| printable(name)).collect::<Vec<_>>().join("\n"),
    })
}

/// How one is described, or all.
pub(super) fn show(name: Option<&str>, ctx: &Context) -> Result<(), Failure> {
    let servers = shown(ctx)?;
    let value = match name {
        Some(name) => one(&servers, name)?.clone(),
        None if servers.is_empty() && !ctx.out.json => return ctx.out.line(NONE),
        None => Value::Object(servers),
    };
    ctx.out.show(&value, || format!("{value:#}"))
}

/// Those of the configuration, by name, without their secrets.
fn shown(ctx: &Context) -> Result<Map<String, Value>, Failure> {
    let mut loaded = ctx.load()?;
    loaded.source = config::redact(&loaded.source);
    let mut servers: Vec<(String, Value)> = written(&loaded).into_iter().collect();
    servers.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, server) in &mut servers {
        secrets::hide(server);
    }
    Ok(servers.into_iter().collect())
}

/// How each is spoken with.
pub(super) fn status(args: &StatusArgs, ctx: &Context) -> Result<(), Failure> {
    let servers: Vec<Value> = shown(ctx)?.iter().map(|(name, server)| entry(name, server)).collect();
    let report = json!({"path": ctx.paths.config_file.display().to_string(), "servers": servers});
    ctx.out.show(&report, || {
        let cell = |server: &Value, key: &str| text(server, key).unwrap_or("-").to_owned();
        let used = |server: &Value| if server["enabled"] == true { "yes" } else { "no" }.to_owned();
        let mut table = if args.verbose {
            Table::new(&["NAME", "USED", "TRANSPORT", "ANSWERS WITHIN", "TOOLS", "LAUNCH"])
        } else {
            Table::new(&["NAME", "USED", "TRANSPORT", "LAUNCH"])
        };
        for server in &servers {
            let (name, way) = (cell(server, "/name"), cell(server, "/transport"));
            let launch = cell(server, "/launch");
            match args.verbose {
                true => table.row([name, used(server), way, times(server), tools(server), launch]),
                false => table.row([name, used(server), way, launch]),
            }
        }
        table.render(&ctx.out, NONE)
    })
}

fn times(server: &Value) -> String {
    let of = |key: &str| number(server, key).map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    format!("{}, then {}", of("/connectionTimeoutMs"), of("/requestTimeoutMs"))
}

fn tools(server: &Value) -> String {
    match (joined(server, "/toolFilter/include"), joined(server, "/toolFilter/exclude")) {
        (all, none) if all == "-" && none == "-" => "all".to_owned(),
        (all, but) if all == "-" => format!("all but {but}"),
        (only, none) if none == "-" => only,
        (only, but) => format!("{only}, but not {but}"),
    }
}

/// Where nothing is said, a server has so long to answer after its start.
const CONNECTION_MS: i64 = 30_000;
/// And so long for each call.
const REQUEST_MS: i64 = 120_000;

fn entry(name: &str, server: &Value) -> Value {
    let launch = match (text(server, "/url"), text(server, "/command")) {
        (Some(url), _) => url.to_owned(),
        (None, Some(command)) => {
            let args = server["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
            std::iter::once(command).chain(args).collect::<Vec<_>>().join(" ")
        }
        (None, None) => "-".to_owned(),
    };
    let mut out = json!({
        "name": name, "configured": true, "enabled": is_on(server), "ok": true,
        "transport": transport(server), "launch": launch,
        "requestTimeoutMs": number(server, "/requestTimeoutMs").unwrap_or(REQUEST_MS),
        "connectionTimeoutMs": number(server, "/connectionTimeoutMs").unwrap_or(CONNECTION_MS),
    });
    for key in ["auth", "toolFilter"] {
        if let Some(value) = server.get(key) {
            out[key] = value.clone();
        }
    }
    out
}
