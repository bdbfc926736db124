//! `file.fetch`: a file whole, or not at all; in one piece, or as a stream where that is asked for.

use super::problem::Problem;
use super::target::Target;
use super::walk::{self, Opened};
use super::{MAX_STREAM, binding, bounded, digest, kind};
use crate::stream::Messages;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::duplex::MAX_MESSAGE;
use rustix::fs::FileType;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(flatten)]
    target: Target,
    #[serde(default)]
    max_bytes: Option<f64>,
    #[serde(default)]
    root_path: Option<String>,
    #[serde(default)]
    transport: Option<String>,
}

/// `{ok, path, size, mimeType, base64, sha256, binding}`; looked at only, or sent as a stream, without content.
pub(super) fn fetch(
    p: &Params,
    messages: Option<Messages>,
    cancel: &CancellationToken,
) -> Result<Value, Problem> {
    let most = p.most()?;
    let path = place(p)?;
    let opened = p.target.open_at(&path, open_file)?;
    let size = u64::try_from(opened.stat.st_size).unwrap_or(u64::MAX);
    if size > most {
        return Err(too_large(&path, size, most));
    }
    let binding = binding::existing(&opened.stat);
    if p.target.preflight_only {
        return Ok(
            json!({"ok": true, "path": walk::text(&path)?, "size": size, "mimeType": "", "base64": "",
            "sha256": "", "preflightOnly": true, "binding": binding}),
        );
    }
    if p.transport.is_some() {
        if p.target.expected_binding.is_none() {
            let why = "a file goes as a stream only after it was looked at; name its expectedBinding";
            return Err(Problem::new("INVALID_PARAMS", why));
        }
        let (size, sha256) = send(opened, &path, most, (messages, cancel))?;
        return Ok(json!({"ok": true, "path": walk::text(&path)?, "size": size, "sha256": sha256,
            "transport": "binary", "mimeType": "", "base64": "", "binding": binding}));
    }
    let bytes = read(opened, &path, most)?;
    Ok(json!({
        "ok": true,
        "path": walk::text(&path)?,
        "size": bytes.len(),
        "mimeType": kind::of_file(&path, &bytes),
        "base64": STANDARD.encode(&bytes),
        "sha256": digest(&bytes),
        "binding": binding,
    }))
}

impl Params {
    /// How many bytes may be fetched.
    fn most(&self) -> Result<u64, Problem> {
        let wrong = |why: &str| Err(Problem::new("INVALID_PARAMS", why));
        match self.transport.as_deref() {
            None => Ok(bounded(self.max_bytes)),
            Some("binary") => match self.max_bytes {
                Some(most) if most >= 1.0 && most.fract() == 0.0 => Ok((most as u64).min(MAX_STREAM)),
                _ => wrong("with transport \"binary\", maxBytes has to be a whole number above 0"),
            },
            Some(_) => wrong("transport must be \"binary\", where it is given"),
        }
    }
}

/// Sends it, message by message, each when the one before has been taken: its size and SHA-256.
fn send(
    opened: Opened,
    path: &Path,
    most: u64,
    (messages, cancel): (Option<Messages>, &CancellationToken),
) -> Result<(u64, String), Problem> {
    let Some(mut messages) = messages.filter(Messages::ready) else {
        let why = "transport \"binary\" takes a stream, which this gateway does not have";
        return Err(Problem::new("INVALID_PARAMS", why));
    };
    let gone = || Problem::new("CANCELLED", format!("nobody waits for {} any more", path.display()));
    let expect = |messages: &mut Messages, word: &str| match messages
        .next()
        .filter(|_| !cancel.is_cancelled())
    {
        None => Err(gone()),
        Some(said) if said == word.as_bytes() => Ok(()),
        Some(_) => Err(Problem::new("READ_ERROR", "the gateway said something else than that it goes on")),
    };
    expect(&mut messages, "start")?;
    let (mut file, mut hash, mut size) = (File::from(opened.fd), Sha256::new(), 0u64);
    loop {
        let mut message = Vec::new();
        let mut part = file.by_ref().take(MAX_MESSAGE as u64);
        part.read_to_end(&mut message).map_err(|e| Problem::reading(path, &e))?;
        if message.is_empty() {
            return Ok((size, hex::encode(hash.finalize())));
        }
        size += message.len() as u64;
        if size > most {
            return Err(too_large(path, size, most));
        }
        hash.update(&message);
        if !messages.send(message) {
            return Err(gone());
        }
        expect(&mut messages, "ack")?;
    }
}

fn open_file(path: &Path) -> Result<Opened, Problem> {
    let opened = walk::open(path)?;
    if walk::is(&opened.stat, FileType::Directory) {
        let why = format!("{} is a directory; use dir.list or dir.fetch", path.display());
        return Err(Problem::new("IS_DIRECTORY", why).at(path));
    }
    Ok(opened)
}

/// Where the file is. Within `rootPath`, links on the way count as what they lead to only if that is within it, too; the file
/// itself is never a link.
fn place(p: &Params) -> Result<PathBuf, Problem> {
    let Some(root) = &p.root_path else { return p.target.place() };
    let path = walk::asked(&p.target.path)?;
    let root = walk::asked(root)?;
    if !path.starts_with(&root) {
        let why = format!("{} is outside of {}", path.display(), root.display());
        return Err(Problem::new("INVALID_PATH", why));
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path) };
    let parent = walk::canonical(parent, p.target.follow_symlinks)?;
    if !parent.starts_with(&root) {
        return Err(walk::over_a_link(&path));
    }
    Ok(parent.join(name))
}

/// All of it. One that grows meanwhile is read as far as the limit, and refused then.
fn read(opened: Opened, path: &Path, most: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut file = File::from(opened.fd).take(most + 1);
    file.read_to_end(&mut bytes).map_err(|e| Problem::reading(path, &e))?;
    let size = bytes.len() as u64;
    if size > most { Err(too_large(path, size, most)) } else { Ok(bytes) }
}

fn too_large(path: &Path, size: u64, most: u64) -> Problem {
    let why = format!("{} has {size} bytes or more, and {most} may be fetched", path.display());
    Problem::new("FILE_TOO_LARGE", why).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Somebody swaps a directory and a link to another as fast as they can.
    #[test]
    fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for (dir, content) in [("open", "public"), ("secret", "secret")] {
            std::fs::create_dir(root.join(dir)).unwrap();
            std::fs::write(root.join(dir).join("file"), content).unwrap();
        }
        symlink(root.join("secret"), root.join("link")).unwrap();
        let p = |follow: bool| Params {
            target: Target {
                path: root.join("open/file").display().to_string(),
                follow_symlinks: follow,
                preflight_only: false,
                // With links followed, the gateway has said where it is to be.
                expected_canonical_path: Some(root.join("open/file").display().to_string()),
                expected_binding: None,
            },
            max_bytes: None,
            root_path: None,
            transport: None,
        };
        let over = AtomicBool::new(false);
        let (mut got, mut tries, mut wrong) = (0, 0, None);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let swap = |from: &str, to: &str| std::fs::rename(root.join(from), root.join(to)).unwrap();
                while !over.load(Ordering::Relaxed) {
                    for (from, to) in
                        [("open", "aside"), ("link", "open"), ("open", "link"), ("aside", "open")]
                    {
                        swap(from, to);
                    }
                }
            });
            while wrong.is_none() && (tries < 5000 || (got == 0 && tries < 1_000_000)) {
                tries += 1;
                if let Ok(fetched) = fetch(&p(tries % 2 == 0), None, &CancellationToken::new()) {
                    got += 1;
                    wrong = Some(fetched).filter(|fetched| fetched["base64"] != STANDARD.encode("public"));
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!(wrong, None);
        assert!(got > 0, "it was never there in {tries} tries");
    }
}
