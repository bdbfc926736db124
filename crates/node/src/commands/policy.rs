//! What may run here: the stricter of what the gateway asks for and what this host's document allows.

use crate::host::Host;
use crate::invoke::Failure;
use exec::policy::{Analysis, Ask, Place, Policy, Request, Security, Verdict, analyse};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Begins the message of every refusal that is the policy's, as gateways know it.
const DENIED: &str = "SYSTEM_RUN_DENIED";

/// What the gateway asks for; what it does not say is as lax as can be.
pub(super) fn request(security: Option<&str>, ask: Option<&str>) -> Result<Request, Failure> {
    let lax = Request::default();
    let unknown = |name: &str, value: &str, all: &str| {
        Failure::invalid(format!("{name} {value:?} is not known; send one of {all}"))
    };
    Ok(Request {
        security: match security {
            None => lax.security,
            Some(s) => Security::named(s).ok_or_else(|| unknown("security", s, "deny, allowlist, full"))?,
        },
        ask: match ask {
            None => lax.ask,
            Some(a) => Ask::named(a).ok_or_else(|| unknown("ask", a, "off, on-miss, always"))?,
        },
    })
}

/// A command, and what the policy says of it.
pub(super) struct Looked {
    /// What this host's document says, the gateway's wish left aside.
    pub(super) own: Policy,
    /// Both together.
    pub(super) policy: Policy,
    pub(super) analysis: Option<Analysis>,
    listed: bool,
}

/// A command to look at.
pub(super) struct ToLookAt {
    pub(super) argv: Vec<String>,
    pub(super) cwd: PathBuf,
    pub(super) agent: String,
    pub(super) request: Request,
    /// Whether the call sets variables: they can make a listed program do anything else.
    pub(super) sets_variables: bool,
}

/// Reads the document and looks at the command.
pub(super) async fn look(host: &Host, to_look_at: ToLookAt) -> Result<Looked, Failure> {
    let (file, path) = (host.approvals.clone(), host.path.clone());
    let work = move || {
        let ToLookAt { argv, cwd, agent, request, sets_variables } = to_look_at;
        let document = file.read().map_err(|e| denied(&e.to_string()))?.document;
        let own = Policy::effective(Request::default(), &document, &agent);
        let policy = own.clone().within(request);
        let cwd = cwd.canonicalize().unwrap_or(cwd);
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let place = Place { cwd: &cwd, path: &path, home: home.as_deref() };
        let analysis = analyse(&argv, place).ok();
        let listed =
            !sets_variables && analysis.as_ref().is_some_and(|a| a.listed(&policy.allowlist).is_some());
        Ok(Looked { own, policy, analysis, listed })
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Failure::unavailable(e.to_string()))?
}

fn denied(why: &str) -> Failure {
    Failure { code: DENIED, message: format!("{DENIED}: {why}") }
}

impl Looked {
    /// The argument list to run; `approved` says that people were asked about exactly this.
    pub(super) fn admit(&self, argv: &[String], approved: bool) -> Result<Vec<String>, Failure> {
        match self.policy.verdict(self.listed) {
            Verdict::Refuse if self.policy.security == Security::Deny => Err(denied("security=deny")),
            Verdict::Refuse => Err(denied("allowlist miss")),
            Verdict::Ask if approved => Ok(argv.to_vec()),
            Verdict::Ask => Err(denied("approval required")),
            Verdict::Run => {
                let pinned = self.analysis.as_ref().filter(|_| self.policy.security == Security::Allowlist);
                Ok(pinned.map_or(argv, Analysis::pinned).to_vec())
            }
        }
    }

    /// The document's policy as a plan carries it.
    pub(super) fn snapshot(&self) -> Value {
        let rules: Vec<Value> = self.own.allowlist.iter().map(rule).collect();
        json!({
            "security": self.own.security, "ask": self.own.ask, "askFallback": self.own.ask_fallback,
            "autoAllowSkills": false, "allowlistRules": rules,
        })
    }

    /// What `allow-always` would add to the list, where it has anything to add.
    pub(super) fn coverage(&self) -> Value {
        let lists = self.policy.security == Security::Allowlist && self.policy.ask != Ask::Always;
        let grants = self.analysis.as_ref().filter(|_| lists).and_then(Analysis::grants);
        let patterns: Vec<&String> = grants.iter().flatten().map(|g| &g.pattern).collect();
        json!({"complete": grants.is_some(), "patterns": patterns})
    }
}

fn rule(entry: &exec::policy::AllowEntry) -> Value {
    let mut rule = json!({"pattern": entry.pattern});
    if let Some(pattern) = &entry.arg_pattern {
        rule["argPattern"] = json!(pattern);
    }
    if entry.is_generated() {
        rule["source"] = json!("allow-always");
    }
    rule
}

/// Adds to the list what people allowed for good. Where the disk says no it counts this once.
pub(super) async fn remember(host: &Host, looked: &Looked, agent: &str) {
    let grants = looked.analysis.as_ref().and_then(Analysis::grants);
    let Some(grants) = grants.filter(|_| looked.policy.ask != Ask::Always) else { return };
    let (file, agent) = (host.approvals.clone(), agent.to_owned());
    let done = tokio::task::spawn_blocking(move || file.update(|d| d.allow(&agent, grants))).await;
    match done {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "allow-always was not saved; it counts once"),
        Err(error) => tracing::error!(%error, "allow-always was not saved; it counts once"),
    }
}

/// The directory that a command would run in.
pub(super) fn directory(working_dir: &Path, named: Option<&Path>) -> PathBuf {
    named.map_or_else(|| working_dir.to_owned(), |n| working_dir.join(n))
}
