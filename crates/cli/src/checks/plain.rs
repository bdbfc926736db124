//! Secrets in plain sight, places that others get a copy of, and switches that say themselves that they are dangerous.

use super::{Check, Finding, Kind, Scene, Severity, UsedBy, now};
use serde_json::Value;
use std::path::{Component, Path};

pub(super) const CHECK: Check = Check {
    id: "plain",
    title: "Secrets and copies",
    kinds: &[&PASSWORD, &SECRETS, &SYNCED, &DANGEROUS],
    used_by: UsedBy::Audit,
    look: |scene| now(look(scene)),
};

static PASSWORD: Kind = Kind {
    id: "config.secrets.gateway_password_in_config",
    severity: Severity::Warn,
    title: "the gateway's password stands in the configuration",
    remedy: "keep it in OPENCLAW_GATEWAY_PASSWORD, or refer to it: {source: \"env\" | \"file\" | \"exec\", …}",
    mends: false,
};
static SECRETS: Kind = Kind {
    id: "config.secrets.plain_in_config",
    severity: Severity::Info,
    title: "secrets stand in the configuration itself",
    remedy: "nothing, as long as only you read the file; to share or back it up, refer to them: \"${NAME}\" or {source: \"file\", …}",
    mends: false,
};
static SYNCED: Kind = Kind {
    id: "fs.synced_dir",
    severity: Severity::Warn,
    title: "the state or the configuration lies where a service copies it to other computers",
    remedy: "move it out of there, and name the new place in OPENCLAW_STATE_DIR",
    mends: false,
};
static DANGEROUS: Kind = Kind {
    id: "config.insecure_or_dangerous_flags",
    severity: Severity::Warn,
    title: "a switch is on that takes a protection away",
    remedy: "set it to false, unless you know why it is there",
    mends: false,
};

/// Directories that services copy, by the beginning of their names in small letters.
const SYNCED_NAMES: &[&str] = &[
    "dropbox",
    "onedrive",
    "google drive",
    "googledrive",
    "my drive",
    "icloud",
    "mobile documents",
    "cloudstorage",
    "nextcloud",
    "owncloud",
    "syncthing",
    "pcloud",
    "megasync",
];

fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = secrets(scene);
    let mut places = vec![scene.state_dir(), scene.ctx.paths.config_file.as_path()];
    if places[1].starts_with(places[0]) {
        places.truncate(1);
    }
    findings.extend(places.into_iter().filter_map(|place| {
        let by = synced(place)?;
        Some(Finding::in_file(&SYNCED, place, format!("is in {by:?}")))
    }));
    let mut flags = Vec::new();
    dangerous(&scene.written, String::new(), &mut flags);
    findings.extend(flags.into_iter().map(|key| Finding::new(&DANGEROUS, key, "is true")));
    findings
}

fn secrets(scene: &Scene<'_>) -> Vec<Finding> {
    let Ok(loaded) = &scene.loaded else { return Vec::new() };
    let mut plain = config::changed_paths(&loaded.source, &loaded.redacted());
    let mut findings = Vec::new();
    let password = "gateway.auth.password";
    if plain.iter().any(|path| path == password) {
        plain.retain(|path| path != password);
        findings.push(Finding::new(&PASSWORD, password, "is written out"));
    }
    if !plain.is_empty() {
        findings.push(Finding::in_file(&SECRETS, &loaded.file, plain.join(", ")));
    }
    findings
}

/// The directory on the way that is copied elsewhere.
fn synced(place: &Path) -> Option<String> {
    place.components().find_map(|component| {
        let Component::Normal(name) = component else { return None };
        let name = name.to_string_lossy();
        let small = name.to_lowercase();
        SYNCED_NAMES.iter().any(|start| small.starts_with(start)).then(|| name.into_owned())
    })
}

/// Every key that begins with `dangerous` or `allowInsecure` and is true. As deep as the document, which is bounded.
fn dangerous(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let says_so = key.starts_with("dangerous") || key.starts_with("allowInsecure");
                if value == &Value::Bool(true) && says_so {
                    found.push(path);
                } else {
                    dangerous(value, path, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                dangerous(value, format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_directory_is_known_by_its_name() {
        for (place, by) in [
            ("/home/a/Dropbox/state", Some("Dropbox")),
            ("/home/a/OneDrive - Work/x", Some("OneDrive - Work")),
            ("/Users/a/Library/Mobile Documents/com~apple~CloudDocs/x", Some("Mobile Documents")),
            ("/home/a/.openclaw", None),
            ("/home/a/my-dropbox-notes", None),
        ] {
            assert_eq!(synced(Path::new(place)).as_deref(), by, "{place}");
        }
    }
}
