//! `dir.fetch`: a directory with all below it, as a tar.gz. Nothing in it is left out: a link, a socket or a file that is too
//! large refuses the whole.

use super::problem::Problem;
use super::target::Target;
use super::walk::{self, Opened};
use super::{binding, bounded, digest, mtime_ms};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{Dir, FileType};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};
use tokio_util::sync::CancellationToken;

/// Files and directories of a tree.
const MAX_ENTRIES: usize = 5000;
/// Directories within each other: each is a handle while what is in it is read.
const MAX_DEPTH: usize = 64;
/// Bytes of all files, before they are packed.
const MAX_UNPACKED: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(flatten)]
    target: Target,
    #[serde(default)]
    max_bytes: Option<f64>,
}

/// `{ok, path, tarBase64, tarBytes, sha256, fileCount, entries, binding}`; looked at only, without the archive.
pub(super) fn fetch(p: &Params, cancel: &CancellationToken) -> Result<Value, Problem> {
    let path = p.target.place()?;
    let opened = p.target.open_at(&path, walk::open_dir)?;
    let most = bounded(p.max_bytes);
    let archive =
        || Builder::new(GzEncoder::new(Bounded { bytes: Vec::new(), most }, Compression::default()));
    let archive = (!p.target.preflight_only).then(archive);
    let mut tree = Tree { root: &path, cancel, entries: Vec::new(), unpacked: 0, archive };
    tree.visit(&opened, Path::new(""), 0)?;
    let packed = tree.finish()?;
    let binding = binding::existing(&opened.stat);
    let mut out = json!({"ok": true, "path": walk::text(&path)?, "tarBase64": STANDARD.encode(&packed),
        "tarBytes": packed.len(), "sha256": if p.target.preflight_only { String::new() } else { digest(&packed) },
        "fileCount": tree.entries.len(), "entries": tree.entries, "binding": binding});
    if p.target.preflight_only {
        out["preflightOnly"] = json!(true);
    }
    Ok(out)
}

struct Tree<'a> {
    root: &'a Path,
    cancel: &'a CancellationToken,
    /// Paths within the tree, in the order of the archive.
    entries: Vec<String>,
    unpacked: u64,
    archive: Option<Builder<GzEncoder<Bounded>>>,
}

impl Tree<'_> {
    /// All that is in a directory, in order; `within` is its path within the tree.
    fn visit(&mut self, dir: &Opened, within: &Path, depth: usize) -> Result<(), Problem> {
        if depth > MAX_DEPTH {
            return Err(
                self.too_large(&format!("{} is more than {MAX_DEPTH} directories deep", within.display()))
            );
        }
        for name in self.names(dir, within)? {
            if self.cancel.is_cancelled() {
                return Err(Problem::new("CANCELLED", "nobody waits for the directory any more"));
            }
            let at = within.join(&name);
            let entry = walk::open_at(dir.fd.as_fd(), &name, &self.root.join(&at))?;
            self.entries.push(walk::text(&at)?.to_owned());
            if walk::is(&entry.stat, FileType::Directory) {
                self.add(EntryType::Directory, &entry, &at, &[])?;
                self.visit(&entry, &at, depth + 1)?;
            } else {
                self.file(entry, &at)?;
            }
        }
        Ok(())
    }

    fn names(&self, dir: &Opened, within: &Path) -> Result<Vec<OsString>, Problem> {
        let failed = |e: rustix::io::Errno| Problem::reading(&self.root.join(within), &e.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&dir.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if name == OsStr::new(".") || name == OsStr::new("..") {
                continue;
            }
            if self.entries.len() + names.len() >= MAX_ENTRIES {
                return Err(self.too_large(&format!("it has more than {MAX_ENTRIES} files and directories")));
            }
            names.push(name);
        }
        names.sort_unstable();
        Ok(names)
    }

    fn file(&mut self, entry: Opened, at: &Path) -> Result<(), Problem> {
        let size = u64::try_from(entry.stat.st_size).unwrap_or(u64::MAX);
        self.unpacked = self.unpacked.saturating_add(size);
        if size > super::MAX_FILE || self.unpacked > MAX_UNPACKED {
            let mib = MAX_UNPACKED / 1024 / 1024;
            let why =
                format!("with {} it has more than {mib} MiB, or a file of more than 16 MiB", at.display());
            return Err(self.too_large(&why));
        }
        if self.archive.is_none() {
            return Ok(());
        }
        // Whole before it goes into the archive, whose header says how long it is.
        let mut bytes = Vec::new();
        let file = entry.fd.try_clone().map(File::from);
        let read = file.and_then(|file| file.take(super::MAX_FILE + 1).read_to_end(&mut bytes));
        read.map_err(|e| Problem::reading(&self.root.join(at), &e))?;
        if bytes.len() as u64 > super::MAX_FILE {
            return Err(self.too_large(&format!("{} grew beyond 16 MiB", at.display())));
        }
        self.add(EntryType::Regular, &entry, at, &bytes)
    }

    fn add(&mut self, kind: EntryType, entry: &Opened, at: &Path, bytes: &[u8]) -> Result<(), Problem> {
        let Some(archive) = &mut self.archive else { return Ok(()) };
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(entry.stat.st_mode & 0o777);
        header.set_mtime((mtime_ms(&entry.stat) / 1000.0) as u64);
        let added = archive.append_data(&mut header, named(kind, at), bytes);
        added.map_err(|e| self.packing(&e))
    }

    /// The archive, whole; empty where none was wanted.
    fn finish(&mut self) -> Result<Vec<u8>, Problem> {
        let Some(archive) = self.archive.take() else { return Ok(Vec::new()) };
        let packed = archive.into_inner().and_then(GzEncoder::finish);
        packed.map(|bounded| bounded.bytes).map_err(|e| self.packing(&e))
    }

    fn packing(&self, error: &io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::FileTooLarge => self.too_large(&error.to_string()),
            _ => Problem::new("READ_ERROR", format!("{} was not packed: {error}", self.root.display()))
                .at(self.root),
        }
    }

    fn too_large(&self, why: &str) -> Problem {
        Problem::new("TREE_TOO_LARGE", format!("{}: {why}", self.root.display())).at(self.root)
    }
}

/// Directories end in a slash, as everywhere in archives.
fn named(kind: EntryType, at: &Path) -> PathBuf {
    if kind == EntryType::Directory { at.join("") } else { at.to_owned() }
}

/// Bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    most: u64,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + piece.len()) as u64 > self.most {
            let why = format!("packed, it has more than {} bytes", self.most);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
