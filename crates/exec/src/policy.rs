//! Which commands may run on a host: how much is allowed, when somebody is asked, and the list of what needs no asking.
//!
//! Two parties have a say. The *request* is what the agent's configuration wants (`tools.exec`), the *host document* is what
//! the owner of the host allows (`exec-approvals.json`). The stricter of the two holds.

mod analysis;
mod carriers;
mod document;
mod file;
mod glob;
mod listed;
mod shell;

pub use analysis::{Analysis, Place, Unclear, analyse};
pub use document::{AgentRules, AllowEntry, Document, Levels, ResolvedDefaults, Socket, Version};
pub use file::{ApprovalsError, ApprovalsFile, Snapshot};
pub use listed::Use;

use serde::{Deserialize, Serialize};

/// How much may run. The order is from strict to lax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Nothing.
    Deny,
    /// What the list names.
    Allowlist,
    /// Everything.
    Full,
}

/// When somebody is asked. The order is from never to always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Never.
    Off,
    /// When the list does not name it.
    OnMiss,
    /// Each time.
    Always,
}

impl Security {
    /// As in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Security::Deny => "deny",
            Security::Allowlist => "allowlist",
            Security::Full => "full",
        }
    }

    /// The way back of [`Security::as_str`].
    pub fn named(name: &str) -> Option<Self> {
        [Self::Deny, Self::Allowlist, Self::Full].into_iter().find(|s| s.as_str() == name)
    }
}

impl Ask {
    /// As in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Ask::Off => "off",
            Ask::OnMiss => "on-miss",
            Ask::Always => "always",
        }
    }

    /// The way back of [`Ask::as_str`].
    pub fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::OnMiss, Self::Always].into_iter().find(|a| a.as_str() == name)
    }
}

/// What one side wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// How much may run.
    pub security: Security,
    /// When somebody is asked.
    pub ask: Ask,
}

impl Default for Request {
    /// Everything runs, nobody is asked: the trusted host that OpenClaw assumes.
    fn default() -> Self {
        Self { security: Security::Full, ask: Ask::Off }
    }
}

/// What holds for an agent's commands on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How much may run.
    pub security: Security,
    /// When somebody is asked.
    pub ask: Ask,
    /// What may run where somebody should be asked and nobody answers.
    pub ask_fallback: Security,
    /// What needs no asking.
    pub allowlist: Vec<AllowEntry>,
}

/// What is to be done about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Run,
    /// Somebody is asked first.
    Ask,
    /// It does not run.
    Refuse,
}

impl Policy {
    /// What holds for `agent` where `request` is wanted and `document` is the host's.
    pub fn effective(request: Request, document: &Document, agent: &str) -> Self {
        let (security, ask, ask_fallback) = document.levels(agent);
        Self {
            security: security.map_or(request.security, |s| s.min(request.security)),
            ask: ask.map_or(request.ask, |a| a.max(request.ask)),
            ask_fallback: ask_fallback.unwrap_or(Security::Deny),
            allowlist: document.entries(agent),
        }
    }

    /// The policy, made stricter by another request.
    #[must_use]
    pub fn within(mut self, request: Request) -> Self {
        self.security = self.security.min(request.security);
        self.ask = self.ask.max(request.ask);
        self
    }

    /// What to do about a command that the list names (`listed`) or does not.
    pub fn verdict(&self, listed: bool) -> Verdict {
        match (self.security, self.ask) {
            (Security::Deny, _) => Verdict::Refuse,
            (_, Ask::Always) => Verdict::Ask,
            (Security::Full, _) => Verdict::Run,
            (Security::Allowlist, _) if listed => Verdict::Run,
            (Security::Allowlist, Ask::OnMiss) => Verdict::Ask,
            (Security::Allowlist, Ask::Off) => Verdict::Refuse,
        }
    }

    /// Whether a command runs that somebody should have been asked about and nobody answered. A fallback never allows
    /// more than the policy itself.
    pub fn runs_unanswered(&self, listed: bool) -> bool {
        match self.security.min(self.ask_fallback) {
            Security::Deny => false,
            Security::Allowlist => listed,
            Security::Full => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(security: Security, ask: Ask, ask_fallback: Security) -> Policy {
        Policy { security, ask, ask_fallback, allowlist: vec![] }
    }

    #[test]
    fn the_verdict_follows_security_and_ask() {
        use Security::{Allowlist, Deny, Full};
        use Verdict::{Ask as Asks, Refuse, Run};
        for (security, ask, listed, unlisted) in [
            (Deny, Ask::Off, Refuse, Refuse),
            (Deny, Ask::Always, Refuse, Refuse),
            (Allowlist, Ask::Off, Run, Refuse),
            (Allowlist, Ask::OnMiss, Run, Asks),
            (Allowlist, Ask::Always, Asks, Asks),
            (Full, Ask::Off, Run, Run),
            (Full, Ask::OnMiss, Run, Run),
            (Full, Ask::Always, Asks, Asks),
        ] {
            let policy = policy(security, ask, Deny);
            assert_eq!(
                (policy.verdict(true), policy.verdict(false)),
                (listed, unlisted),
                "{security:?} {ask:?}"
            );
        }
    }

    #[test]
    fn without_an_answer_the_fallback_decides_and_never_widens() {
        use Security::{Allowlist, Deny, Full};
        for (security, fallback, listed, unlisted) in [
            (Full, Deny, false, false),
            (Full, Allowlist, true, false),
            (Full, Full, true, true),
            (Allowlist, Full, true, false),
            (Deny, Full, false, false),
        ] {
            let policy = policy(security, Ask::Always, fallback);
            let got = (policy.runs_unanswered(true), policy.runs_unanswered(false));
            assert_eq!(got, (listed, unlisted), "{security:?} {fallback:?}");
        }
    }

    #[test]
    fn the_stricter_side_wins_and_what_is_not_said_is_the_others() {
        let document: Document = serde_json::from_value(serde_json::json!({
            "version": 1,
            "defaults": {"security": "full", "ask": "on-miss"},
            "agents": {
                "*": {"security": "allowlist", "allowlist": [{"pattern": "rg"}]},
                "main": {"ask": "always", "allowlist": [{"pattern": "/usr/bin/git"}]},
            },
        }))
        .unwrap();
        let request = Request { security: Security::Full, ask: Ask::Off };
        let main = Policy::effective(request, &document, "main");
        assert_eq!((main.security, main.ask), (Security::Allowlist, Ask::Always));
        let patterns: Vec<_> = main.allowlist.iter().map(|e| e.pattern.as_str()).collect();
        assert_eq!(patterns, ["rg", "/usr/bin/git"]);
        let other = Policy::effective(request, &document, "other");
        assert_eq!((other.security, other.ask), (Security::Allowlist, Ask::OnMiss));
        let strict = Request { security: Security::Deny, ask: Ask::Off };
        assert_eq!(Policy::effective(strict, &document, "main").security, Security::Deny);
        let nothing = Policy::effective(strict, &Document::default(), "main");
        assert_eq!(
            (nothing.security, nothing.ask, nothing.ask_fallback),
            (Security::Deny, Ask::Off, Security::Deny)
        );
    }
}
