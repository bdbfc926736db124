//! What a crash or a power cut left behind: files that were written beside the one that they should replace.

use super::own::{Seen, Sort};
use super::{Check, Finding, Kind, Scene, Severity, UsedBy, now};
use config::Paths;
use std::path::PathBuf;

pub(super) const CHECK: Check = Check {
    id: "leftovers",
    title: "Leftovers",
    kinds: &[&HALF_WRITTEN, &SET_ASIDE],
    used_by: UsedBy::Doctor,
    look: |scene| now(look(scene)),
};

static HALF_WRITTEN: Kind = Kind {
    id: "state.half_written",
    severity: Severity::Info,
    title: "a file is left over from a write that was cut off",
    remedy: "remove it: nobody reads it, and what it should have replaced is whole",
    mends: true,
};
static SET_ASIDE: Kind = Kind {
    id: "state.set_aside",
    severity: Severity::Info,
    title: "a damaged state file was set aside",
    remedy: "keep it if you want to try to recover something from it, else remove it",
    mends: false,
};

/// A write takes milliseconds; what is older than this is nobody's work any more.
const OLD_MS: i64 = 10 * 60 * 1000;

fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let now_ms = scene.ctx.now_ms();
    let mut findings = Vec::new();
    for (dir, ours) in places(&scene.ctx.paths) {
        for seen in Seen::at(&dir).map(|dir| dir.children()).unwrap_or_default() {
            if seen.sort != Sort::File || seen.foreign_owner().is_some() {
                continue;
            }
            let path = seen.path.clone();
            let old = now_ms.saturating_sub(seen.written_ms) > OLD_MS;
            if old && ours.iter().any(|name| name.is(&seen.name())) {
                let detail = format!("{} bytes, written {} ago", seen.bytes, age(now_ms, seen.written_ms));
                let mend = scene.unlinked(&path, async move { seen.remove() });
                let finding = Finding::in_file(&HALF_WRITTEN, &path, detail);
                findings.push(finding.fix(format!("rm {}", path.display())).mend(mend));
            }
        }
    }
    let state = Seen::at(&scene.state_dir().join("state")).map(|dir| dir.children()).unwrap_or_default();
    for seen in state.iter().filter(|seen| seen.sort == Sort::File && is_set_aside(&seen.name())) {
        let detail = format!("{} bytes, set aside {} ago", seen.bytes, age(now_ms, seen.written_ms));
        findings.push(Finding::in_file(&SET_ASIDE, &seen.path, detail));
    }
    findings
}

fn age(now_ms: i64, then_ms: i64) -> String {
    crate::output::span(now_ms.saturating_sub(then_ms))
}

/// A name that this program gives a file while it is being written.
#[derive(Debug)]
enum Name {
    /// This one; the next write uses it again.
    Fixed(&'static str),
    /// What comes before an id, and what after it.
    Random(String, &'static str),
}

impl Name {
    fn is(&self, name: &str) -> bool {
        match self {
            Name::Fixed(fixed) => name == *fixed,
            Name::Random(before, after) => {
                let rest = name.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after));
                rest.is_some_and(is_id)
            }
        }
    }
}

/// Where this program writes files whole or not at all, and what it calls them meanwhile: each name in its own directory
/// alone, because elsewhere a file of that name is somebody's. The agents' workspaces are people's own, and not looked into.
fn places(paths: &Paths) -> Vec<(PathBuf, Vec<Name>)> {
    let hidden = |of: &&str| Name::Random(format!(".{of}."), ".tmp");
    let mut all = vec![
        (paths.state_dir.clone(), vec![Name::Fixed("exec-approvals.json.new")]),
        (paths.credentials_dir(), vec![Name::Random(".gateway-token.".into(), "")]),
        (paths.identity_dir(), IDENTITY.iter().map(hidden).chain([Name::Fixed("gateway.new")]).collect()),
        (paths.tls_dir(), TLS.iter().map(hidden).collect()),
    ];
    if let (Some(dir), Some(name)) = (paths.config_file.parent(), paths.config_file.file_name()) {
        let name = name.to_string_lossy();
        let beside = ["", ".bak", ".broken"].map(|kept| Name::Random(format!("{name}{kept}."), ".tmp"));
        all.push((dir.to_owned(), beside.into()));
    }
    all
}

/// What clients and nodes keep in the identity directory.
const IDENTITY: &[&str] = &[
    "operator.json",
    "device.json",
    "device-tokens.json",
    "gateway-pins.json",
    "node.json",
    "node-tokens.json",
];
/// The gateway's own certificates and keys.
const TLS: &[&str] =
    &["gateway-cert.pem", "gateway-cert.pem.next", "gateway-key.pem", "gateway-key.pem.next", "served.json"];

/// A random UUID as it is written: `xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx`.
fn is_id(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn is_set_aside(name: &str) -> bool {
    name.rsplit_once(".sqlite.damaged-").is_some_and(|(_, stamp)| stamp.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_this_program_around_a_random_id_is_taken() {
        let id = "2f1c7a52-0d3e-4f7e-9d63-5f1c0a9f7c11";
        let name = Name::Random("mine.json.".into(), ".tmp");
        for (text, taken) in [
            (format!("mine.json.{id}.tmp"), true),
            (format!("mine.json.bak.{id}.tmp"), false),
            (format!("mine.json.{id}"), false),
            (format!("other.json.{id}.tmp"), false),
            (format!("{id}.tmp"), false),
            ("mine.json.tmp".into(), false),
            ("mine.json.a-b-c-d-e.tmp".into(), false),
            ("mine.json".into(), false),
        ] {
            assert_eq!(name.is(&text), taken, "{text}");
        }
        assert!(is_set_aside("gateway.sqlite.damaged-1795231752928"));
        assert!(!is_set_aside("gateway.sqlite.damaged-1795231752928-wal") && !is_set_aside("gateway.sqlite"));
    }
}
