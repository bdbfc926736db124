//! `openclaw gateway status`: where the gateway is, whether it answers, and where its secret is kept.

use crate::args::ConnectArgs;
use crate::commands::status::{gateway_facts, local_facts};
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{self, Link, scopes_of};
use crate::output::{Tone, printable, span};
use crate::view::{cell, joined, list, number};
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Ask for the gateway's health, too
    #[arg(long)]
    deep: bool,
    /// Only what is known without asking the gateway
    #[arg(long, conflicts_with_all = ["deep", "require_rpc"])]
    no_probe: bool,
    /// Ask it for more than that it lets this client in
    #[arg(long)]
    require_rpc: bool,
}

pub(super) async fn run(args: StatusArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = link::config_for(ctx, &args.connect)?;
    let target = link::target(ctx, &args.connect, &loaded)?;
    let service = super::living(ctx)?.facts().await;
    let known = || json!({"ok": true, "service": service, "local": local_facts(ctx, &loaded, &target)});
    if args.no_probe {
        let report = known();
        return ctx.out.show(&report, || local_page(&report));
    }
    let dialled = Link::dial_target(ctx, &args.connect, &scopes_of("health"), target.clone()).await;
    // A tunnel has chosen its port by then.
    let mut report = known();
    let link = match dialled {
        Ok(link) => link,
        Err(failure) => return Err(down(ctx, report, failure)),
    };
    report["gateway"] = gateway_facts(&link);
    if args.require_rpc {
        let status = link.call("status", json!({})).await?;
        report["tailscale"] = status.get("tailscale").cloned().unwrap_or_default();
    }
    report["rpc"] = json!({"ok": true, "url": link.target().url});
    if args.deep {
        report["health"] = link.call("health", json!({})).await?;
    }
    link.leave().await;
    ctx.out.show(&report, || page(ctx, &report))
}

/// What is known without the gateway, then why it does not answer.
fn down(ctx: &Context, report: Value, failure: Failure) -> Failure {
    if ctx.out.json {
        let why = failure.details.as_deref().cloned().unwrap_or(Value::Null);
        return failure
            .details(json!({"service": report["service"], "local": report["local"], "reason": why}));
    }
    match ctx.out.line(&local_page(&report)) {
        Ok(()) => failure,
        Err(no_reader) => no_reader,
    }
}

fn page(ctx: &Context, report: &Value) -> String {
    let up = number(report, "/gateway/uptimeMs").map_or("-".into(), span);
    let mut page = local_page(report);
    for (name, value) in [
        ("gateway", ctx.out.paint(Tone::Good, "answers")),
        ("version", cell(report, "/gateway/version")),
        ("uptime", up),
        ("auth", cell(report, "/gateway/authMode")),
        ("connected", format!("in {} ms", cell(report, "/gateway/connectMs"))),
    ] {
        page.push_str(&format!("\n{name:<11}{value}"));
    }
    if let Some(line) = crate::commands::status::tailscale(ctx, report.get("tailscale")) {
        page.push_str(&format!("\n{:<11}{line}", "tailscale"));
    }
    match report.get("health") {
        Some(health) => {
            format!("{page}\n{}", crate::commands::health::describe(&ctx.out, health, ctx.now_ms()))
        }
        None => page,
    }
}

fn secret(report: &Value) -> String {
    match (cell(report, "/local/credential"), cell(report, "/local/secretKeptIn")) {
        (kind, place) if place == "-" => kind,
        (kind, place) => format!("{kind}; the gateway's own: {place}"),
    }
}

fn local_page(report: &Value) -> String {
    let mut rows = vec![
        ("url", format!("{} (from: {})", cell(report, "/local/url"), cell(report, "/local/via"))),
        ("config", cell(report, "/local/configFile")),
        ("state", cell(report, "/local/stateDir")),
        ("secret", secret(report)),
        ("service", crate::commands::living::line(&report["service"])),
    ];
    if !list(report, "/local/tlsPins").is_empty() {
        rows.insert(1, ("pinned", joined(report, "/local/tlsPins")));
    }
    let lines: Vec<String> =
        rows.iter().map(|(name, value)| format!("{name:<11}{}", printable(value))).collect();
    lines.join("\n")
}
