//! `file.write`: a file whole, or not at all. The bytes go into a file beside it, which is on disk before it takes the name.

use super::begun::Ledger;
use super::binding::{self, Binding};
use super::problem::Problem;
use super::target::Target;
use super::walk::{self, Reached};
use super::{content, digest, place};
use rustix::fs::{self, AtFlags, FileType, Stat};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(flatten)]
    target: Target,
    #[serde(default)]
    content_base64: Option<String>,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    create_parents: bool,
    #[serde(default)]
    expected_sha256: Option<String>,
    #[serde(default)]
    reject_hardlinks: bool,
}

/// `{ok, path, size, sha256, overwritten, binding}`.
pub(super) fn write(p: &Params, ledger: &Ledger, cancel: &CancellationToken) -> Result<Value, Problem> {
    let path = walk::asked(&p.target.path)?;
    let bytes = content::decode(p.content_base64.as_deref())?;
    let hash = digest(&bytes);
    if let Some(expected) = p.expected_sha256.as_deref().filter(|e| !e.eq_ignore_ascii_case(&hash)) {
        let why = format!("sha256 mismatch: expected {expected}, got {hash}; nothing was written");
        return Err(Problem::new("INTEGRITY_FAILURE", why).at(&path));
    }
    let to = Destination::find(&path, p.target.follow_symlinks)?;
    walk::check_expected(p.target.expected_canonical_path.as_deref(), &to.path)?;
    to.check(p)?;
    let overwritten = to.existing.is_some();
    let mut out = json!({"ok": true, "path": walk::text(&to.path)?, "size": bytes.len(), "sha256": hash,
        "overwritten": overwritten});
    if p.target.preflight_only {
        out["binding"] = to.binding()?;
        if p.reject_hardlinks {
            out["rejectHardlinks"] = json!(true);
        }
        return Ok(out);
    }
    to.check_binding(p.target.expected_binding.as_ref())?;
    let place = place::Place { name: &to.name, path: &to.path, existing: to.existing.as_ref(), ledger };
    let stat = place.put(&to.anchor, &bytes, cancel)?;
    out["binding"] = binding::existing(&stat);
    Ok(out)
}

/// Where a file is to be.
pub(super) struct Destination {
    pub(super) path: PathBuf,
    pub(super) name: OsString,
    /// The last directory on the way that is there.
    pub(super) anchor: Reached,
    /// The file that has the name now.
    pub(super) existing: Option<Stat>,
}

impl Destination {
    pub(super) fn find(path: &Path, follow: bool) -> Result<Self, Problem> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Problem::new("IS_DIRECTORY", "/ is a directory"));
        };
        let anchor = if follow { reach_over_links(parent)? } else { walk::reach(parent)? };
        let path = anchor.missing.iter().fold(anchor.path.clone(), |at, name| at.join(name)).join(name);
        walk::text(&path)?;
        let existing = match anchor.missing.is_empty() {
            true => there(&anchor, name, &path)?,
            false => None,
        };
        Ok(Self { name: name.to_owned(), path, anchor, existing })
    }

    /// Refuses where the directory is missing and may not be made.
    pub(super) fn check_parents(&self, create: bool) -> Result<(), Problem> {
        if self.anchor.missing.is_empty() || create {
            return Ok(());
        }
        let at = self.path.display();
        let why = format!("the directory of {at} does not exist; create it or set createParents");
        Err(Problem::new("PARENT_NOT_FOUND", why))
    }

    fn check(&self, p: &Params) -> Result<(), Problem> {
        let at = self.path.display();
        self.check_parents(p.create_parents)?;
        let Some(existing) = &self.existing else { return Ok(()) };
        let refused = |code, why: &str| Err(Problem::new(code, format!("{at} {why}")).at(&self.path));
        if walk::is(existing, FileType::Symlink) {
            return refused(
                "SYMLINK_TARGET_DENIED",
                "is a symbolic link, and nothing is written through one",
            );
        }
        if walk::is(existing, FileType::Directory) {
            return refused("IS_DIRECTORY", "is a directory");
        }
        if !walk::is(existing, FileType::RegularFile) {
            return refused("UNSUPPORTED_FILE_TYPE", "is no regular file");
        }
        if !p.overwrite {
            return refused("EXISTS_NO_OVERWRITE", "exists, and overwrite is false");
        }
        if p.reject_hardlinks && existing.st_nlink > 1 {
            return refused("HARDLINK_TARGET_DENIED", "has other names, which would keep the old content");
        }
        Ok(())
    }

    /// What a gateway is to name with the call that writes.
    pub(super) fn binding(&self) -> Result<Value, Problem> {
        let anchor = self.anchor_stat()?;
        let (device, inode) = binding::identity(&anchor);
        let mut out = json!({"kind": "write", "anchorPath": walk::text(&self.anchor.path)?,
            "anchorDevice": device, "anchorInode": inode});
        if let Some(existing) = &self.existing {
            let (device, inode) = binding::identity(existing);
            out["targetDevice"] = json!(device);
            out["targetInode"] = json!(inode);
        }
        Ok(out)
    }

    fn anchor_stat(&self) -> Result<Stat, Problem> {
        fs::fstat(&self.anchor.dir).map_err(|e| Problem::writing(&self.path, &e.into()))
    }

    /// Refuses where directory or file are not those that were looked at.
    pub(super) fn check_binding(&self, expected: Option<&Binding>) -> Result<(), Problem> {
        let Some(expected) = expected else { return Ok(()) };
        let Binding::Write { anchor_device, anchor_inode, target_device, target_inode, .. } = expected else {
            return Err(Problem::changed(&self.path));
        };
        let anchor = binding::identity(&self.anchor_stat()?);
        let target = self.existing.as_ref().map(binding::identity);
        let seen = target_device.clone().zip(target_inode.clone());
        if anchor == (anchor_device.clone(), anchor_inode.clone()) && target == seen {
            Ok(())
        } else {
            Err(Problem::changed(&self.path))
        }
    }
}

/// Along links: the deepest part that is there counts as what it leads to.
fn reach_over_links(parent: &Path) -> Result<Reached, Problem> {
    let (mut there, mut missing) = (parent, Vec::new());
    loop {
        match there.canonicalize() {
            Ok(real) => {
                let mut reached = walk::reach(&real)?;
                reached.missing.extend(missing.into_iter().rev());
                return Ok(reached);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Problem::reading(there, &e)),
        }
        let (Some(above), Some(name)) = (there.parent(), there.file_name()) else {
            return Err(Problem::reading(parent, &std::io::ErrorKind::NotFound.into()));
        };
        // A link to nowhere is not made somewhere.
        if there.is_symlink() {
            return Err(walk::over_a_link(parent));
        }
        missing.push(name.to_owned());
        there = above;
    }
}

/// What has the name now.
pub(super) fn there(anchor: &Reached, name: &OsStr, path: &Path) -> Result<Option<Stat>, Problem> {
    match fs::statat(&anchor.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(Problem::reading(path, &error.into())),
    }
}
