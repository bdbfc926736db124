//! `openclaw remote trust URL`: first contact with a gateway that has a certificate of its own. Shows the fingerprint and asks;
//! nothing is sent to the gateway.

use crate::args::pin;
use crate::context::Context;
use crate::failure::{Exit, Failure, connect, tunnel};
use crate::input::ask;
use crate::link::is_loopback;
use clap::Args;
use client::{ConnectError, Seen};
use model::Pin;
use remote::Target;
use remote::tunnel::{Phase, Place, status};
use serde_json::json;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    /// The gateway's address, wss://HOST:PORT
    #[arg(value_name = "URL")]
    url: String,
    /// What the certificate must be, as `openclaw gateway tls fingerprint` says on the gateway's host: sha256:HEX or spki:sha256:HEX
    #[arg(long, value_name = "PIN", value_parser = pin)]
    fingerprint: Option<Pin>,
    /// Do not ask; only with --fingerprint, which is compared
    #[arg(long, requires = "fingerprint")]
    yes: bool,
    /// Give up after this many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    timeout: u64,
}

pub(super) async fn run(args: TrustArgs, ctx: &Context) -> Result<(), Failure> {
    let url = remote::check_url(&args.url).map_err(|e| Failure::usage(e.to_string()))?;
    if !url.starts_with("wss:") {
        return Err(Failure::usage(format!("{url} shows no certificate; only wss:// does")));
    }
    let store = remote::pin_store(&ctx.paths);
    let name = behind(&url, ctx).await?.unwrap_or_else(|| url.clone());
    let before = store.trusted(&name).map_err(remote::TargetError::from)?;
    let target = Target::far(url.clone(), "URL");
    let explain = |error| connect::explain(error, &target, &ctx.paths.profile_flags());
    let seen = client::look(&url, Duration::from_millis(args.timeout)).await.map_err(explain)?;
    if let Some(expected) = args.fingerprint.filter(|expected| !seen.is_one_of(&[*expected])) {
        return Err(explain(ConnectError::Pin { url, expected: vec![expected], seen }));
    }
    let pin = args.fingerprint.unwrap_or(seen.leaf);
    // What it announced goes with the trust: whoever was told to trust it anew begins anew.
    let has_learned = store.has_learned(&name).map_err(remote::TargetError::from)?;
    let changes = before != [pin] || has_learned;
    if changes {
        if !args.yes {
            agree(&url, &seen, &before, args.fingerprint, ctx)?;
        }
        store.trust(&name, &[pin]).map_err(remote::TargetError::from)?;
    }
    let report = json!({
        "ok": true, "url": url, "gateway": name, "pin": pin.to_string(), "changed": changes, "file": store.path(),
        "seen": {"leaf": seen.leaf.to_string(), "spki": seen.spki.to_string()},
    });
    ctx.out.show(&report, || {
        let done = if changes { "is trusted from now on" } else { "is trusted already" };
        format!("{name} {done}, with this certificate alone:\n  {pin}\nkept in {}", store.path().display())
    })
}

/// The name of the gateway behind the tunnel that ends at this URL, where one does: the URL would be the same for any other.
async fn behind(url: &str, ctx: &Context) -> Result<Option<String>, Failure> {
    if !is_loopback(url) {
        return Ok(None);
    }
    for place in Place::all(&ctx.paths.state_dir) {
        let told = status(&place).await.map_err(|error| tunnel::explain(error, ctx))?;
        let ends_there = |port: u16| url.trim_end_matches('/').ends_with(&format!(":{port}"));
        if let Some(told) = told.filter(|told| told.state == Phase::Up && ends_there(told.local_port)) {
            return Ok(Some(told.known_as()));
        }
    }
    Ok(None)
}

/// Shows what the gateway shows, and asks.
fn agree(
    url: &str,
    seen: &Seen,
    before: &[Pin],
    expected: Option<Pin>,
    ctx: &Context,
) -> Result<(), Failure> {
    ctx.out.remark(&format!("{url} shows this certificate:\n  {}\n  {}", seen.leaf, seen.spki));
    if before == [expected.unwrap_or(seen.leaf)] {
        ctx.out.remark("it is trusted already; trusting it anew forgets what it announced since: its identity and its next key");
    } else if !before.is_empty() {
        let before: Vec<String> = before.iter().map(Pin::to_string).collect();
        ctx.out.remark(&format!("until now another was trusted:\n  {}", before.join("\n  ")));
    }
    let question = match expected {
        Some(_) => "It is the one that you named. Trust it?",
        None => "Is it what `openclaw gateway tls fingerprint` prints on the gateway's own host?",
    };
    match ask(question, ctx) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::new(Exit::Failed, "NOT_TRUSTED", "nothing was changed")),
        None => Err(Failure::usage(format!(
            "whether to trust {url} needs an answer, and nobody can be asked"
        ))
        .details(json!({"url": url, "seen": {"leaf": seen.leaf.to_string(), "spki": seen.spki.to_string()}}))
        .hint("compare on the gateway's own host: openclaw gateway tls fingerprint")
        .hint("then name what it has to be: openclaw remote trust URL --fingerprint PIN --yes")),
    }
}
