//! What a crash or a power cut left behind: files that were written beside the one that they should replace.

use super::own::{Seen, Sort};
use super::{Check, Finding, Kind, Scene, Severity, UsedBy, now};
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
    for seen in directories(scene).iter().filter_map(|dir| Seen::at(dir)).flat_map(|dir| dir.children()) {
        if seen.sort != Sort::File || seen.foreign_owner().is_some() {
            continue;
        }
        let path = seen.path.clone();
        if is_temporary(&seen.name()) && now_ms.saturating_sub(seen.written_ms) > OLD_MS {
            let detail = format!("{} bytes, written {} ago", seen.bytes, age(now_ms, seen.written_ms));
            let shell = format!("rm {}", path.display());
            findings.push(
                Finding::in_file(&HALF_WRITTEN, &path, detail).fix(shell).mend(async move { seen.remove() }),
            );
        } else if is_set_aside(&seen.name()) {
            let detail = format!("{} bytes, set aside {} ago", seen.bytes, age(now_ms, seen.written_ms));
            findings.push(Finding::in_file(&SET_ASIDE, &path, detail));
        }
    }
    findings
}

fn age(now_ms: i64, then_ms: i64) -> String {
    crate::output::span(now_ms.saturating_sub(then_ms))
}

/// Where this program writes files whole or not at all.
fn directories(scene: &Scene<'_>) -> Vec<PathBuf> {
    let paths = &scene.ctx.paths;
    let mut all = vec![
        paths.state_dir.clone(),
        paths.credentials_dir(),
        paths.identity_dir(),
        paths.log_dir(),
        paths.state_dir.join("state"),
    ];
    all.extend(paths.config_file.parent().map(PathBuf::from));
    if let Some(config) = scene.config() {
        all.push(paths.workspace(config));
        all.extend(config.agents.list.iter().filter_map(|agent| agent.workspace.clone()));
    }
    all.sort();
    all.dedup();
    all
}

/// Whether only this program gives such names: what it was to be, 36 characters of an id, `.tmp`; and the few of a fixed
/// name, which the next write would use again.
fn is_temporary(name: &str) -> bool {
    let has_id = |name: &str| name.rsplit_once('.').is_some_and(|(of, id)| !of.is_empty() && is_id(id));
    name.strip_suffix(".tmp").is_some_and(has_id)
        || name.strip_prefix(".gateway-token.").is_some_and(is_id)
        || matches!(name, "gateway.new" | "exec-approvals.json.new")
}

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
    fn only_names_that_this_program_gives_are_taken() {
        let id = "2f1c7a52-0d3e-4f7e-9d63-5f1c0a9f7c11";
        for (name, taken) in [
            (format!("openclaw.json.{id}.tmp"), true),
            (format!(".operator.json.{id}.tmp"), true),
            (format!("MEMORY.md.{id}.tmp"), true),
            (format!(".gateway-token.{id}"), true),
            ("gateway.new".into(), true),
            ("exec-approvals.json.new".into(), true),
            (format!("{id}.tmp"), false),
            (format!(".{id}.tmp"), false),
            ("notes.tmp".into(), false),
            ("a.b-c-d-e-f.tmp".into(), false),
            (format!("openclaw.json.{id}"), false),
            ("openclaw.json".into(), false),
        ] {
            assert_eq!(is_temporary(&name), taken, "{name}");
        }
        assert!(is_set_aside("gateway.sqlite.damaged-1795231752928"));
        assert!(!is_set_aside("gateway.sqlite.damaged-1795231752928-wal") && !is_set_aside("gateway.sqlite"));
    }
}
