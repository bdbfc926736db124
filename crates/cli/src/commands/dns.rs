//! `openclaw dns`: what a domain of one's own needs, so that gateways are found in it across networks.

mod coredns;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::{Args, Subcommand};
use serde_json::json;
use std::net::IpAddr;
use std::path::PathBuf;

/// `dns` and its subcommand.
#[derive(Debug, Args)]
pub(crate) struct DnsArgs {
    #[command(subcommand)]
    command: DnsCommand,
}

#[derive(Debug, Subcommand)]
enum DnsCommand {
    /// What to set up for wide-area discovery, on this host and at Tailscale
    Setup(SetupArgs),
}

#[derive(Debug, Args)]
struct SetupArgs {
    /// The domain [default: discovery.wideArea.domain]
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    domain: Option<String>,
    /// Set up Homebrew's CoreDNS on this host, and start it anew (as root, by sudo)
    #[arg(long)]
    apply: bool,
}

fn domain(text: &str) -> Result<String, &'static str> {
    config::dns_domain(text).ok_or("is no domain; use one of your own, like openclaw.internal")
}

/// What is to be set up.
struct Plan {
    domain: String,
    zone_file: PathBuf,
    /// This host's addresses in its tailnet, IPv4 before IPv6.
    tailnet: Vec<IpAddr>,
    /// Whether the gateway of this host writes the zone already.
    is_configured: bool,
}

/// Prints the plan, and carries it out where that is asked for.
///
/// # Errors
/// No domain is named, or CoreDNS cannot be set up here.
pub(crate) async fn run(args: DnsArgs, ctx: &Context) -> Result<(), Failure> {
    let DnsCommand::Setup(args) = args.command;
    let configured = ctx.load()?.config.discovery.wide_area_domain;
    let domain = args.domain.or_else(|| configured.clone()).ok_or_else(|| {
        Failure::usage("no domain is named")
            .hint(format!("name one: {}", ctx.command("dns setup --domain openclaw.internal")))
            .hint(format!(
                "or once for all: {}",
                ctx.command("config set discovery.wideArea.domain openclaw.internal")
            ))
    })?;
    let plan = Plan {
        zone_file: ctx.paths.zone_file(&domain),
        tailnet: gateway::tailnet_addresses(),
        is_configured: configured.as_ref() == Some(&domain),
        domain,
    };
    let applied = if args.apply { Some(coredns::apply(&plan).await?) } else { None };
    let mut report = json!({
        "ok": true, "domain": plan.domain, "zoneFile": plan.zone_file, "tailnetIps": plan.tailnet,
        "config": {"discovery": {"wideArea": {"domain": plan.domain}}}, "configured": plan.is_configured,
        "splitDns": {"domain": plan.domain, "nameserver": plan.tailnet.first()},
        "coredns": coredns::stanza(&plan), "applied": applied.is_some(),
    });
    if let Some(applied) = &applied {
        report["changed"] = json!(applied.changed);
    }
    ctx.out.show(&report, || page(ctx, &plan, applied.as_ref()))
}

fn page(ctx: &Context, plan: &Plan, applied: Option<&coredns::Applied>) -> String {
    let domain = &plan.domain;
    let mut lines = vec![
        format!("domain   {domain}"),
        format!("zone     {} (the gateway of this host writes it)", plan.zone_file.display()),
    ];
    lines.push(if plan.is_configured {
        "config   discovery.wideArea.domain is set".to_owned()
    } else {
        format!("config   {}", ctx.command(&format!("config set discovery.wideArea.domain {domain}")))
    });
    match plan.tailnet.first() {
        Some(ip) => {
            let all: Vec<String> = plan.tailnet.iter().map(ToString::to_string).collect();
            lines.push(format!("tailnet  {}", all.join(", ")));
            lines.push(format!(
                "split DNS, in Tailscale's admin console under DNS: nameserver {ip}, restricted to {domain}"
            ));
        }
        None => {
            lines.push("tailnet  this host has no address in one: tailscale up, then this again".to_owned())
        }
    }
    match applied {
        Some(applied) if applied.changed.is_empty() => {
            lines.push("CoreDNS  is set up, and was started anew".to_owned())
        }
        Some(applied) => {
            let files: Vec<String> = applied.changed.iter().map(|file| file.display().to_string()).collect();
            lines.push(format!("CoreDNS  was started anew with {}", files.join(", ")));
        }
        None => {
            lines.push(
                "CoreDNS, in its Corefile (any other server that reads zone files will do, too):".to_owned(),
            );
            lines.extend(coredns::stanza(plan).lines().map(|line| format!("  {line}")));
            lines.push(format!("on macOS with Homebrew's CoreDNS: {}", ctx.command("dns setup --apply")));
        }
    }
    lines.join("\n")
}

fn failed(code: &str, message: impl Into<String>) -> Failure {
    Failure::new(Exit::Failed, code, message.into())
}
