//! `file.create`: a new file, of any size, that comes in pieces. It is there whole or not at all, and never in the place of another.

use super::MAX_STREAM;
use super::begun::Ledger;
use super::binding;
use super::place::Place;
use super::problem::Problem;
use super::target::Target;
use super::walk;
use super::write::{Destination, there};
use crate::stream::Messages;
use rustix::fs::{FileType, Stat};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use tokio_util::sync::CancellationToken;

/// Bytes where nobody says how many.
const DEFAULT_BYTES: u64 = 50 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(flatten)]
    target: Target,
    #[serde(default)]
    create_parents: bool,
    #[serde(default)]
    size_bytes: Option<u64>,
    #[serde(default)]
    max_bytes: Option<u64>,
    #[serde(default)]
    expected_sha256: Option<String>,
}

/// `{ok, path, status: "created", size, sha256, binding}`, or `status: "exists"` where another file was first.
pub(super) fn create(
    p: &Params,
    messages: Option<Messages>,
    ledger: &Ledger,
    cancel: &CancellationToken,
) -> Result<Value, Problem> {
    let (size, sha256) = p.promised()?;
    let path = walk::asked(&p.target.path)?;
    let to = Destination::find(&path, p.target.follow_symlinks)?;
    to.check_parents(p.create_parents)?;
    walk::check_expected(p.target.expected_canonical_path.as_deref(), &to.path)?;
    if to.existing.as_ref().is_some_and(|stat| !walk::is(stat, FileType::RegularFile)) {
        let why = format!("{} is there and is no regular file", to.path.display());
        return Err(Problem::new("NOT_FILE", why).at(&to.path));
    }
    if p.target.preflight_only {
        return Ok(json!({"ok": true, "path": walk::text(&to.path)?, "size": size, "sha256": sha256,
            "binding": to.binding()?}));
    }
    to.check_binding(Some(p.target.expected_binding.as_ref().ok_or_else(|| Problem::changed(&to.path))?))?;
    let Some(mut messages) = messages.filter(Messages::ready) else {
        let why = "file.create takes its content as a stream, which this gateway does not send";
        return Err(Problem::new("DUPLEX_REQUIRED", why));
    };
    let mut content = Content { size, sha256: &sha256, messages: &mut messages, cancel };
    if to.existing.is_some() {
        // What is there stays; whoever sends hears of it at the end.
        content.take(&to, |_| Ok(()))?;
        return already_there(&to);
    }
    let place = Place { name: &to.name, path: &to.path, existing: None, ledger };
    let made = place.fill(&to.anchor, cancel, |file| content.take(&to, |bytes| file.write_all(bytes)));
    match made {
        Ok(stat) => Ok(json!({"ok": true, "path": walk::text(&to.path)?, "status": "created", "size": size,
            "sha256": sha256, "binding": binding::existing(&stat)})),
        Err(problem) if problem.code == "EXISTS_NO_OVERWRITE" => already_there(&to),
        Err(problem) => Err(problem),
    }
}

/// Somebody else's file has the name.
fn already_there(to: &Destination) -> Result<Value, Problem> {
    // The directory may be one that was made meanwhile.
    let to = Destination::find(&to.path, false)?;
    let stat: Option<Stat> = there(&to.anchor, &to.name, &to.path)?;
    match stat.filter(|stat| walk::is(stat, FileType::RegularFile)) {
        Some(stat) => Ok(json!({"ok": true, "path": walk::text(&to.path)?, "status": "exists",
            "binding": binding::existing(&stat)})),
        None => Err(Problem::changed(&to.path)),
    }
}

impl Params {
    /// How many bytes are to come, and their digest.
    fn promised(&self) -> Result<(u64, String), Problem> {
        let wrong = |why: String| Problem::new("INVALID_PARAMS", why);
        let size = self.size_bytes.ok_or_else(|| wrong("sizeBytes is required".into()))?;
        let most = self.max_bytes.unwrap_or(DEFAULT_BYTES).min(MAX_STREAM);
        if size > most {
            return Err(wrong(format!("sizeBytes is {size}, and {most} are allowed")));
        }
        let sha256 = self.expected_sha256.as_deref().map(str::to_ascii_lowercase).unwrap_or_default();
        if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong("expectedSha256 must be a SHA-256 in hex".into()));
        }
        Ok((size, sha256))
    }
}

/// What comes.
struct Content<'a> {
    size: u64,
    sha256: &'a str,
    messages: &'a mut Messages,
    cancel: &'a CancellationToken,
}

impl Content<'_> {
    /// Takes all of it, and says each time that more may come. An empty message is the end.
    fn take(
        &mut self,
        to: &Destination,
        mut write: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), Problem> {
        let (mut came, mut hash) = (0u64, Sha256::new());
        loop {
            let message = self.messages.next().filter(|_| !self.cancel.is_cancelled());
            let message = message.ok_or_else(|| Problem::cancelled(&to.path))?;
            if message.is_empty() {
                break;
            }
            came += message.len() as u64;
            if came > self.size {
                return Err(
                    self.wrong(to, &format!("more than the {} bytes that were promised came", self.size))
                );
            }
            hash.update(&message);
            write(&message).map_err(|e| Problem::writing(&to.path, &e))?;
            if !self.messages.send(b"ack".to_vec()) {
                return Err(Problem::cancelled(&to.path));
            }
        }
        if came != self.size {
            return Err(self.wrong(to, &format!("{came} of {} bytes came", self.size)));
        }
        if hex::encode(hash.finalize()) != self.sha256 {
            return Err(self.wrong(to, "the sha256 of what came is not the one that was promised"));
        }
        Ok(())
    }

    fn wrong(&self, to: &Destination, why: &str) -> Problem {
        Problem::new("INTEGRITY_FAILURE", format!("{why}; nothing was written")).at(&to.path)
    }
}
