//! `openclaw models status`: which model answers, what it falls back on, which providers have a key, and which keys rest.

use super::probe::{self, ProbeArgs};
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::Link;
use crate::link::here::Source;
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
    /// End with exit code 1 where a model that may answer has no key, 2 where its key runs out within a day
    #[arg(long)]
    check: bool,
    /// As it is for this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    #[command(flatten)]
    probe: ProbeArgs,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Asks the gateway and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(super) async fn run(args: StatusArgs, ctx: &Context) -> Result<(), Failure> {
    let of = args.agent.as_ref().map_or_else(|| json!({}), |agent| json!({ "agentId": agent }));
    let source = if args.probe.probe {
        // No files ask anybody.
        Source::Gateway(Box::new(Link::dial_for(ctx, &args.connect, "models.keys.probe").await?))
    } else {
        Source::find(ctx, &args.connect, "models.authStatus").await?
    };
    let listed = source.call("models.list", of.clone()).await?;
    let mut payload = source.call("models.authStatus", of).await?;
    if let (true, Source::Gateway(link)) = (args.probe.probe, &source) {
        payload["auth"] = json!({"probes": args.probe.ask(link, args.agent.as_deref()).await?});
    }
    source.leave().await;
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
        if let Some(probes) = payload.pointer("/auth/probes") {
            lines.push(format!("\n{}", probe::page(probes, ctx)));
        }
        lines.join("\n")
    })?;
    if args.check { verdict(&checked(&payload, &chain, now_ms), ctx) } else { Ok(()) }
}

/// A key that runs out sooner is told of.
const SOON_MS: i64 = 24 * 60 * 60 * 1000;

/// What is wrong with the keys of the models that may answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Checked {
    /// Without a key that counts.
    missing: Vec<String>,
    /// With one that runs out soon.
    expiring: Vec<String>,
}

fn checked(payload: &Value, chain: &[String], now_ms: i64) -> Checked {
    let mut checked = Checked::default();
    if chain.is_empty() {
        checked.missing.push("no model is chosen".to_owned());
    }
    for name in chain {
        let provider = name.split_once('/').map_or("", |(provider, _)| provider);
        let of = |row: &&Value| text(row, "/provider") == Some(provider);
        // One that is not there needs no key.
        let Some(row) = list(payload, "/providers").iter().find(of) else { continue };
        if text(row, "/status") == Some("missing") {
            checked.missing.push(format!("{name} has no key that counts"));
        } else if let Some(at) = number(row, "/profiles/0/expiry/at").filter(|at| at - now_ms < SOON_MS) {
            checked.expiring.push(format!("the key of {name} runs out in {}", span(at - now_ms)));
        }
    }
    checked
}

/// OpenClaw's exit codes for it, which scripts go by.
fn verdict(checked: &Checked, ctx: &Context) -> Result<(), Failure> {
    for problem in checked.missing.iter().chain(&checked.expiring) {
        ctx.out.remark(&printable(problem));
    }
    // It has been said why.
    let ends = |exit| Err(Failure::new(exit, "", ""));
    match (checked.missing.is_empty(), checked.expiring.is_empty()) {
        (false, _) => ends(Exit::Failed),
        (true, false) => ends(Exit::Usage),
        (true, true) => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_models_that_may_answer_are_checked() {
        let now = 1_000_000_000;
        let profile = |at: i64| json!([{"profileId": "p", "status": "ok", "expiry": {"at": at}}]);
        let payload = json!({"providers": [
            {"provider": "none", "status": "missing", "profiles": []},
            {"provider": "soon", "status": "ok", "profiles": profile(now + SOON_MS - 1)},
            {"provider": "late", "status": "ok", "profiles": profile(now + SOON_MS)},
        ]});
        let of = |names: &[&str]| {
            let chain: Vec<String> = names.iter().map(|name| format!("{name}/m")).collect();
            let Checked { missing, expiring } = checked(&payload, &chain, now);
            (missing.len(), expiring.len())
        };
        for (chain, found) in [
            (&["late"][..], (0, 0)),
            (&["local"], (0, 0)),
            (&["soon"], (0, 1)),
            (&["late", "none", "soon"], (1, 1)),
            (&[], (1, 0)),
        ] {
            assert_eq!(of(chain), found, "{chain:?}");
        }
    }
}
