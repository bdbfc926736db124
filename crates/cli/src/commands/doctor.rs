//! `openclaw doctor`: what is wrong with this installation, and mending it.

pub(crate) mod page;

use crate::args::ConnectArgs;
use crate::checks::{self, Check, Finding, Outcome, Severity, UsedBy};
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
    /// Only this check, by the word that --json and the page about findings have for it, or by one of its findings; can be repeated
    #[arg(long, value_name = "CHECK", value_parser = known, value_delimiter = ',')]
    only: Vec<String>,
    /// All but this check; can be repeated
    #[arg(long, value_name = "CHECK", value_parser = known, value_delimiter = ',')]
    skip: Vec<String>,
    /// Leave out what weighs less
    #[arg(long, value_name = "SEVERITY", value_parser = ["info", "warning", "error"])]
    severity_min: Option<String>,
    /// For scripts that were written for OpenClaw: nothing is ever asked, and nothing is changed without --fix
    #[arg(long, hide = true)]
    non_interactive: bool,
    /// As --non-interactive
    #[arg(long, hide = true, conflicts_with = "fix")]
    lint: bool,
    // Also for them: what these ask for is so anyway, or there is nothing of the kind.
    #[arg(long, hide = true)]
    yes: bool,
    #[arg(long, hide = true)]
    all: bool,
    #[arg(long, hide = true)]
    force: bool,
    #[arg(long, hide = true)]
    allow_exec: bool,
    #[arg(long, hide = true)]
    no_workspace_suggestions: bool,
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
    let named = |names: &[String], check: &Check| names.iter().any(|name| is_called(check, name));
    let is_meant =
        |check: &Check| (args.only.is_empty() || named(&args.only, check)) && !named(&args.skip, check);
    let mut outcome = checks::run(ctx, &args.connect, UsedBy::Doctor, args.deep, fix, &is_meant).await;
    if let Some(least) = &args.severity_min {
        let least = if least == "error" { 2 } else { usize::from(least == "warning") };
        let weight = |finding: &Finding| match finding.severity.doctor_word() {
            "info" => 0,
            "warning" => 1,
            _ => 2,
        };
        outcome.ran.iter_mut().for_each(|ran| ran.findings.retain(|finding| weight(finding) >= least));
    }
    ctx.out.show(&report(&outcome), || page::of(ctx, &outcome, args.fix))?;
    verdict(&outcome)
}

/// Whether a check, or something that it can find, is called so.
fn is_called(check: &Check, name: &str) -> bool {
    check.id == name || check.kinds.iter().any(|kind| kind.id == name)
}

/// Reads the name of a check.
fn known(name: &str) -> Result<String, String> {
    if checks::checks(UsedBy::Doctor).any(|check| is_called(check, name)) {
        return Ok(name.to_owned());
    }
    let all: Vec<&str> = checks::checks(UsedBy::Doctor).map(|check| check.id).collect();
    Err(format!("there is no such check; there are: {}", all.join(", ")))
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
