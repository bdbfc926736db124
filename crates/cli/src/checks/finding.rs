//! What a check finds.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Worth knowing; nothing has to be done.
    Info,
    /// Should be looked at.
    Warn,
    /// Does not work, or lets somebody in.
    Critical,
}

impl Severity {
    /// As people and the audit's report have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Critical => "critical",
        }
    }

    /// As the doctor's report has it.
    pub(crate) fn doctor_word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warn => "warning",
            Severity::Critical => "error",
        }
    }
}

/// A kind of finding: what the page about them says.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What programs know it by. Where OpenClaw's audit finds the same, its name for it.
    pub(crate) id: &'static str,
    /// How much it matters, unless a finding says otherwise.
    pub(crate) severity: Severity,
    /// What is wrong, in one line that is true of every finding of this kind.
    pub(crate) title: &'static str,
    /// What to do about it.
    pub(crate) remedy: &'static str,
    /// Whether `--fix` can put it right.
    pub(crate) mends: bool,
}

/// What was done, or why it was not.
pub(crate) type Done = Result<String, String>;
/// A way to put something right. It does nothing until it is awaited.
pub(crate) type Mend = Pin<Box<dyn Future<Output = Done>>>;

/// Something that is wrong.
pub(crate) struct Finding {
    /// Which kind.
    pub(crate) kind: &'static Kind,
    /// How much it matters here.
    pub(crate) severity: Severity,
    /// Where: a file, a key of the configuration, an address.
    pub(crate) place: String,
    /// What was seen there.
    pub(crate) detail: String,
    /// The next step here, if there is a better one than the kind's.
    pub(crate) fix: Option<String>,
    /// How to put it right.
    pub(crate) mend: Option<Mend>,
}

impl Finding {
    /// One of this kind at this place.
    pub(crate) fn new(kind: &'static Kind, place: impl Into<String>, detail: impl Into<String>) -> Self {
        let (place, detail) = (place.into(), detail.into());
        Self { kind, severity: kind.severity, place, detail, fix: None, mend: None }
    }

    /// One of this kind in a file.
    pub(crate) fn in_file(kind: &'static Kind, file: &Path, detail: impl Into<String>) -> Self {
        Self::new(kind, file.display().to_string(), detail)
    }

    /// Matters this much here.
    #[must_use]
    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// With this next step.
    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Can be put right.
    #[must_use]
    pub(crate) fn mend(mut self, mend: impl Future<Output = Done> + 'static) -> Self {
        self.mend = Some(Box::pin(mend));
        self
    }

    /// The next step.
    pub(crate) fn next_step(&self) -> &str {
        self.fix.as_deref().unwrap_or(self.kind.remedy)
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.severity.as_str(), self.kind.id, self.place, self.detail)
    }
}
