//! What a command would start: every program of it, where it is, and with which arguments.

use super::shell::{self, Segment};
use super::{carriers, listed};
use std::path::{Path, PathBuf};

/// Shells within shells that are looked into.
const MAX_DEPTH: usize = 3;
/// Programs that one command may start and still be looked into.
const MAX_STEPS: usize = 64;

/// Why nobody can say what a command would start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has {0}")]
pub struct Unclear(pub(super) &'static str);

/// Where a command would run.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The directory, absolute and without links.
    pub cwd: &'a Path,
    /// Where programs are looked for.
    pub path: &'a str,
    /// What `~` is in a pattern.
    pub home: Option<&'a Path>,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// As it was written.
    pub(super) written: String,
    /// Where it was found: a directory without links, and the name there.
    pub(super) found: PathBuf,
    /// Where links lead from there.
    pub(super) real: PathBuf,
}

/// A program that would be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) program: Program,
    pub(super) arguments: Vec<String>,
    /// Whether the program gets the arguments as they stand here.
    pub(super) literal: bool,
    /// Whether it runs commands that it is given.
    pub(super) carries: bool,
}

/// What a command would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    pub(super) steps: Vec<Step>,
    argv: Vec<String>,
    cwd: PathBuf,
    home: Option<PathBuf>,
}

impl Analysis {
    /// The command with every program named by the path that was looked at, and without a login shell's start-up files:
    /// nothing that changes meanwhile on the `PATH` makes it start something else.
    pub fn pinned(&self) -> &[String] {
        &self.argv
    }

    /// Which entries name the command's programs, one for each; `None` where one of them is not named.
    pub fn listed(&self, entries: &[super::AllowEntry]) -> Option<Vec<listed::Use>> {
        self.steps.iter().map(|step| listed::find(entries, step, &self.cwd, self.home.as_deref())).collect()
    }

    /// The entries that name exactly this command in exactly this directory. `None` where that would be no promise: a
    /// program that runs others, or a file that may change.
    pub fn grants(&self) -> Option<Vec<super::AllowEntry>> {
        let lasting = |s: &Step| s.literal && !s.carries && !carriers::interprets(&s.program);
        self.steps.iter().map(|step| lasting(step).then(|| listed::grant(step, &self.cwd))).collect()
    }
}

/// Looks into a command. Asks the file system where programs are: not for async code.
///
/// # Errors
/// It has something in it that is not understood, or a program that is not there.
pub fn analyse(argv: &[String], place: Place<'_>) -> Result<Analysis, Unclear> {
    let words: Vec<(&str, bool)> = argv.iter().map(|a| (a.as_str(), true)).collect();
    let mut looker = Looker { place, steps: Vec::new() };
    let argv = looker.command(&words, 0)?.argv;
    Ok(Analysis {
        steps: looker.steps,
        argv,
        cwd: place.cwd.to_owned(),
        home: place.home.map(Path::to_owned),
    })
}

struct Looker<'a> {
    place: Place<'a>,
    steps: Vec<Step>,
}

/// A simple command, pinned.
struct Pinned {
    argv: Vec<String>,
    /// Whether it is a shell whose text was rewritten.
    rewritten: bool,
}

impl Looker<'_> {
    /// `words` with whether they are literal.
    fn command(&mut self, words: &[(&str, bool)], depth: usize) -> Result<Pinned, Unclear> {
        let (first, rest) = words.split_first().ok_or(Unclear("no command"))?;
        let program = self.resolve(first.0)?;
        let found = path_text(&program.found)?;
        if carriers::is_known_shell(&program)
            && let [("-c" | "-lc", true), (text, true)] = rest
        {
            let text = self.line(text, depth + 1)?;
            return Ok(Pinned { argv: vec![found, "-c".into(), text], rewritten: true });
        }
        let arguments: Vec<&str> = rest.iter().map(|(a, _)| *a).collect();
        let carries = carriers::carries(&program, &arguments);
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        if self.steps.len() >= MAX_STEPS {
            return Err(Unclear("too many commands"));
        }
        let argv = std::iter::once(found).chain(arguments.iter().cloned()).collect();
        let literal = rest.iter().all(|(_, literal)| *literal);
        self.steps.push(Step { program, arguments, literal, carries });
        Ok(Pinned { argv, rewritten: false })
    }

    /// A shell's text, with the programs pinned.
    fn line(&mut self, text: &str, depth: usize) -> Result<String, Unclear> {
        if depth > MAX_DEPTH {
            return Err(Unclear("too many shells within shells"));
        }
        let (mut out, mut copied) = (String::with_capacity(text.len() + 64), 0);
        for segment in shell::parse(text)? {
            let (at, pinned) = self.segment(&segment, depth)?;
            out.push_str(text.get(copied..at.start).unwrap_or_default());
            out.push_str(&pinned);
            copied = at.end;
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Ok(out)
    }

    /// What stands in the line instead of a part of the segment.
    fn segment(
        &mut self,
        segment: &Segment,
        depth: usize,
    ) -> Result<(std::ops::Range<usize>, String), Unclear> {
        let words: Vec<(&str, bool)> = segment.iter().map(|w| (w.text.as_str(), w.literal)).collect();
        let pinned = self.command(&words, depth)?;
        let (Some(first), Some(last)) = (segment.first(), segment.last()) else {
            return Err(Unclear("no command"));
        };
        if pinned.rewritten {
            let all: Vec<String> = pinned.argv.iter().map(|a| shell::quoted(a)).collect();
            return Ok((first.at.start..last.at.end, all.join(" ")));
        }
        Ok((first.at.clone(), shell::quoted(pinned.argv.first().map_or("", String::as_str))))
    }

    fn resolve(&self, written: &str) -> Result<Program, Unclear> {
        const MISSING: Unclear = Unclear("a program that was not found");
        let place = if written.contains('/') {
            self.place.cwd.join(written)
        } else {
            // A directory of the PATH that is not absolute would be another one elsewhere.
            let absolute: Vec<&str> = self.place.path.split(':').filter(|d| d.starts_with('/')).collect();
            crate::which(written, &absolute.join(":")).ok_or(MISSING)?
        };
        let name = place.file_name().ok_or(MISSING)?;
        let directory = place.parent().and_then(|p| p.canonicalize().ok()).ok_or(MISSING)?;
        let found = directory.join(name);
        if !crate::argv::is_executable(&found) {
            return Err(MISSING);
        }
        let real = found.canonicalize().map_err(|_| MISSING)?;
        Ok(Program { written: written.to_owned(), found, real })
    }
}

fn path_text(path: &Path) -> Result<String, Unclear> {
    path.to_str().map(str::to_owned).ok_or(Unclear("a path that is not UTF-8"))
}
