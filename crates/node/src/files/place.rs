//! A file takes its place: written beside it, on disk, and only then under its name. Whatever breaks off before leaves the place
//! as it was, and what was made for it is taken away.

use super::begun::{Begun, Ledger, PART};
use super::binding;
use super::problem::Problem;
use super::walk::Reached;
use super::write::there;
use rustix::fs::{self, AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// New files and directories are this user's alone.
const FILE: Mode = Mode::from_bits_retain(0o600);
const DIRECTORY: Mode = Mode::from_bits_retain(0o700);
/// The bits of a mode that a file keeps when it is written over.
const KEPT: u32 = 0o777;

/// Where a file is to be.
pub(super) struct Place<'a> {
    /// Its name in its directory.
    pub(super) name: &'a OsStr,
    /// The whole path, for words.
    pub(super) path: &'a Path,
    /// What has the name, and is to be replaced.
    pub(super) existing: Option<&'a Stat>,
    /// Where it is written down what is made on the way.
    pub(super) ledger: &'a Ledger,
}

impl Place<'_> {
    /// Puts the bytes there: all, or nothing. Directories that are missing are made.
    pub(super) fn put(
        &self,
        anchor: &Reached,
        bytes: &[u8],
        cancel: &CancellationToken,
    ) -> Result<Stat, Problem> {
        self.fill(anchor, cancel, |file| file.write_all(bytes).map_err(|e| Problem::writing(self.path, &e)))
    }

    /// The same with what `fill` writes, which may take its time.
    pub(super) fn fill(
        &self,
        anchor: &Reached,
        cancel: &CancellationToken,
        fill: impl FnOnce(&mut File) -> Result<(), Problem>,
    ) -> Result<Stat, Problem> {
        let part: OsString = format!(".{}{PART}", model::new_id()).into();
        let begun = self.begin(anchor, &part)?;
        let mut made =
            Made { path: self.path, directories: Vec::new(), part: None, whole: false, begun: Some(begun) };
        let dir = self.directory(anchor, &mut made)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Before the part is there: nothing may fail between that and the word of it.
        let parent = self.own(&dir)?;
        let fd = fs::openat(&dir, &part, flags, FILE).map_err(|e| self.failed(e))?;
        made.part = Some((parent, part.clone()));
        let mut file = File::from(fd);
        fill(&mut file)?;
        let kept = self.keep_mode(&file).and_then(|()| file.sync_all());
        kept.map_err(|e| Problem::writing(self.path, &e))?;
        if cancel.is_cancelled() {
            return Err(Problem::cancelled(self.path));
        }
        self.take_name(anchor, &dir, &part)?;
        made.whole = true;
        fs::fsync(&dir).map_err(|e| {
            let why = format!("{} was written, and may not outlast a power cut: {e}", self.path.display());
            Problem::new("WRITE_ERROR", why).at(self.path)
        })?;
        fs::fstat(&file).map_err(|e| self.failed(e))
    }

    /// Writes down what is about to be made.
    fn begin(&self, anchor: &Reached, part: &OsStr) -> Result<Begun, Problem> {
        let mut dir: PathBuf = anchor.path.clone();
        let mut directories = Vec::new();
        for name in &anchor.missing {
            dir.push(name);
            directories.push(dir.clone());
        }
        self.ledger.begin(&dir.join(part), &directories)
    }

    fn failed(&self, error: Errno) -> Problem {
        Problem::writing(self.path, &error.into())
    }

    fn own(&self, dir: &OwnedFd) -> Result<OwnedFd, Problem> {
        dir.try_clone().map_err(|e| Problem::writing(self.path, &e))
    }

    /// The file's directory, open for being put on disk.
    fn directory(&self, anchor: &Reached, made: &mut Made<'_>) -> Result<OwnedFd, Problem> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |dir: &OwnedFd, name: &OsStr| {
            fs::openat(dir, name, flags, Mode::empty()).map_err(|e| self.failed(e))
        };
        let mut dir = open(&anchor.dir, OsStr::new("."))?;
        for name in &anchor.missing {
            let parent = self.own(&dir)?;
            match fs::mkdirat(&dir, name, DIRECTORY) {
                Ok(()) => made.directories.push((parent, name.clone())),
                // Somebody else made it meanwhile; a link in its place is not followed.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(self.failed(error)),
            }
            let below = open(&dir, name)?;
            fs::fsync(&dir).map_err(|e| self.failed(e))?;
            dir = below;
        }
        Ok(dir)
    }

    fn keep_mode(&self, file: &File) -> std::io::Result<()> {
        match self.existing {
            Some(stat) => Ok(fs::fchmod(file, Mode::from_raw_mode(stat.st_mode & KEPT))?),
            None => Ok(()),
        }
    }

    /// The file that was looked at is replaced; where there was none, none is.
    fn take_name(&self, anchor: &Reached, dir: &OwnedFd, part: &OsStr) -> Result<(), Problem> {
        let Some(existing) = self.existing else {
            return without_replacing(dir, part, self.name).map_err(|e| match e {
                Errno::EXIST => {
                    let why = format!("{} exists by now, and was left as it is", self.path.display());
                    Problem::new("EXISTS_NO_OVERWRITE", why).at(self.path)
                }
                error => self.failed(error),
            });
        };
        let now = there(anchor, self.name, self.path)?;
        if now.as_ref().map(binding::identity) != Some(binding::identity(existing)) {
            return Err(Problem::changed(self.path));
        }
        fs::renameat(dir, part, dir, self.name).map_err(|e| self.failed(e))
    }
}

/// Gives a file its name if nothing has it.
fn without_replacing(dir: &OwnedFd, part: &OsStr, name: &OsStr) -> Result<(), Errno> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    match fs::renameat_with(dir, part, dir, name, fs::RenameFlags::NOREPLACE) {
        // File systems that cannot do that can do the following.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        done => return done,
    }
    fs::linkat(dir, part, dir, name, AtFlags::empty())?;
    fs::unlinkat(dir, part, AtFlags::empty())
}

/// What was made on the way; it goes where the file does not come to be.
struct Made<'a> {
    path: &'a Path,
    directories: Vec<(OwnedFd, OsString)>,
    part: Option<(OwnedFd, OsString)>,
    whole: bool,
    /// Crossed out when nothing is left but the file.
    begun: Option<Begun>,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        if (self.whole || self.undo())
            && let Some(begun) = self.begun.take()
        {
            begun.over();
        }
    }
}

impl Made<'_> {
    /// Takes all of it away. False: something stays, until the next start.
    fn undo(&self) -> bool {
        let part = self.part.iter().map(|(dir, name)| (dir, name, AtFlags::empty()));
        let directories = self.directories.iter().rev().map(|(dir, name)| (dir, name, AtFlags::REMOVEDIR));
        let mut all_gone = true;
        for (dir, name, flags) in part.chain(directories) {
            match fs::unlinkat(dir, name, flags) {
                // Somebody else has put something into it meanwhile.
                Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => {}
                Err(error) => {
                    let (name, for_file) = (name.display(), self.path.display());
                    tracing::warn!(%error, "{name}, made for {for_file}, stays behind");
                    all_gone = false;
                }
            }
        }
        all_gone
    }
}
