//! `openclaw connect`: this computer joins a gateway with one pasted text, and its commands go there from then on.

mod place;

use crate::args::secret;
use crate::commands::node;
use crate::commands::node::commands::OfferedArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::input;
use crate::link::join::{self, Paired};
use clap::Args;
use model::{ExposeSecret, Pin, SecretString};
use remote::{JoinError, JoinTarget, SetupCode, Target};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Connecting, pairing and one question, each.
const WITHIN: Duration = Duration::from_secs(15);
/// Seeing whether a gateway answers.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// Largest file that a target is read from.
const MAX_FILE: u64 = 64 * 1024;

/// What was pasted, and as what this computer joins.
#[derive(Debug, Args)]
pub(crate) struct ConnectCommandArgs {
    /// A join URL (openclaw devices join-code) or a setup code (openclaw qr)
    #[arg(value_name = "URL|CODE", value_parser = secret, required_unless_present = "target_file")]
    target: Option<SecretString>,
    /// Read it from this file, and remove the file then: it does not show in the list of processes
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    target_file: Option<PathBuf>,
    /// Join as a node, also where the code would let an operator in
    #[arg(long)]
    node: bool,
    /// The name that the gateway shows for this computer
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Leave once it is paired; a node stays up otherwise
    #[arg(long)]
    pair_only: bool,
    /// Join as a node, and install it as a service of this user: it runs from now on and after every start of this host
    #[arg(long, conflicts_with = "pair_only")]
    service: bool,
    /// Also where this computer has another gateway already; its place in the configuration is taken
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    offered: OfferedArgs,
    #[arg(long, hide = true)]
    session_host: bool,
    #[arg(long, hide = true)]
    ephemeral: bool,
}

/// Joins.
///
/// # Errors
/// The code is over or none, the gateway cannot be reached or refuses, or the configuration is another gateway's.
pub(crate) async fn run(args: ConnectCommandArgs, ctx: &Context) -> Result<(), Failure> {
    for (given, flag) in [(args.session_host, "--session-host"), (args.ephemeral, "--ephemeral")] {
        if given {
            return Err(Failure::usage(format!(
                "{flag} is not supported: this node runs commands, and hosts no sessions of agents"
            )));
        }
    }
    let before = ctx.load()?;
    let target = target(&args)?;
    if !args.force {
        place::check_free(&before, &target)?;
    }
    // What cannot be written or installed is known before a code is used up.
    args.offered.check()?;
    place::write(ctx, "ws://127.0.0.1", true)?;
    if args.service {
        node::service::check(ctx).await?;
    }
    // A join URL names a node's code.
    let as_node = args.node || args.service || args.offered.is_said() || matches!(target, JoinTarget::Url(_));
    let code = match target {
        JoinTarget::Url(url) => url.fetch().await?,
        JoinTarget::Code(code) => code,
    };
    let (target, pins) = way(&code, ctx, args.force, as_node).await?;
    let paired = pair(&args, ctx, &target, &code, as_node).await?;
    let url = target.url;
    if !pins.is_empty() {
        // Whoever gave the code says so, and it let this computer in: from now on that gateway shows this certificate, or is none.
        remote::pin_store(&ctx.paths).trust(&url, &pins).map_err(remote::TargetError::from)?;
    }
    let edited = place::write(ctx, &url, false)?;
    // What a failed pairing was to offer counts for nothing later; and the way is kept whatever becomes of this.
    args.offered.keep(ctx)?;
    if let Some(file) = &args.target_file {
        std::fs::remove_file(file).map_err(|error| {
            Failure::new(Exit::Failed, "FILE", format!("{} cannot be removed: {error}", file.display()))
        })?;
    }
    let report = json!({
        "ok": true, "url": url, "role": paired.role, "deviceId": paired.device_id,
        "config": edited.loaded.file, "changedPaths": edited.changed,
        "otherUrls": code.urls.iter().filter(|other| **other != url).collect::<Vec<_>>(),
        "undo": place::undo(ctx, &before, &url, &paired.device_id),
    });
    let stays = paired.role == "node" && !args.pair_only && !args.service;
    if ctx.out.json && (stays || args.service) {
        ctx.out.json_line(&json!({"type": "paired", "report": report}))?;
    } else {
        ctx.out.show(&report, || page(ctx, &report, stays))?;
    }
    if args.service {
        return node::service::install_paired(ctx, args.display_name).await;
    }
    if !stays {
        return Ok(());
    }
    node::stay(ctx, Target::known(url, "gateway.remote.url", &ctx.paths)?, args.display_name).await
}

fn target(args: &ConnectCommandArgs) -> Result<JoinTarget, Failure> {
    let (text, place) = match &args.target {
        Some(text) => (text.expose_secret().to_owned(), "what was given".to_owned()),
        None => {
            let (text, place) = input::read(args.target_file.as_deref(), MAX_FILE)?;
            (text, format!("what {place} holds"))
        }
    };
    JoinTarget::read(&text).map_err(|problem| Failure::usage(format!("{place} {problem}")))
}

/// The way that is gone, and the pins that the code names: the first on which a gateway answers. An operator finds out by itself whether
/// one does on the only way; a node would wait for it.
async fn way(
    code: &SetupCode,
    ctx: &Context,
    force: bool,
    as_node: bool,
) -> Result<(Target, Vec<Pin>), Failure> {
    if code.expires_at_ms.is_some_and(|until| until <= ctx.now_ms()) {
        return Err(Failure::usage("the time of this code is over")
            .hint("make another on the gateway: openclaw qr, or openclaw devices join-code")
            .hint("if it was made just now, the clocks of the two computers differ: set them right"));
    }
    let mut failed = None;
    for url in &code.urls {
        let failure = match checked(code, url, ctx, force) {
            Ok(way) if code.urls.len() == 1 && !as_node => return Ok(way),
            // Nothing is told to whoever answers; who it is shows when this computer joins.
            Ok(way) => match client::challenge(&way.0.url, LOOK_WITHIN).await {
                Ok(()) => return Ok(way),
                Err(silence) => {
                    crate::failure::connect::explain(silence.error, &way.0, &ctx.paths.profile_flags())
                }
            },
            Err(failure) => failure,
        };
        // The first way is the usual one: what is wrong there is said.
        failed.get_or_insert(failure);
    }
    Err(failed.unwrap_or_else(|| Failure::usage("this code names no way to its gateway")))
}

/// Where a way of the code leads, if it may be connected to as the code wants it, and the pins that the code names.
fn checked(code: &SetupCode, url: &str, ctx: &Context, force: bool) -> Result<(Target, Vec<Pin>), Failure> {
    let url = remote::check_url(url)
        .map_err(|error| Failure::usage(format!("the address in this code cannot be used: {error}")))?;
    let pins = code.pins().map_err(|problem| Failure::usage(format!("this code {problem}")))?;
    if !pins.is_empty() && !url.starts_with("wss:") {
        return Err(Failure::usage(
            "this code names the certificate of the gateway, and an address that shows none",
        ));
    }
    let trusted = remote::pin_store(&ctx.paths).trusted(&url).map_err(remote::TargetError::from)?;
    let is_other = !pins.is_empty() && !trusted.is_empty() && !pins.iter().any(|pin| trusted.contains(pin));
    if is_other && !force {
        let message = format!("{url} is trusted with another certificate than the one that this code names");
        return Err(Failure::new(Exit::Failed, "PLACE_TAKEN", message)
            .hint("if the gateway's certificate was replaced, add --force; else do not use this code"));
    }
    let pinned = remote::pinned(&url, &url, "the code", &pins, &[], &ctx.paths)?;
    Ok((Target { pinned, ..Target::far(url, "the code") }, pins))
}

/// As an operator where the code is good for that, else as a node.
async fn pair(
    args: &ConnectCommandArgs,
    ctx: &Context,
    target: &Target,
    code: &SetupCode,
    as_node: bool,
) -> Result<Paired, Failure> {
    let name = args.display_name.clone();
    if !as_node {
        match join::as_operator(ctx, target, &code.bootstrap_token, name.clone(), WITHIN).await? {
            Ok(paired) => return Ok(paired),
            // It may be a node's code; what else is wrong with it is wrong with it for a node, too.
            Err(error) if error.shape().is_some() => {}
            Err(error) => {
                return Err(crate::failure::connect::explain(error, target, &ctx.paths.profile_flags()));
            }
        }
    }
    let offers = args.offered.or_kept(ctx)?;
    node::pair(ctx, target, &code.bootstrap_token, (name, offers), WITHIN).await
}

fn page(ctx: &Context, report: &Value, stays: bool) -> String {
    let text = |key: &str| crate::output::printable(report[key].as_str().unwrap_or_default());
    let mut lines = vec![format!("paired with {} as {}", text("url"), text("role"))];
    lines.push(format!("device  {}", text("deviceId")));
    lines.push(format!("config  {}: commands go there from now on", text("config")));
    lines.push(match (report["role"] == "operator", stays) {
        (true, _) => format!("try it: {}", ctx.command("status")),
        (false, true) => "this node stays up until it is interrupted; its commands wait for approval on the gateway: openclaw nodes pending".to_owned(),
        (false, false) => format!("run it: {}", ctx.command("node run")),
    });
    let texts = |key: &str| report[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.extend(texts("otherUrls").map(|other| {
        let other = crate::output::printable(other);
        format!(
            "also:   {other}, where the first cannot be reached: {}",
            ctx.command(&format!("config set gateway.remote.url {other}"))
        )
    }));
    lines.extend(texts("undo").map(|step| format!("undo:   {step}")));
    lines.join("\n")
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Failure {
        let message = error.to_string();
        match error {
            JoinError::Pin { place, expected, seen } => {
                let details = json!({
                    "url": place, "expected": [expected.to_string()],
                    "seen": {"leaf": seen.leaf.to_string(), "spki": seen.spki.to_string()},
                });
                Failure::new(Exit::Pin, "TLS_PIN_MISMATCH", message).details(details).hint(
                    "somebody may stand between: do not go on unless you know why; if the gateway's certificate was replaced, make another join URL there",
                )
            }
            JoinError::Unknown(_) | JoinError::Limited(_) => Failure::new(Exit::Refused, "JOIN_CODE", message),
            JoinError::NoCode(..) => Failure::new(Exit::Unreachable, "NOT_A_GATEWAY", message),
            JoinError::Fetch(..) => Failure::new(Exit::Unreachable, "UNREACHABLE", message).hint(
                "where its certificate is not one that everybody knows, use the setup code itself: openclaw qr --node --setup-code-only",
            ),
        }
    }
}
