//! `openclaw security audit`: who could get in, and what they could do then.

use super::doctor::{page::tone, verdict};
use crate::args::ConnectArgs;
use crate::checks::{self, Finding, Outcome, Severity, UsedBy};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Tone, printable};
use clap::{Args, Subcommand};
use config::Suppression;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// `security` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct SecurityArgs {
    #[command(subcommand)]
    command: SecurityCommand,
}

#[derive(Debug, Subcommand)]
enum SecurityCommand {
    /// Look at the configuration, the files and, with --deep, the running gateway
    Audit(AuditArgs),
}

#[derive(Debug, Args)]
struct AuditArgs {
    /// Ask the running gateway, too
    #[arg(long)]
    deep: bool,
    /// Close files and groups that are open to others; secrets and addresses stay as they are
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Looks, and says what was found.
///
/// # Errors
/// Something is left that should be looked at: exit code 9.
pub(crate) async fn run(args: SecurityArgs, ctx: &Context) -> Result<(), Failure> {
    let SecurityCommand::Audit(args) = args.command;
    // A configuration that cannot be used suppresses nothing.
    let known = ctx.load().map(|loaded| loaded.config.security.suppressions).unwrap_or_default();
    // What is meant is not mended either.
    let open: &dyn Fn(&Finding) -> bool = &|finding| !covers(&known, finding);
    let fix = args.fix.then_some(open);
    let mut outcome = checks::run(ctx, &args.connect, UsedBy::Audit, args.deep, fix, &|_| true).await;
    let hidden = suppress(&mut outcome, &known);
    let report = report(ctx, &outcome, &hidden, !known.is_empty());
    let whole = if args.fix {
        let fix =
            json!({"ok": outcome.failed.is_empty(), "changes": outcome.mended, "errors": outcome.failed});
        json!({"fix": fix, "report": report})
    } else {
        report
    };
    ctx.out.show(&whole, || page(ctx, &outcome, &args, hidden.len()))?;
    verdict(&outcome)
}

/// Whether somebody has said that this is meant.
fn covers(known: &[Suppression], finding: &Finding) -> bool {
    known.iter().any(|s| s.covers(finding.kind.id, finding.kind.title, &detail(finding)))
}

/// Takes out what is meant.
fn suppress(outcome: &mut Outcome, known: &[Suppression]) -> Vec<Finding> {
    let mut hidden = Vec::new();
    for ran in &mut outcome.ran {
        let (out, left) =
            std::mem::take(&mut ran.findings).into_iter().partition(|finding| covers(known, finding));
        hidden.extend::<Vec<_>>(out);
        ran.findings = left;
    }
    hidden
}

fn detail(finding: &Finding) -> String {
    format!("{}: {}", finding.place, finding.detail)
}

fn shown(finding: &Finding) -> Value {
    json!({
        "checkId": finding.kind.id,
        "severity": finding.severity.as_str(),
        "title": finding.kind.title,
        "detail": detail(finding),
        "remediation": finding.next_step(),
    })
}

fn count(outcome: &Outcome, severity: Severity) -> usize {
    outcome.findings().iter().filter(|finding| finding.severity == severity).count()
}

fn report(ctx: &Context, outcome: &Outcome, hidden: &[Finding], filtered: bool) -> Value {
    let mut findings: Vec<Value> = outcome.findings().iter().map(|finding| shown(finding)).collect();
    if filtered {
        findings.push(json!({
            "checkId": "security.audit.suppressions.active",
            "severity": "info",
            "title": "findings may be left out of this report",
            "detail": "security.audit.suppressions names some",
            "remediation": "nothing, as long as they are still meant",
        }));
    }
    json!({
        "ts": ctx.now_ms(),
        "summary": {
            "critical": count(outcome, Severity::Critical),
            "warn": count(outcome, Severity::Warn),
            "info": count(outcome, Severity::Info) + usize::from(filtered),
        },
        "findings": findings,
        "suppressedFindings": hidden.iter().map(shown).collect::<Vec<_>>(),
        "skipped": outcome.skipped(),
    })
}

/// What was not looked at and why, those for the same reason together; and what else is good to know.
fn remarks(ctx: &Context, outcome: &Outcome, deep: bool) -> String {
    let mut skipped: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut text = String::new();
    for ran in &outcome.ran {
        if let Some(note) = &ran.note {
            let word = ctx.out.paint(Tone::Good, "ok      ");
            let _ = writeln!(text, "{word} {}: {}", ran.check.title, printable(note));
        }
        // Without --deep, the last line says how to have it asked.
        let Some(why) = ran.skipped.as_deref().filter(|_| deep || !ran.check.is_deep()) else { continue };
        match skipped.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, titles)) => titles.push(ran.check.title),
            None => skipped.push((why, vec![ran.check.title])),
        }
    }
    for (why, titles) in skipped {
        let word = ctx.out.paint(Tone::Dim, "skipped ");
        let _ = writeln!(text, "{word} {}: {}", titles.join(", "), printable(why));
    }
    text
}

fn page(ctx: &Context, outcome: &Outcome, args: &AuditArgs, hidden: usize) -> String {
    let mut page = outcome.deeds(&ctx.out);
    // Writing to a string cannot fail.
    for finding in outcome.findings() {
        let word = ctx.out.paint(tone(finding.severity), &format!("{:<8}", finding.severity.as_str()));
        let id = ctx.out.paint(Tone::Dim, &format!("({})", finding.kind.id));
        let _ = writeln!(page, "{word} {} {id}", finding.kind.title);
        let _ = writeln!(page, "         {}", printable(&detail(finding)));
        if finding.severity > Severity::Info {
            let fix = ctx.out.paint(Tone::Bold, "fix:");
            let _ = writeln!(page, "         {fix} {}", printable(finding.next_step()));
        }
    }
    page.push_str(&remarks(ctx, outcome, args.deep));
    let counts = [Severity::Critical, Severity::Warn, Severity::Info]
        .map(|severity| format!("{} {}", count(outcome, severity), severity.as_str()));
    let _ = write!(page, "\n{}", counts.join(" · "));
    if hidden > 0 {
        let _ = write!(page, " · {hidden} left out by security.audit.suppressions");
    }
    let mendable = outcome.findings().iter().filter(|finding| finding.mend.is_some()).count();
    if mendable > 0 && !args.fix {
        let _ = write!(page, "\nFor {mendable} of them: {}", ctx.command("security audit --fix"));
    }
    if !args.deep {
        let _ = write!(page, "\nTo ask the running gateway, too: {}", ctx.command("security audit --deep"));
    }
    page
}
