//! Which node commands may be used at all, and who may approve them.

use super::platform::Platform;
use protocol::Scope;

/// Commands that need `gateway.nodes.commands.allow`, because they watch, record, or act in a person's name.
const DANGEROUS: &[&str] = &[
    "camera.snap",
    "camera.clip",
    "camera.ptz.control",
    "screen.record",
    "contacts.add",
    "calendar.add",
    "reminders.add",
    "health.summary",
    "sms.send",
    "sms.search",
];

/// Commands of desktop hosts and apps that an operator may approve without an entry in the configuration. Entries that
/// end in `.` stand for all commands below.
const KNOWN: &[&str] = &[
    "system.run",
    "system.run.prepare",
    "system.which",
    "system.notify",
    "system.execApprovals.get",
    "system.execApprovals.set",
    "node.host.stats",
    "browser.proxy",
    "browser.proxy.upload.v1",
    "fs.listDir",
    "mcp.tools.call.v1",
    "screen.snapshot",
    "desktop.stream",
    "terminal.upload",
    "ollama.chat",
    "ollama.models",
    "anthropic.claude.sessions.list.v1",
    "anthropic.claude.sessions.read.v1",
    "computer.act",
    "camera.list",
    "camera.ptz.status",
    "location.get",
    "device.info",
    "device.status",
    "device.permissions",
    "device.health",
    "device.apps",
    "contacts.search",
    "calendar.events",
    "callLog.search",
    "reminders.list",
    "photos.latest",
    "motion.activity",
    "motion.pedometer",
    "notifications.list",
    "notifications.actions",
    "mobile.ui.observe",
    "mobile.ui.act",
    "canvas.present",
    "canvas.hide",
    "canvas.navigate",
    "talk.ptt.",
];

/// Approving one of these takes `operator.admin`: they run programs, drive a browser, or reach all files.
const ADMIN: &[&str] = &[
    "system.run",
    "system.run.prepare",
    "system.which",
    "fs.listDir",
    "terminal.upload",
    "browser.proxy",
    "system.execApprovals.",
];

/// `gateway.nodes.commands`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CommandPolicy {
    /// Allowed beyond the defaults.
    pub(crate) allow: Vec<String>,
    /// Never allowed; wins over everything.
    pub(crate) deny: Vec<String>,
}

impl CommandPolicy {
    /// Whether the command may be declared, approved and called.
    pub(crate) fn allows(&self, command: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|c| c == command);
        if named(&self.deny) {
            return false;
        }
        named(&self.allow) || (!DANGEROUS.contains(&command) && KNOWN.iter().any(|k| matches(k, command)))
    }

    /// The commands that a node of this kind may use of those that it declares, in their order, each once.
    pub(crate) fn filter(&self, platform: Platform, declared: &[String]) -> Vec<String> {
        let mut kept: Vec<String> = Vec::new();
        for command in declared {
            let is_its = platform.has(command) || self.allow.contains(command);
            if is_its && self.allows(command) && !kept.contains(command) {
                kept.push(command.clone());
            }
        }
        kept
    }
}

fn matches(pattern: &str, command: &str) -> bool {
    match pattern.strip_suffix('.') {
        Some(_) => command.starts_with(pattern),
        None => command == pattern,
    }
}

/// Whether it runs programs, drives a browser, reaches files, or decides what runs: nothing of that goes over the internet.
pub(crate) fn is_for_near_only(command: &str) -> bool {
    command.starts_with("system.run")
        || command.starts_with("browser.")
        || command.starts_with("computer.")
        || command.starts_with("terminal.")
        || command.starts_with("file.")
        || command.starts_with("dir.")
        || command == "mcp.tools.call.v1"
        || ADMIN.iter().any(|a| matches(a, command))
}

/// Whether calling it takes `operator.admin`: it decides which programs a node runs without asking, drives a browser, or goes
/// past the policy on files.
pub(crate) fn needs_admin(command: &str) -> bool {
    command.starts_with("system.execApprovals.")
        || command.starts_with("browser.proxy")
        || matches!(command, "fs.listDir" | "terminal.upload")
}

/// The scopes that approving these commands takes: pairing always, and admin or write by what they can do.
pub(crate) fn approval_scopes(commands: &[String]) -> Vec<Scope> {
    let needs_admin = |c: &String| ADMIN.iter().any(|a| matches(a, c)) || c.starts_with("browser.proxy");
    if commands.iter().any(needs_admin) {
        vec![Scope::Pairing, Scope::Admin]
    } else if commands.is_empty() {
        vec![Scope::Pairing]
    } else {
        vec![Scope::Pairing, Scope::Write]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_and_unknown_commands_need_to_be_allowed_and_denied_ones_never_are() {
        let policy = CommandPolicy { allow: vec!["camera.snap".into(), "my.tool".into()], deny: vec![] };
        let default = CommandPolicy::default();
        for (command, by_default, allowed) in [
            ("system.run", true, true),
            ("camera.list", true, true),
            ("camera.snap", false, true),
            ("my.tool", false, true),
            ("system.runner", false, false),
            ("talk.ptt.start", true, true),
            ("file.write", false, false),
        ] {
            assert_eq!(default.allows(command), by_default, "{command}");
            assert_eq!(policy.allows(command), allowed, "{command}");
        }
        let denying = CommandPolicy { allow: vec!["system.run".into()], deny: vec!["system.run".into()] };
        assert!(!denying.allows("system.run"));
        let declared = ["system.run", "camera.list", "camera.snap"].map(str::to_owned);
        assert_eq!(policy.filter(Platform::Ios, &declared), ["camera.list", "camera.snap"]);
        assert_eq!(policy.filter(Platform::Linux, &declared), ["system.run", "camera.snap"]);
        let opted = CommandPolicy { allow: vec!["system.run".into()], deny: vec![] };
        assert_eq!(opted.filter(Platform::Ios, &declared), ["system.run", "camera.list"]);
    }

    #[test]
    fn what_an_approval_takes_depends_on_the_commands() {
        let scopes = |commands: &[&str]| {
            approval_scopes(&commands.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(scopes(&[]), [Scope::Pairing]);
        assert_eq!(scopes(&["camera.list"]), [Scope::Pairing, Scope::Write]);
        for command in ["system.run", "system.which", "browser.proxy.upload.v1", "system.execApprovals.set"] {
            assert_eq!(scopes(&["camera.list", command]), [Scope::Pairing, Scope::Admin], "{command}");
        }
    }
}
