//! What an end or a silence means: one reason, whether another try could help, and what to do.

use super::refusal::{Asked, IdentityProblem, Refusal};
use client::ConnectError;
use std::io;
use std::path::Path;
use std::process::ExitStatus;

/// The name of what [`Refusal::LocalPortTaken`] is, too.
const PORT_TAKEN: &str = "LOCAL_PORT_TAKEN";

/// The meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether another try would end in the same way.
    pub(super) lasting: bool,
    /// In a sentence.
    pub(super) reason: String,
    /// The refusal's name, where it is one that has a name.
    pub(super) code: Option<&'static str>,
    /// The next step.
    pub(super) fix: Option<String>,
}

impl Verdict {
    /// Of ssh's end, by its last words.
    pub(super) fn of_end(asked: &Asked, words: &[String], status: Option<ExitStatus>) -> Self {
        match (Refusal::read(asked, words.iter().map(String::as_str), status), status) {
            // These have no name that would say more than the words.
            (Some(refusal @ (Refusal::Lost { .. } | Refusal::Unknown(_))), _) => {
                Self::passing(refusal.to_string())
            }
            (Some(refusal), _) => Self::refused(&refusal),
            (None, Some(status)) => Self::passing(format!("ssh ended ({status})")),
            (None, None) => Self::passing("ssh ended".to_owned()),
        }
    }

    /// Of a far gateway that did not answer, by what ssh said about it.
    pub(super) fn of_silence(asked: &Asked, words: &[String], error: &ConnectError) -> Self {
        match (error, Refusal::read(asked, words.iter().map(String::as_str), None)) {
            (ConnectError::Timeout { .. }, _) | (_, None | Some(Refusal::Unknown(_))) => {
                Self::passing(format!("the gateway does not answer: {error}"))
            }
            (_, Some(refusal)) => Self::refused(&refusal),
        }
    }

    /// Of an ssh that did not get through in the time that it had.
    pub(super) fn late(asked: &Asked) -> Self {
        Self::refused(&Refusal::timed_out(asked))
    }

    /// ssh does not know an option that it can do without.
    pub(super) fn older_ssh() -> Self {
        Self::passing("this ssh is older than OpenSSH 8.7, and is started with fewer options".to_owned())
    }

    /// There is no ssh.
    pub(super) fn no_ssh() -> Self {
        Self::refused(&Refusal::NoSsh)
    }

    /// The key to log in with is not there.
    pub(super) fn no_identity(path: &Path) -> Self {
        let file = path.display().to_string();
        Self::refused(&Refusal::IdentityUnusable { file, problem: IdentityProblem::Missing })
    }

    /// ssh could not be started.
    pub(super) fn no_start(error: &io::Error) -> Self {
        Self::passing(format!("ssh could not be started: {error}"))
    }

    /// Whether it is about the port here.
    pub(super) fn is_of_the_port(&self) -> bool {
        self.code == Some(PORT_TAKEN)
    }

    /// Somebody was quicker to listen on the port that was chosen.
    pub(super) fn quicker(port: u16) -> Self {
        Self::passing(format!("port {port} was taken before ssh listened on it, and another one is chosen"))
    }

    /// The local port was taken by somebody else.
    pub(super) fn port_taken(port: u16, who: &str) -> Self {
        Self {
            lasting: false,
            reason: format!("port {port} of this host, which this tunnel had, is taken by {who}"),
            code: Some(PORT_TAKEN),
            fix: Some("end that program, or end the tunnel and start it again for another port: openclaw remote down --force".into()),
        }
    }

    /// No local port can be had.
    pub(super) fn no_port(reason: String) -> Self {
        Self { lasting: false, reason, code: Some(PORT_TAKEN), fix: None }
    }

    fn refused(refusal: &Refusal) -> Self {
        Self {
            lasting: refusal.is_lasting(),
            reason: refusal.to_string(),
            code: Some(refusal.code()),
            fix: Some(refusal.fix()),
        }
    }

    fn passing(reason: String) -> Self {
        Self { lasting: false, reason, code: None, fix: None }
    }
}
