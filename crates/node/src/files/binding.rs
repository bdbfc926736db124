//! Which file it is, whatever its name: a gateway looks first, decides by what it saw, and names that with the second call.

use super::problem::Problem;
use rustix::fs::Stat;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// What a gateway saw when it looked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Binding {
    /// Something that is there.
    Existing { device: String, inode: String },
    /// A place to write to: the last directory that was there, and the file, where there was one.
    Write {
        anchor_path: String,
        anchor_device: String,
        anchor_inode: String,
        #[serde(default)]
        target_device: Option<String>,
        #[serde(default)]
        target_inode: Option<String>,
    },
}

/// Device and inode.
pub(super) fn identity(stat: &Stat) -> (String, String) {
    (stat.st_dev.to_string(), stat.st_ino.to_string())
}

/// The binding of something that is there.
pub(super) fn existing(stat: &Stat) -> Value {
    let (device, inode) = identity(stat);
    json!({"kind": "existing", "device": device, "inode": inode})
}

/// Refuses where it is not the file that was seen before.
pub(super) fn check(expected: Option<&Binding>, stat: &Stat, path: &Path) -> Result<(), Problem> {
    match expected {
        None => Ok(()),
        Some(Binding::Existing { device, inode }) if (device.clone(), inode.clone()) == identity(stat) => {
            Ok(())
        }
        Some(_) => Err(Problem::changed(path)),
    }
}
