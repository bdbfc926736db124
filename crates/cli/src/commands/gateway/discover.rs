//! `openclaw gateway discover`: gateways that announce themselves in this network or in a domain. Hints, all of it: nobody has
//! proven anything, and nothing is connected to or kept.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Output, Tone};
use clap::Args;
use config::Loaded;
use remote::discovery::{self, Beacon, DiscoveryError};
use serde_json::{Map, Value, json};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct DiscoverArgs {
    /// How long to listen, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout: u64,
    /// Look in this domain, too [default: discovery.wideArea.domain, OPENCLAW_WIDE_AREA_DOMAIN]
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    domain: Option<String>,
    /// Ask this DNS server about it [default: those of /etc/resolv.conf]
    #[arg(long, value_name = "ADDRESS", value_parser = server)]
    nameserver: Option<SocketAddr>,
}

fn domain(text: &str) -> Result<String, &'static str> {
    config::dns_domain(text).ok_or("is no domain; use one of your own, like openclaw.internal")
}

fn server(text: &str) -> Result<SocketAddr, &'static str> {
    let with_port = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)));
    with_port.map_err(|_| "is no address; use one like 100.100.100.100 or 127.0.0.1:5353")
}

/// Listens and prints.
///
/// # Errors
/// Nobody could be looked for anywhere.
pub(super) async fn run(args: DiscoverArgs, ctx: &Context) -> Result<(), Failure> {
    let wide = wide_area(&args, ctx, &ctx.load()?)?;
    let within = Duration::from_millis(args.timeout);
    let (near, far) = tokio::join!(discovery::nearby(within), in_domain(&args, wide.as_deref(), within));
    let domains: Vec<&str> = std::iter::once("local").chain(wide.as_deref()).collect();
    let (mut beacons, mut problems) = (Vec::new(), Vec::new());
    for found in [Some(near), far].into_iter().flatten() {
        match found {
            Ok(found) => beacons.extend(found),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.len() == domains.len() {
        return Err(Failure::new(Exit::Failed, "DISCOVERY", problems.join("; ")));
    }
    let report = json!({
        "timeoutMs": args.timeout, "domains": domains, "count": beacons.len(),
        "beacons": beacons.iter().map(as_json).collect::<Vec<_>>(), "problems": problems,
    });
    ctx.out.show(&report, || page(&ctx.out, &beacons, &domains, &problems))
}

/// The domain beside `local`.
fn wide_area(args: &DiscoverArgs, ctx: &Context, loaded: &Loaded) -> Result<Option<String>, Failure> {
    if let Some(domain) = args.domain.clone().or(loaded.config.discovery.wide_area_domain.clone()) {
        return Ok(Some(domain));
    }
    let name = "OPENCLAW_WIDE_AREA_DOMAIN";
    let Some(text) = ctx.env.get_filled(name) else { return Ok(None) };
    let read = domain(text);
    read.map(Some)
        .map_err(|problem| Failure::new(Exit::Config, "CONFIG_INVALID", format!("{name} {problem}")))
}

async fn in_domain(
    args: &DiscoverArgs,
    domain: Option<&str>,
    within: Duration,
) -> Option<Result<Vec<Beacon>, DiscoveryError>> {
    let domain = domain?;
    let servers = match args.nameserver {
        Some(server) => vec![server],
        // Where it cannot be read, it names nobody.
        None => {
            discovery::nameservers(&tokio::fs::read_to_string("/etc/resolv.conf").await.unwrap_or_default())
        }
    };
    Some(discovery::in_domain(domain, &servers, within).await)
}

/// As programs read it: `wsUrl` comes of the resolved endpoint, everything of `hints` of what anybody may say.
fn as_json(beacon: &Beacon) -> Value {
    let mut shown = Map::new();
    shown.insert("instanceName".into(), beacon.instance.as_str().into());
    shown.insert("domain".into(), beacon.domain.as_str().into());
    shown.insert("host".into(), beacon.host.as_str().into());
    shown.insert("port".into(), beacon.port.into());
    shown.insert("addresses".into(), beacon.addresses.iter().map(ToString::to_string).collect());
    let url = beacon.ws_url();
    shown.insert("wsUrl".into(), url.as_deref().ok().into());
    if let Err(why) = url {
        shown.insert("problem".into(), why.into());
    }
    for (key, value) in &beacon.hints {
        let number = key.ends_with("Port").then(|| value.parse::<u16>().ok()).flatten();
        let value = match *key {
            "gatewayTls" | "gatewayDirectReachable" => Value::from(value == "1"),
            _ => number.map_or_else(|| value.as_str().into(), Value::from),
        };
        shown.entry(*key).or_insert(value);
    }
    shown.into()
}

fn page(out: &Output, beacons: &[Beacon], domains: &[&str], problems: &[String]) -> String {
    let mut lines = Vec::new();
    for beacon in beacons {
        let name = beacon.hints.get("displayName").unwrap_or(&beacon.instance);
        lines.push(format!("{} ({}, {})", out.paint(Tone::Bold, name), beacon.instance, beacon.domain));
        lines.push(match beacon.ws_url() {
            Ok(url) => format!("  url   {url}"),
            Err(why) => format!("  url   none: {why}"),
        });
        let addresses: Vec<String> = beacon.addresses.iter().map(ToString::to_string).collect();
        lines.push(format!("  host  {} ({})", beacon.host, addresses.join(", ")));
        let hints: Vec<String> = beacon
            .hints
            .iter()
            .filter(|(key, _)| !matches!(**key, "role" | "transport" | "displayName"))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if !hints.is_empty() {
            lines.push(format!("  says  {}", hints.join(" ")));
        }
    }
    if beacons.is_empty() {
        lines.push(format!("no gateway announces itself in {}", domains.join(" or ")));
    } else {
        lines.push(
            "whoever announces itself has proven nothing: check a fingerprint before you trust it".to_owned(),
        );
    }
    lines.extend(problems.iter().map(|problem| format!("problem: {problem}")));
    lines.join("\n")
}
