//! `openclaw remote down`.

use super::{NO_TUNNEL, configured, living, service, status};
use crate::context::Context;
use crate::failure::{Exit, Failure, tunnel as explain};
use clap::Args;
use remote::tunnel::{Holder, Place, down};
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct DownArgs {
    /// End it even where something holds it
    #[arg(long)]
    force: bool,
    /// Every tunnel of this state directory
    #[arg(long)]
    all: bool,
}

/// What became of the tunnels that were let go.
#[derive(Default)]
struct Parted {
    ended: Vec<String>,
    holders: Vec<Holder>,
}

/// Lets the tunnel go: the configured one, where none is configured the only one that there is, or all.
///
/// # Errors
/// It is not clear which one is meant, or a supervisor does not answer or does not end.
pub(super) async fn run(args: DownArgs, ctx: &Context) -> Result<(), Failure> {
    let places = if args.all { Place::all(&ctx.paths.state_dir) } else { meant(ctx)? };
    let (mut parted, mut failed) = (Parted::default(), None);
    for place in &places {
        match down(place, args.force).await {
            Ok(None) => {}
            Ok(Some(parting)) if parting.ends => parted.ended.push(place.key().to_owned()),
            Ok(Some(parting)) => parted.holders.extend(parting.holders),
            // The others go all the same.
            Err(error) => failed = failed.or_else(|| Some((place.target(), explain::explain(error, ctx)))),
        }
    }
    let others: Vec<String> =
        living(ctx).iter().filter(|place| !places.contains(place)).map(Place::target).collect();
    let report = json!({"ended": parted.ended, "holders": parted.holders, "others": others});
    if let Some((target, failure)) = failed {
        return Err(Failure { message: format!("{target}: {}", failure.message), ..failure }.details(report));
    }
    ctx.out.show(&report, || page(&parted))?;
    remarks(ctx, &parted, &others).await
}

/// The configured tunnel; else the only one that is there, if one is. A tunnel of a former configuration is ended as well.
fn meant(ctx: &Context) -> Result<Vec<Place>, Failure> {
    let mut failure = match configured(ctx) {
        Ok((_, place)) => return Ok(vec![place]),
        Err(failure) => failure,
    };
    let there = living(ctx);
    let unset = failure.code == NO_TUNNEL;
    match there.len() {
        0 if !unset => Err(failure),
        0 | 1 => Ok(there),
        _ => {
            if unset {
                let targets: Vec<String> = there.iter().map(Place::target).collect();
                let message =
                    format!("no tunnel is configured, and several are there: {}", targets.join(", "));
                failure = Failure::new(Exit::Config, NO_TUNNEL, message);
            }
            Err(failure
                .hint(format!("see how they are doing: {}", ctx.command("remote status")))
                .hint(format!("end all of them: {}", ctx.command("remote down --all"))))
        }
    }
}

fn page(parted: &Parted) -> String {
    match (parted.ended.len(), parted.holders.is_empty()) {
        (0, true) => "no tunnel was up".to_owned(),
        (_, true) => "the tunnel is down".to_owned(),
        (_, false) => {
            let who: Vec<String> = parted.holders.iter().map(status::holder).collect();
            format!("the tunnel ends when it is not held any more; it is held by {}", who.join(", "))
        }
    }
}

async fn remarks(ctx: &Context, parted: &Parted, others: &[String]) -> Result<(), Failure> {
    if !parted.ended.is_empty() && service::runs(&service::living(ctx)?.facts().await) {
        let uninstall = ctx.command("remote uninstall");
        ctx.out.remark(&format!("its service opens it again; to take that away: {uninstall}"));
    }
    if !parted.holders.is_empty() {
        ctx.out.remark(&format!("to end it now: {}", ctx.command("remote down --force")));
    }
    if !others.is_empty() {
        let all = ctx.command("remote down --all");
        ctx.out.remark(&format!(
            "there is another tunnel, to {}, which is not the configured one; to end all: {all}",
            others.join(", ")
        ));
    }
    Ok(())
}
