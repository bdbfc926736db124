//! Looking, mending, and looking again.

use super::{CHECKS, Check, Finding, Looked, Scene, UsedBy};
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::output::{Output, Tone, printable};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// What a check came to.
pub(crate) struct Ran {
    /// Which.
    pub(crate) check: &'static Check,
    /// What is wrong now.
    pub(crate) findings: Vec<Finding>,
    /// Why it could not look.
    pub(crate) skipped: Option<String>,
    /// What else is good to know.
    pub(crate) note: Option<String>,
}

/// What all of them came to.
pub(crate) struct Outcome {
    /// Every check.
    pub(crate) ran: Vec<Ran>,
    /// What was mended, in words.
    pub(crate) mended: Vec<String>,
    /// What could not be mended, and why.
    pub(crate) failed: Vec<String>,
}

/// Runs the checks of one command that are meant. With `fix`, mends what can be mended of the findings that it picks, and looks again.
pub(crate) async fn run(
    ctx: &Context,
    connect: &ConnectArgs,
    command: UsedBy,
    deep: bool,
    fix: Option<&dyn Fn(&Finding) -> bool>,
    is_meant: &dyn Fn(&Check) -> bool,
) -> Outcome {
    let mut outcome = Outcome { ran: Vec::new(), mended: Vec::new(), failed: Vec::new() };
    if let Some(picks) = fix {
        // One after the other, each with a look of its own: what one mends may be what the next one needs.
        for check in checks(command).filter(|check| is_meant(check)) {
            let scene = Scene::of(ctx, connect, command, deep);
            let found = (check.look)(&scene).await.findings;
            for mend in found.into_iter().filter(|finding| picks(finding)).filter_map(|finding| finding.mend)
            {
                match mend.await {
                    Ok(done) => outcome.mended.push(done),
                    // Many files can stand behind one link: once is enough.
                    Err(why) if outcome.failed.contains(&why) => {}
                    Err(why) => outcome.failed.push(why),
                }
            }
        }
    }
    let scene = Scene::of(ctx, connect, command, deep);
    // Together: most of the time goes by in waiting for other programs, and nothing is changed.
    let looks = checks(command).filter(|check| is_meant(check)).map(async |check| {
        let Looked { findings, skipped, note } = (check.look)(&scene).await;
        debug_assert!(findings.iter().all(|finding| check.announces(finding)), "{findings:?}");
        Ran { check, findings, skipped, note }
    });
    outcome.ran = join_all(looks).await;
    outcome
}

/// The checks of one command.
pub(crate) fn checks(command: UsedBy) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(move |check| check.used_by.includes(command))
}

impl Check {
    /// Whether it looks with `--deep` alone.
    pub(crate) fn is_deep(&self) -> bool {
        self.id == super::probe::CHECK.id
    }

    /// Whether the page about findings says what this one is, and that it can be mended where it can.
    fn announces(&self, finding: &Finding) -> bool {
        let known = self.kinds.iter().any(|kind| kind.id == finding.kind.id);
        known && (finding.mend.is_none() || finding.kind.mends)
    }
}

impl Outcome {
    /// Everything that is wrong, worst first, else in the order of the checks.
    pub(crate) fn findings(&self) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self.ran.iter().flat_map(|ran| &ran.findings).collect();
        all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        all
    }

    /// The checks that could not look, and why: `[{check, reason}]`.
    pub(crate) fn skipped(&self) -> Vec<Value> {
        let skipped = |ran: &Ran| Some(json!({"check": ran.check.id, "reason": ran.skipped.as_ref()?}));
        self.ran.iter().filter_map(skipped).collect()
    }

    /// What was mended and what could not be, for people: a line each, and an empty one where there is any.
    pub(crate) fn deeds(&self, out: &Output) -> String {
        let line = |tone, word, what: &String| format!("{} {}\n", out.paint(tone, word), printable(what));
        let mended = self.mended.iter().map(|done| line(Tone::Good, "mended  ", done));
        let failed = self.failed.iter().map(|why| line(Tone::Bad, "not done", why));
        let mut deeds: String = mended.chain(failed).collect();
        if !deeds.is_empty() {
            deeds.push('\n');
        }
        deeds
    }
}
