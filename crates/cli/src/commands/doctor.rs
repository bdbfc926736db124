//! `openclaw doctor`: what is wrong with this installation, and mending it.

pub(crate) mod page;

use crate::args::ConnectArgs;
use crate::checks::{self, Finding, Outcome, Severity, UsedBy};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;
use serde_json::{Value, json};

/// Whether to mend, and how far to look.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended, and say what was done
    #[arg(long, visible_alias = "repair")]
    fix: bool,
    /// Look longer, and show what is only worth knowing
    #[arg(long)]
    deep: bool,
    /// For scripts that were written for OpenClaw: nothing is ever asked, and nothing is changed without --fix
    #[arg(long, hide = true)]
    non_interactive: bool,
    /// As --non-interactive
    #[arg(long, hide = true, conflicts_with = "fix")]
    lint: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Looks, mends where that is asked for, and says what is left.
///
/// # Errors
/// Something is left that should be looked at: exit code 9.
pub(crate) async fn run(args: DoctorArgs, ctx: &Context) -> Result<(), Failure> {
    let all: &dyn Fn(&Finding) -> bool = &|_| true;
    let fix = args.fix.then_some(all);
    let outcome = checks::run(ctx, &args.connect, UsedBy::Doctor, args.deep, fix).await;
    ctx.out.show(&report(&outcome), || page::of(ctx, &outcome, args.fix))?;
    verdict(&outcome)
}

/// What is only worth knowing is nothing that is left to do.
pub(crate) fn verdict(outcome: &Outcome) -> Result<(), Failure> {
    let left = outcome.findings().iter().any(|finding| finding.severity > Severity::Info);
    // All has been said; only the exit code is left.
    if left { Err(Failure::new(Exit::Findings, "", "")) } else { Ok(()) }
}

fn report(outcome: &Outcome) -> Value {
    let findings: Vec<Value> = outcome
        .findings()
        .iter()
        .map(|finding| {
            json!({
                "checkId": finding.kind.id,
                "severity": finding.severity.doctor_word(),
                "message": format!("{}: {}", finding.kind.title, finding.detail),
                "path": finding.place,
                "fixHint": finding.next_step(),
                "canFix": finding.mend.is_some(),
            })
        })
        .collect();
    let skipped = outcome.skipped();
    json!({
        "schemaVersion": 1,
        "ok": verdict(outcome).is_ok(),
        "checksRun": outcome.ran.len() - skipped.len(),
        "checksSkipped": skipped.len(),
        "findings": findings,
        "skipped": skipped,
        "fixed": outcome.mended,
        "notFixed": outcome.failed,
    })
}
