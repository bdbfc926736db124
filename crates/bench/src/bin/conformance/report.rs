//! What is printed: a verdict a case, and a count.

use crate::suite::Case;
use serde_json::{Value, json};

/// What became of a case.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Passed,
    /// Line of the step, and how.
    Failed(usize, String),
    /// It failed, and this build of the server is known to do so: why, and how it failed.
    Known(String, String),
    /// What the server was not promised to have.
    Skipped(String),
}

impl Verdict {
    /// In one word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed(..) => "failed",
            Verdict::Known(..) => "known",
            Verdict::Skipped(_) => "skipped",
        }
    }

    /// Why it is not passed.
    fn reason(&self, case: &Case) -> Option<String> {
        match self {
            Verdict::Passed => None,
            Verdict::Failed(line, how) => Some(format!("{}.jsonl:{line}: {how}", case.area())),
            Verdict::Known(why, how) => Some(format!("{why} ({how})")),
            Verdict::Skipped(needs) => Some(format!("needs {needs}")),
        }
    }
}

/// Verdicts in the order of their cases.
pub(crate) struct Report<'a> {
    pub(crate) version: String,
    pub(crate) verdicts: Vec<(&'a Case, Verdict)>,
}

impl Report<'_> {
    /// Whether no case failed.
    pub(crate) fn is_good(&self) -> bool {
        self.count("failed") == 0
    }

    fn count(&self, word: &str) -> usize {
        self.verdicts.iter().filter(|(_, verdict)| verdict.word() == word).count()
    }

    /// One line a case.
    pub(crate) fn line(case: &Case, verdict: &Verdict) -> String {
        let word = if matches!(verdict, Verdict::Failed(..)) { "FAILED" } else { verdict.word() };
        match verdict.reason(case) {
            Some(reason) => format!("{word:<8} {}: {reason}", case.name),
            None => format!("{word:<8} {}", case.name),
        }
    }

    /// The last line.
    pub(crate) fn summary(&self) -> String {
        let counts =
            ["passed", "failed", "known", "skipped"].map(|word| format!("{} {word}", self.count(word)));
        format!("{} cases against version {}: {}", self.verdicts.len(), self.version, counts.join(", "))
    }

    /// All of it as one JSON object.
    pub(crate) fn json(&self) -> String {
        let cases = self.verdicts.iter().map(|(case, verdict)| {
            json!({
                "case": case.name, "verdict": verdict.word(), "reason": verdict.reason(case),
                "proves": case.head.proves, "source": case.head.source,
            })
        });
        let cases: Vec<Value> = cases.collect();
        let counts = ["passed", "failed", "known", "skipped"].map(|word| (word, self.count(word)));
        let counts: serde_json::Map<String, Value> =
            counts.into_iter().map(|(word, count)| (word.to_owned(), count.into())).collect();
        format!("{:#}", json!({"version": self.version, "counts": counts, "cases": cases}))
    }
}
