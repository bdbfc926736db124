//! What can be wrong with an installation: one file per check, used by `doctor` (does it work?) and `security audit` (who
//! could get in?). Looking changes nothing. What can be mended says what it did, and doing it twice does no harm.
//!
//! To add a check: a file with a [`Check`], and its line in [`CHECKS`]. `docs/doctor.md` has a row for every [`Kind`]; a test
//! holds it to the table.

mod change;
mod clock;
mod commands;
mod config_file;
mod database;
mod disk;
mod exposure;
mod finding;
mod identity;
mod leftovers;
mod listeners;
mod listening;
mod network;
mod own;
mod permissions;
mod plain;
mod probe;
mod run;
mod scene;
mod secrets;
mod senders;
mod service;
mod sshd;
mod surface;
mod tailscale;
mod tls;

pub(crate) use finding::{Finding, Kind, Severity};
pub(crate) use run::{Outcome, Ran, checks, run};
pub(crate) use scene::Scene;

use std::future::{Future, ready};
use std::pin::Pin;

/// One thing that is looked at.
pub(crate) struct Check {
    /// What programs call it: a word.
    pub(crate) id: &'static str,
    /// What people call it.
    pub(crate) title: &'static str,
    /// Everything that it can find.
    pub(crate) kinds: &'static [&'static Kind],
    /// Who asks for it.
    pub(crate) used_by: UsedBy,
    /// Looks. It never changes anything.
    pub(crate) look: Look,
}

/// Which command a check belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsedBy {
    /// `openclaw doctor`.
    Doctor,
    /// `openclaw security audit`.
    Audit,
    /// Both.
    Both,
}

impl UsedBy {
    /// Whether `command` asks for a check of this kind.
    pub(crate) fn includes(self, command: UsedBy) -> bool {
        self == UsedBy::Both || self == command
    }
}

/// How a check looks.
pub(crate) type Look = for<'a> fn(&'a Scene<'a>) -> Looking<'a>;
/// A look that is under way.
pub(crate) type Looking<'a> = Pin<Box<dyn Future<Output = Looked> + 'a>>;

/// What a check saw.
#[derive(Default)]
pub(crate) struct Looked {
    /// What is wrong; empty where nothing is.
    pub(crate) findings: Vec<Finding>,
    /// Why it could not look.
    pub(crate) skipped: Option<String>,
    /// What else is good to know, in one line.
    pub(crate) note: Option<String>,
}

impl Looked {
    /// Nothing is wrong, and this is good to know.
    fn well(note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..Self::default() }
    }

    /// Nothing was looked at, for this reason.
    fn skipped(why: impl Into<String>) -> Self {
        Self { skipped: Some(why.into()), ..Self::default() }
    }
}

impl From<Vec<Finding>> for Looked {
    fn from(findings: Vec<Finding>) -> Self {
        Self { findings, ..Self::default() }
    }
}

/// Why a check did not look that goes by the configuration as it is written.
const UNREADABLE: &str = "the configuration cannot be read";
/// And one that needs it to be good.
const UNUSABLE: &str = "the configuration cannot be used";

/// A look that waited for nothing.
fn now<'a>(looked: impl Into<Looked>) -> Looking<'a> {
    Box::pin(ready(looked.into()))
}

/// Every check, in the order in which they are run and shown. What mends permissions stands first: the others may need to
/// read the files.
pub(crate) const CHECKS: &[Check] = &[
    permissions::CHECK,
    exposure::CHECK,
    config_file::CHECK,
    secrets::CHECK,
    identity::CHECK,
    database::CHECK,
    listening::CHECK,
    tls::CHECK,
    clock::CHECK,
    tailscale::CHECK,
    sshd::CHECK,
    service::CHECK,
    disk::CHECK,
    leftovers::CHECK,
    network::CHECK,
    senders::CHECK,
    commands::CHECK,
    plain::CHECK,
    probe::CHECK,
    surface::CHECK,
];

#[cfg(test)]
mod tests;
