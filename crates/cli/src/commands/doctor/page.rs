//! The doctor's report for people: a line for each check, under it what is wrong and the next step, and one line at the end.

use crate::checks::{Finding, Outcome, Ran, Severity};
use crate::context::Context;
use crate::output::{Tone, printable};
use std::fmt::Write as _;

/// Of things that are wrong in the same way, this many are shown; `--json` has all.
const SHOWN: usize = 3;

/// The whole page.
pub(super) fn of(ctx: &Context, outcome: &Outcome, fix: bool) -> String {
    let mut page = outcome.deeds(&ctx.out);
    // Writing to a string cannot fail.
    for ran in &outcome.ran {
        let _ = writeln!(page, "{}", line(ctx, ran));
        for group in groups(&ran.findings) {
            let _ = write!(page, "{}", block(ctx, &group));
        }
    }
    let _ = write!(page, "\n{}", summary(ctx, outcome, fix));
    page
}

fn line(ctx: &Context, ran: &Ran) -> String {
    let worst = ran.findings.iter().map(|finding| finding.severity).max();
    let (tone, word) = match worst {
        None if ran.skipped.is_some() => (Tone::Dim, "skipped"),
        None => (Tone::Good, "ok"),
        Some(severity) => (tone(severity), severity.as_str()),
    };
    let why = match ran.skipped.as_ref().or(ran.note.as_ref()) {
        Some(why) => format!(": {}", printable(why)),
        None => String::new(),
    };
    format!("{} {}{why}", ctx.out.paint(tone, &format!("{word:<8}")), ran.check.title)
}

/// The colour of a severity.
pub(crate) fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Info => Tone::Dim,
        Severity::Warn => Tone::Warn,
        Severity::Critical => Tone::Bad,
    }
}

/// Findings of one kind together, in their order.
fn groups(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        match groups.iter_mut().find(|group| group.first().is_some_and(|f| f.kind.id == finding.kind.id)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn block(ctx: &Context, group: &[&Finding]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let id = ctx.out.paint(Tone::Dim, &format!("({})", first.kind.id));
    let mut text = format!("         {} {id}\n", first.kind.title);
    for finding in group.iter().take(SHOWN) {
        let _ = writeln!(text, "           {}: {}", printable(&finding.place), printable(&finding.detail));
        let _ = writeln!(
            text,
            "           {} {}",
            ctx.out.paint(Tone::Bold, "fix:"),
            printable(finding.next_step())
        );
    }
    if group.len() > SHOWN {
        let _ = writeln!(text, "           and {} more (see --json)", group.len() - SHOWN);
    }
    text
}

fn summary(ctx: &Context, outcome: &Outcome, fix: bool) -> String {
    let findings = outcome.findings();
    let left = findings.iter().filter(|finding| finding.severity > Severity::Info).count();
    let mendable = findings.iter().filter(|finding| finding.mend.is_some()).count();
    let text = match left {
        0 => "Nothing to do.".to_owned(),
        1 => "One thing should be looked at.".to_owned(),
        n => format!("{n} things should be looked at."),
    };
    if mendable == 0 || fix {
        return text;
    }
    let all = if mendable == findings.len() { "it".to_owned() } else { format!("{mendable} of them") };
    let what = if left == 0 { "What is left over goes with".to_owned() } else { format!("For {all}:") };
    format!("{text} {what} {}", ctx.command("doctor --fix"))
}
