//! What the configuration file says wrong, and what it says in words of the past.

use super::{Check, Finding, Kind, Scene, Severity, UsedBy, change, now};
use config::{Change, ConfigError, Diagnostic, Level, Loaded};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

pub(super) const CHECK: Check = Check {
    id: "config",
    title: "Configuration",
    kinds: &[&UNREADABLE, &INVALID, &WARNING, &LEGACY, &UNUSED],
    used_by: UsedBy::Both,
    look: |scene| now(look(scene)),
};

static UNREADABLE: Kind = Kind {
    id: "config.unreadable",
    severity: Severity::Critical,
    title: "the configuration cannot be read",
    remedy: "mend what is named; `openclaw config validate` says whether it is good",
    mends: false,
};
static INVALID: Kind = Kind {
    id: "config.invalid",
    severity: Severity::Critical,
    title: "the configuration says something that is not allowed",
    remedy: "mend what is named; `openclaw config validate` says whether it is good",
    mends: false,
};
static WARNING: Kind = Kind {
    id: "config.warning",
    severity: Severity::Warn,
    title: "the configuration says something that has no effect",
    remedy: "mend what is named, or take it out: `openclaw config unset KEY`",
    mends: false,
};
static LEGACY: Kind = Kind {
    id: "config.legacy_key",
    severity: Severity::Warn,
    title: "the configuration uses a key of the past",
    remedy: "use the new key; the old one still works",
    mends: true,
};
static UNUSED: Kind = Kind {
    id: "config.not_used",
    severity: Severity::Info,
    title: "the configuration has what this version does not use",
    remedy: "nothing: it is kept as it is",
    mends: false,
};

fn look(scene: &Scene<'_>) -> Vec<Finding> {
    match &scene.loaded {
        // What a good one says is judged elsewhere; of one that cannot be used, most cannot be judged.
        Ok(_) if scene.command == UsedBy::Audit => Vec::new(),
        Ok(loaded) => good(scene, loaded),
        Err(error) => broken(scene, error),
    }
}

fn broken(scene: &Scene<'_>, error: &ConfigError) -> Vec<Finding> {
    let file = &scene.ctx.paths.config_file;
    let findings = match error {
        ConfigError::Invalid(remarks) => {
            let errors = remarks.iter().filter(|remark| remark.level == Level::Error);
            errors.map(|remark| Finding::new(&INVALID, place(remark), remark.message.clone())).collect()
        }
        ConfigError::Syntax { file, line, column, message } => {
            vec![Finding::new(&UNREADABLE, format!("{}:{line}:{column}", file.display()), message.clone())]
        }
        ConfigError::Read { file, reason } => vec![Finding::in_file(&UNREADABLE, file, reason.clone())],
        other => vec![Finding::in_file(&UNREADABLE, file, other.to_string())],
    };
    match last_good(scene) {
        Some(backup) => {
            let back =
                format!("mend it, or take the last good one: cp {} {}", backup.display(), file.display());
            findings.into_iter().map(|finding| finding.fix(back.clone())).collect()
        }
        None => findings,
    }
}

/// The configuration before the last change, where that was a good one.
fn last_good(scene: &Scene<'_>) -> Option<PathBuf> {
    let mut name = scene.ctx.paths.config_file.clone().into_os_string();
    name.push(".bak");
    let mut paths = scene.ctx.paths.clone();
    paths.config_file = PathBuf::from(name);
    let loaded = config::load(&paths, &scene.ctx.env).ok()?;
    loaded.exists.then_some(paths.config_file)
}

fn good(scene: &Scene<'_>, loaded: &Loaded) -> Vec<Finding> {
    let mut findings = Vec::new();
    for remark in &loaded.warnings {
        let kind = match remark.level {
            Level::Note if scene.deep => &UNUSED,
            Level::Note => continue,
            Level::Warning | Level::Error => &WARNING,
        };
        let finding = Finding::new(kind, place(remark), remark.message.clone());
        findings.push(match kind.severity {
            Severity::Warn if !remark.path.is_empty() => finding.fix(format!(
                "change it, or take it out: {}",
                scene.ctx.command(&format!("config unset {}", remark.path))
            )),
            _ => finding,
        });
    }
    findings.extend(LEGACY_KEYS.iter().filter_map(|legacy| legacy.find(scene, loaded)));
    findings
}

fn place(remark: &Diagnostic) -> String {
    let at = if remark.line > 0 { format!(":{}:{}", remark.line, remark.column) } else { String::new() };
    let key = if remark.path.is_empty() { String::new() } else { format!(" {}", remark.path) };
    format!("{}{at}{key}", remark.file.display())
}

/// A key of the past.
struct Legacy {
    path: &'static [&'static str],
    /// What to merge instead, where the value is of the past; the old key goes with it.
    instead: fn(&Value) -> Option<Value>,
    detail: &'static str,
}

const LEGACY_KEYS: &[Legacy] = &[
    Legacy {
        path: &["tools", "exec", "timeoutSec"],
        instead: |value| Some(json!({"tools": {"exec": {"timeoutSec": null, "timeoutSeconds": value}}})),
        detail: "is called tools.exec.timeoutSeconds now",
    },
    Legacy {
        path: &["gateway", "reload", "mode"],
        instead: |value| {
            let old = matches!(value.as_str(), Some("hot" | "restart"));
            old.then(|| json!({"gateway": {"reload": {"mode": "hybrid"}}}))
        },
        detail: "has an older word for \"hybrid\"",
    },
    Legacy {
        path: &["agents", "list"],
        instead: |value| Some(json!({"agents": {"list": null, "entries": entries(value)?}})),
        detail: "is called agents.entries now, with the ids as keys",
    },
];

/// The older list of agents as an object by id; `None` where an item has no id of its own.
fn entries(list: &Value) -> Option<Value> {
    let mut entries = Map::new();
    for item in list.as_array()? {
        let mut agent = item.as_object()?.clone();
        let id = agent.remove("id")?.as_str()?.to_owned();
        if entries.insert(id, Value::Object(agent)).is_some() {
            return None;
        }
    }
    Some(Value::Object(entries))
}

impl Legacy {
    fn find(&self, scene: &Scene<'_>, loaded: &Loaded) -> Option<Finding> {
        let value = self.path.iter().try_fold(&loaded.source, |value, key| value.get(key))?;
        let patch = (self.instead)(value)?;
        let key = self.path.join(".");
        let place = format!("{} {key}", loaded.file.display());
        let replace = vec!["agents.list".to_owned()];
        let merge = move |_: &str| Ok(Change::Merge { patch, replace });
        let mend = change::config(scene, merge, format!("{key} is written as it is now"));
        Some(Finding::new(&LEGACY, place, self.detail).mend(mend))
    }
}
