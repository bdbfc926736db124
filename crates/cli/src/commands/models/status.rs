//! `openclaw models status`: which model answers, what it falls back on, which providers have a key, and which keys rest.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::Link;
use crate::output::{Table, printable, span};
use crate::view::{cell, list, number, text};
use clap::Args;
use serde_json::{Value, json};

/// `models status`.
#[derive(Debug, Default, Args)]
pub(super) struct StatusArgs {
    /// The model's name and nothing else
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Asks the gateway and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(super) async fn run(args: StatusArgs, ctx: &Context) -> Result<(), Failure> {
    let link = Link::dial_for(ctx, &args.connect, "models.authStatus").await?;
    let listed = link.call("models.list", json!({})).await?;
    let mut payload = link.call("models.authStatus", json!({})).await?;
    link.leave().await;
    let chain = chain(&listed);
    let (first, fallbacks) = chain.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
    payload["defaultModel"] = json!(first);
    payload["fallbacks"] = json!(fallbacks);
    let now_ms = number(&payload, "/ts").unwrap_or_else(|| ctx.now_ms());
    ctx.out.show(&payload, || {
        let name = first.map_or("none; choose one: openclaw models set PROVIDER/MODEL", String::as_str);
        if args.plain {
            return printable(name);
        }
        let mut lines = vec![printable(&format!("model: {name}"))];
        if !fallbacks.is_empty() {
            lines.push(printable(&format!("then: {}", fallbacks.join(", "))));
        }
        lines.push(String::new());
        lines.push(table(&payload, now_ms, ctx));
        lines.join("\n")
    })
}

/// The models that may answer, in the order in which they are asked.
fn chain(listed: &Value) -> Vec<String> {
    let place = |model: &Value| {
        let tags = list(model, "/tags").iter().filter_map(Value::as_str);
        tags.filter_map(|tag| match tag.strip_prefix("fallback#") {
            Some(place) => place.parse::<usize>().ok(),
            None => (tag == "default").then_some(0),
        })
        .next()
    };
    let mut chain: Vec<(usize, String)> = list(listed, "/models")
        .iter()
        .filter_map(|model| {
            Some((place(model)?, format!("{}/{}", cell(model, "/provider"), cell(model, "/id"))))
        })
        .collect();
    chain.sort();
    chain.into_iter().map(|(_, name)| name).collect()
}

/// A line for each key.
fn table(payload: &Value, now_ms: i64, ctx: &Context) -> String {
    let mut table = Table::new(&["PROVIDER", "KEY", "FROM", "RESTS"]);
    for provider in list(payload, "/providers") {
        let name = cell(provider, "/provider");
        let profiles = list(provider, "/profiles");
        if cell(provider, "/status") == "missing" {
            table.row([name, "missing".to_owned(), "-".to_owned(), "-".to_owned()]);
        } else if profiles.is_empty() {
            let key = &provider["apiKey"];
            let from = match text(key, "/source") {
                Some("env") => cell(key, "/envVar"),
                _ => "the configuration".into(),
            };
            table.row([name, "there".to_owned(), from, state(key, now_ms)]);
        }
        for profile in profiles {
            let (name, from) = (cell(provider, "/provider"), cell(profile, "/profileId"));
            table.row([name, "there".to_owned(), from, state(profile, now_ms)]);
        }
    }
    table.render(&ctx.out, "no provider is configured that needs a key; set one up: openclaw onboard")
}

/// How a key does: whether it rests, why and how long still.
fn state(key: &Value, now_ms: i64) -> String {
    let until = number(key, "/disabledUntil").or_else(|| number(key, "/cooldownUntil"));
    let Some(until) = until.filter(|until| *until > now_ms) else { return "-".into() };
    let only = text(key, "/cooldownModel").map(|model| format!(" for {model}")).unwrap_or_default();
    format!("{}{only}: {}", span(until - now_ms), cell(key, "/reason").replace('_', " "))
}
