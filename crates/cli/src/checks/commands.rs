//! What the agent may run, on this host and on nodes.

use super::{Check, Finding, Kind, Looked, Scene, Severity, UNUSABLE, UsedBy, now};
use exec::policy::{ApprovalsFile, Ask, Document, Policy, Request, Security};
use std::path::Path;

pub(super) const CHECK: Check = Check {
    id: "commands",
    title: "What the agent can run",
    kinds: &[&FULL, &INTERPRETER, &BROKEN, &NODE_ALLOW, &NODE_DENY],
    used_by: UsedBy::Audit,
    look: |scene| now(look(scene)),
};

static FULL: Kind = Kind {
    id: "tools.exec.security_full_configured",
    severity: Severity::Warn,
    title: "the agent runs every command on this host, and nobody is asked",
    remedy: "if others than you write to the agent, ask: `openclaw config set tools.exec.mode ask`",
    mends: false,
};
static INTERPRETER: Kind = Kind {
    id: "tools.exec.allowlist_interpreter_without_strict_inline_eval",
    severity: Severity::Warn,
    title: "the list of commands that need no asking has a program that runs whatever it is told",
    remedy: "list what it should run instead, with its arguments: `openclaw approvals allowlist remove`, then `add`",
    mends: false,
};
static BROKEN: Kind = Kind {
    id: "tools.exec.approvals_unreadable",
    severity: Severity::Warn,
    title: "the list of commands that need no asking cannot be read, so none of it counts",
    remedy: "mend the file, or move it away",
    mends: false,
};
static NODE_ALLOW: Kind = Kind {
    id: "gateway.nodes.allow_commands_dangerous",
    severity: Severity::Warn,
    title: "nodes may be asked for what watches people, or acts in their name",
    remedy: "take out of gateway.nodes.commands.allow what the agent does not need",
    mends: false,
};
static NODE_DENY: Kind = Kind {
    id: "gateway.nodes.deny_commands_ineffective",
    severity: Severity::Warn,
    title: "a denied command is none: names are compared as a whole, patterns and arguments are not known",
    remedy: "write names of commands in gateway.nodes.commands.deny, such as system.run",
    mends: false,
};

/// Programs that run what they are given, by the beginning of their names: `python3.12` is one, too.
const INTERPRETERS: &[&str] =
    &["python", "node", "deno", "bun", "ruby", "perl", "php", "lua", "osascript", "pwsh"];
/// And those of exactly this name.
const SHELLS: &[&str] =
    &["sh", "bash", "dash", "zsh", "fish", "ksh", "env", "xargs", "sudo", "ssh", "awk", "*"];
/// Beginnings of node commands that see, hear, or speak for somebody.
const PRIVATE: &[&str] = &[
    "camera.",
    "screen.",
    "contacts.",
    "calendar.",
    "reminders.",
    "health.",
    "sms.",
    "computer.",
    "location.",
    "callLog.",
    "photos.",
    "notifications.",
    "mobile.",
];

fn look(scene: &Scene<'_>) -> Looked {
    let Some(config) = scene.config() else { return Looked::skipped(UNUSABLE) };
    let mut findings = Vec::new();
    let file = ApprovalsFile::in_dir(scene.state_dir());
    match file.read() {
        Ok(snapshot) => findings.extend(interpreters(&snapshot.document, file.path())),
        Err(error) => findings.push(Finding::in_file(&BROKEN, file.path(), error.to_string())),
    }
    let exec = &config.tools.exec;
    let said = exec.mode == Some(config::ExecMode::Full) || exec.security == Some(config::ExecSecurity::Full);
    if said && runs_unasked(scene) {
        let key = if exec.mode.is_some() { "tools.exec.mode" } else { "tools.exec.security" };
        findings.push(Finding::new(&FULL, key, "is \"full\", and nothing is asked about"));
    }
    let commands = &config.gateway.nodes.commands;
    let private: Vec<&str> = commands
        .allow
        .iter()
        .map(|name| name.trim())
        .filter(|name| PRIVATE.iter().any(|start| name.starts_with(start)))
        .collect();
    if !private.is_empty() {
        let detail = format!("has {}", private.join(", "));
        findings.push(Finding::new(&NODE_ALLOW, "gateway.nodes.commands.allow", detail));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    for name in commands.deny.iter().filter(|name| !name.contains('.') || !name.trim().chars().all(plain)) {
        let detail = format!("{name:?} names no command");
        findings.push(Finding::new(&NODE_DENY, "gateway.nodes.commands.deny", detail));
    }
    findings.into()
}

/// Whether the main agent's commands run on this host without anybody being asked.
pub(super) fn runs_unasked(scene: &Scene<'_>) -> bool {
    let Some(config) = scene.config() else { return false };
    let tools = &config.tools;
    let lists = |list: &[String]| list.iter().any(|name| name == "exec");
    if lists(&tools.deny) || tools.allow.as_ref().is_some_and(|allow| !lists(allow)) {
        return false;
    }
    let exec = &tools.exec;
    let mode = matches!(exec.mode, None | Some(config::ExecMode::Full));
    let security = matches!(exec.security, None | Some(config::ExecSecurity::Full));
    let here = matches!(exec.host, config::ExecHost::Auto | config::ExecHost::Gateway);
    let never = matches!(exec.ask, None | Some(config::ExecAsk::Off));
    if !(mode && security && here && never) {
        return false;
    }
    // Without a list that can be read, nothing runs.
    let Ok(snapshot) = ApprovalsFile::in_dir(scene.state_dir()).read() else { return false };
    let policy = Policy::effective(Request::default(), &snapshot.document, config.agents.default_id());
    policy.security == Security::Full && policy.ask == Ask::Off
}

/// Entries of the list that allow everything by allowing one program, with whatever arguments.
fn interpreters(document: &Document, file: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (agent, rules) in &document.agents {
        for entry in rules.allowlist.iter().filter(|entry| entry.arg_pattern.is_none()) {
            let name = entry.pattern.rsplit('/').next().unwrap_or(&entry.pattern);
            if SHELLS.contains(&name) || INTERPRETERS.iter().any(|start| name.starts_with(start)) {
                let detail = format!("{:?} of agent {agent:?} runs whatever it is told", entry.pattern);
                findings.push(Finding::in_file(&INTERPRETER, file, detail));
            }
        }
    }
    findings
}
